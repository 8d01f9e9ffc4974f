//! What has to be true of every plan of drills, checked for generated accounts and policies.
//!
//! What is due and when a drill ends is decided here once more, from the rules and not from the
//! code. The number of accounts follows `PROPTEST_CASES`.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lightsail_snapshot_copier::{
    DrillInstance, DrillPlan, DrillStep, Drills, InstanceState, PlannedDrill, Region, ResourceId,
    ResourceKind, SnapshotName, SnapshotState, Verdict, VerdictOutcome, plan_drills, utc_date,
};
use proptest::prelude::*;

use super::{Known, config, known_in, selected};
use test_support::account::FakeAccount;
use test_support::generate;

fn drills(account: &FakeAccount) -> &Drills {
    account.policy.drills.as_ref().unwrap()
}

fn instances(account: &FakeAccount, region: Region) -> &[DrillInstance] {
    account
        .drill_instances
        .get(&region)
        .map_or(&[], Vec::as_slice)
}

/// The plans of all destinations.
fn plans(account: &FakeAccount) -> Vec<(Region, DrillPlan)> {
    let plans = plan_drills(&account.policy, &account.observed(), account.now);
    plans.into_iter().collect()
}

/// The plans of the destinations whose snapshots were read.
fn read_plans(account: &FakeAccount) -> Vec<(Region, DrillPlan)> {
    let plans = plans(account).into_iter();
    plans
        .filter(|(region, _)| !account.unread_destinations.contains(region))
        .collect()
}

/// The verdict on a copy. One later than tomorrow does not count.
fn verdict(account: &FakeAccount, copy: &Known<'_>) -> Option<Verdict> {
    let tag = copy.snapshot.tags.get("snapshot-copier:drilled")?;
    let verdict: Verdict = tag.parse().unwrap();
    (verdict.date <= account.today() + 1.day()).then_some(verdict)
}

/// Whether a drill of a copy was started and has no verdict. A mark later than tomorrow does not count.
fn is_undecided(account: &FakeAccount, copy: &Known<'_>) -> bool {
    let tag = copy.snapshot.tags.get("snapshot-copier:drill-started");
    let started = tag
        .and_then(|tag| tag.parse::<Timestamp>().ok())
        .map(utc_date);
    let started = started.filter(|started| *started <= account.today() + 1.day());
    started.is_some_and(|started| {
        let verdict = verdict(account, copy);
        verdict.is_none_or(|verdict| verdict.date < started)
    })
}

