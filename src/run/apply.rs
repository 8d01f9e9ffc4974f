//! Applies a plan in one destination: one attempt of each copy, then of each tag, then of each
//! deletion. What failed is tried again in the same order, beside the drills.

use std::collections::BTreeSet;
use std::mem::take;

use futures_util::future::join;
use tokio::time::{Instant, sleep_until};

use super::destination::Destination;
use super::rounds::Rounds;
use super::start::Start;
use super::starts::Starts;
use super::tags::Tags;
use crate::model::copy::SnapshotCopy;
use crate::model::event::{CopyResult, Event, Outcome};
use crate::model::failure::{ApiError, Code, ErrorKind};
use crate::model::snapshot_name::SnapshotName;
use crate::plan::{CopyStep, DestinationPlan, MissingTags, PlannedDeletion};

/// Applies the plan of one destination, and records each step when it ends. A dry run changes nothing.
/// `drills` waits for one attempt of each step.
pub async fn apply(to: Destination<'_>, plan: DestinationPlan, drills: impl Future) {
    let count = plan.copies.len();
    let (mut starts, mut new) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (position, planned) in plan.copies.into_iter().enumerate() {
        let name = planned.copy.target.clone();
        let missing = MissingTags::of_new(planned.source, planned.date, name, to.run.now);
        match to_start(planned.copy, position, planned.step) {
            Ok(start) => {
                new.push(missing);
                starts.push(start);
            }
            Err(result) => {
                let result = CopyResult {
                    position,
                    ..*result
                };
                to.run.recorder.record(Event::CopyResult(result));
            }
        }
    }
    if to.run.mode.dry_run {
        let planned = preview(&to, starts, plan.slots);
        let deletions = plan.deletions.into_iter();
        let deletions = deletions.filter(|deletion| is_due(deletion, &planned));
        to.allowed(deletions.collect());
        drills.await;
        return;
    }
    let mut work = Work {
        to: &to,
        starts: Starts::for_policy(&to, starts, plan.slots),
        new,
        existing: BTreeSet::new(),
        untagged: plan.tags,
        tags: Tags::default(),
        planned: plan.deletions,
        deletions: Rounds::default(),
    };
    work.attempt_all().await;
    join(work.retry(), drills).await;
}

/// Whether a deletion need not wait for a copy any more: a failed copy stays until the copy that it
/// waits for has started.
fn is_due(deletion: &PlannedDeletion, existing: &BTreeSet<SnapshotName>) -> bool {
    let after = deletion.after.as_ref();
    after.is_none_or(|copy| existing.contains(copy))
}

/// The steps of one destination that are left to do.
struct Work<'a> {
    to: &'a Destination<'a>,
    starts: Starts<'a>,
    /// The copies to start, which need their tags then.
    new: Vec<MissingTags>,
    /// The copies that this run started or found.
    existing: BTreeSet<SnapshotName>,
    /// The copies of earlier runs that lack tags.
    untagged: Vec<MissingTags>,
    tags: Tags,
    /// Deletions that may wait for a copy.
    planned: Vec<PlannedDeletion>,
    deletions: Rounds<PlannedDeletion>,
}

impl Work<'_> {
    async fn attempt_all(&mut self) {
        self.starts.attempt_all().await;
        self.follow_copies();
        self.to.set_tags(&mut self.tags).await;
        self.to.delete(&mut self.deletions).await;
    }

    /// Adds the tags and deletions that follow copies which exist now.
    fn follow_copies(&mut self) {
        self.existing.extend(self.starts.take_existing());
        let existing = &self.existing;
        let exists = |copy: &mut MissingTags| existing.contains(&copy.name);
        self.tags.add(self.new.extract_if(.., exists));
        // After the new ones: their tags may have failed in every run.
        self.tags.add(take(&mut self.untagged));
        let is_due = |deletion: &mut PlannedDeletion| is_due(deletion, existing);
        let due = self.planned.extract_if(.., is_due).collect();
        self.deletions.add(self.to.allowed(due));
    }

    /// Makes further attempts of what failed, for as long as there is time.
    async fn retry(&mut self) {
        for round in 1.. {
            let next = Instant::now() + self.to.run.lightsail.pause_before(round);
            let is_over = self.starts.end_at(next).await;
            self.follow_copies();
            self.to.end_tags_at(next, &mut self.tags);
            self.to.end_deletions_at(next, &mut self.deletions);
            if is_over && self.tags.is_empty() && self.deletions.is_empty() {
                return;
            }
            sleep_until(next).await;
            self.attempt_all().await;
        }
    }
}

/// The copy to start. Otherwise the result of a copy that this run does not start.
fn to_start(copy: SnapshotCopy, position: usize, step: CopyStep) -> Result<Start, Box<CopyResult>> {
    Err(Box::new(match step {
        CopyStep::Start => return Ok(Start::new(copy, position, None)),
        CopyStep::Replace(failed) => return Ok(Start::new(copy, position, Some(failed))),
        CopyStep::Exists => CopyResult::new(copy, Outcome::Exists),
        CopyStep::Pending => CopyResult::new(copy, Outcome::Pending),
        CopyStep::Wait { reason, .. } => deferred(
            copy,
            ApiError::new(ErrorKind::NotYet, Code::CopyErrored, reason),
        ),
        CopyStep::NameInUse(owner) => {
            let message = format!("{} in {} is {owner}", copy.target, copy.destination);
            CopyResult::failed(copy, ApiError::found(Code::NameInUse, message))
        }
    }))
}

/// Dry run: the copies that have a slot would start.
fn preview(to: &Destination<'_>, starts: Vec<Start>, slots: usize) -> BTreeSet<SnapshotName> {
    let mut planned = BTreeSet::new();
    for start in starts {
        let position = start.position;
        let result = if planned.len() < slots {
            planned.insert(start.copy.target.clone());
            if let Some(failed) = start.failed {
                to.record_planned_deletion(failed.copy);
            }
            CopyResult::new(start.copy, Outcome::Planned)
        } else {
            deferred(start.copy, to.no_slots())
        };
        let result = CopyResult { position, ..result };
        to.run.recorder.record(Event::CopyResult(result));
    }
    planned
}

fn deferred(copy: SnapshotCopy, error: ApiError) -> CopyResult {
    CopyResult {
        error: Some(Box::new(error)),
        ..CopyResult::new(copy, Outcome::Deferred)
    }
}
