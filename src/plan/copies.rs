//! Which copies the policy wants, and the order in which they start.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::Planner;
use super::deletions::PlannedDeletion;
use super::existing_copy::{ExistingCopy, last_valid_date, newest_available};
use super::name_owner::UNKNOWN_STATE;
use crate::model::copy::{CopySource, NameOrigin, SnapshotCopy};
use crate::model::resource::{ResourceId, ResourceKind, SnapshotState};
use crate::model::snapshot_name::SnapshotName;
use crate::model::time::utc_date;

/// How long after its start a failed copy is started again, at the earliest.
const RETRY_AFTER: SignedDuration = SignedDuration::from_hours(6);

#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCopy {
    pub source: ResourceId,
    pub date: Date,
    pub copy: SnapshotCopy,
    pub step: CopyStep,
}

/// What to do about a copy that the policy wants.
#[derive(Debug, Clone, PartialEq)]
pub enum CopyStep {
    /// Nothing: it is available.
    Exists,
    /// Nothing: it is in progress.
    Pending,
    Start,
    /// Delete the failed copy and start it again.
    Replace(Box<PlannedDeletion>),
    /// Nothing yet. A later run does it.
    Wait {
        reason: String,
    },
    /// Nothing: a snapshot of something else has the name. Says what it is.
    NameInUse(String),
}

impl PlannedCopy {
    /// The name of the failed copy that this one replaces, in this run or a later one.
    pub(super) fn replaces(&self) -> Option<&str> {
        let replaces = matches!(self.step, CopyStep::Replace(_) | CopyStep::Wait { .. });
        replaces.then(|| self.copy.target.as_str())
    }
}

