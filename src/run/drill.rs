//! Carries out the drills of one destination, after its copies, tags and deletions.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::check::{CheckResult, check};
use super::outcome::{DrillOutcome, DrillResult, RunEvent, TagFailure};
use crate::deadline::Deadline;
use crate::lightsail::Lightsail;
use crate::model::drill::Drills;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;
use crate::model::resource::InstanceState;
use crate::model::restore_date::utc_date;
use crate::model::verdict::{Verdict, VerdictOutcome};
use crate::plan::{DRILLED_TAG, DrillPlan, DrillStep, PlannedDrill};

/// How often one run checks an instance that does not pass.
const ROUNDS: u32 = 3;

/// The pause between two rounds of checks.
const PAUSE: Duration = Duration::from_secs(2);

/// The drills of one destination while a run carries them out.
pub struct DrillRun<'a, R> {
    pub lightsail: &'a Lightsail,
    pub region: Region,
    pub drills: &'a Drills,
    pub now: Timestamp,
    pub dry_run: bool,
    pub deadline: Deadline,
    pub report: &'a R,
}

/// How the drills of one destination went.
#[derive(Debug, Default)]
pub struct DrillResults {
    /// The drills of which this run took a step.
    pub drills: Vec<DrillResult>,
    /// The verdicts that could not be recorded.
    pub tag_failures: Vec<TagFailure>,
    /// The drill instances that the run found or started.
    pub instances: usize,
}

/// The checks of one run.
#[derive(Default)]
struct Rounds {
    /// The results of the last round. `None` if there was no time for any.
    last: Option<Vec<CheckResult>>,
    /// Whether a round ended before the deadline. Otherwise a failed check proves nothing.
    had_time: bool,
}

/// What became of a verdict.
enum Recorded {
    Yes,
    /// The copy is gone, or the name of the instance does not tell which one it was.
    NoCopy,
    No(TagFailure),
}

