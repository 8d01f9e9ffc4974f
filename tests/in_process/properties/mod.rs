//! What has to be true of every plan, checked for generated accounts and policies.
//!
//! What a snapshot is, what is kept and what is selected is decided here once more, from the
//! rules and not from the code. The number of accounts follows `PROPTEST_CASES`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use lightsail_snapshot_copier::{
    CopyStep, CoverageStatus, MassDeletion, Plan, PlannedCopy, PlannedDeletion, RECOVERY_POINT_TAG,
    Region, ResourceId, ResourceKind, RestoreDate, SOURCE_TAG, Snapshot, SnapshotName,
    SnapshotState, parse_policy, sources_to_query,
};
use proptest::prelude::*;
use test_support::retention_model;

use test_support::account::{FakeAccount, copy_name, deferred, made, region};
use test_support::generate::{self, NAMES, SOURCE_REGIONS};

mod copies;
mod coverage;
mod deletions;
mod drills;

/// A snapshot that is a copy of the function's.
#[derive(Debug, Clone)]
pub struct Known<'w> {
    pub source: ResourceId,
    pub date: Date,
    tagged: bool,
    pub snapshot: &'w Snapshot,
}

fn both_tags(snapshot: &Snapshot) -> bool {
    let has = |tag| snapshot.tags.contains_key(tag);
    has(SOURCE_TAG) && has(RECOVERY_POINT_TAG)
}

/// What a snapshot is a copy of, tried against every source that there can be.
fn known(snapshot: &Snapshot) -> Option<Known<'_>> {
    let mut sources = SOURCE_REGIONS.iter().flat_map(|of_region| {
        let names = NAMES.into_iter().chain(["other"]);
        names.map(|name| ResourceId {
            region: region(of_region),
            name: name.into(),
            kind: snapshot.kind,
        })
    });
    let tagged = both_tags(snapshot);
    sources.find_map(|source| {
        let origin_region = snapshot.from_region.as_deref();
        if origin_region.is_some_and(|from| from != source.region.as_str()) {
            return None;
        }
        let from = snapshot.from.as_deref();
        let date = if tagged {
            let is_source =
                snapshot.tags[SOURCE_TAG] == format!("{}/{}", source.region, source.name);
            if !is_source || from.is_some_and(|from| *from != *source.name) {
                return None;
            }
            let date = snapshot.tags[RECOVERY_POINT_TAG].parse::<RestoreDate>();
            date.ok()?.0
        } else {
            if from != Some(&*source.name) {
                return None;
            }
            let date = snapshot.name.get(snapshot.name.len().checked_sub(10)?..)?;
            let RestoreDate(date) = date.parse().ok()?;
            date
        };
        let is_named = copy_name(&source, date) == snapshot.name;
        is_named.then_some(Known {
            source,
            date,
            tagged,
            snapshot,
        })
    })
}

pub fn known_in(account: &FakeAccount, region: Region) -> Vec<Known<'_>> {
    let snapshots = account.snapshots_in(region).iter();
    snapshots.filter_map(known).collect()
}

fn listed_twice(account: &FakeAccount) -> bool {
    account.snapshots.values().any(|snapshots| {
        let mut names = BTreeSet::new();
        snapshots.iter().any(|s| !names.insert(&s.name))
    })
}

fn is_read(account: &FakeAccount, source: &ResourceId) -> bool {
    account.policy.looks_at(source.region, source.kind)
        && !account.unread.contains(&(source.region, source.kind))
}

/// Whether everything that the policy looks at in a Region was read.
fn is_read_completely(account: &FakeAccount, region: Region) -> bool {
    let kinds = [ResourceKind::Instance, ResourceKind::Disk].into_iter();
    kinds
        .filter(|kind| account.policy.looks_at(region, *kind))
        .all(|kind| !account.unread.contains(&(region, kind)))
}

/// The sources that the policy selects and that can be seen.
pub fn selected(account: &FakeAccount) -> BTreeSet<&ResourceId> {
    let resources = account.resources.iter();
    resources
        .filter(|(source, resource)| {
            let ResourceId { region, name, kind } = source;
            is_read(account, source) && account.policy.selects(*region, *kind, name, &resource.tags)
        })
        .map(|(source, _)| source)
        .collect()
}

/// Whether copies of a source may be deleted at all.
fn may_be_pruned(account: &FakeAccount, source: &ResourceId) -> bool {
    if !is_read(account, source) || !is_read_completely(account, source.region) {
        return false;
    }
    if account.resources.contains_key(source) {
        let asked = account.observed().auto_snapshots;
        let unread = matches!(asked.get(source), Some(Err(_)));
        return selected(account).contains(source) && !unread;
    }
    let ResourceId { region, name, kind } = source;
    account.policy.selects_former(*region, *kind, name)
}

