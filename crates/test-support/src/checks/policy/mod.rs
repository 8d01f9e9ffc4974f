//! Policies: each is refused with all its errors, or parsed and used to plan in a small account.
//!
//! An input is one line that describes the account, then the policy in JSON.

mod account;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use lightsail_snapshot_copier::{
    Check, CopyStep, CoverageStatus, MassDeletion, Plan, PlannedDeletion, Policy,
    RECOVERY_POINT_TAG, ResourceId, Retention, SOURCE_TAG, Snapshot, SnapshotState, coverage,
    parse_policy, plan, rules_selecting_nothing, sources_to_query,
};

use self::account::{account, after, is_foreign};
use super::event::check_errors;
use crate::account::{FakeAccount, noon};
use crate::retention_model::keeps;

/// Parses any bytes as a policy. Plans with it if it is valid.
pub fn check(input: &[u8]) {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let (bytes, json) = input.split_at(end);
    let Ok(json) = std::str::from_utf8(&json[1..]) else {
        return;
    };
    let policy = parse_policy(json);
    assert_eq!(policy, parse_policy(json));
    match policy {
        Err(errors) => check_errors(&errors),
        Ok(policy) => {
            check_policy(&policy);
            check_plans(&policy, &account(&policy, bytes));
        }
    }
}

fn check_policy(policy: &Policy) {
    assert!(!policy.sources.is_empty() && !policy.destinations.is_empty());
    let destinations: BTreeSet<_> = policy.destinations.iter().collect();
    assert_eq!(destinations.len(), policy.destinations.len());
    assert!(policy.max_recovery_point_age_hours > 0.0);
    assert!(policy.max_copies_in_progress > 0);
    if let Some(drills) = &policy.drills {
        assert!((1..=365).contains(&drills.every_days));
        assert!((1..=5).contains(&drills.at_once));
        assert!((1..=24).contains(&drills.max_hours));
        for check in &drills.checks {
            check_drill(check);
        }
    }
    if let Some(retention) = &policy.retention {
        let rules = [
            retention.keep_last,
            retention.keep_daily,
            retention.keep_weekly,
            retention.keep_monthly,
            retention.keep_yearly,
        ];
        assert!(rules.iter().any(Option::is_some) && !rules.contains(&Some(0)));
    }
}

/// Whatever the URL contains, the request goes to the instance.
fn check_drill(check: &Check) {
    match check {
        Check::Port(port) => assert!(*port > 0),
        Check::Http(check) => {
            let url = check.url.replacen("{ip}", "192.0.2.1", 1);
            let uri: http::Uri = url.parse().unwrap();
            assert_eq!(uri.host(), Some("192.0.2.1"), "{url}");
            assert!(!url.starts_with("https:") || check.host.is_some(), "{url}");
            if let Some(host) = &check.host {
                assert!(host.parse::<std::net::IpAddr>().is_err(), "{host}");
            }
        }
    }
}

