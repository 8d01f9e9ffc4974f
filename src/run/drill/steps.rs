//! The next steps of drills in progress.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::context::DrillRun;
use crate::model::event::{CheckResult, DrillOutcome, DrillResult};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::resource::InstanceState;
use crate::model::restore_date::utc_date;
use crate::model::verdict::{Verdict, VerdictOutcome};
use crate::plan::{DRILLED_TAG, DrillStep, PlannedDrill};
use crate::run::check::check;

/// How often one run checks an instance that does not pass.
const ROUNDS: u32 = 3;

/// The pause between two rounds of checks.
const PAUSE: Duration = Duration::from_secs(2);

/// The checks of one run.
#[derive(Default)]
struct Rounds {
    /// The results of the last round. `None` if there was no time for any.
    last: Option<Vec<CheckResult>>,
    /// Whether a round ended before the deadline. Otherwise a failed check proves nothing.
    had_time: bool,
}

impl DrillRun<'_> {
    /// Takes the next step of a drill in progress.
    pub async fn step(&self, drill: PlannedDrill) -> DrillResult {
        match drill.step.clone() {
            DrillStep::Delete { .. }
            | DrillStep::Fail { .. }
            | DrillStep::Check { is_last: true, .. }
                if self.to.run.dry_run =>
            {
                self.result(&drill, DrillOutcome::Planned)
            }
            DrillStep::Check { .. } if self.to.run.dry_run => {
                self.result(&drill, DrillOutcome::Waiting)
            }
            DrillStep::Check {
                address,
                minutes,
                is_last,
            } => self.check(&drill, address, minutes, is_last).await,
            DrillStep::Fail { minutes } => {
                let message = format!("the instance does not run after {minutes} min");
                let result = DrillResult {
                    outcome: DrillOutcome::Failed,
                    minutes: Some(minutes),
                    error: Some(ApiError::found("NotRunning", message)),
                    ..self.result(&drill, DrillOutcome::Failed)
                };
                self.conclude(&drill, result, true).await
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
        }
    }

    /// Checks an instance that runs.
    async fn check(
        &self,
        drill: &PlannedDrill,
        address: Option<String>,
        minutes: u64,
        is_last: bool,
    ) -> DrillResult {
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
            DrillOutcome::Waiting => result,
            DrillOutcome::Inconclusive => self.delete(drill, result).await,
            _ => self.conclude(drill, result, is_last).await,
        }
    }

    /// Checks an instance until it passes, at most [`ROUNDS`] times.
    async fn checks(&self, address: Option<&str>) -> Rounds {
        let deadline = self.to.run.deadline.checks;
        let mut rounds = Rounds::default();
        for round in 0..ROUNDS {
            if round > 0 {
                sleep(PAUSE).await;
            }
            if Instant::now() >= deadline {
                break;
            }
            let results = check(address, &self.policy.checks, deadline).await;
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
    ) -> DrillResult {
        let verdict = Verdict {
            date: utc_date(self.to.run.now),
            outcome: match result.outcome {
                DrillOutcome::Passed => VerdictOutcome::Passed,
                _ => VerdictOutcome::Failed,
            },
            minutes: result.minutes.unwrap_or_default(),
        };
        let verdict = match self.record(drill, verdict).await {
            Ok(recorded) => recorded.then_some(verdict),
            Err(_) if is_last => None,
            Err(error) => {
                return DrillResult {
                    outcome: DrillOutcome::Waiting,
                    error: Some(error),
                    ..result
                };
            }
        };
        self.delete(drill, DrillResult { verdict, ..result }).await
    }

    /// Records a verdict as a tag of the copy. Returns whether it did: the copy may be gone, or the name
    /// of the instance may not tell which one it was.
    async fn record(&self, drill: &PlannedDrill, verdict: Verdict) -> Result<bool, ApiError> {
        let Some(snapshot) = drill.snapshot.as_ref().filter(|_| drill.has_copy) else {
            return Ok(false);
        };
        // Leaves time to delete the instance.
        let now = Instant::now();
        let deadline = now + self.to.run.deadline.all.saturating_duration_since(now) / 2;
        let tags = [(DRILLED_TAG.to_owned(), verdict.to_string())];
        let lightsail = self.to.run.lightsail;
        let tagged = lightsail.tag_snapshot(self.to.region, snapshot, &tags, deadline);
        match tagged.await {
            Ok(()) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => {
                self.to.add_tag_failure(snapshot, &error);
                Err(error)
            }
        }
    }

    /// Deletes a drill's instance. `result` is the drill's result if that succeeds.
    async fn delete(&self, drill: &PlannedDrill, result: DrillResult) -> DrillResult {
        let region = self.to.region;
        let deleted = self
            .to
            .run
            .lightsail
            .delete_instance(region, &drill.instance, self.to.run.deadline.all)
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
            drill.instance, self.to.region
        );
        DrillResult {
            error: Some(ApiError::found("DrillInstanceRemains", message)),
            ..self.result(drill, DrillOutcome::Failed)
        }
    }
}

/// Why a drill ends without a verdict.
fn cancelled() -> ApiError {
    let message = "the policy has no such drill (any more), so its instance is deleted";
    ApiError::found("DrillCancelled", message.to_owned())
}