/// Those of a source's copies in a destination that are available, from the newest to the oldest.
fn available<'k, 'w>(known: &'k [Known<'w>], source: &ResourceId) -> Vec<&'k Known<'w>> {
    let mut available: Vec<_> = known
        .iter()
        .filter(|copy| copy.source == *source && copy.snapshot.state == SnapshotState::Available)
        .collect();
    available.sort_by_key(|copy| (std::cmp::Reverse(copy.date), &copy.snapshot.name));
    available.dedup_by_key(|copy| &copy.snapshot.name);
    available
}

/// The copies that retention does not keep, by name: never the newest, never one without tags.
fn not_kept(account: &FakeAccount, region: Region) -> BTreeSet<String> {
    let known = known_in(account, region);
    let sources: BTreeSet<&ResourceId> = known.iter().map(|copy| &copy.source).collect();
    let mut not_kept = BTreeSet::new();
    let Some(retention) = &account.policy.retention else {
        return not_kept;
    };
    for source in sources {
        if !may_be_pruned(account, source) {
            continue;
        }
        let copies = available(&known, source);
        let dates: Vec<Date> = copies.iter().map(|copy| copy.date).collect();
        let keeps = retention_model::keeps(retention, &dates);
        for (copy, keep) in copies.iter().zip(keeps).skip(1) {
            if !keep && copy.tagged {
                not_kept.insert(copy.snapshot.name.clone());
            }
        }
    }
    not_kept
}

/// As many accounts as `PROPTEST_CASES` says, or 300 for each property.
pub fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(300, |_| default.cases),
        max_shrink_iters: 2000,
        failure_persistence: None,
        ..default
    }
}

/// The generated accounts are not empty ones: each kind of step happens often.
#[test]
fn the_generated_accounts_have_something_to_do() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let strategy = generate::account();
    for _ in 0..500 {
        let account = strategy.new_tree(&mut runner).unwrap().current();
        let plan = account.plan();
        let mut saw = |what, does: bool| *seen.entry(what).or_default() += u32::from(does);
        let steps = || plan.destinations.values();
        let step = |is: fn(&CopyStep) -> bool| {
            steps().any(|steps| steps.copies.iter().any(|wanted| is(&wanted.step)))
        };
        saw("make", step(|step| *step == CopyStep::Start));
        saw("again", step(|step| matches!(step, CopyStep::Replace(_))));
        saw("defer", steps().any(|steps| !deferred(steps).is_empty()));
        saw("exists", step(|step| *step == CopyStep::Exists));
        saw("pending", step(|step| *step == CopyStep::Pending));
        saw("tag", steps().any(|steps| !steps.tags.is_empty()));
        saw("delete", steps().any(|steps| !steps.deletions.is_empty()));
        let gone = |source: &ResourceId| !account.resources.contains_key(source);
        saw(
            "delete what is gone",
            steps().any(|steps| steps.deletions.iter().any(|copy| gone(&copy.copy.source))),
        );
        let both = |kind: ResourceKind| {
            let of_kind = account.resources.keys().filter(move |s| s.kind == kind);
            of_kind
                .map(|source| (source.region, &source.name))
                .collect::<BTreeSet<_>>()
        };
        saw(
            "two of one name",
            !both(ResourceKind::Instance).is_disjoint(&both(ResourceKind::Disk)),
        );
        saw("listed twice", listed_twice(&account));
        let coverage = account.coverage();
        for status in [
            CoverageStatus::Protected,
            CoverageStatus::Pending,
            CoverageStatus::Stale,
            CoverageStatus::Unprotected,
            CoverageStatus::Unselected,
        ] {
            let has = coverage.iter().any(|entry| entry.status == status);
            saw(<&str>::from(status), has);
        }
    }
    for (what, accounts) in &seen {
        assert!(
            *accounts >= 10,
            "{what} happens in {accounts} of 500 accounts: {seen:?}"
        );
    }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever JSON it is, reading it as a policy ends in a policy or in errors.
    #[test]
    fn any_json_is_a_policy_or_a_list_of_errors(json in generate::any_json()) {
        if let Err(errors) = parse_policy(&json.to_string()) {
            prop_assert!(!errors.is_empty());
            prop_assert!(!errors.to_string().is_empty());
        }
    }

    /// And whatever text.
    #[test]
    fn any_text_is_a_policy_or_a_list_of_errors(text in any::<String>()) {
        prop_assert!(parse_policy(&text).is_err());
    }
}
