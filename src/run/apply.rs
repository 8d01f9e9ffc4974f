//! Applies a plan in all destinations at once: in each of them first the copies, then the tags, then
//! the deletions, then the drills.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};

use super::copies::{Copies, Untagged};
use super::destination::{Destination, RunContext};
use super::drill::drill;
use super::outcome::{CopyResult, Outcome, RunEvent, RunResults};
use crate::lightsail::CALLS_AT_ONCE;
use crate::model::region::Region;
use crate::model::snapshot_name::SnapshotName;
use crate::plan::{DestinationPlan, PlannedDeletion};

/// Applies a plan, and reports each step when it ends. A dry run changes nothing.
pub async fn apply<R: Fn(RunEvent<'_>)>(
    run: &RunContext<'_, R>,
    plan: BTreeMap<Region, DestinationPlan>,
) -> RunResults {
    let destinations = plan.into_iter();
    let destinations =
        destinations.map(|(region, plan)| apply_in(Destination::new(run, region), plan));
    let mut all = RunResults {
        drills: run.drills.map(|_| Vec::new()),
        ..RunResults::default()
    };
    for results in join_all(destinations).await {
        all.copies.extend(results.copies);
        all.deletions.extend(results.deletions);
        all.tag_failures.extend(results.tag_failures);
        all.drill_instances += results.drill_instances;
        if let (Some(all), Some(drills)) = (&mut all.drills, results.drills) {
            all.extend(drills);
        }
    }
    all
}

/// Applies the plan of one destination.
async fn apply_in<R: Fn(RunEvent<'_>)>(
    destination: Destination<'_, R>,
    plan: DestinationPlan,
) -> RunResults {
    let run = destination.run;
    let copies = Copies::new(&destination, plan.slots);
    let (copies, new) = copies.apply(plan.copies).await;
    if !run.dry_run {
        let untagged = plan.tags.into_iter().map(|copy| Untagged {
            source: copy.source,
            date: copy.date,
            name: copy.name,
        });
        set_tags(&destination, untagged.chain(new)).await;
    }
    let deletions = deletions_to_do(plan.deletions, &copies);
    destination.delete_by_source(deletions).await;
    let mut results = RunResults {
        copies,
        ..RunResults::default()
    };
    if let Some(drills) = run.drills {
        let drilled = drill(&destination, drills, plan.drills).await;
        results.drills = Some(drilled.drills);
        results.drill_instances = drilled.instances;
    }
    let deletions = destination.deletions.into_inner();
    results.deletions = deletions.unwrap_or_else(PoisonError::into_inner);
    let tag_failures = destination.tag_failures.into_inner();
    results.tag_failures = tag_failures.unwrap_or_else(PoisonError::into_inner);
    results
}

async fn set_tags<R: Fn(RunEvent<'_>)>(
    destination: &Destination<'_, R>,
    untagged: impl Iterator<Item = Untagged>,
) {
    stream::iter(untagged)
        .for_each_concurrent(CALLS_AT_ONCE, |copy| async {
            let copy = copy;
            let _ = destination.tag(&copy.source, copy.date, &copy.name).await;
        })
        .await;
}

/// The deletions whose condition holds: the copy that must have started before did.
fn deletions_to_do(
    deletions: Vec<PlannedDeletion>,
    copies: &[CopyResult],
) -> impl Iterator<Item = PlannedDeletion> {
    let started: BTreeSet<&SnapshotName> = copies
        .iter()
        .filter(|result| !matches!(result.outcome, Outcome::Deferred | Outcome::Failed))
        .map(|result| &result.copy.target)
        .collect();
    deletions.into_iter().filter(move |deletion| {
        let after = deletion.after.as_ref();
        after.is_none_or(|copy| started.contains(copy))
    })
}
