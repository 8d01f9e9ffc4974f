//! Dry runs of an event's copies.

use super::owner::find_owner;
use super::recorder::Recorder;
use super::rounds::rounds;
use super::start::Start;
use crate::deadline::Deadline;
use crate::lightsail::{Lightsail, Until};
use crate::model::copy::{CopySource, SnapshotCopy};
use crate::model::event::{CopyResult, Event, Outcome};
use crate::model::failure::ApiError;
use crate::model::region::Region;
use crate::model::resource::{AutoSnapshot, SnapshotState};
use crate::plan::CopyState;

/// Records the result that each copy would have.
pub async fn preview_all(
    lightsail: &Lightsail,
    starts: Vec<Start>,
    deadline: Deadline,
    recorder: &Recorder<'_>,
) {
    let attempt = async |start: &Start, until| preview(lightsail, &start.copy, until).await;
    rounds(
        lightsail,
        starts,
        deadline.observe,
        attempt,
        |start, result| {
            let result = result.unwrap_or_else(|error| CopyResult::failed(start.copy, error));
            let position = start.position;
            recorder.record(Event::CopyResult(CopyResult { position, ..result }));
        },
    )
    .await;
}

/// The result that a copy would have.
///
/// # Errors
///
/// Something could not be read. Another attempt may help.
async fn preview(
    lightsail: &Lightsail,
    copy: &SnapshotCopy,
    until: Until,
) -> Result<CopyResult, ApiError> {
    let copy = copy.clone();
    let outcome = match find_owner(lightsail, &copy, until).await? {
        Some(Ok(CopyState::Available)) => Outcome::Exists,
        Some(Ok(CopyState::InProgress)) => Outcome::Pending,
        Some(Err(error)) => return Ok(CopyResult::failed(copy, error)),
        None => {
            check_source(lightsail, &copy, until).await?;
            Outcome::Planned
        }
    };
    Ok(CopyResult::new(copy, outcome))
}

/// Dry run: checks that Lightsail would accept the source of a copy.
async fn check_source(
    lightsail: &Lightsail,
    copy: &SnapshotCopy,
    until: Until,
) -> Result<(), ApiError> {
    let region = copy.source_region;
    let (resource, date) = match &copy.source {
        CopySource::Manual { snapshot } => {
            let found = lightsail.find_snapshot(region, snapshot, until).await?;
            return check_manual_source(region, snapshot, found.map(|found| found.state));
        }
        CopySource::Dated { resource, date } => (resource, Some(*date)),
        CopySource::Latest { resource } => (resource, None),
    };
    let snapshots = lightsail.auto_snapshots(region, resource, until).await?;
    let is_source = |snapshot: &AutoSnapshot| {
        snapshot.restorable && date.is_none_or(|date| date == snapshot.date)
    };
    if snapshots.iter().any(is_source) {
        return Ok(());
    }
    let of_date = date.map(|date| format!(" of {date}")).unwrap_or_default();
    let message = format!("{resource} in {region} has no restorable automatic snapshot{of_date}");
    Err(ApiError::found("NotFoundException", message))
}

/// Lightsail copies only available snapshots.
fn check_manual_source(
    region: Region,
    snapshot: &str,
    state: Option<SnapshotState>,
) -> Result<(), ApiError> {
    let state = match state {
        Some(SnapshotState::Available) => return Ok(()),
        Some(SnapshotState::Pending) => "still pending",
        Some(SnapshotState::Unknown) => "in state unknown",
        Some(SnapshotState::Error) => "in state error",
        None => {
            let message = format!("{region} has no snapshot {snapshot}");
            return Err(ApiError::found("NotFoundException", message));
        }
    };
    let message = format!("{snapshot} in {region} is {state}, and cannot be copied");
    Err(ApiError::found("OperationFailureException", message))
}
