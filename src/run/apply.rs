//! Applies a plan in all destinations at once: in each of them first the copies, then the tags, then
//! the deletions.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::destination::{Destination, RunContext};
use super::starts::{Start, Starts};
use crate::model::copy::SnapshotCopy;
use crate::model::event::{CopyResult, Event, Outcome};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;
use crate::model::snapshot_name::SnapshotName;
use crate::plan::{CopyStep, DestinationPlan, MissingTags};

/// Applies a plan, and records each step when it ends. A dry run changes nothing.
pub async fn apply(run: &RunContext<'_>, plan: BTreeMap<Region, DestinationPlan>) {
    let destinations = plan.into_iter();
    join_all(destinations.map(|(region, plan)| apply_in(Destination { run, region }, plan))).await;
}

/// Applies the plan of one destination.
async fn apply_in(to: Destination<'_>, plan: DestinationPlan) {
    let (mut starts, mut new) = (Vec::new(), Vec::new());
    for (position, planned) in plan.copies.into_iter().enumerate() {
        let name = planned.copy.target.to_string();
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
    let existing = match to.run.dry_run {
        true => preview(&to, starts, plan.slots),
        false => Starts::for_policy(&to, starts, plan.slots).run().await,
    };
    if !to.run.dry_run {
        new.retain(|copy| existing.iter().any(|name| name.as_str() == copy.name));
        to.set_tags(plan.tags.into_iter().chain(new).collect())
            .await;
    }
    // A failed copy stays until the copy that it waits for has started.
    let deletions = plan.deletions.into_iter().filter(|deletion| {
        let after = deletion.after.as_ref();
        after.is_none_or(|copy| existing.contains(copy))
    });
    to.delete(deletions).await;
}

/// The copy to start. Otherwise the result of a copy that this run does not start.
fn to_start(copy: SnapshotCopy, position: usize, step: CopyStep) -> Result<Start, Box<CopyResult>> {
    Err(Box::new(match step {
        CopyStep::Start => return Ok(Start::new(copy, position, None)),
        CopyStep::Replace(failed) => return Ok(Start::new(copy, position, Some(*failed))),
        CopyStep::Exists => CopyResult::new(copy, Outcome::Exists),
        CopyStep::Pending => CopyResult::new(copy, Outcome::Pending),
        CopyStep::Wait { reason, .. } => deferred(
            copy,
            ApiError::new(ErrorKind::NotYet, "CopyErrored", reason),
        ),
        CopyStep::NameInUse(owner) => {
            let message = format!("{} in {} is {owner}", copy.target, copy.destination);
            CopyResult::failed(copy, ApiError::found("NameInUse", message))
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
                to.record_planned_deletion(failed);
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
        error: Some(error),
        ..CopyResult::new(copy, Outcome::Deferred)
    }
}
