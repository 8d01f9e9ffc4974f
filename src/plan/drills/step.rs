//! The next step of a drill, and how it ends.

use jiff::Timestamp;
use jiff::civil::Date;

use super::instance::{DRILL_STARTED_TAG, DRILLED_TAG, DrillInstance, instance_name};
use crate::model::bundle::Hardware;
use crate::model::drill::{CheckResult, DrillOutcome, Verdict, VerdictOutcome};
use crate::model::failure::{ApiError, Code, ErrorKind};
use crate::model::resource::ResourceId;
use crate::model::snapshot_name::SnapshotName;
use crate::plan::existing_copy::{ExistingCopy, has_verdict_since, undecided};

#[derive(Debug, Clone, PartialEq)]
pub struct PlannedDrill {
    pub source: ResourceId,
    pub snapshot: Option<SnapshotName>,
    /// Whether the copy exists. A newer copy may reuse the name; this drill says nothing about it.
    pub has_copy: bool,
    pub instance: String,
    /// When the drill was started. `None`: this run starts it.
    pub started: Option<Timestamp>,
    pub step: DrillStep,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DrillStep {
    Start {
        /// The bundle of the instance that the copy was made from.
        bundle: String,
        hardware: Option<Hardware>,
    },
    Check {
        /// The instance's public IPv4 address.
        address: Option<String>,
        /// Minutes since its creation.
        minutes: u64,
        /// Whether the drill has ended: it fails unless it passes now.
        is_last: bool,
    },
    /// Nothing has to be found out.
    Conclude(Conclusion),
}

/// How a step ends, and what has to be done for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    pub outcome: DrillOutcome,
    /// From the creation of the instance to this run.
    pub minutes: Option<u64>,
    /// Why the drill failed, does not start or does not go on.
    pub error: Option<ApiError>,
    pub verdict: Option<Verdict>,
    /// The mark of the drill's start does not count any more. Without a verdict, the drill proved
    /// nothing, and a later run starts another one.
    pub clears_mark: bool,
    pub deletes_instance: bool,
    /// Whether every other start of this run would be refused too.
    pub ends_starts: bool,
    /// Whether its instance may still appear although its start failed, so that it keeps its slot.
    pub keeps_slot: bool,
}

impl PlannedDrill {
    pub fn of_copy(copy: &ExistingCopy, started: Option<Timestamp>, step: DrillStep) -> Self {
        Self {
            source: copy.source.clone(),
            snapshot: Some(copy.name.clone()),
            has_copy: true,
            instance: instance_name(&copy.source, copy.date),
            started,
            step,
        }
    }

    /// Whether another run has started the drill or recorded its verdict, by its copy as it is now.
    /// `now` is the time of this run, and so its mark.
    pub fn is_taken_over(&self, copy: &ExistingCopy, now: Timestamp) -> bool {
        match self.started {
            Some(started) => has_verdict_since(copy, started, now),
            None => undecided(copy, now)
                .is_some_and(|mark| mark.as_millisecond() != now.as_millisecond()),
        }
    }

    /// Whether the drill creates its instance.
    pub fn starts(&self) -> bool {
        matches!(self.step, DrillStep::Start { .. })
    }

    /// Whether the drill has ended: a verdict or a deletion is due.
    pub fn has_ended(&self) -> bool {
        match &self.step {
            DrillStep::Start { .. } => false,
            DrillStep::Check { is_last, .. } => *is_last,
            DrillStep::Conclude(conclusion) => {
                conclusion.clears_mark || conclusion.deletes_instance
            }
        }
    }

    /// What a dry run says of the step, without doing it: that it fails, or what it would do.
    pub fn preview(&self) -> Conclusion {
        match &self.step {
            DrillStep::Conclude(conclusion)
                if conclusion.outcome == DrillOutcome::Failed || !self.has_ended() =>
            {
                Conclusion::new(conclusion.outcome, conclusion.error.clone())
            }
            _ if self.has_ended() => Conclusion::new(DrillOutcome::Planned, None),
            _ => Conclusion::new(DrillOutcome::Waiting, None),
        }
    }

    /// What remains of a conclusion that could not be written on the copy. Until a drill has ended,
    /// the next run tries again.
    pub fn unrecorded(&self, conclusion: Conclusion, error: ApiError) -> Conclusion {
        match self.has_ended() || conclusion.verdict.is_none() {
            true => conclusion,
            false => Conclusion::new(DrillOutcome::Waiting, Some(error)),
        }
    }
}

impl Conclusion {
    /// Nothing has to be done.
    pub fn new(outcome: DrillOutcome, error: Option<ApiError>) -> Self {
        Self {
            outcome,
            minutes: None,
            error,
            verdict: None,
            clears_mark: false,
            deletes_instance: false,
            ends_starts: false,
            keeps_slot: false,
        }
    }

