//! What the steps and the starts of drills share.

use crate::model::drill::Drills;
use crate::model::event::{DrillOutcome, DrillResult};
use crate::model::failure::ApiError;
use crate::model::resource::ResourceKind;
use crate::plan::{DrillInstance, PlannedDrill};
use crate::run::destination::Destination;

/// The drills of one destination while a run carries them out.
pub struct DrillRun<'a> {
    pub to: &'a Destination<'a>,
    pub policy: &'a Drills,
}

impl DrillRun<'_> {
    /// The drill instances that exist at the moment.
    pub async fn drill_instances(&self) -> Result<Vec<DrillInstance>, ApiError> {
        let run = self.to.run;
        let instances =
            run.lightsail
                .resources(self.to.region, ResourceKind::Instance, run.deadline.all);
        let instances = instances.await?;
        let drills = instances.iter().filter_map(DrillInstance::from_resource);
        Ok(drills.collect())
    }

    /// The result of a step that ends with this outcome.
    pub fn result(&self, drill: &PlannedDrill, outcome: DrillOutcome) -> DrillResult {
        DrillResult {
            source: drill.source.clone(),
            destination: self.to.region,
            snapshot: drill.snapshot.clone(),
            instance: drill.instance.clone(),
            outcome,
            minutes: None,
            checks: Vec::new(),
            verdict: None,
            error: None,
        }
    }
}