fn check_plans(policy: &Policy, account: &FakeAccount) {
    let observed = account.observed();
    let planned = plan(policy, &observed, noon(), MassDeletion::Allowed);
    assert_eq!(planned, account.plan());
    let selected: BTreeSet<&ResourceId> = observed
        .resources
        .iter()
        .filter(|(id, resource)| policy.selects(id.region, id.kind, &id.name, &resource.tags))
        .map(|(id, _)| id)
        .collect();
    for source in sources_to_query(policy, &observed, noon()) {
        assert!(selected.contains(&source));
    }
    let names = policy
        .drills
        .as_ref()
        .map_or(0, |drills| drills.names.len());
    let rules = policy.sources.iter();
    let parts = rules.map(|rule| rule.regions.len() + rule.names.as_ref().map_or(0, Vec::len));
    let idle = rules_selecting_nothing(policy, &observed);
    assert!(idle.len() <= parts.sum::<usize>() + names);
    // There is one coverage entry for each source and destination.
    let coverage = coverage(policy, &observed, noon(), &[]);
    let (unselected, covered): (Vec<_>, Vec<_>) = coverage
        .iter()
        .partition(|entry| entry.status == CoverageStatus::Unselected);
    assert!(
        unselected
            .iter()
            .all(|entry| !selected.contains(&entry.source))
    );
    assert!(covered.iter().all(|entry| selected.contains(&entry.source)));
    let entries = coverage
        .iter()
        .map(|entry| (&entry.source, entry.destination));
    assert_eq!(entries.collect::<BTreeSet<_>>().len(), coverage.len());
    assert_eq!(covered.len(), selected.len() * policy.destinations.len());
    for (region, steps) in &planned.destinations {
        assert!(steps.slots <= policy.max_copies_in_progress);
        for wanted in &steps.copies {
            assert!(selected.contains(&wanted.source));
            assert_eq!(wanted.copy.destination, *region);
        }
        let snapshots = account.snapshots_in(*region);
        let deleted = steps
            .deletions
            .iter()
            .map(|deletion| deletion.copy.name.as_str())
            .collect();
        check_deletions(policy.retention.as_ref(), snapshots, &deleted);
    }
    check_next_plan(account, &planned);
}

/// A deleted copy has the name of a policy's copy and both tags. It is not the newest available copy of its source, and if it is
/// available, retention does not keep it.
fn check_deletions(retention: Option<&Retention>, there: &[Snapshot], deleted: &BTreeSet<&str>) {
    let mut complete: BTreeMap<_, Vec<(Date, &str)>> = BTreeMap::new();
    for snapshot in there {
        if is_foreign(snapshot) {
            assert!(!deleted.contains(&*snapshot.name), "{}", snapshot.name);
            continue;
        }
        if snapshot.state == SnapshotState::Available {
            let date = date_of(snapshot);
            let source = (snapshot.kind, &snapshot.from, &snapshot.from_region);
            complete
                .entry(source)
                .or_default()
                .extend(date.map(|date| (date, &*snapshot.name)));
        }
        if deleted.contains(snapshot.name.as_str()) {
            let both = [SOURCE_TAG, RECOVERY_POINT_TAG];
            assert!(
                both.iter().all(|tag| snapshot.tags.contains_key(*tag)),
                "{}",
                snapshot.name
            );
            assert_ne!(snapshot.state, SnapshotState::Pending, "{}", snapshot.name);
        }
    }
    for mut copies in complete.into_values() {
        copies.sort_by(|(date, name), (other, other_name)| {
            other.cmp(date).then(name.cmp(other_name))
        });
        let dates: Vec<Date> = copies.iter().map(|(date, _)| *date).collect();
        let kept = match retention {
            Some(retention) => keeps(retention, &dates),
            None => vec![true; dates.len()],
        };
        for (index, ((_, name), keep)) in copies.iter().zip(kept).enumerate() {
            assert!(!deleted.contains(name) || (index > 0 && !keep), "{name}");
        }
    }
}

/// The date of a copy, from its tag or else from its name.
fn date_of(snapshot: &Snapshot) -> Option<Date> {
    let by_name = || snapshot.name.get(snapshot.name.len().checked_sub(10)?..);
    snapshot
        .tags
        .get(RECOVERY_POINT_TAG)
        .map(String::as_str)
        .or_else(by_name)?
        .parse()
        .ok()
}

/// The next plan deletes nothing, and does not copy again what this one deleted.
fn check_next_plan(account: &FakeAccount, first: &Plan) {
    let second = after(account, first).plan();
    for (region, steps) in &second.destinations {
        assert_eq!(steps.deletions, []);
        for wanted in &steps.copies {
            let undone = |deletion: &PlannedDeletion| {
                let deleted = &deletion.copy;
                wanted.step == CopyStep::Start
                    && deleted.state == SnapshotState::Available
                    && (&deleted.source, deleted.date) == (&wanted.source, wanted.date)
            };
            let mut deletions = first.destinations[region].deletions.iter();
            assert!(!deletions.any(undone), "deleted and copied again");
        }
    }
}
