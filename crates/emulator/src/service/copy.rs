//! [CopySnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html).

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use super::describe;
use super::ledger::{Outcome, Record};
use super::snapshot::{Copying, Ending, Origin, Progress};
use super::state::{NewSnapshot, State};
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters::{self, required};
use crate::api::region::Region;
use crate::api::resource::{SnapshotState, SourceKind, Tags};

/// Starts a copy into `destination`, the Region of the call.
///
/// Checks the parameters first, then that the target name is free, that the source exists, and the
/// limit of copies in progress.
pub(crate) fn copy_snapshot(
    state: &mut State,
    now: Timestamp,
    destination: Region,
    body: &Value,
    ending: Ending,
) -> Result<Vec<u8>, ServiceError> {
    let request = CopyRequest::read(body)?;
    if state.region(destination).has(request.target) {
        return Err(ServiceError::invalid_input(format!(
            "Some names are already in use: {}",
            request.target
        )));
    }
    let source = request.find_source(state, now)?;
    check_limit(state, now, destination)?;

    let id = state.ids.next();
    let copying = Copying {
        since: now,
        duration: state.settings.copy_duration,
        ending,
        operation: id,
    };
    let record = Record {
        id,
        created_at: now,
        operation: Operation::CopySnapshot,
        resource_name: request.target.to_owned(),
        resource_type: source.kind.snapshot_type(),
        details: Some(format!("{}:{}", request.region, request.source.name())),
        outcome: Outcome::Copying(copying),
    };
    let answer = describe::started(&record, destination, now);
    let copy = NewSnapshot {
        kind: source.kind,
        origin: source.origin,
        tags: Tags::new(),
        created_at: now,
        size_in_gb: source.size_in_gb,
        is_from_auto_snapshot: source.is_from_auto_snapshot,
        progress: Progress::Copying(copying),
    };
    state
        .add_snapshot(destination, request.target, copy)
        .map_err(|error| ServiceError::invalid_input(error.to_string()))?;
    state.region_mut(destination).ledger.add(record);
    Ok(answer)
}