impl Planner<'_> {
    /// The copies of a source that the policy wants in this destination, oldest first.
    pub(super) fn wanted(&self, source: &ResourceId) -> Vec<PlannedCopy> {
        let last_date = last_valid_date(self.now);
        let dates = match self.inventory.auto_snapshots.get(source) {
            // Not queried: today's copy exists, and nothing newer can.
            None => vec![utc_date(self.now)],
            Some(Err(_)) => Vec::new(),
            Some(Ok(snapshots)) => {
                let restorable: BTreeSet<Date> = snapshots
                    .iter()
                    .filter(|snapshot| snapshot.restorable && snapshot.date <= last_date)
                    .map(|snapshot| snapshot.date)
                    .collect();
                let candidates = if self.policy.backfill {
                    restorable
                } else {
                    restorable.last().copied().into_iter().collect()
                };
                self.worth_keeping(candidates, self.copies_of(source))
            }
        };
        dates
            .into_iter()
            .filter_map(|date| self.planned_copy(source, date))
            .collect()
    }

    /// Returns `None` if the copy's name would be too long. The coverage reports that.
    fn planned_copy(&self, source: &ResourceId, date: Date) -> Option<PlannedCopy> {
        let mut existing = self.copies_of(source).iter();
        let existing = existing.find(|copy| copy.date == date).copied();
        let target = match existing {
            Some(copy) => copy.name.clone(),
            None => SnapshotName::for_dated(&source.name, source.region, date).ok()?,
        };
        let step = self.step(source, existing, &target);
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
                name_origin: NameOrigin::Generated,
            },
            step,
        })
    }

    fn step(
        &self,
        source: &ResourceId,
        existing: Option<&ExistingCopy>,
        target: &SnapshotName,
    ) -> CopyStep {
        match existing.map(|copy| (copy, copy.state)) {
            Some((_, SnapshotState::Available)) => CopyStep::Exists,
            Some((_, SnapshotState::Pending)) => CopyStep::Pending,
            Some((_, SnapshotState::Unknown)) => CopyStep::Wait {
                reason: format!("the copy is {UNKNOWN_STATE}"),
            },
            Some((failed, SnapshotState::Error)) => self.retry(failed),
            None => match self.name_owner(source, target) {
                Some(owner) => CopyStep::NameInUse(owner),
                None => CopyStep::Start,
            },
        }
    }

    fn retry(&self, failed: &ExistingCopy) -> CopyStep {
        let again = failed
            .created_at
            .and_then(|at| at.checked_add(RETRY_AFTER).ok());
        match again {
            Some(again) if again > self.now => CopyStep::Wait {
                reason: format!(
                    "the copy ended in state error and is started again after {again:.0}"
                ),
            },
            _ if !self.may_delete(&failed.source) => CopyStep::Wait {
                reason: format!(
                    "the copy ended in state error and is started again by a run that reads all of {}",
                    failed.source.region
                ),
            },
            _ => CopyStep::Replace(Box::new(self.deletion_of_failed(failed))),
        }
    }

    /// What has a copy's name, if something else has it.
    fn name_owner(&self, source: &ResourceId, name: &SnapshotName) -> Option<String> {
        if let Some(other) = self.destination.others.get(name.as_str()) {
            return Some(other.clone());
        }
        // An instance and a disk can have had the same name one after the other.
        let other_kind = ResourceId {
            kind: source.kind.other(),
            ..source.clone()
        };
        let mut copies = self.copies_of(&other_kind).iter();
        if copies.any(|copy| copy.name == *name) {
            let kind = other_kind.kind.noun();
            return Some(format!("a snapshot of the {kind} {}", source.name));
        }
        // All kinds of resources of a Region share their names.
        let mut kinds = ResourceKind::ALL.into_iter();
        kinds.find_map(|kind| {
            let named = ResourceId {
                region: self.region,
                name: name.as_str().into(),
                kind,
            };
            let exists = self.inventory.resources.contains_key(&named);
            exists.then(|| format!("the {} {name}", kind.noun()))
        })
    }

    /// The candidates that retention would keep together with the existing copies. Others
    /// would be copied and deleted again in every run.
    fn worth_keeping(&self, candidates: BTreeSet<Date>, existing: &[&ExistingCopy]) -> Vec<Date> {
        let Some(retention) = &self.policy.retention else {
            return candidates.into_iter().collect();
        };
        // Those of a predecessor count too, because retention decides about all of them together.
        let existing = existing.iter();
        let existing = existing.filter(|copy| copy.state != SnapshotState::Error);
        let mut all: BTreeSet<Date> = existing.map(|copy| copy.date).collect();
        all.extend(&candidates);
        let newest_first: Vec<Date> = all.into_iter().rev().collect();
        let mut kept: Vec<Date> = newest_first
            .iter()
            .zip(retention.keeps(&newest_first))
            .filter_map(|(date, keep)| (keep && candidates.contains(date)).then_some(*date))
            .collect();
        kept.reverse();
        kept
    }

    /// Puts the copies to start in order, after the others. Failed copies and sources whose last
    /// copy failed go last, so that they never take a slot from the others. Those that failed
    /// longest ago go first, so that each is tried in turn and a source that works again gets its
    /// copy. Then sources without an available copy go first, and those whose newest is oldest.
    /// Equal sources take turns, each with its oldest recovery point first.
    pub(super) fn put_in_order(&self, copies: &mut [PlannedCopy]) {
        let mut turns: BTreeMap<ResourceId, usize> = BTreeMap::new();
        copies.sort_by_cached_key(|planned| {
            let replaces = match planned.step {
                CopyStep::Start => false,
                CopyStep::Replace(_) => true,
                _ => return None,
            };
            let own = self.own_copies(&planned.source);
            let newest = newest_available(own).map(|copy| copy.date);
            let turn = turns.entry(planned.source.clone()).or_default();
            *turn += 1;
            Some((replaces, last_failure(own), newest, *turn))
        });
    }
}

/// Whether a copy of a source has failed since its newest available one.
pub(super) fn has_failed(newest_first: &[&ExistingCopy]) -> bool {
    failed(newest_first).next().is_some()
}

/// When the last copy that failed since the newest available one was started. `None`: none failed.
/// The inner `None`: Lightsail does not say when.
fn last_failure(newest_first: &[&ExistingCopy]) -> Option<Option<Timestamp>> {
    failed(newest_first).map(|copy| copy.created_at).max()
}

/// The copies of a source that have failed since its newest available one.
fn failed<'a>(newest_first: &[&'a ExistingCopy]) -> impl Iterator<Item = &'a ExistingCopy> {
    newest_first
        .iter()
        .copied()
        .take_while(|copy| copy.state != SnapshotState::Available)
        .filter(|copy| copy.state == SnapshotState::Error)
}
