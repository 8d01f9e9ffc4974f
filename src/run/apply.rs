//! Applies a plan in all destinations at once: in each of them first the copies, then the tags, then
//! the deletions, then the drills.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};

use super::copies::{Copies, Untagged};
use super::destination::{Destination, RunContext};
use super::drill::drill;
use crate::lightsail::CALLS_AT_ONCE;
use crate::model::region::Region;
use crate::plan::DestinationPlan;

/// Applies a plan, and records each step when it ends. A dry run changes nothing.
pub async fn apply(run: &RunContext<'_>, plan: BTreeMap<Region, DestinationPlan>) {
    let destinations = plan.into_iter();
    join_all(destinations.map(|(region, plan)| apply_in(Destination { run, region }, plan))).await;
}

/// Applies the plan of one destination.
async fn apply_in(destination: Destination<'_>, plan: DestinationPlan) {
    let run = destination.run;
    let copies = Copies::new(&destination, plan.slots);
    let (existing, new) = copies.apply(plan.copies).await;
    if !run.dry_run {
        let untagged = plan.tags.into_iter().map(|copy| Untagged {
            source: copy.source,
            date: copy.date,
            name: copy.name,
        });
        set_tags(&destination, untagged.chain(new)).await;
    }
    // A failed copy stays until the copy that it waits for has started.
    let deletions = plan.deletions.into_iter().filter(|deletion| {
        let after = deletion.after.as_ref();
        after.is_none_or(|copy| existing.contains(copy))
    });
    destination.delete_by_source(deletions).await;
    if let Some(drills) = run.drills {
        drill(&destination, drills, plan.drills).await;
    }
}

async fn set_tags(destination: &Destination<'_>, untagged: impl Iterator<Item = Untagged>) {
    stream::iter(untagged)
        .for_each_concurrent(CALLS_AT_ONCE, |copy| async {
            let copy = copy;
            let _ = destination.tag(&copy.source, copy.date, &copy.name).await;
        })
        .await;
}
