//! Which copies to delete.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::Planner;
use super::copies::{CopyStep, PlannedCopy};
use super::existing_copy::{ExistingCopy, newest_available};
use crate::model::resource::{ResourceId, ResourceKind, SnapshotState};
use crate::model::snapshot_name::SnapshotName;

/// How many available copies of one source a run may delete in a destination without permission,
/// if half of them is less.
const ALWAYS_ALLOWED: usize = 3;

/// Whether a run may delete more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MassDeletion {
    /// No: it deletes none of them.
    Refused,
    /// Yes: the event has `"allowMassDeletion": true`.
    Allowed,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PlannedDeletion {
    pub copy: ExistingCopy,
    /// The name of the source's newest available copy, which must still exist.
    pub newest: Option<SnapshotName>,
    /// The copy that must have started before. A failed copy is the only memory that its source
    /// fails, so it stays until there is a newer copy.
    pub after: Option<SnapshotName>,
    /// The deletion is part of a mass deletion without permission. It fails.
    pub refused: bool,
}

impl<'a> Planner<'a> {
    /// The copies to delete. Sources take turns, so that one with many does not keep the others
    /// waiting. `replaced` has the names of the failed copies that are started again.
    pub(super) fn deletions(
        &self,
        planned: &[PlannedCopy],
        replaced: &BTreeSet<&str>,
        mass_deletion: MassDeletion,
    ) -> Vec<PlannedDeletion> {
        let mut first_starts: BTreeMap<&ResourceId, &SnapshotName> = BTreeMap::new();
        for planned in planned {
            if planned.step == CopyStep::Start {
                let first = first_starts.entry(&planned.source);
                first.or_insert(&planned.copy.target);
            }
        }
        let sources = self.by_source.keys();
        let sources = sources.filter(|source| self.may_delete(source));
        let deletions = sources.flat_map(|source| {
            let expired = self.expired(source, mass_deletion).into_iter();
            let start = first_starts.get(source).copied();
            let failed = self.failed(source, start, replaced).into_iter();
            expired.chain(failed).enumerate()
        });
        let mut deletions: Vec<(usize, PlannedDeletion)> = deletions.collect();
        deletions.sort_by_key(|(turn, _)| *turn);
        deletions
            .into_iter()
            .map(|(_, deletion)| deletion)
            .collect()
    }

    /// Whether this run may delete copies of a source: the policy selects it, or did while it
    /// existed, and everything about it was read.
    pub(super) fn may_delete(&self, source: &ResourceId) -> bool {
        let was_read = ResourceKind::ALL
            .into_iter()
            .filter(|kind| self.policy.looks_at(source.region, *kind))
            .all(|kind| self.inventory.read.contains(&(source.region, kind)));
        let unread = matches!(self.inventory.auto_snapshots.get(source), Some(Err(_)));
        was_read && !unread && self.is_own(source)
    }

    /// The available copies that retention does not keep. Retention counts only available copies,
    /// because a copy in progress may never become one.
    fn expired(&self, source: &ResourceId, mass_deletion: MassDeletion) -> Vec<PlannedDeletion> {
        let copies = self.copies_of(source);
        let (Some(retention), Some(newest)) = (&self.policy.retention, newest_available(copies))
        else {
            return Vec::new();
        };
        let available = copies.iter().copied();
        let available: Vec<&ExistingCopy> = available
            .filter(|copy| copy.state == SnapshotState::Available)
            .collect();
        let dates: Vec<Date> = available.iter().map(|copy| copy.date).collect();
        let expired: Vec<&ExistingCopy> = available
            .iter()
            .zip(retention.keeps(&dates))
            .filter(|(copy, keep)| !keep && copy.tagged && **copy != newest)
            .map(|(copy, _)| *copy)
            .collect();
        let limit = ALWAYS_ALLOWED.max(available.len() / 2);
        let refused = expired.len() > limit && mass_deletion == MassDeletion::Refused;
        let deletion = |copy: &ExistingCopy| PlannedDeletion {
            copy: copy.clone(),
            newest: Some(newest.name.clone()),
            after: None,
            refused,
        };
        expired.into_iter().map(deletion).collect()
    }

    /// The failed copies that are not started again. `start` is the first copy that this run starts.
    fn failed(
        &self,
        source: &ResourceId,
        start: Option<&SnapshotName>,
        replaced: &BTreeSet<&str>,
    ) -> Vec<PlannedDeletion> {
        let copies = self.copies_of(source);
        let failed = copies.iter().filter(|copy| {
            copy.state == SnapshotState::Error
                && copy.tagged
                && !replaced.contains(copy.name.as_str())
        });
        let newest_date = copies.first().map(|copy| copy.date);
        let deletion = |copy: &&ExistingCopy| PlannedDeletion {
            after: start.filter(|_| Some(copy.date) == newest_date).cloned(),
            ..self.deletion_of_failed(copy)
        };
        failed.map(deletion).collect()
    }

    pub(super) fn deletion_of_failed(&self, copy: &ExistingCopy) -> PlannedDeletion {
        let newest = newest_available(self.copies_of(&copy.source));
        PlannedDeletion {
            copy: copy.clone(),
            newest: newest.map(|newest| newest.name.clone()),
            after: None,
            refused: false,
        }
    }
}
