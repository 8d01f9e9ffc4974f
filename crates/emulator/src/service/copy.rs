//! [CopySnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html).

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;

use super::auto_snapshots::AutoSnapshot;
use super::context::{Answer, Context, Target};
use super::ledger::OperationError;
use super::open::{CopyArnRegion, CopyCreatedAt};
use super::origin::Origin;
use super::resource::{Resource, Snapshot};
use super::state::{Change, State};
use crate::api::error::ServiceError;
use crate::api::parameters::{self, required};
use crate::api::region::Region;
use crate::api::resource::{SnapshotState, SourceKind, Tags};

/// Starts a copy into the Region of the call.
///
/// Checks the parameters first, then that the target name is free, that the source exists, and the
/// limit of copies in progress.
pub(super) fn copy_snapshot(context: &mut Context<'_>) -> Answer {
    let request = CopyRequest::read(context)?;
    context.check_free(request.target)?;
    let source = request.find_source(context.state)?;
    check_limit(context)?;

    let behaviors = &context.state.region(request.region).copy_behaviors;
    let behavior = behaviors.get(request.source.name());
    let behavior = behavior.copied().unwrap_or_default();
    let fault = context.fault.copy;
    let duration = fault.duration.or(behavior.duration);
    let duration = duration.unwrap_or(context.state.settings.copy_duration);
    let ends_at = context.state.after(duration);
    let fails = fault.fails || behavior.fails;

    let details = format!("{}:{}", request.region, request.source.name());
    let error =
        fails.then(|| OperationError::new("CopyFailed", "The snapshot could not be copied."));
    let target = Target::snapshot(request.target, source.kind);
    let operation_type = context.operation.operation_type();
    let operation = context.record_as(operation_type, target, Some(details), ends_at, error);
    if context.has_effect() {
        let end = match fails {
            true => SnapshotState::Error,
            false => SnapshotState::Available,
        };
        let copy = source.copy(context, request.target, ends_at);
        context.add(copy)?;
        let region = context.region;
        context
            .state
            .plan(ends_at, region, request.target, Change::Ends(end));
    }
    Ok(json!({ "operations": [operation] }))
}

fn check_limit(context: &Context<'_>) -> Result<(), ServiceError> {
    let limit = context.state.settings.copy_limit;
    if context.here().in_progress() < limit {
        return Ok(());
    }
    Err(context.state.settings.open.copy_limit_wording.error(limit))
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
    /// An instance's or disk's automatic snapshot of a date, or the latest.
    Automatic(&'a str, Option<Date>),
}

/// What a copy has of its source.
struct Source {
    kind: SourceKind,
    created_at: Timestamp,
    size_in_gb: u32,
    from: Origin,
}

impl Source {
    /// The pending copy.
    fn copy(self, context: &mut Context<'_>, name: &str, ends_at: Timestamp) -> Snapshot {
        let region = context.region;
        let open = context.state.settings.open.clone();
        let mut head =
            context
                .state
                .head(region, self.kind.snapshot_type(), name, None, Tags::new());
        if open.copy_created_at == CopyCreatedAt::Source {
            head.created_at = self.created_at;
        }
        let mut from = self.from;
        if open.copy_arn_region == CopyArnRegion::Destination {
            from = from.in_region(region);
        }
        from.is_auto_snapshot &= open.copy_is_from_auto_snapshot;
        Snapshot {
            kind: self.kind,
            state: SnapshotState::Pending,
            ends_at: Some(ends_at),
            visible_at: context.state.after(open.copy_invisible),
            is_copy: true,
            size_in_gb: self.size_in_gb,
            from,
            ..head.into()
        }
    }
}

impl<'a> CopyRequest<'a> {
    fn read(context: &Context<'a>) -> Result<Self, ServiceError> {
        let parameters: Parameters<'a> = context.parameters()?;
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

    fn find_source(&self, state: &State) -> Result<Source, ServiceError> {
        let here = state.region(self.region);
        let (name, date) = match self.source {
            CopySource::Manual(name) => {
                let found = here.get::<Snapshot>(name);
                return manual(found.ok_or_else(|| ServiceError::not_found("snapshot", name))?);
            }
            CopySource::Automatic(name, date) => (name, date),
        };
        let found = here.resources.get(name);
        let source = found.and_then(|found| Some((found, found.auto_snapshots()?)));
        let (found, auto_snapshots) =
            source.ok_or_else(|| ServiceError::not_found("Instance or Disk", name))?;
        let snapshot = auto_snapshots.restorable(date).ok_or_else(|| {
            let of = date.map_or(String::new(), |date| format!(" of {date}"));
            ServiceError::not_found("automatic snapshot", &format!("{name}{of}"))
        })?;
        automatic(found, snapshot)
    }
}

fn manual(snapshot: &Snapshot) -> Result<Source, ServiceError> {
    if snapshot.state != SnapshotState::Available {
        return Err(ServiceError::operation_failure(format!(
            "The snapshot is not available: {}",
            snapshot.name
        )));
    }
    Ok(Source {
        kind: snapshot.kind,
        created_at: snapshot.created_at,
        size_in_gb: snapshot.size_in_gb,
        from: snapshot.from.clone(),
    })
}

fn automatic(source: &Resource, snapshot: &AutoSnapshot) -> Result<Source, ServiceError> {
    let (kind, size_in_gb) = match source {
        Resource::Instance(instance) => (SourceKind::Instance, instance.size_in_gb),
        Resource::Disk(disk) => (SourceKind::Disk, disk.size_in_gb),
        Resource::Snapshot(_) | Resource::Other(_) => {
            return Err(ServiceError::not_found("Instance or Disk", source.name()));
        }
    };
    Ok(Source {
        kind,
        created_at: snapshot.created_at,
        size_in_gb,
        from: Origin {
            attached_disks: snapshot.attached_disks.clone(),
            is_auto_snapshot: true,
            ..source.origin()
        },
    })
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
            (None, Some(name), Some(date), _) => return Ok(Self::Automatic(name, Some(date))),
            (None, Some(name), None, Some(true)) => return Ok(Self::Automatic(name, None)),
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
            Self::Manual(name) | Self::Automatic(name, _) => name,
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