/// The day of a source's last drill.
fn last_drill(account: &FakeAccount, copies: &[Known<'_>], source: &ResourceId) -> Option<Date> {
    let of_source = copies.iter().filter(|copy| copy.source == *source);
    let of_source = of_source.filter(|copy| copy.date <= account.today() + 1.day());
    let days = of_source.filter_map(|copy| Some(verdict(account, copy)?.date));
    days.max()
}

/// The newest available copy of a source: its date and name.
fn newest<'w>(
    account: &FakeAccount,
    copies: &[Known<'w>],
    source: &ResourceId,
) -> Option<(Date, &'w str)> {
    let of_source = copies.iter().filter(|copy| {
        copy.source == *source
            && copy.snapshot.state == SnapshotState::Available
            && copy.date <= account.today() + 1.day()
    });
    let newest = of_source.min_by_key(|copy| (std::cmp::Reverse(copy.date), &copy.snapshot.name));
    newest.map(|copy| (copy.date, copy.snapshot.name.as_str()))
}

/// Whether a drill belongs to the policy: its source is selected, or was while it existed.
fn is_own(account: &FakeAccount, source: &ResourceId) -> bool {
    let former = || {
        account
            .policy
            .selects_former(source.region, source.kind, &source.name)
    };
    let exists = account.observed().resources.contains_key(source);
    selected(account).contains(source) || (!exists && former())
}

/// When a drill ends, whatever its checks say.
fn ends_at(instance: &DrillInstance, max_hours: u32) -> Timestamp {
    let max = SignedDuration::from_hours(max_hours.into());
    let by_age = instance.created_at.map(|created_at| created_at + max);
    match (by_age, instance.expires_at) {
        (Some(by_age), Some(by_tag)) => by_age.min(by_tag),
        (by_age, by_tag) => by_age.or(by_tag).unwrap_or(Timestamp::MIN),
    }
}

/// The drills that would start, if there is room for all.
fn due(steps: &DrillPlan) -> impl Iterator<Item = &PlannedDrill> {
    let others = steps.others.iter();
    others.filter(|drill| matches!(drill.step, DrillStep::Start { .. }))
}

proptest! {
    #![proptest_config(config())]

    /// Due are the selected and named instances that have an available copy, no drill in progress, and
    /// no drill in the last days. Each is restored from its newest copy, under a name of its own.
    #[test]
    fn exactly_the_sources_without_a_recent_drill_are_due(account in generate::account_with_drills()) {
        for (region, steps) in read_plans(&account) {
            let drills = drills(&account);
            let copies = known_in(&account, region);
            let instances = instances(&account, region);
            let names: BTreeSet<&str> = instances.iter().map(|i| i.name.as_str()).collect();
            let mut expected = BTreeSet::new();
            for source in selected(&account) {
                let Some((date, copy)) = newest(&account, &copies, source) else { continue };
                let every = i64::from(drills.every_days).days();
                let last = last_drill(&account, &copies, source);
                let instance = format!("drill-{}-{date}", source.name);
                let is_due = last.is_none_or(|last| last + every <= account.today());
                let mut of_source = copies.iter().filter(|copy| copy.source == *source);
                let is_idle = !names.contains(instance.as_str())
                    && instances.iter().all(|other| other.source != *source)
                    && !of_source.any(|copy| is_undecided(&account, copy));
                let is_named = drills.names.iter().any(|glob| glob.matches(&source.name));
                if is_due && is_idle && is_named && source.kind == ResourceKind::Instance {
                    expected.insert((source.clone(), Some(copy.to_owned()), instance));
                }
            }
            let due = due(&steps).map(|drill| {
                let snapshot = drill.snapshot.as_ref().map(ToString::to_string);
                (drill.source.clone(), snapshot, drill.instance.clone())
            });
            let due: Vec<_> = due.collect();
            let planned: BTreeSet<_> = due.iter().cloned().collect();
            prop_assert_eq!(planned.len(), due.len(), "twice: {:?}", due);
            prop_assert!(planned.is_subset(&expected), "{planned:?}\n{expected:?}");
            // Of two sources with the same name, one waits.
            let names = |drills: &BTreeSet<(_, _, String)>| -> BTreeSet<String> {
                drills.iter().map(|(_, _, name)| name.clone()).collect()
            };
            prop_assert_eq!(names(&planned), names(&expected));
            prop_assert_eq!(names(&planned).len(), planned.len());
        }
    }

    /// Drills start in the order of the sources' last drills, those without one first, and no more than
    /// the policy allows with those that exist.
    #[test]
    fn the_longest_wait_is_first(account in generate::account_with_drills()) {
        for (region, steps) in read_plans(&account) {
            let copies = known_in(&account, region);
            let last = due(&steps).map(|drill| last_drill(&account, &copies, &drill.source));
            let last: Vec<_> = last.collect();
            prop_assert!(last.is_sorted(), "{:?}", last);
            let count = instances(&account, region).len();
            prop_assert_eq!(steps.instances, count);
            prop_assert!(steps.slots <= drills(&account).at_once.saturating_sub(count));
        }
    }

    /// Every drill instance that the policy asks for has one step, others of its sources only after they
    /// have ended, and those of other policies 26 hours later. A drill ends at `maxHours` and not before,
    /// unless it has a verdict or the policy has no names.
    #[test]
    fn drills_end_at_max_hours(account in generate::account_with_drills()) {
        for (region, steps) in plans(&account) {
            let drills = drills(&account);
            let copies = known_in(&account, region);
            let is_read = !account.unread_destinations.contains(&region);
            let planned = || steps.ended.iter().chain(&steps.others);
            let mut seen = BTreeSet::new();
            for drill in planned() {
                prop_assert!(seen.insert((&drill.source, &drill.instance)), "{:?}", drill);
            }
            for instance in instances(&account, region) {
                let is_wanted = drills.selects(&instance.source.name);
                let is_own = is_own(&account, &instance.source);
                let is_asked = is_own && (is_wanted || drills.names.is_empty());
                let max_hours = if is_asked { drills.max_hours } else { 24 };
                let grace = SignedDuration::from_hours(if is_own { 0 } else { 26 });
                let ends_at = ends_at(instance, max_hours).saturating_add(grace).unwrap();
                let has_ended = account.now >= ends_at;
                let created = utc_date(instance.created_at.unwrap_or(account.now));
                // Of two copies of one day, the first one by name was restored.
                let restored = copies.iter().filter(|copy| {
                    instance.source == copy.source
                        && instance.name == format!("drill-{}-{}", copy.source.name, copy.date)
                        && copy.snapshot.state == SnapshotState::Available
                });
                let restored = restored.min_by_key(|copy| &copy.snapshot.name);
                let verdict = restored.and_then(|copy| verdict(&account, copy));
                let has_verdict = is_read && verdict.is_some_and(|verdict| verdict.date >= created);
                let is_ending = instance.status.state == InstanceState::Ending;
                let is_running = instance.status.state == InstanceState::Running;
                let is_trial = is_own && is_wanted && !has_verdict && !is_ending;
                let step = planned().find(|drill| {
                    drill.instance == instance.name && drill.source == instance.source
                });
                let fits = match step.map(|drill| &drill.step) {
                    None if !is_read && is_ending => true,
                    None if !is_asked => !has_ended,
                    None => !is_read && is_trial && !has_ended,
                    Some(DrillStep::Start { .. }) => false,
                    Some(DrillStep::Check { is_last, .. }) => {
                        is_trial && is_running && *is_last == has_ended
                    }
                    Some(DrillStep::Conclude(end)) if end.verdict.is_some() => {
                        is_trial && !is_running && has_ended && end.deletes_instance
                    }
                    Some(DrillStep::Conclude(end)) if end.deletes_instance => {
                        !is_trial && !is_ending && (!end.clears_mark || (is_own && !has_verdict))
                    }
                    Some(DrillStep::Conclude(end)) => {
                        !end.clears_mark
                            && (is_ending || (is_trial && !is_running && !has_ended))
                    }
                };
                prop_assert!(fits, "{:?} of {:?}", step, instance);
            }
        }
    }

    /// A drill that was started and has neither an instance nor a verdict waits until `maxHours`, and
    /// has failed then.
    #[test]
    fn started_drills_have_an_instance_or_fail(account in generate::account_with_drills()) {
        for (region, steps) in read_plans(&account) {
            let drills = drills(&account);
            let max = SignedDuration::from_hours(drills.max_hours.into());
            let existing = instances(&account, region);
            let drills = steps.ended.iter().chain(&steps.others);
            for copy in known_in(&account, region) {
                let step = drills.clone().find(|drill| {
                    drill.snapshot.as_ref().map(SnapshotName::as_str) == Some(&copy.snapshot.name)
                        && drill.source == copy.source
                        && existing.iter().all(|instance| instance.source != copy.source)
                });
                let Some(DrillStep::Conclude(end)) = step.map(|drill| &drill.step) else { continue };
                let tag = &copy.snapshot.tags.get("snapshot-copier:drill-started");
                let started = tag.and_then(|tag| tag.parse::<Timestamp>().ok());
                if !is_undecided(&account, &copy) {
                    prop_assert!(!end.clears_mark && end.verdict.is_none(), "{:?}", end);
                    continue;
                }
                let is_over = account.now.duration_since(started.unwrap()) >= max;
                let verdict = end.verdict.map(|verdict| verdict.outcome);
                prop_assert_eq!(verdict, is_over.then_some(VerdictOutcome::Failed));
                prop_assert!(!end.deletes_instance, "{:?}", end);
            }
        }
    }
}
