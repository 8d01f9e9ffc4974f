//! Which copies to delete.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::inventory::ExistingCopy;
use super::{Planner, newest_available};
use crate::model::resource::{ResourceId, SnapshotState};

impl<'a> Planner<'a> {
    /// Whether this run may delete copies of a source: the policy selects it, or did while it
    /// existed, and everything about it was read.
    pub(super) fn may_delete(&self, sources: &BTreeSet<&ResourceId>, source: &ResourceId) -> bool {
        if !self.inventory.read.contains(&(source.region, source.kind)) {
            return false;
        }
        if sources.contains(source) {
            return !matches!(self.inventory.auto_snapshots.get(source), Some(Err(_)));
        }
        let exists = self.inventory.resources.contains_key(source);
        let policy = self.policy;
        !exists && policy.selects_former(source.region, source.kind, &source.name)
    }

    /// The copies of a source that retention does not keep, and the failed ones. Retention counts
    /// only available copies, because a copy in progress may never become one.
    pub(super) fn not_kept(&self, source: &ResourceId) -> Vec<&'a ExistingCopy> {
        let copies = self.copies_of(source);
        let newest = newest_available(copies);
        let in_state = |state| {
            let copies = copies.iter().copied();
            copies.filter(move |copy: &&ExistingCopy| copy.state == state)
        };
        let available: Vec<&ExistingCopy> = in_state(SnapshotState::Available).collect();
        let dates: Vec<Date> = available.iter().map(|copy| copy.date).collect();
        let expired = self.policy.retention.iter().flat_map(|retention| {
            let kept = retention.keeps(&dates);
            let copies = available.iter().copied().zip(kept);
            copies.filter_map(|(copy, keep)| (!keep).then_some(copy))
        });
        expired
            .chain(in_state(SnapshotState::Error))
            .filter(|copy| copy.tagged && newest.is_none_or(|newest| *copy != newest))
            .collect()
    }
}
