//! Carries out the drills of one destination, after its copies, tags and deletions.

mod context;
mod starts;
mod steps;

use futures_util::future::join_all;

use self::context::DrillRun;
use super::destination::Destination;
use crate::model::drill::Drills;
use crate::model::event::{DrillInstances, DrillOutcome, Event};
use crate::plan::DrillPlan;

/// Takes the next step of each drill in progress, then starts those that are due.
pub async fn drill(to: &Destination<'_>, policy: &Drills, plan: DrillPlan) {
    let run = DrillRun { to, policy };
    let steps = plan.in_progress.into_iter().map(|drill| run.step(drill));
    let drills = join_all(steps).await;
    let due = run.start_due(plan.due, plan.slots).await;
    let started = due.iter().map(|drill| drill.outcome);
    let started = started.filter(|outcome| *outcome == DrillOutcome::Started);
    let instances = plan.instances + started.count();
    for drill in drills.into_iter().chain(due) {
        to.run.recorder.record(Event::DrillResult(drill));
    }
    let region = to.region;
    to.run
        .recorder
        .record(Event::DrillInstances(DrillInstances { region, instances }));
}
