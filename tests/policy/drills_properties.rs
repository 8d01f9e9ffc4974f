//! What has to be true of every plan of drills, checked for generated accounts and policies.
//!
//! What is due and when a drill ends is decided here once more, from the rules and not from the
//! code. The number of accounts follows `PROPTEST_CASES`.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lightsail_snapshot_copier::{
    DestinationPlan, DrillInstance, DrillStep, Drills, InstanceState, Region, ResourceId,
    ResourceKind, SnapshotState, Verdict, utc_date,
};
use proptest::prelude::*;

use crate::fake_account::FakeAccount;
use crate::generate;
use crate::properties::{Known, config, known_in, selected};

fn drills(account: &FakeAccount) -> &Drills {
    account.policy.drills.as_ref().unwrap()
}

fn instances(account: &FakeAccount, region: Region) -> &[DrillInstance] {
    account
        .drill_instances
        .get(&region)
        .map_or(&[], Vec::as_slice)
}

/// The plans of the destinations whose snapshots were read.
fn read_plans(account: &FakeAccount) -> Vec<(Region, DestinationPlan)> {
    let plans = account.plan().destinations.into_iter();
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

/// When a drill ends in any case.
fn ends_at(instance: &DrillInstance, max_hours: u32) -> Timestamp {
    let max = SignedDuration::from_hours(max_hours.into());
    let by_age = instance.created_at.map(|created_at| created_at + max);
    match (by_age, instance.expires_at) {
        (Some(by_age), Some(by_tag)) => by_age.min(by_tag),
        (by_age, by_tag) => by_age.or(by_tag).unwrap_or(Timestamp::MIN),
    }
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
                let is_idle = !names.contains(instance.as_str())
                    && instances.iter().all(|other| other.source.as_ref() != Some(source));
                let is_named = drills.names.iter().any(|glob| glob.matches(&source.name));
                if is_due && is_idle && is_named && source.kind == ResourceKind::Instance {
                    expected.insert((source.clone(), Some(copy.to_owned()), instance));
                }
            }
            let due = steps.drills.due.iter().map(|drill| {
                (drill.source.clone(), drill.snapshot.clone(), drill.instance.clone())
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
            let due = steps.drills.due.iter();
            let last: Vec<_> = due.map(|drill| last_drill(&account, &copies, &drill.source)).collect();
            prop_assert!(last.is_sorted(), "{:?}", last);
            let count = instances(&account, region).len();
            prop_assert_eq!(steps.drills.instances, count);
            prop_assert_eq!(steps.drills.slots, drills(&account).at_once.saturating_sub(count));
        }
    }

    /// Every drill of the policy has one step, others only once they have ended. A drill ends at
    /// `maxHours` and not before, unless it has a verdict or nobody wants it any more.
    #[test]
    fn drills_end_at_max_hours(account in generate::account_with_drills()) {
        for (region, steps) in account.plan().destinations {
            let drills = drills(&account);
            let copies = known_in(&account, region);
            let is_read = !account.unread_destinations.contains(&region);
            let existing = instances(&account, region);
            let mut seen = BTreeSet::new();
            for drill in &steps.drills.in_progress {
                prop_assert!(seen.insert(drill.instance.as_str()), "{:?}", drill);
                prop_assert!(existing.iter().any(|instance| instance.name == drill.instance));
            }
            for instance in existing {
                let source = instance.source.as_ref();
                let is_own = source.is_some_and(|source| is_own(&account, source));
                let is_wanted = is_own && source.is_some_and(|source| drills.selects(&source.name));
                let max_hours = if is_own { drills.max_hours } else { 24 };
                let has_ended = account.now >= ends_at(instance, max_hours);
                let created = utc_date(instance.created_at.unwrap_or(account.now));
                // Of two copies of one day, the first one by name was restored.
                let restored = copies.iter().filter(|copy| {
                    source == Some(&copy.source)
                        && instance.name == format!("drill-{}-{}", copy.source.name, copy.date)
                        && copy.snapshot.state == SnapshotState::Available
                });
                let restored = restored.min_by_key(|copy| &copy.snapshot.name);
                let verdict = restored.and_then(|copy| verdict(&account, copy));
                let has_verdict = is_read && verdict.is_some_and(|verdict| verdict.date >= created);
                let mut planned = steps.drills.in_progress.iter();
                let step = planned.find(|drill| drill.instance == instance.name).map(|drill| &drill.step);
                let fits = match step {
                    None if !is_own => !has_ended,
                    None => !is_read && is_wanted && !has_ended && instance.state == InstanceState::Running,
                    Some(DrillStep::Wait) => {
                        instance.state == InstanceState::Ending
                            || (instance.state != InstanceState::Running
                                && is_wanted && !has_ended && !has_verdict)
                    }
                    Some(DrillStep::Check { is_last, .. }) => {
                        instance.state == InstanceState::Running
                            && is_wanted && !has_verdict && *is_last == has_ended
                    }
                    Some(DrillStep::Fail { .. }) => {
                        instance.state != InstanceState::Running
                            && is_wanted && !has_verdict && has_ended
                    }
                    Some(DrillStep::Delete { is_cancelled: false }) => has_verdict,
                    Some(DrillStep::Delete { is_cancelled: true }) => !is_wanted && !has_verdict,
                    Some(_) => false,
                };
                prop_assert!(fits, "{:?} of {:?}", step, instance);
            }
        }
    }

    /// Drills change nothing about copies, tags, deletions and coverage.
    #[test]
    fn drills_leave_the_rest_of_the_plan_as_it_is(account in generate::account_with_drills()) {
        let mut without = account.clone();
        without.policy.drills = None;
        let (mut plan, expected) = (account.plan(), without.plan());
        plan.destinations.retain(|region, _| !account.unread_destinations.contains(region));
        for steps in plan.destinations.values_mut() {
            steps.drills = Default::default();
        }
        prop_assert_eq!(plan, expected);
    }
}
