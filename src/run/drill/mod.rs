//! Carries out the drills of one destination. `plan` decides their steps, and what the facts mean.

mod start;

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::check::check;
use super::destination::PolicyRun;
use crate::model::drill::{CheckResult, DrillOutcome, DrillResult, Drills};
use crate::model::event::{DrillInstances, Event, TagFailure};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;
use crate::model::resource::Resource;
use crate::model::time::utc_date;
use crate::plan::{Conclusion, DrillInstance, DrillPlan, DrillStep, ExistingCopy, PlannedDrill};

/// How often one run checks an instance that does not pass.
const ROUNDS: u32 = 3;

const PAUSE: Duration = Duration::from_secs(2);

/// The time that checks leave to record the verdict and to delete the instance, of at least twice as
/// much.
const TIME_TO_END: Duration = Duration::from_secs(5);

/// The drills of one destination while a run carries them out.
#[derive(Clone, Copy)]
pub struct DrillRun<'a> {
    pub run: &'a PolicyRun<'a>,
    pub policy: &'a Drills,
    pub region: Region,
    pub deadline: Instant,
}

impl DrillRun<'_> {
    /// Records the verdicts of the drills that have ended, and deletes their instances.
    pub async fn end(self, ended: Vec<PlannedDrill>) {
        join_all(ended.into_iter().map(|drill| self.step(drill))).await;
    }

    /// Takes the next step of each other drill in progress, then starts those that are due.
    pub async fn go_on(self, plan: DrillPlan) {
        let others = plan.others.into_iter();
        let (due, in_progress) = others.partition::<Vec<_>, _>(PlannedDrill::starts);
        join_all(in_progress.into_iter().map(|drill| self.step(drill))).await;
        let instances = plan.instances + self.start_due(due, plan.slots).await;
        let region = self.region;
        let found = DrillInstances { region, instances };
        self.run.recorder.record(Event::DrillInstances(found));
    }

    /// Takes the next step of a drill in progress.
    async fn step(&self, drill: PlannedDrill) {
        let mut checks = Vec::new();
        let conclusion = match &drill.step {
            _ if self.run.mode.dry_run => drill.preview(),
            DrillStep::Check {
                address,
                minutes,
                is_last,
            } => {
                let round = self.checks(address.as_deref()).await;
                let today = utc_date(self.run.now);
                let conclusion =
                    Conclusion::from_checks(round.as_deref(), *minutes, *is_last, today);
                checks = round.unwrap_or_default();
                conclusion
            }
            DrillStep::Conclude(conclusion) => conclusion.clone(),
            DrillStep::Start { .. } => Conclusion::new(DrillOutcome::Waiting, None),
        };
        self.conclude(&drill, conclusion, checks).await;
    }

    /// Checks an instance until it passes, at most [`ROUNDS`] times. Returns the last round that the
    /// deadline did not cut short.
    async fn checks(&self, address: Option<&str>) -> Option<Vec<CheckResult>> {
        let deadline = self.deadline - TIME_TO_END.min(self.time_left() / 2);
        let mut last = None;
        for _ in 0..ROUNDS {
            let results = check(address, &self.policy.checks, deadline).await;
            let passed = results.iter().all(|result| result.error.is_none());
            let now = Instant::now();
            if passed || now < deadline {
                last = Some(results);
            }
            if passed || now + PAUSE >= deadline {
                break;
            }
            sleep(PAUSE).await;
        }
        last
    }

    /// Writes on the copy how the drill ended, unless another run has gone on with it. Then deletes its
    /// instance, and reports it.
    async fn conclude(
        &self,
        drill: &PlannedDrill,
        mut conclusion: Conclusion,
        checks: Vec<CheckResult>,
    ) {
        if conclusion.may_undo() && self.is_taken_over(drill).await {
            conclusion = conclusion.taken_over();
        }
        let recorded = self.record(drill, &conclusion.tags()).await;
        let verdict = conclusion.verdict.filter(|_| recorded == Ok(true));
        if let Err(error) = recorded {
            conclusion = drill.unrecorded(conclusion, error);
        }
        if conclusion.deletes_instance {
            conclusion = self.delete(drill, conclusion).await;
        }
        let result = DrillResult {
            source: drill.source.clone(),
            destination: self.region,
            snapshot: drill.snapshot.clone(),
            instance: drill.instance.clone(),
            outcome: conclusion.outcome,
            minutes: conclusion.minutes,
            checks,
            verdict,
            error: conclusion.error,
        };
        self.run
            .recorder
            .record(Event::DrillResult(Box::new(result)));
    }

    /// Sets tags of a drill's copy. Returns whether it did: the copy may be gone.
    async fn record(
        &self,
        drill: &PlannedDrill,
        tags: &[(String, String)],
    ) -> Result<bool, ApiError> {
        let snapshot = drill.snapshot.as_ref().filter(|_| drill.has_copy);
        let Some(snapshot) = snapshot.filter(|_| !tags.is_empty()) else {
            return Ok(false);
        };
        let (region, name) = (self.region, snapshot.as_str());
        let tagged = self.run.lightsail.tag(region, name, tags, self.half());
        match tagged.await {
            Ok(()) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => {
                self.run.recorder.record(Event::TagFailed(TagFailure {
                    region,
                    name: snapshot.clone(),
                    is_failure: !error.retryable(),
                    error: error.clone(),
                }));
                Err(error)
            }
        }
    }

    async fn delete(&self, drill: &PlannedDrill, conclusion: Conclusion) -> Conclusion {
        let (region, name) = (self.region, &drill.instance);
        let deleted = self
            .run
            .lightsail
            .delete_instance(region, name, self.deadline);
        let Err(error) = deleted.await else {
            return conclusion;
        };
        // Lightsail refuses to delete an instance again, after a lost answer or if another run has
        // deleted it. After a failure that passes, the next run looks.
        let existing = match error.retryable() {
            true => None,
            false => self.drill_instances().await.ok(),
        };
        let is_this = |it: &DrillInstance| it.name == drill.instance && !it.is_ending();
        let is_left = existing.map(|existing| existing.iter().any(is_this));
        conclusion.undeleted(error, is_left)
    }

    /// Whether another run has gone on with a drill since this one has read its copy. If nobody can
    /// tell, none has.
    async fn is_taken_over(&self, drill: &PlannedDrill) -> bool {
        let Some(name) = drill.snapshot.as_ref().filter(|_| drill.has_copy) else {
            return false;
        };
        let (region, name) = (self.region, name.as_str());
        let found = self.run.lightsail.find_snapshot(region, name, self.half());
        let copy = found.await.ok().flatten();
        let copy = copy.and_then(|copy| ExistingCopy::recognise(&copy, self.region));
        copy.is_some_and(|copy| drill.is_taken_over(&copy, self.run.now))
    }

    async fn drill_instances(&self) -> Result<Vec<DrillInstance>, ApiError> {
        let instances = self.run.lightsail.instances(self.region, self.half());
        let instances: Vec<Resource> = instances.await?;
        let drills = instances.iter().filter_map(DrillInstance::from_resource);
        Ok(drills.collect())
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Half of the time left: the next call needs some too.
    fn half(&self) -> Instant {
        Instant::now() + self.time_left() / 2
    }
}