fn check_limit(state: &State, now: Timestamp, destination: Region) -> Result<(), ServiceError> {
    let limit = state.settings.copy_limit;
    if state.region(destination).in_progress(now) < limit {
        return Ok(());
    }
    Err(ServiceError::refused(
        &state.settings.copy_limit_code,
        format!(
            "Too many snapshot copies in progress. \
             The limit is {limit} for this destination region."
        ),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    restore_date: Option<&'a str>,
    source_region: Option<&'a str>,
    source_resource_name: Option<&'a str>,
    source_snapshot_name: Option<&'a str>,
    target_snapshot_name: Option<&'a str>,
    use_latest_restorable_auto_snapshot: Option<bool>,
}

/// A valid request.
struct CopyRequest<'a> {
    region: Region,
    source: CopySource<'a>,
    target: &'a str,
}

enum CopySource<'a> {
    /// A manual snapshot.
    Manual(&'a str),
    /// The latest automatic snapshot of an instance or disk.
    Latest(&'a str),
    /// An instance's or disk's automatic snapshot of a date.
    Dated(&'a str, Date),
}

impl<'a> CopyRequest<'a> {
    fn read(body: &'a Value) -> Result<Self, ServiceError> {
        let parameters: Parameters<'a> = parameters::read(body)?;
        let region = required("sourceRegion", parameters.source_region)?
            .parse()
            .map_err(|_| {
                ServiceError::invalid_input("sourceRegion must be the name of a Lightsail Region.")
            })?;
        let target = required("targetSnapshotName", parameters.target_snapshot_name)?;
        if !is_snapshot_name(target) {
            return Err(ServiceError::invalid_input(format!(
                "{target} is not a valid targetSnapshotName: it must match \\w[\\w\\-]*\\w and \
                 have at most 255 characters."
            )));
        }
        Ok(Self {
            region,
            source: CopySource::read(&parameters)?,
            target,
        })
    }

    fn find_source(&self, state: &State, now: Timestamp) -> Result<FoundSource, ServiceError> {
        let region = state.region(self.region);
        let (name, date) = match self.source {
            CopySource::Manual(name) => {
                let snapshot = region
                    .snapshots
                    .get(name)
                    .ok_or_else(|| ServiceError::not_found("snapshot", name))?;
                if snapshot.state(now) != SnapshotState::Available {
                    return Err(ServiceError::refused(
                        "OperationFailureException",
                        format!("The snapshot is not available: {name}"),
                    ));
                }
                return Ok(FoundSource {
                    kind: snapshot.kind,
                    origin: snapshot.origin.clone(),
                    size_in_gb: snapshot.size_in_gb,
                    is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
                });
            }
            CopySource::Latest(name) => (name, None),
            CopySource::Dated(name, date) => (name, Some(date)),
        };
        let source = region
            .sources
            .get(name)
            .ok_or_else(|| ServiceError::not_found("Instance or Disk", name))?;
        match date {
            Some(date) if !source.is_restorable(date) => Err(ServiceError::not_found(
                "automatic snapshot",
                &format!("{name} of {date}"),
            )),
            None if source.latest_restorable().is_none() => {
                Err(ServiceError::not_found("automatic snapshot", name))
            }
            _ => Ok(FoundSource {
                kind: source.kind,
                origin: Origin {
                    name: Some(name.to_owned()),
                    arn: Some(source.arn.clone()),
                },
                size_in_gb: source.size_in_gb,
                is_from_auto_snapshot: true,
            }),
        }
    }
}

impl<'a> CopySource<'a> {
    fn read(parameters: &Parameters<'a>) -> Result<Self, ServiceError> {
        let date = match parameters.restore_date {
            Some(text) => Some(parameters::parse_date(text).ok_or_else(|| {
                ServiceError::invalid_input(format!(
                    "restoreDate must be a date in YYYY-MM-DD format, not {text}."
                ))
            })?),
            None => None,
        };
        let latest = parameters.use_latest_restorable_auto_snapshot;
        if date.is_some() && latest == Some(true) {
            return Err(ServiceError::invalid_input(
                "restoreDate and useLatestRestorableAutoSnapshot are mutually exclusive.",
            ));
        }
        let not_empty = |name: &&str| !name.is_empty();
        let resource = parameters.source_resource_name.filter(not_empty);
        let snapshot = parameters.source_snapshot_name.filter(not_empty);
        let message = match (snapshot, resource, date, latest) {
            (Some(name), None, None, None) => return Ok(Self::Manual(name)),
            (None, Some(name), Some(date), _) => return Ok(Self::Dated(name, date)),
            (None, Some(name), None, Some(true)) => return Ok(Self::Latest(name)),
            (Some(_), Some(_), ..) => {
                "sourceSnapshotName and sourceResourceName are mutually exclusive."
            }
            (None, None, ..) => "Either sourceSnapshotName or sourceResourceName is required.",
            (Some(_), None, ..) => {
                "restoreDate and useLatestRestorableAutoSnapshot are only for copying an \
                 automatic snapshot."
            }
            (None, Some(_), None, _) => {
                "Copying an automatic snapshot takes either restoreDate or \
                 useLatestRestorableAutoSnapshot."
            }
        };
        Err(ServiceError::invalid_input(message))
    }

    fn name(&self) -> &'a str {
        match self {
            Self::Manual(name) | Self::Latest(name) | Self::Dated(name, _) => name,
        }
    }
}

/// The properties of the source that its copy gets too.
struct FoundSource {
    kind: SourceKind,
    origin: Origin,
    size_in_gb: u32,
    is_from_auto_snapshot: bool,
}

/// Whether a name matches the page's pattern, `\w[\w\-]*\w`, with at most 255 characters.
fn is_snapshot_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    (2..=255).contains(&bytes.len())
        && bytes.iter().all(|byte| is_word(byte) || *byte == b'-')
        && bytes.first().is_some_and(is_word)
        && bytes.last().is_some_and(is_word)
}