    /// The same, with an error that the function found itself.
    pub fn found(outcome: DrillOutcome, code: Code, message: impl Into<String>) -> Self {
        Self::new(outcome, Some(ApiError::found(code, message)))
    }

    /// The verdict on a copy, which failed if there is an error.
    pub fn verdict(date: Date, minutes: u64, error: Option<ApiError>) -> Self {
        let (drill, outcome) = match error {
            None => (DrillOutcome::Passed, VerdictOutcome::Passed),
            Some(_) => (DrillOutcome::Failed, VerdictOutcome::Failed),
        };
        Self {
            minutes: Some(minutes),
            verdict: Some(Verdict {
                date,
                outcome,
                minutes,
            }),
            clears_mark: true,
            deletes_instance: true,
            ..Self::new(drill, error)
        }
    }

    /// Whether its tags would undo what another run wrote: a mark, or that the drill passed.
    pub fn may_undo(&self) -> bool {
        self.clears_mark && self.outcome != DrillOutcome::Passed
    }

    /// What remains of it if another run has gone on with the drill.
    pub fn taken_over(self) -> Self {
        Self {
            deletes_instance: self.deletes_instance,
            ..Self::new(DrillOutcome::Waiting, None)
        }
    }

    /// What to write on the copy, before the instance is deleted.
    pub fn tags(&self) -> Vec<(String, String)> {
        let tag = |key: &str, value: String| (key.to_owned(), value);
        let verdict = self.verdict.iter();
        let verdict = verdict.map(|verdict| tag(DRILLED_TAG, verdict.to_string()));
        let mark = self
            .clears_mark
            .then(|| tag(DRILL_STARTED_TAG, "-".to_owned()));
        verdict.chain(mark).collect()
    }

    /// How a drill stands after a round of checks. `None`: no time was left for one, so nothing is known.
    pub fn from_checks(
        round: Option<&[CheckResult]>,
        minutes: u64,
        is_last: bool,
        today: Date,
    ) -> Self {
        let failed = round.map(|round| {
            let failed = round.iter().filter(|result| result.error.is_some());
            failed.map(ToString::to_string).collect::<Vec<_>>()
        });
        let no_time = || {
            let message = "no time was left to check the instance".to_owned();
            ApiError::new(ErrorKind::NoTime, Code::Timeout, message)
        };
        match failed {
            Some(failed) if failed.is_empty() => Self::verdict(today, minutes, None),
            Some(failed) if is_last => {
                let message = format!("after {minutes} min: {}", failed.join("; "));
                let error = ApiError::found(Code::ChecksFailed, message);
                Self::verdict(today, minutes, Some(error))
            }
            None if is_last => Self {
                clears_mark: true,
                deletes_instance: true,
                ..Self::new(DrillOutcome::Inconclusive, Some(no_time()))
            },
            undecided => Self::new(DrillOutcome::Waiting, undecided.is_none().then(no_time)),
        }
    }

    /// What remains of it if the instance could not be deleted. `is_left` says whether the instance
    /// exists and is not being deleted; `None` if that is not known.
    pub fn undeleted(self, error: ApiError, is_left: Option<bool>) -> Self {
        let error = match self.error.clone() {
            _ if is_left == Some(false) => return self,
            Some(first) => ApiError {
                message: format!("{}; DeleteInstance: {error}", first.message),
                ..first
            },
            None => {
                let passed = match self.outcome {
                    DrillOutcome::Passed => "all checks passed, but ",
                    _ => "",
                };
                let message = &error.message;
                let message = format!("{passed}the instance could not be deleted: {message}");
                ApiError { message, ..error }
            }
        };
        Self {
            outcome: is_left.map_or(self.outcome, |_| DrillOutcome::Failed),
            error: Some(error),
            ..self
        }
    }
}

/// The end of a drill whose verdict is recorded, or whose instance is being deleted already.
pub fn deletion(instance: &DrillInstance, is_overdue: bool) -> Conclusion {
    let conclusion = if is_overdue {
        let message = "the instance should be gone and still exists; delete it by hand";
        Conclusion::found(DrillOutcome::Failed, Code::DrillInstanceRemains, message)
    } else {
        Conclusion::new(DrillOutcome::Waiting, None)
    };
    Conclusion {
        deletes_instance: !instance.is_ending(),
        ..conclusion
    }
}

