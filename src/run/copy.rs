//! Starts one copy, and finds out what has its name if the name is in use or the answer was lost.

use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::lightsail::Lightsail;
use crate::model::copy::{CopySource, SnapshotCopy};
use crate::model::event::{CopyResult, Outcome};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;
use crate::model::resource::{AutoSnapshot, SnapshotState};
use crate::plan::{CopyState, name_owner, owner_not_found};

use super::name_owner::source_facts;

/// Starts a copy.
pub async fn start(lightsail: &Lightsail, copy: SnapshotCopy, deadline: Deadline) -> CopyResult {
    let error = match lightsail.copy_snapshot(&copy, deadline.copies).await {
        Ok(operations) => {
            return CopyResult {
                operations,
                ..CopyResult::new(copy, Outcome::Started)
            };
        }
        Err(error) => error,
    };
    if error.kind != ErrorKind::NameInUse && !error.may_have_happened {
        return CopyResult::failed(copy, error);
    }
    let wait = error.kind == ErrorKind::NameInUse;
    let until = match wait {
        true => deadline.look_ups.min(Instant::now() + deadline.owner_wait),
        false => deadline.look_ups,
    };
    match find_owner(lightsail, &copy, wait, until).await {
        Ok(Some(owner)) => name_in_use(copy, owner),
        // The answer was lost or the service failed, and the copy did not start.
        Ok(None) | Err(_) if error.kind != ErrorKind::NameInUse => CopyResult::failed(copy, error),
        Ok(None) => CopyResult::failed(copy, owner_not_found(&error)),
        Err(unread) => {
            let message = format!(
                "the name is in use, and its owner could not be read: {}",
                unread.message
            );
            CopyResult::failed(copy, ApiError { message, ..unread })
        }
    }
}

/// Dry run: the outcome this copy would have.
pub async fn preview(lightsail: &Lightsail, copy: SnapshotCopy, deadline: Deadline) -> CopyResult {
    match find_owner(lightsail, &copy, false, deadline.look_ups).await {
        Ok(None) => {}
        Ok(Some(owner)) => return name_in_use(copy, owner),
        Err(error) => return CopyResult::failed(copy, error),
    }
    match check_source(lightsail, &copy, deadline.look_ups).await {
        Ok(()) => CopyResult::new(copy, Outcome::Planned),
        Err(error) => CopyResult::failed(copy, error),
    }
}

/// Dry run: checks that Lightsail would accept the source of a copy.
async fn check_source(
    lightsail: &Lightsail,
    copy: &SnapshotCopy,
    deadline: Instant,
) -> Result<(), ApiError> {
    let region = copy.source_region;
    let (resource, date) = match &copy.source {
        CopySource::Manual { snapshot } => {
            let found = lightsail.find_snapshot(region, snapshot, deadline).await?;
            return check_manual_source(region, snapshot, found.map(|found| found.state));
        }
        CopySource::Dated { resource, date } => (resource, Some(*date)),
        CopySource::Latest { resource } => (resource, None),
    };
    let snapshots = lightsail.auto_snapshots(region, resource, deadline).await?;
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

/// Looks up the snapshot that has a copy's name. With `wait`, repeats that until it is found or the
/// deadline comes.
async fn find_owner(
    lightsail: &Lightsail,
    copy: &SnapshotCopy,
    wait: bool,
    deadline: Instant,
) -> Result<Option<Result<CopyState, ApiError>>, ApiError> {
    let (region, name) = (copy.destination, copy.target.as_str());
    let found = if wait {
        lightsail.wait_for_snapshot(region, name, deadline).await?
    } else {
        lightsail.find_snapshot(region, name, deadline).await?
    };
    let Some(found) = found else {
        return Ok(None);
    };
    let source = source_facts(lightsail, copy, deadline).await?;
    Ok(Some(name_owner(copy, &found, &source)))
}

/// The result of a copy whose name is in use.
fn name_in_use(copy: SnapshotCopy, owner: Result<CopyState, ApiError>) -> CopyResult {
    match owner {
        Ok(CopyState::Available) => CopyResult::new(copy, Outcome::Exists),
        Ok(CopyState::InProgress) => CopyResult::new(copy, Outcome::Pending),
        Err(error) => CopyResult::failed(copy, error),
    }
}
