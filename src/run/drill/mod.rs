//! Carries out the drills of one destination, after its copies, tags and deletions.

mod context;
mod starts;
mod steps;

use futures_util::future::join_all;

use self::context::DrillRun;
use super::destination::Destination;
use super::outcome::{DrillOutcome, DrillResult, RunEvent};
use crate::model::drill::Drills;
use crate::plan::DrillPlan;

/// How the drills of one destination went.
pub struct DrillResults {
    /// The drills of which this run took a step.
    pub drills: Vec<DrillResult>,
    /// The number of drill instances that the run found or started.
    pub instances: usize,
}

/// Takes the next step of each drill in progress, then starts those that are due.
pub async fn drill<R: Fn(RunEvent<'_>)>(
    to: &Destination<'_, R>,
    policy: &Drills,
    plan: DrillPlan,
) -> DrillResults {
    let run = DrillRun { to, policy };
    let steps = plan.in_progress.into_iter().map(|drill| run.step(drill));
    let mut drills = join_all(steps).await;
    let started = run.start_due(plan.due, plan.slots).await;
    let is_started = |drill: &&DrillResult| drill.outcome == DrillOutcome::Started;
    let instances = plan.instances + started.iter().filter(is_started).count();
    drills.extend(started);
    for drill in &drills {
        (to.run.report)(RunEvent::Drill(drill));
    }
    DrillResults { drills, instances }
}