/// The end of a drill that this policy does not want: its drills do not name the source any more, or
/// another policy started it and has not deleted its instance.
pub fn cancellation(is_own: bool, has_mark: bool) -> Conclusion {
    let message = match is_own {
        true => "the policy has no drills of this source any more",
        false => "the policy that started the drill has not deleted its instance",
    };
    Conclusion {
        // The mark of another policy's drill is left to that policy.
        clears_mark: is_own && has_mark,
        deletes_instance: true,
        ..Conclusion::found(DrillOutcome::Inconclusive, Code::DrillCancelled, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::drill::Check;
    use crate::model::resource::{ResourceKind, Snapshot, SnapshotState};
    use crate::plan::drills::started_tag;

    const TODAY: Date = Date::constant(2026, 11, 24);

    fn result(port: u16, error: Option<&str>) -> CheckResult {
        CheckResult {
            check: Check::Port(port),
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn checks_decide_a_drill_if_they_pass_or_if_it_has_ended() {
        let passed = [result(22, None), result(80, None)];
        let failed = [result(22, None), result(80, Some("no connection"))];
        let verdict = Some("2026-11-24 passed 7m");
        for (round, is_last, outcome, written) in [
            (Some(&passed[..]), false, DrillOutcome::Passed, verdict),
            (Some(&passed[..]), true, DrillOutcome::Passed, verdict),
            (Some(&[]), false, DrillOutcome::Passed, verdict),
            (Some(&failed[..]), false, DrillOutcome::Waiting, None),
            (
                Some(&failed[..]),
                true,
                DrillOutcome::Failed,
                Some("2026-11-24 failed 7m"),
            ),
            (None, false, DrillOutcome::Waiting, None),
            (None, true, DrillOutcome::Inconclusive, None),
        ] {
            let conclusion = Conclusion::from_checks(round, 7, is_last, TODAY);
            assert_eq!(conclusion.outcome, outcome);
            let verdict = conclusion.verdict.map(|verdict| verdict.to_string());
            assert_eq!(verdict.as_deref(), written);
            let is_over = is_last || written.is_some();
            assert_eq!(conclusion.clears_mark, is_over);
            assert_eq!(conclusion.deletes_instance, is_over);
            assert_eq!(
                conclusion.error.is_some(),
                round.is_none() || outcome == DrillOutcome::Failed
            );
        }
        let failed = Conclusion::from_checks(Some(&failed), 7, true, TODAY);
        let message = failed.error.unwrap().message;
        assert_eq!(message, "after 7 min: port 80: no connection");
    }

    #[test]
    fn milliseconds_tell_apart_the_marks_of_two_runs() {
        let now: Timestamp = "2026-11-24T06:00:00.123456Z".parse().unwrap();
        let (_, mark) = started_tag(now);
        assert_eq!(mark, "2026-11-24T06:00:00.123Z");
        let tags = [
            ("snapshot-copier:source", "us-west-2/web"),
            ("snapshot-copier:recovery-point", "2026-11-23"),
            ("snapshot-copier:drill-started", &mark),
        ];
        let copy = Snapshot {
            name: "web-us-west-2-2026-11-23".to_owned(),
            tags: tags
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            kind: ResourceKind::Instance,
            state: SnapshotState::Available,
            from: None,
            created_at: None,
            from_region: None,
            attached_disks: Vec::new(),
            bundle: None,
            size_gb: 20,
        };
        let copy = ExistingCopy::recognise(&copy, "us-east-1".parse().unwrap()).unwrap();
        let conclusion = Conclusion::new(DrillOutcome::Waiting, None);
        let drill = PlannedDrill::of_copy(&copy, None, DrillStep::Conclude(conclusion));
        assert!(!drill.is_taken_over(&copy, now));
        let next = now + jiff::SignedDuration::from_millis(1);
        assert!(drill.is_taken_over(&copy, next));
    }

    #[test]
    fn the_mark_is_cleared_together_with_the_verdict() {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mark = tag("snapshot-copier:drill-started", "-");
        let verdict = tag("snapshot-copier:drilled", "2026-11-24 passed 7m");
        let passed = Conclusion::verdict(TODAY, 7, None);
        assert_eq!(passed.tags(), [verdict, mark.clone()]);
        assert_eq!(cancellation(true, true).tags(), [mark]);
        assert_eq!(cancellation(false, true).tags(), []);
    }

    #[test]
    fn an_instance_that_is_left_fails_its_drill() {
        let error = || ApiError::found("AccessDeniedException", "no".to_owned());
        let passed = || Conclusion::verdict(TODAY, 7, None);
        let undeleted = |is_left| passed().undeleted(error(), is_left);
        assert_eq!(undeleted(Some(false)), passed());
        assert_eq!(undeleted(Some(true)).outcome, DrillOutcome::Failed);
        assert_eq!(undeleted(None).outcome, DrillOutcome::Passed);
        let message = |conclusion: Conclusion| conclusion.error.unwrap().message;
        let of_deletion = "the instance could not be deleted: no";
        let expected = format!("all checks passed, but {of_deletion}");
        assert_eq!(message(undeleted(Some(true))), expected);
        assert_eq!(message(undeleted(None)), expected);
        let waiting = Conclusion::new(DrillOutcome::Waiting, None);
        assert_eq!(message(waiting.undeleted(error(), None)), of_deletion);
        let message = cancellation(true, true)
            .undeleted(error(), None)
            .error
            .unwrap()
            .message;
        assert!(
            message.ends_with("; DeleteInstance: AccessDeniedException: no"),
            "{message}"
        );
    }
}
