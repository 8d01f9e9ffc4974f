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
            name: name.to_owned(),
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
            if !is_source || from.is_some_and(|from| from != source.name) {
                return None;
            }
            let date = snapshot.tags[RECOVERY_POINT_TAG].parse::<RestoreDate>();
            date.ok()?.0
        } else {
            if from != Some(source.name.as_str()) {
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

/// Whether something that is not a copy of this source's recovery point has its name.
fn name_is_taken(
    account: &FakeAccount,
    destination: Region,
    source: &ResourceId,
    date: Date,
) -> bool {
    let name = copy_name(source, date);
    let mut others = account.snapshots_in(destination).iter();
    let is_it = |known: Known<'_>| known.source == *source && known.date == date;
    let taken = others.any(|other| other.name == name && !known(other).is_some_and(is_it));
    // Two sources can come to the same names: a disk and an instance of one name, or `a.b` and
    // `a_2E_b`. Lightsail lets only one of them have its copy, and the run reports the other.
    let rival = account.resources.keys().any(|other| {
        other != source && copy_name(other, date) == name && account.points.contains_key(other)
    });
    taken || rival
}

/// One thing that a plan changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Copy(Snapped),
    Tag(Snapped),
    Delete(Snapped),
}

/// A copy of a recovery point in a destination, with its name.
type Snapped = (Region, ResourceId, Date, String);

/// All that a plan changes: whatever is not here stays as it is.
fn changes(plan: &Plan) -> BTreeSet<Change> {
    let mut changes = BTreeSet::new();
    for (region, steps) in &plan.destinations {
        let snapped = |source: &ResourceId, date, name: &String| {
            (*region, source.clone(), date, name.clone())
        };
        for wanted in made(steps) {
            changes.insert(Change::Copy((
                *region,
                wanted.source.clone(),
                wanted.date,
                wanted.copy.target.to_string(),
            )));
        }
        let tags = steps.tags.iter();
        changes.extend(tags.map(|copy| Change::Tag(snapped(&copy.source, copy.date, &copy.name))));
        // A failed copy stays until a newer one starts.
        let made = made(steps);
        let happens = |deletion: &&PlannedDeletion| {
            let starts = |name: &SnapshotName| made.iter().any(|made| made.copy.target == *name);
            !deletion.refused && deletion.after.as_ref().is_none_or(starts)
        };
        let deletions = steps.deletions.iter().filter(happens);
        changes.extend(deletions.map(|deletion| {
            let copy = &deletion.copy;
            Change::Delete(snapped(&copy.source, copy.date, &copy.name))
        }));
    }
    changes
}

/// The changes that Lightsail lets a run make: not the copies whose names something else has.
fn possible_changes(account: &FakeAccount, plan: &Plan) -> BTreeSet<Change> {
    let mut changes = changes(plan);
    changes.retain(|change| match change {
        Change::Copy((region, source, date, _)) => !name_is_taken(account, *region, source, *date),
        Change::Tag(_) | Change::Delete(_) => true,
    });
    changes
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

proptest! {
    #![proptest_config(config())]

    /// What is deleted has both tags, is a copy of a source of the policy's whose Region, kind and
    /// automatic snapshots were read, and is in a destination that was read.
    #[test]
    fn only_own_copies_of_sources_that_were_read_are_deleted(account in generate::account()) {
        for (region, steps) in &account.plan().destinations {
            prop_assert!(account.policy.destinations.contains(region));
            prop_assert!(!account.unread_destinations.contains(region));
            for deletion in &steps.deletions {
                let there = account.snapshots_in(*region).iter();
                let there: Vec<_> = there.filter(|s| s.name == deletion.copy.name).collect();
                prop_assert!(!there.is_empty(), "{} is not there", deletion.copy.name);
                for snapshot in there {
                    prop_assert!(both_tags(snapshot), "{} has not both tags", deletion.copy.name);
                    let known = known(snapshot);
                    let known = known.expect("not a copy of the function's");
                    prop_assert_eq!(&known.source, &deletion.copy.source);
                    prop_assert_eq!(known.date, deletion.copy.date);
                }
                prop_assert!(may_be_pruned(&account, &deletion.copy.source), "{:?}", deletion);
            }
        }
    }

    /// A rule that selects a source after its deletion also selects it before. So a source that
    /// exists and is not selected never counts as a deleted one.
    #[test]
    fn what_is_selected_once_it_is_gone_is_selected_while_it_exists(account in generate::account()) {
        for (source, resource) in &account.resources {
            let ResourceId { region, name, kind } = source;
            prop_assert!(
                !account.policy.selects_former(*region, *kind, name)
                    || account.policy.selects(*region, *kind, name, &resource.tags),
                "{:?}", source
            );
        }
    }

    /// Whatever is deleted, the newest available copy of each source stays.
    #[test]
    fn the_newest_available_copy_stays(account in generate::account()) {
        for (region, steps) in &account.plan().destinations {
            let known = known_in(&account, *region);
            for deletion in &steps.deletions {
                let before = available(&known, &deletion.copy.source);
                let deleted = |name: &String| steps.deletions.iter().any(|other| other.copy.name == *name);
                let after = before.iter().find(|copy| !deleted(&copy.snapshot.name));
                prop_assert_eq!(
                    before.first().map(|copy| copy.date),
                    after.map(|copy| copy.date),
                    "after the deletion of {}", &deletion.copy.name
                );
            }
        }
    }

    /// Exactly what retention does not keep is deleted, and failed copies that nothing replaces.
    #[test]
    fn what_is_deleted_is_what_retention_does_not_keep(account in generate::account_listed_once()) {
        for (region, steps) in &account.plan().destinations {
            let (failed, aged): (Vec<_>, Vec<_>) = steps
                .deletions
                .iter()
                .partition(|copy| copy.copy.state == SnapshotState::Error);
            let aged: Vec<&String> = aged.into_iter().map(|copy| &copy.copy.name).collect();
            let names: BTreeSet<String> = aged.iter().map(|name| (*name).clone()).collect();
            prop_assert_eq!(names.len(), aged.len(), "deleted twice: {:?}", aged);
            prop_assert_eq!(names, not_kept(&account, *region));
            let known = known_in(&account, *region);
            for copy in failed {
                let is_failed = known.iter().any(|known| {
                    known.snapshot.name == copy.copy.name
                        && known.snapshot.state == SnapshotState::Error
                });
                prop_assert!(is_failed, "{} has not failed", &copy.copy.name);
            }
        }
    }

    /// Copies are made for selected sources only, of recovery points that can be restored, and not
    /// where there is one already, available or on its way.
    #[test]
    fn no_copy_is_made_that_is_there(account in generate::account()) {
        let selected = selected(&account);
        for (region, steps) in &account.plan().destinations {
            let known = known_in(&account, *region);
            let mut asked_for = BTreeSet::new();
            for wanted in &steps.copies {
                prop_assert!(selected.contains(&wanted.source), "{:?}", wanted);
                prop_assert_eq!(wanted.copy.destination, *region);
                prop_assert!(asked_for.insert((&wanted.source, wanted.date)), "{:?}", wanted);
                let is_it = |known: &&Known<'_>| {
                    known.source == wanted.source && known.date == wanted.date
                };
                let there: Vec<_> = known.iter().filter(is_it).collect();
                let in_state = |state| there.iter().any(|known| known.snapshot.state == state);
                match &wanted.step {
                    CopyStep::Start | CopyStep::Replace(_) => {
                        let points = account.points[&wanted.source].as_ref();
                        let restorable = points.is_ok_and(|points| {
                            points.iter().any(|p| p.date == wanted.date && p.restorable)
                        });
                        prop_assert!(restorable, "{:?}", wanted);
                        prop_assert!(!in_state(SnapshotState::Available) || listed_twice(&account));
                        prop_assert!(!in_state(SnapshotState::Pending) || listed_twice(&account));
                        if let CopyStep::Replace(failed) = &wanted.step {
                            prop_assert_eq!(failed.state, SnapshotState::Error);
                            let names = there.iter().map(|known| &known.snapshot.name);
                            prop_assert!(names.collect::<Vec<_>>().contains(&&failed.name));
                        } else {
                            prop_assert!(there.is_empty(), "{:?}", wanted);
                        }
                    }
                    CopyStep::Exists => prop_assert!(in_state(SnapshotState::Available)),
                    CopyStep::Pending => prop_assert!(in_state(SnapshotState::Pending)),
                    CopyStep::Wait { .. } => {
                        let failed = in_state(SnapshotState::Error);
                        prop_assert!(failed || in_state(SnapshotState::Unknown));
                    }
                    CopyStep::NameInUse(_) => {
                        let name = wanted.copy.target.as_str();
                        let mut snapshots = account.snapshots_in(*region).iter();
                        prop_assert!(snapshots.any(|snapshot| snapshot.name == name));
                        // A failed copy under another name waits until the name is free.
                        let failed = |known: &&Known<'_>| known.snapshot.state == SnapshotState::Error;
                        prop_assert!(there.iter().all(failed), "{:?}", wanted);
                    }
                }
            }
        }
    }

    /// Never more new copies than there is room for, and not fewer while any wait. Copies and
    /// sources that failed go last. Of the others, those whose source's newest copy is oldest go
    /// first, and of one source the oldest.
    #[test]
    fn the_room_for_copies_is_used_and_no_more(account in generate::account_listed_once()) {
        for (region, steps) in &account.plan().destinations {
            let snapshots = account.snapshots_in(*region).iter();
            let in_progress = snapshots.filter(|s| s.state == SnapshotState::Pending).count();
            let room = account.policy.max_copies_in_progress.saturating_sub(in_progress);
            let made = made(steps);
            let deferred = deferred(steps);
            prop_assert_eq!(steps.slots, room);
            prop_assert!(made.len() <= room);
            prop_assert!(deferred.is_empty() || made.len() == room);
            let known = known_in(&account, *region);
            let newest = |source: &ResourceId| {
                available(&known, source).first().map(|copy| copy.date)
            };
            let in_order: Vec<_> = made.iter().copied().chain(deferred).collect();
            let failed = |source: &ResourceId| {
                let copies = known.iter().filter(|copy| copy.source == *source);
                let mut since = copies.filter(|copy| Some(copy.date) > newest(source));
                since.any(|copy| copy.snapshot.state == SnapshotState::Error)
            };
            let key = |wanted: &PlannedCopy| {
                let replaces = matches!(wanted.step, CopyStep::Replace(_));
                (replaces, failed(&wanted.source), newest(&wanted.source))
            };
            for pair in in_order.windows(2) {
                prop_assert!(key(pair[0]) <= key(pair[1]), "{:?}", pair);
            }
            let mut last = BTreeMap::new();
            for wanted in in_order {
                if matches!(wanted.step, CopyStep::Replace(_)) {
                    continue;
                }
                if let Some(earlier) = last.insert(&wanted.source, wanted.date) {
                    prop_assert!(earlier < wanted.date, "{:?}", wanted);
                }
            }
        }
    }

    /// Retention keeps each copy that is asked for, next to what is there: none is made to be deleted.
    #[test]
    fn retention_keeps_what_is_copied(account in generate::account_listed_once()) {
        let Some(retention) = account.policy.retention else { return Ok(()) };
        for (region, steps) in &account.plan().destinations {
            let known = known_in(&account, *region);
            let made = made(steps);
            for wanted in &made {
                let copies = known
                    .iter()
                    .filter(|copy| copy.snapshot.state != SnapshotState::Error)
                    .map(|copy| (&copy.source, copy.date))
                    .chain(made.iter().map(|made| (&made.source, made.date)));
                let dates: BTreeSet<Date> = copies
                    .filter(|(source, _)| **source == wanted.source)
                    .map(|(_, date)| date)
                    .collect();
                let dates: Vec<Date> = dates.into_iter().rev().collect();
                let index = dates.iter().position(|date| *date == wanted.date).unwrap();
                prop_assert!(retention_model::keeps(&retention, &dates)[index], "{:?}", wanted);
            }
        }
    }

    /// What lacks its tags is tagged, and nothing else; nothing has two things done to it.
    #[test]
    fn copies_without_tags_are_tagged(account in generate::account_listed_once()) {
        let selected = selected(&account);
        for (region, steps) in &account.plan().destinations {
            let remade: BTreeSet<&str> = steps
                .copies
                .iter()
                .filter_map(|wanted| match &wanted.step {
                    CopyStep::Replace(failed) => Some(failed.name.as_str()),
                    _ => None,
                })
                .collect();
            let known = known_in(&account, *region);
            let expected: BTreeSet<&str> = known
                .iter()
                .filter(|known| selected.contains(&known.source) && !known.tagged)
                .filter(|known| !remade.contains(known.snapshot.name.as_str()))
                .map(|known| known.snapshot.name.as_str())
                .collect();
            let tags: BTreeSet<&str> = steps.tags.iter().map(|copy| copy.name.as_str()).collect();
            prop_assert_eq!(&tags, &expected);
            let deleted: BTreeSet<&str> =
                steps.deletions.iter().map(|copy| copy.copy.name.as_str()).collect();
            prop_assert!(tags.is_disjoint(&deleted));
            prop_assert!(remade.is_disjoint(&deleted), "{:?} {:?}", remade, deleted);
        }
    }

    /// A plan carried out, and planned again while its copies are being made: nothing is left to
    /// do but to delete what has only now got its tags, and to copy what found its name taken by
    /// what was then deleted.
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do(mut account in generate::account_listed_once()) {
        let first = account.plan();
        let impossible = &changes(&first) - &possible_changes(&account, &first);
        account.apply(&first, SnapshotState::Pending, true);
        let second = account.plan();
        for change in possible_changes(&account, &second) {
            let follows = match &change {
                Change::Delete(copy) => changes(&first).contains(&Change::Tag(copy.clone())),
                // What had its name has been deleted; or a copy whose name was taken took up room.
                Change::Copy((region, ..)) => {
                    let steps = &first.destinations[region].copies;
                    let mut steps = steps.iter().map(|planned| &planned.step);
                    steps.any(|step| matches!(step, CopyStep::NameInUse(_)))
                        || impossible.iter().any(|it| matches!(it, Change::Copy((there, ..)) if there == region))
                }
                Change::Tag(_) => false,
            };
            prop_assert!(follows, "{:?}", change);
        }
        account.apply(&second, SnapshotState::Pending, true);
        let third = account.plan();
        prop_assert_eq!(possible_changes(&account, &third), BTreeSet::new());
    }

    /// Run after run, the copies becoming available in between, the plans come to an end, where
    /// every recovery point that is wanted has its copy; and nothing that was made on the way was
    /// deleted again, or deleted and made again.
    #[test]
    fn plans_come_to_an_end(mut account in generate::account_listed_once(), dies in any::<bool>()) {
        account.finish_copies();
        if dies {
            // A run that ends between its copies and their tags.
            let plan = account.plan();
            account.apply(&plan, SnapshotState::Pending, false);
            account.finish_copies();
        }
        let mut made_so_far = BTreeSet::new();
        let mut deleted_so_far = BTreeSet::new();
        let mut runs = 0;
        loop {
            let plan = account.plan();
            let changes = possible_changes(&account, &plan);
            if changes.is_empty() {
                break;
            }
            runs += 1;
            prop_assert!(runs < 60, "{:?}", changes);
            for change in changes {
                match change {
                    Change::Copy(copy) => {
                        prop_assert!(!deleted_so_far.contains(&copy), "{:?} was deleted", copy);
                        prop_assert!(made_so_far.insert(copy.clone()), "{:?} was made", copy);
                    }
                    Change::Delete(copy) => {
                        prop_assert!(!made_so_far.contains(&copy), "{:?} was made", copy);
                        deleted_so_far.insert(copy);
                    }
                    Change::Tag(_) => {}
                }
            }
            account.apply(&plan, SnapshotState::Pending, true);
            account.finish_copies();
        }
        let end = account.plan();
        for (region, steps) in &end.destinations {
            for wanted in &steps.copies {
                let blocked = name_is_taken(&account, *region, &wanted.source, wanted.date);
                let blocked = blocked
                    || made(steps).len() >= account.policy.max_copies_in_progress;
                prop_assert!(wanted.step == CopyStep::Exists || blocked, "{:?}", wanted);
            }
            prop_assert_eq!(not_kept(&account, *region), BTreeSet::new());
            for copy in known_in(&account, *region) {
                let failed = copy.snapshot.state == SnapshotState::Error;
                if failed && may_be_pruned(&account, &copy.source) && copy.tagged {
                    // It stays until a newer one starts.
                    let blocked = steps.copies.iter().any(|w| w.source == copy.source
                        && w.step != CopyStep::Exists);
                    prop_assert!(blocked, "{:?} is left over", copy);
                }
            }
        }
    }

    /// One entry of coverage for each selected source in each destination, in that order, and
    /// each says what is there.
    #[test]
    fn coverage_is_told_once_for_each_source_and_destination(account in generate::account_listed_once()) {
        let (unselected, coverage): (Vec<_>, Vec<_>) = account
            .coverage()
            .into_iter()
            .partition(|entry| entry.status == CoverageStatus::Unselected);
        let mut of_nobody = BTreeSet::new();
        let (selected, resources) = (selected(&account), account.observed().resources);
        for region in &account.policy.destinations {
            if account.unread_destinations.contains(region) {
                continue;
            }
            let known = known_in(&account, *region);
            for source in resources.keys() {
                let newest = available(&known, source).first().map(|copy| copy.date);
                let is_old = newest.is_some_and(|date| {
                    let midnight = date.to_zoned(TimeZone::UTC).unwrap().timestamp();
                    account.now.duration_since(midnight).as_secs_f64() / 3600.0
                        > account.policy.max_recovery_point_age_hours
                });
                if is_old && !selected.contains(source) {
                    of_nobody.insert((source.clone(), *region));
                }
            }
        }
        let found = unselected.into_iter().map(|entry| (entry.source, entry.destination));
        prop_assert_eq!(found.collect::<BTreeSet<_>>(), of_nobody);
        let entries: Vec<_> =
            coverage.iter().map(|entry| (&entry.source, entry.destination)).collect();
        let mut expected = Vec::new();
        for source in &selected {
            expected.extend(account.policy.destinations.iter().map(|region| (*source, *region)));
        }
        prop_assert_eq!(entries, expected);
        let asked = account.observed().auto_snapshots;
        for entry in &coverage {
            if account.unread_destinations.contains(&entry.destination) {
                prop_assert_eq!(entry.status, CoverageStatus::Unknown);
                prop_assert_eq!(entry.newest, None);
                prop_assert!(entry.reason.is_some());
                continue;
            }
            let known = known_in(&account, entry.destination);
            let newest = available(&known, &entry.source).first().map(|copy| copy.date);
            prop_assert_eq!(entry.newest, newest);
            let Some(newest) = newest else {
                prop_assert_eq!(entry.age_hours, None);
                let without_copy = [CoverageStatus::Pending, CoverageStatus::Unprotected];
                prop_assert!(without_copy.contains(&entry.status), "{:?}", entry);
                prop_assert!(entry.reason.is_some());
                continue;
            };
            let points = asked.get(&entry.source);
            let points = points.and_then(|points| points.as_ref().ok());
            let point = points.and_then(|points| points.iter().find(|p| p.date == newest));
            let midnight = newest.to_zoned(TimeZone::UTC).unwrap().timestamp();
            let since = point.and_then(|point| point.created_at).unwrap_or(midnight);
            let age = (account.now.as_millisecond() - since.as_millisecond()) as f64 / 3_600_000.0;
            let age = age.max(0.0);
            prop_assert!((entry.age_hours.unwrap() - age).abs() < 0.001);
            let limit = account.policy.max_recovery_point_age_hours;
            let expected = if age <= limit { CoverageStatus::Protected } else { CoverageStatus::Stale };
            prop_assert_eq!(entry.status, expected);
            prop_assert_eq!(entry.reason.is_some(), expected == CoverageStatus::Stale);
        }
    }

    /// A plan without permission never deletes more than three, or half, of the available copies.
    #[test]
    fn mass_deletions_need_permission(mut account in generate::account_listed_once()) {
        account.mass_deletion = MassDeletion::Refused;
        for (region, steps) in &account.plan().destinations {
            let known = known_in(&account, *region);
            let mut by_source: BTreeMap<&ResourceId, usize> = BTreeMap::new();
            for deletion in &steps.deletions {
                if !deletion.refused && deletion.copy.state == SnapshotState::Available {
                    *by_source.entry(&deletion.copy.source).or_default() += 1;
                }
            }
            for (source, deleted) in by_source {
                let limit = 3.max(available(&known, source).len() / 2);
                prop_assert!(deleted <= limit, "{} of {:?}", deleted, source);
            }
        }
    }

    /// A source is queried unless today's copy exists everywhere. With `backfill`, it may be
    /// queried for other days too.
    #[test]
    fn sources_are_queried_while_a_copy_of_today_is_missing(mut account in generate::account_listed_once()) {
        account.policy.backfill = false;
        let observed = account.observed();
        let asked = sources_to_query(&account.policy, &observed, account.now);
        let asked: BTreeSet<ResourceId> = asked.into_iter().collect();
        let expected: BTreeSet<ResourceId> = selected(&account)
            .into_iter()
            .filter(|source| {
                observed.destinations.keys().any(|region| {
                    !known_in(&account, *region).iter().any(|copy| {
                        copy.source == **source
                            && copy.date == account.today()
                            && copy.snapshot.state != SnapshotState::Error
                    })
                })
            })
            .cloned()
            .collect();
        prop_assert_eq!(asked, expected);
    }

    /// Retention is what its definition says.
    #[test]
    fn retention_is_as_defined(
        retention in generate::retention(),
        newest_first in generate::newest_first(),
    ) {
        let kept = retention.keeps(&newest_first);
        prop_assert_eq!(&kept, &retention_model::keeps(&retention, &newest_first));
        // What is not kept can go, and the rest is kept all the same.
        let rest: Vec<Date> =
            newest_first.iter().zip(&kept).filter(|(_, keep)| **keep).map(|(date, _)| *date).collect();
        prop_assert!(retention.keeps(&rest).iter().all(|keep| *keep));
    }

    /// Whatever JSON it is, reading it as a policy ends in a policy or in mistakes.
    #[test]
    fn any_json_is_a_policy_or_a_list_of_mistakes(json in generate::any_json()) {
        if let Err(mistakes) = parse_policy(&json.to_string()) {
            prop_assert!(!mistakes.is_empty());
            prop_assert!(!mistakes.to_string().is_empty());
        }
    }

    /// And whatever text.
    #[test]
    fn any_text_is_a_policy_or_a_list_of_mistakes(text in any::<String>()) {
        prop_assert!(parse_policy(&text).is_err());
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