impl<R: Fn(RunEvent<'_>)> DrillRun<'_, R> {
    /// Takes the next step of each drill in progress, then starts those that are due.
    pub async fn apply(&self, plan: DrillPlan) -> DrillResults {
        let mut results = DrillResults {
            instances: plan.instances,
            ..DrillResults::default()
        };
        let steps = plan.in_progress.into_iter().map(|drill| self.step(drill));
        for (result, failure) in join_all(steps).await {
            results.drills.push(result);
            results.tag_failures.extend(failure);
        }
        let started = self.start_due(plan.due, plan.slots).await;
        let is_started = |drill: &&DrillResult| drill.outcome == DrillOutcome::Started;
        results.instances += started.iter().filter(is_started).count();
        results.drills.extend(started);
        for drill in &results.drills {
            (self.report)(RunEvent::Drill(drill));
        }
        results
    }

    /// Takes the next step of a drill in progress.
    async fn step(&self, drill: PlannedDrill) -> (DrillResult, Option<TagFailure>) {
        let result = match drill.step.clone() {
            DrillStep::Delete { .. }
            | DrillStep::Fail { .. }
            | DrillStep::Check { is_last: true, .. }
                if self.dry_run =>
            {
                self.result(&drill, DrillOutcome::Planned)
            }
            DrillStep::Check { .. } if self.dry_run => self.result(&drill, DrillOutcome::Waiting),
            DrillStep::Check {
                address,
                minutes,
                is_last,
            } => return self.check(&drill, address, minutes, is_last).await,
            DrillStep::Fail { minutes } => {
                let message = format!("the instance does not run after {minutes} min");
                let result = DrillResult {
                    outcome: DrillOutcome::Failed,
                    minutes: Some(minutes),
                    error: Some(ApiError::found("NotRunning", message)),
                    ..self.result(&drill, DrillOutcome::Failed)
                };
                return self.conclude(&drill, result, true).await;
            }
            DrillStep::Delete { is_cancelled } => {
                let outcome = match is_cancelled {
                    true => DrillOutcome::Inconclusive,
                    false => DrillOutcome::Waiting,
                };
                let result = self.delete(&drill, self.result(&drill, outcome)).await;
                match result.error {
                    Some(_) => result,
                    None if drill.is_overdue => self.remains(&drill),
                    None => DrillResult {
                        error: is_cancelled.then(cancelled),
                        ..result
                    },
                }
            }
            _ if drill.is_overdue => self.remains(&drill),
            _ => self.result(&drill, DrillOutcome::Waiting),
        };
        (result, None)
    }

    /// Checks an instance that runs.
    async fn check(
        &self,
        drill: &PlannedDrill,
        address: Option<String>,
        minutes: u64,
        is_last: bool,
    ) -> (DrillResult, Option<TagFailure>) {
        let Rounds { last, had_time } = self.checks(address.as_deref()).await;
        let was_checked = last.is_some();
        let checks = last.unwrap_or_default();
        let failed: Vec<String> = checks
            .iter()
            .filter(|result| result.error.is_some())
            .map(ToString::to_string)
            .collect();
        let no_time = || {
            let message = "no time was left to check the instance".to_owned();
            ApiError::new(ErrorKind::NoTime, "Timeout", message)
        };
        let checks_failed = || {
            let message = format!("after {minutes} min: {}", failed.join("; "));
            ApiError::found("ChecksFailed", message)
        };
        let (outcome, error) = match (was_checked && failed.is_empty(), had_time, is_last) {
            (true, ..) => (DrillOutcome::Passed, None),
            (false, true, true) => (DrillOutcome::Failed, Some(checks_failed())),
            (false, true, false) => (DrillOutcome::Waiting, None),
            (false, false, true) => (DrillOutcome::Inconclusive, Some(no_time())),
            (false, false, false) => (DrillOutcome::Waiting, Some(no_time())),
        };
        let result = DrillResult {
            minutes: Some(minutes),
            checks,
            error,
            ..self.result(drill, outcome)
        };
        match outcome {
            DrillOutcome::Waiting => (result, None),
            DrillOutcome::Inconclusive => (self.delete(drill, result).await, None),
            _ => self.conclude(drill, result, is_last).await,
        }
    }

    /// Checks an instance until it passes, at most [`ROUNDS`] times.
    async fn checks(&self, address: Option<&str>) -> Rounds {
        let deadline = self.deadline.look_ups;
        let mut rounds = Rounds::default();
        for round in 0..ROUNDS {
            if round > 0 {
                sleep(PAUSE).await;
            }
            if Instant::now() >= deadline {
                break;
            }
            let results = check(address, &self.drills.checks, deadline).await;
            let passed = results.iter().all(|result| result.error.is_none());
            rounds.last = Some(results);
            rounds.had_time |= Instant::now() < deadline;
            if passed || Instant::now() + PAUSE >= deadline {
                break;
            }
        }
        rounds
    }

    /// Records the verdict, and deletes the instance. `result` has the verdict. Unless this is the
    /// last try, an instance whose verdict could not be recorded stays for the next run.
    async fn conclude(
        &self,
        drill: &PlannedDrill,
        result: DrillResult,
        is_last: bool,
    ) -> (DrillResult, Option<TagFailure>) {
        let verdict = Verdict {
            date: utc_date(self.now),
            outcome: match result.outcome {
                DrillOutcome::Passed => VerdictOutcome::Passed,
                _ => VerdictOutcome::Failed,
            },
            minutes: result.minutes.unwrap_or_default(),
        };
        let (verdict, failure) = match self.record(drill, verdict).await {
            Recorded::Yes => (Some(verdict), None),
            Recorded::NoCopy => (None, None),
            Recorded::No(failure) if is_last => (None, Some(failure)),
            Recorded::No(failure) => {
                let result = DrillResult {
                    outcome: DrillOutcome::Waiting,
                    error: Some(failure.error.clone()),
                    ..result
                };
                return (result, Some(failure));
            }
        };
        let result = DrillResult { verdict, ..result };
        (self.delete(drill, result).await, failure)
    }

    /// Records a verdict as a tag of the copy.
    async fn record(&self, drill: &PlannedDrill, verdict: Verdict) -> Recorded {
        let Some(snapshot) = drill.snapshot.as_ref().filter(|_| drill.has_copy) else {
            return Recorded::NoCopy;
        };
        // Leaves time to delete the instance.
        let now = Instant::now();
        let deadline = now + self.deadline.all.saturating_duration_since(now) / 2;
        let tags = [(DRILLED_TAG.to_owned(), verdict.to_string())];
        let lightsail = self.lightsail;
        match lightsail
            .tag_snapshot(self.region, snapshot, &tags, deadline)
            .await
        {
            Ok(()) => Recorded::Yes,
            Err(error) if error.kind == ErrorKind::NotFound => Recorded::NoCopy,
            Err(error) => {
                let failure = TagFailure {
                    region: self.region,
                    name: snapshot.clone(),
                    error,
                };
                (self.report)(RunEvent::TagFailed(&failure));
                Recorded::No(failure)
            }
        }
    }

    /// Deletes a drill's instance. `result` is the drill's result if that succeeds.
    async fn delete(&self, drill: &PlannedDrill, result: DrillResult) -> DrillResult {
        let region = self.region;
        let deleted = self
            .lightsail
            .delete_instance(region, &drill.instance, self.deadline.all)
            .await;
        let Err(error) = deleted else {
            return result;
        };
        // Unknown for a failure that passes: the next run looks.
        let remains = match error.retryable() {
            true => None,
            false => self.remains_after_refusal(drill).await,
        };
        if remains == Some(false) {
            return result;
        }
        DrillResult {
            outcome: match remains {
                Some(_) => DrillOutcome::Failed,
                None => result.outcome,
            },
            error: Some(match &result.error {
                Some(first) => ApiError {
                    message: format!("{}; DeleteInstance: {error}", first.message),
                    ..first.clone()
                },
                None => error,
            }),
            ..result
        }
    }

    /// Whether a drill's instance exists and is not being deleted. Lightsail refuses to delete an
    /// instance again, after a lost answer or if another run has deleted it. `None`: unknown.
    async fn remains_after_refusal(&self, drill: &PlannedDrill) -> Option<bool> {
        let existing = self.drill_instances().await.ok()?;
        let mut existing = existing.iter();
        let instance = existing.find(|instance| instance.name == drill.instance);
        Some(instance.is_some_and(|instance| instance.state != InstanceState::Ending))
    }

    /// The result of a drill whose instance should be gone.
    fn remains(&self, drill: &PlannedDrill) -> DrillResult {
        let message = format!(
            "{} in {} should be gone and still exists; delete it by hand",
            drill.instance, self.region
        );
        DrillResult {
            error: Some(ApiError::found("DrillInstanceRemains", message)),
            ..self.result(drill, DrillOutcome::Failed)
        }
    }

    pub(super) fn result(&self, drill: &PlannedDrill, outcome: DrillOutcome) -> DrillResult {
        DrillResult {
            source: drill.source.clone(),
            destination: self.region,
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

/// Why a drill ends without a verdict.
fn cancelled() -> ApiError {
    let message = "the policy has no such drill (any more), so its instance is deleted";
    ApiError::found("DrillCancelled", message.to_owned())
}
