//! Deletions and retention.

use super::*;

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
                let there: Vec<_> = there.filter(|s| s.name == deletion.copy.name.as_str()).collect();
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
                let deleted = |name: &str| steps.deletions.iter().any(|other| other.copy.name.as_str() == name);
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
            let aged: Vec<&str> = aged.into_iter().map(|copy| copy.copy.name.as_str()).collect();
            let names: BTreeSet<String> = aged.iter().map(|name| (*name).to_owned()).collect();
            prop_assert_eq!(names.len(), aged.len(), "deleted twice: {:?}", aged);
            prop_assert_eq!(names, not_kept(&account, *region));
            let known = known_in(&account, *region);
            for copy in failed {
                let is_failed = known.iter().any(|known| {
                    known.snapshot.name == copy.copy.name.as_str()
                        && known.snapshot.state == SnapshotState::Error
                });
                prop_assert!(is_failed, "{} has not failed", &copy.copy.name);
            }
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
}
