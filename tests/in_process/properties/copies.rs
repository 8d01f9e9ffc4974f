//! Copies, tags, and what is left to do.

use super::*;

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
        let snapped = |source: &ResourceId, date, name: &SnapshotName| {
            (*region, source.clone(), date, name.to_string())
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

proptest! {
    #![proptest_config(config())]

    /// Copies are made for selected sources only, of recovery points that can be restored, and not
    /// where there is one already, available or on its way.
    #[test]
    fn no_existing_copy_is_started_again(account in generate::account()) {
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
                            prop_assert_eq!(failed.copy.state, SnapshotState::Error);
                            prop_assert!(may_be_pruned(&account, &wanted.source));
                            let mut names = there.iter().map(|known| known.snapshot.name.as_str());
                            prop_assert!(names.any(|name| name == failed.copy.name.as_str()));
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
    fn all_slots_are_used_and_no_more(account in generate::account_listed_once()) {
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
        let is_own = |source: &ResourceId| {
            let ResourceId { region, kind, name } = source;
            selected.contains(source) || account.policy.selects_former(*region, *kind, name)
        };
        for (region, steps) in &account.plan().destinations {
            // In this run or a later one.
            let remade: BTreeSet<&str> = steps
                .copies
                .iter()
                .filter(|wanted| matches!(wanted.step, CopyStep::Replace(_) | CopyStep::Wait { .. }))
                .map(|wanted| wanted.copy.target.as_str())
                .collect();
            let known = known_in(&account, *region);
            let expected: BTreeSet<&str> = known
                .iter()
                .filter(|known| is_own(&known.source) && !known.tagged)
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
        let names = |change: Change| match change {
            Change::Copy((region, _, _, name)) | Change::Delete((region, _, _, name)) => {
                Some((region, name))
            }
            Change::Tag(_) => None,
        };
        let deletions = changes(&second).into_iter();
        let deletions = deletions.filter(|change| matches!(change, Change::Delete(_)));
        let deleted: BTreeSet<_> = deletions.filter_map(names).collect();
        account.apply(&second, SnapshotState::Pending, true);
        let third = account.plan();
        for change in possible_changes(&account, &third) {
            // What had its name got its tags in the first run, and was deleted in the second.
            let is_copy = matches!(change, Change::Copy(_));
            let name = names(change.clone());
            let follows = is_copy && name.is_some_and(|name| deleted.contains(&name));
            prop_assert!(follows, "{:?}", change);
        }
        account.apply(&third, SnapshotState::Pending, true);
        let fourth = account.plan();
        prop_assert_eq!(possible_changes(&account, &fourth), BTreeSet::new());
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
                    || made(steps).len() >= account.policy.max_copies_in_progress
                    || !may_be_pruned(&account, &wanted.source);
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
}
