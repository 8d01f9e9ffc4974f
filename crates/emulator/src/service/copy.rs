//! [CopySnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html).

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use super::change::NewSnapshot;
use super::describe;
use super::fault::CallFault;
use super::ledger::{Outcome, Record};
use super::snapshot::{Copying, FromInstance, Origin, Progress, SnapshotDetail};
use super::source::{AutoSnapshot, Source, SourceDetail};
use super::state::{CopyArnRegion, State};
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters::{self, required};
use crate::api::region::Region;
use crate::api::resource::{SnapshotState, Tags};

/// Starts a copy into `destination`, the Region of the call.
///
/// Checks the parameters first, then that the target name is free, that the source exists, and the
/// limit of copies in progress.
pub(crate) fn copy_snapshot(
    state: &mut State,
    now: Timestamp,
    destination: Region,
    body: &Value,
    fault: &CallFault,
) -> Result<Vec<u8>, ServiceError> {
    let request = CopyRequest::read(body)?;
    if state.region(destination).has(request.target) {
        return Err(ServiceError::name_in_use(request.target));
    }
    let source = request.find_source(state, now)?;
    check_limit(state, now, destination)?;

    let copying = request.copying(state, now, fault);
    let record = Record {
        id: copying.operation,
        created_at: now,
        operation: Operation::CopySnapshot,
        resource_name: request.target.to_owned(),
        resource_type: source.detail.kind().snapshot_type(),
        details: Some(format!("{}:{}", request.region, request.source.name())),
        outcome: match fault.outcome() {
            Outcome::Done => Outcome::Copying(copying),
            failed => failed,
        },
    };
    let answer = describe::started(&record, destination, now);
    if fault.failure.is_none() {
        let copy = source.copy(state.settings.copy_arn_region, destination, copying);
        state
            .add_snapshot(destination, request.target, copy)
            .map_err(|error| ServiceError::invalid_input(error.to_string()))?;
    }
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

    /// The copy to be started. The fault of the call overrides the behavior set for the source.
    fn copying(&self, state: &mut State, now: Timestamp, fault: &CallFault) -> Copying {
        let behaviors = &state.region(self.region).copy_behaviors;
        let behavior = behaviors
            .get(self.source.name())
            .copied()
            .unwrap_or_default();
        let duration = fault.copy.duration.or(behavior.duration);
        Copying {
            since: now,
            duration: duration.unwrap_or(state.settings.copy_duration),
            fails: fault.copy.fails || behavior.fails,
            operation: state.ids.next(),
        }
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
                    detail: snapshot.detail.clone(),
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
        let snapshot = match date {
            Some(date) => source.restorable(date).ok_or_else(|| {
                ServiceError::not_found("automatic snapshot", &format!("{name} of {date}"))
            })?,
            None => source
                .latest_restorable()
                .ok_or_else(|| ServiceError::not_found("automatic snapshot", name))?,
        };
        Ok(FoundSource {
            detail: snapshot_detail(source, snapshot),
            origin: Origin {
                name: Some(name.to_owned()),
                arn: Some(source.arn.clone()),
            },
            size_in_gb: source.size_in_gb,
            is_from_auto_snapshot: true,
        })
    }
}

fn snapshot_detail(source: &Source, snapshot: &AutoSnapshot) -> SnapshotDetail {
    match &source.detail {
        SourceDetail::Instance(instance) => SnapshotDetail::Instance(FromInstance {
            blueprint_id: instance.blueprint_id.clone(),
            bundle_id: instance.bundle.id.to_owned(),
            attached_disks: snapshot.attached_disks.clone(),
        }),
        SourceDetail::Disk(_) => SnapshotDetail::Disk,
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
    detail: SnapshotDetail,
    origin: Origin,
    size_in_gb: u32,
    is_from_auto_snapshot: bool,
}

impl FoundSource {
    /// The snapshot that a copy of this source creates.
    fn copy(self, arn_region: CopyArnRegion, destination: Region, copying: Copying) -> NewSnapshot {
        NewSnapshot {
            origin: match arn_region {
                CopyArnRegion::Source => self.origin,
                CopyArnRegion::Destination => self.origin.in_region(destination),
            },
            tags: Tags::new(),
            created_at: copying.since,
            size_in_gb: self.size_in_gb,
            is_from_auto_snapshot: self.is_from_auto_snapshot,
            progress: Progress::Copying(copying),
            detail: self.detail,
        }
    }
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
