//! [CopySnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html).

use crate::error::ServiceError;
use crate::ledger::{Outcome, Record};
use crate::members::{self, OperationsResult};
use crate::operation::Operation;
use crate::parameters::{self, required};
use crate::region::Region;
use crate::resource::{Copying, Ending, Making, Origin, SnapshotState, SourceKind, Tags};
use crate::state::{Answer, NewSnapshot, State};
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::Value;

/// Starts a copy into `destination`, the Region that the call was made to.
///
/// The parameters' own rules come first, then whether the target's name is free, whether the source is there, and the
/// limit of copies in progress.
pub(crate) fn copy_snapshot(
    state: &mut State,
    now: Timestamp,
    destination: Region,
    body: &Value,
    ending: Ending,
) -> Answer {
    let request = CopyRequest::read(body)?;
    if state.region(destination).has(request.target) {
        return Err(ServiceError::invalid_input(format!(
            "Some names are already in use: {}",
            request.target
        )));
    }
    let found = request.find(state, now)?;
    if state.region(destination).in_progress(now) >= state.copy_limit {
        return Err(ServiceError::refused(
            &state.copy_limit_code,
            format!(
                "Too many snapshot copies in progress. The limit is {} for this destination region.",
                state.copy_limit
            ),
        ));
    }

    let id = state.ids.next();
    let copying = Copying {
        since: now,
        takes: state.copy_time,
        ending,
        operation: id,
    };
    let record = Record {
        id,
        created_at: now,
        operation: Operation::CopySnapshot,
        resource_name: request.target.to_owned(),
        resource_type: found.kind.snapshot_type(),
        details: Some(format!("{}:{}", request.region, request.source.name())),
        outcome: Outcome::Copying(copying),
    };
    let answer = members::json(&OperationsResult::one(&record, destination, now));
    let copy = NewSnapshot {
        kind: found.kind,
        origin: found.origin,
        tags: Tags::new(),
        created_at: now,
        size_in_gb: found.size_in_gb,
        is_from_auto_snapshot: found.is_from_auto_snapshot,
        making: Making::Copying(copying),
    };
    state
        .add_snapshot(destination, request.target, copy)
        .map_err(|error| ServiceError::invalid_input(error.to_string()))?;
    state.region_mut(destination).ledger.add(record);
    Ok(answer)
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

/// A request that keeps all of the page's rules.
struct CopyRequest<'a> {
    region: Region,
    source: CopySource<'a>,
    target: &'a str,
}

enum CopySource<'a> {
    Manual(&'a str),
    Latest(&'a str),
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
                "{target} is not a valid targetSnapshotName: it must match \\w[\\w\\-]*\\w and have at most 255 \
                 characters."
            )));
        }
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
        let resource = parameters
            .source_resource_name
            .filter(|name| !name.is_empty());
        let snapshot = parameters
            .source_snapshot_name
            .filter(|name| !name.is_empty());
        let source = match (snapshot, resource, date, latest) {
            (Some(_), Some(_), ..) => Err(
                "sourceSnapshotName and sourceResourceName are mutually exclusive.".to_owned(),
            ),
            (None, None, ..) => {
                Err("Either sourceSnapshotName or sourceResourceName is required.".to_owned())
            }
            (Some(name), None, None, None) => Ok(CopySource::Manual(name)),
            (Some(_), None, ..) => Err(
                "restoreDate and useLatestRestorableAutoSnapshot are only for copying an automatic snapshot."
                    .to_owned(),
            ),
            (None, Some(name), Some(date), _) => Ok(CopySource::Dated(name, date)),
            (None, Some(name), None, Some(true)) => Ok(CopySource::Latest(name)),
            (None, Some(_), None, _) => Err(
                "Copying an automatic snapshot takes either restoreDate or useLatestRestorableAutoSnapshot."
                    .to_owned(),
            ),
        };
        Ok(Self {
            region,
            source: source.map_err(ServiceError::invalid_input)?,
            target,
        })
    }

    /// Looks the source up.
    fn find(&self, state: &State, now: Timestamp) -> Result<Found, ServiceError> {
        let region = state.region(self.region);
        match self.source {
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
                Ok(Found {
                    kind: snapshot.kind,
                    origin: snapshot.origin.clone(),
                    size_in_gb: snapshot.size_in_gb,
                    is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
                })
            }
            CopySource::Latest(name) | CopySource::Dated(name, _) => {
                let source = region
                    .sources
                    .get(name)
                    .ok_or_else(|| ServiceError::not_found("Instance or Disk", name))?;
                let is_there = match self.source {
                    CopySource::Dated(_, date) => source.is_restorable(date),
                    _ => source.latest_restorable().is_some(),
                };
                if !is_there {
                    let which = match self.source {
                        CopySource::Dated(_, date) => format!("{name} of {date}"),
                        _ => name.to_owned(),
                    };
                    return Err(ServiceError::not_found("automatic snapshot", &which));
                }
                Ok(Found {
                    kind: source.kind,
                    origin: Origin {
                        name: Some(name.to_owned()),
                        arn: Some(source.arn.clone()),
                    },
                    size_in_gb: source.size_in_gb,
                    is_from_auto_snapshot: true,
                })
            }
        }
    }
}

impl<'a> CopySource<'a> {
    fn name(&self) -> &'a str {
        match self {
            Self::Manual(name) | Self::Latest(name) | Self::Dated(name, _) => name,
        }
    }
}

/// What a copy takes over from its source.
struct Found {
    kind: SourceKind,
    origin: Origin,
    size_in_gb: u32,
    is_from_auto_snapshot: bool,
}

/// The page's pattern, `\w[\w\-]*\w`, at most 255 characters.
fn is_snapshot_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    (2..=255).contains(&bytes.len())
        && bytes.iter().all(|byte| is_word(byte) || *byte == b'-')
        && bytes.first().is_some_and(is_word)
        && bytes.last().is_some_and(is_word)
}
