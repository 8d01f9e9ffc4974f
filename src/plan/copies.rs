//! Which copies the policy wants, and the order in which they start.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::inventory::ExistingCopy;
use super::{Planner, newest_available, rank};
use crate::model::copy::{CopySource, SnapshotCopy};
use crate::model::resource::{ResourceId, SnapshotState};
use crate::model::restore_date::utc_date;
use crate::model::snapshot_name::SnapshotName;

/// A copy that the policy wants.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCopy {
    /// What it is a copy of.
    pub source: ResourceId,
    /// The date of its recovery point.
    pub date: Date,
    /// The call that starts it.
    pub copy: SnapshotCopy,
    /// What to do about it.
    pub step: CopyStep,
}

/// What to do about a copy that the policy wants.
#[derive(Debug, Clone, PartialEq)]
pub enum CopyStep {
    /// Nothing: it is available.
    Exists,
    /// Nothing: it is in progress.
    Pending,
    /// Start it.
    Start,
    /// Delete the failed copy and start it again.
    Replace(ExistingCopy),
}

impl Planner<'_> {
    /// The copies of a source that the policy wants in this destination, oldest first.
    pub(super) fn wanted(&self, source: &ResourceId) -> Vec<PlannedCopy> {
        let existing = self.copies_of(source);
        let dates = match self.inventory.auto_snapshots.get(source) {
            // Not queried: today's copy exists, and nothing newer can.
            None => vec![utc_date(self.now)],
            Some(Err(_)) => Vec::new(),
            Some(Ok(snapshots)) => {
                let restorable: BTreeSet<Date> = snapshots
                    .iter()
                    .filter(|snapshot| snapshot.restorable)
                    .map(|snapshot| snapshot.date)
                    .collect();
                let candidates = if self.policy.backfill {
                    restorable
                } else {
                    restorable.last().copied().into_iter().collect()
                };
                self.worth_keeping(candidates, existing)
            }
        };
        dates
            .into_iter()
            .filter_map(|date| self.planned_copy(source, date))
            .collect()
    }

    /// Returns `None` if the copy's name would be too long. The coverage reports that.
    fn planned_copy(&self, source: &ResourceId, date: Date) -> Option<PlannedCopy> {
        let target = SnapshotName::for_dated(&source.name, source.region, date).ok()?;
        // The best state. Among failed copies, the one with the name.
        let existing = self
            .copies_of(source)
            .iter()
            .filter(|copy| copy.date == date)
            .min_by_key(|copy| (rank(copy.state), copy.name != target.as_str()));
        let step = match existing {
            None => CopyStep::Start,
            Some(copy) => match copy.state {
                SnapshotState::Available => CopyStep::Exists,
                SnapshotState::Pending | SnapshotState::Unknown => CopyStep::Pending,
                SnapshotState::Error => CopyStep::Replace((*copy).clone()),
            },
        };
        Some(PlannedCopy {
            source: source.clone(),
            date,
            copy: SnapshotCopy {
                source_region: source.region,
                source: CopySource::Dated {
                    resource: source.name.clone(),
                    date,
                },
                destination: self.region,
                target,
            },
            step,
        })
    }

    /// The candidates that retention would keep together with the existing copies. Copying the
    /// others would mean to delete them again in every run.
    fn worth_keeping(&self, candidates: BTreeSet<Date>, existing: &[&ExistingCopy]) -> Vec<Date> {
        let Some(retention) = &self.policy.retention else {
            return candidates.into_iter().collect();
        };
        // Copies count, not days: a second copy of one day, made and tagged by hand, takes a place
        // of its own when retention decides about deletions.
        let mut newest_first: Vec<Date> = existing
            .iter()
            .filter(|copy| copy.state != SnapshotState::Error)
            .map(|copy| copy.date)
            .collect();
        let missing = candidates
            .iter()
            .filter(|date| !newest_first.contains(date));
        let missing: Vec<Date> = missing.copied().collect();
        newest_first.extend(missing);
        newest_first.sort_by(|a, b| b.cmp(a));
        let mut kept: Vec<Date> = newest_first
            .iter()
            .zip(retention.keeps(&newest_first))
            .filter_map(|(date, keep)| (keep && candidates.contains(date)).then_some(*date))
            .collect();
        kept.dedup();
        kept.reverse();
        kept
    }

    /// Puts the copies to start in order, after the existing ones: sources without an available
    /// copy first, then those whose newest is oldest. Equal sources take turns, each with its
    /// oldest recovery point first.
    pub(super) fn in_order(&self, copies: Vec<PlannedCopy>) -> Vec<PlannedCopy> {
        let (to_start, mut ordered): (Vec<_>, Vec<_>) = copies
            .into_iter()
            .partition(|planned| matches!(planned.step, CopyStep::Start | CopyStep::Replace(_)));
        let mut turns: BTreeMap<ResourceId, usize> = BTreeMap::new();
        let mut to_start: Vec<_> = to_start
            .into_iter()
            .map(|planned| {
                let newest = newest_available(self.copies_of(&planned.source));
                let turn = turns.entry(planned.source.clone()).or_default();
                *turn += 1;
                ((newest.map(|copy| copy.date), *turn), planned)
            })
            .collect();
        to_start.sort_by_key(|(key, _)| *key);
        ordered.extend(to_start.into_iter().map(|(_, planned)| planned));
        ordered
    }
}
