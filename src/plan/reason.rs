//! Why a source is not protected.

use jiff::civil::Date;

use super::Planner;
use super::copies::has_failed;
use super::coverage::{CopyResults, Place};
use super::existing_copy::last_valid_date;
use crate::model::coverage::{CoverageStatus, Reason, ReasonCode};
use crate::model::event::{CopyResult, Outcome};
use crate::model::failure::{Code, ErrorKind};
use crate::model::resource::{AutoSnapshot, ResourceId, SnapshotState};
use crate::model::snapshot_name::SnapshotName;
use crate::model::time::utc_date;

impl Planner<'_> {
    /// The status of a source that has no available copy, and why.
    pub(super) fn without_copy(
        &self,
        source: &ResourceId,
        results: &CopyResults<'_>,
    ) -> (CoverageStatus, Reason) {
        let own = self.own_copies(source);
        let mut in_progress = own
            .iter()
            .filter(|copy| copy.state == SnapshotState::Pending);
        let starts = in_progress.clone().filter_map(|copy| copy.created_at);
        let pending = |code, text: &str| (CoverageStatus::Pending, Reason::new(code, text));
        if starts.min().is_some_and(|start| self.is_older(start)) {
            let hours = self.policy.max_recovery_point_age_hours;
            let text = format!("the first copy has been in progress for more than {hours} h");
            let reason = Reason::new(ReasonCode::CopyInProgress, text);
            (CoverageStatus::Unprotected, reason)
        } else if in_progress.next().is_some() {
            pending(ReasonCode::CopyInProgress, "the first copy is in progress")
        } else if self.starts_first_copy(source, results) {
            let mut results = results.iter();
            let is_planned = results.any(|(.., result)| result.outcome == Outcome::Planned);
            let text = match is_planned {
                true => "a run would start the first copy",
                false => "this run starts the first copy",
            };
            pending(ReasonCode::CopyInProgress, text)
        } else if self.waits_for_first_snapshot(source) {
            let text = "the source is new and has no automatic snapshot yet";
            pending(ReasonCode::NoAutoSnapshotYet, text)
        } else {
            let obstacle = self.obstacle(source, results);
            let reason = obstacle.unwrap_or_else(|| {
                let name = &source.name;
                let text = format!("the copies are of an earlier {name}, which was deleted");
                Reason::new(ReasonCode::NoneRestorable, text)
            });
            (CoverageStatus::Unprotected, reason)
        }
    }

    /// Whether this run starts the first copy of a source, or found it in progress.
    fn starts_first_copy(&self, source: &ResourceId, results: &CopyResults<'_>) -> bool {
        let mut own = self.own_copies(source).iter();
        let starts = |(_, date, result): &(Place<'_>, Date, &CopyResult)| match result.outcome {
            Outcome::Started | Outcome::Planned => true,
            // One that the lists had is the copy of a predecessor.
            Outcome::Pending | Outcome::Exists => {
                let mut copies = self.copies_of(source).iter();
                !copies.any(|copy| copy.date == *date)
            }
            Outcome::Deferred | Outcome::Deleted | Outcome::Failed => false,
        };
        !own.any(|copy| copy.state == SnapshotState::Error) && results.iter().any(starts)
    }

    /// Whether a source is too young for its first automatic snapshot.
    fn waits_for_first_snapshot(&self, source: &ResourceId) -> bool {
        let resource = self.sources.resource(source);
        let is_new = resource.is_some_and(|resource| {
            let created_at = resource.created_at;
            resource.automatic_snapshots && created_at.is_some_and(|at| !self.is_older(at))
        });
        let snapshots = self.inventory.auto_snapshots.get(source);
        is_new
            && matches!(snapshots, Some(Ok(snapshots)) if snapshots.iter().all(|snapshot| snapshot.in_progress))
    }

    pub(super) fn automatic_snapshots_off(&self, source: &ResourceId) -> Option<Reason> {
        let resource = self.sources.resource(source)?;
        let text = if resource.is_windows {
            "Lightsail makes no automatic snapshots of Windows instances"
        } else if !resource.automatic_snapshots {
            "automatic snapshots are off"
        } else {
            return None;
        };
        Some(Reason::new(ReasonCode::AutoSnapshotsOff, text))
    }

    /// Why a source has no newer copy.
    pub(super) fn obstacle(
        &self,
        source: &ResourceId,
        results: &CopyResults<'_>,
    ) -> Option<Reason> {
        let snapshots = match self.inventory.auto_snapshots.get(source) {
            Some(Err(error)) => {
                let text = format!("its automatic snapshots could not be read: {error}");
                return Some(Reason::new(ReasonCode::NotRead, text));
            }
            Some(Ok(snapshots)) => snapshots.as_slice(),
            None => &[],
        };
        if let Some((_, date, result)) = results.last() {
            return self.reason_of(source, *date, result);
        }
        let today = utc_date(self.now);
        if let Err(error) = SnapshotName::for_dated(&source.name, source.region, today) {
            return Some(Reason::new(ReasonCode::CopyFailed, error.to_string()));
        }
        if has_failed(self.own_copies(source)) {
            return Some(last_copy_errored());
        }
        let last_date = last_valid_date(self.now);
        let is_restorable = |it: &AutoSnapshot| it.restorable && it.date <= last_date;
        let none_restorable = !snapshots.iter().any(is_restorable);
        let text = "no automatic snapshot is restorable";
        none_restorable.then(|| Reason::new(ReasonCode::NoneRestorable, text))
    }

    /// Why the newest copy that the policy wants is not available after this run.
    fn reason_of(&self, source: &ResourceId, date: Date, result: &CopyResult) -> Option<Reason> {
        let own = self.own_copies(source);
        let (code, text) = match (result.outcome, &result.error) {
            (Outcome::Exists | Outcome::Deleted, _) => return None,
            (Outcome::Pending, _) => {
                let text = format!("the copy of {date} is in progress");
                (ReasonCode::CopyInProgress, text)
            }
            (Outcome::Started | Outcome::Planned, _) if has_failed(own) => {
                return Some(last_copy_errored());
            }
            (Outcome::Planned, _) => {
                let text = format!("a run would start the copy of {date}");
                (ReasonCode::CopyInProgress, text)
            }
            (Outcome::Started, _) => {
                let text = format!("this run starts the copy of {date}");
                (ReasonCode::CopyInProgress, text)
            }
            (Outcome::Deferred | Outcome::Failed, Some(error))
                if error.kind == ErrorKind::TooManyCopies =>
            {
                let text = format!("the copy of {date} waits for room: {}", error.message);
                (ReasonCode::WaitsForRoom, text)
            }
            (Outcome::Deferred | Outcome::Failed, error) => {
                let mut existing = own.iter().filter(|copy| copy.date == date);
                let code = match existing.next().map(|copy| copy.state) {
                    Some(SnapshotState::Error | SnapshotState::Unknown) => ReasonCode::CopyErrored,
                    _ => ReasonCode::CopyFailed,
                };
                let text = match error {
                    Some(error) if error.code == Code::CopyErrored => {
                        format!("the copy of {date} failed: {}", error.message)
                    }
                    Some(error) => format!("the copy of {date} did not start: {error}"),
                    None => format!("the copy of {date} did not start"),
                };
                (code, text)
            }
        };
        Some(Reason::new(code, text))
    }
}

fn last_copy_errored() -> Reason {
    let text = "the last copy ended in state error";
    Reason::new(ReasonCode::CopyErrored, text)
}
