//! [CreateInstanceSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateInstanceSnapshot.html) and
//! [CreateDiskSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateDiskSnapshot.html).

use serde_json::json;

use super::context::{Answer, Context, Target};
use super::origin::Origin;
use super::resource::{Disk, DiskState, Instance, Resource, Snapshot};
use super::state::Change;
use super::tags;
use crate::api::error::ServiceError;
use crate::api::instance::InstanceState;
use crate::api::resource::{SnapshotState, SourceKind};

/// Starts a snapshot, which is pending as long as a copy. It has the tags of the request only: the
/// console adds those of the instance or disk to its request.
pub(super) fn create_snapshot(context: &mut Context<'_>, kind: SourceKind) -> Answer {
    let snapshot_type = kind.snapshot_type();
    let name = context.name(&snapshot_type.parameter())?;
    let source_name = context.name(&kind.resource_type().parameter())?;
    let tags = tags::of_new(context, snapshot_type)?;
    context.check_new_name(name)?;
    let source = context.find(kind.resource_type(), source_name)?;
    let size_in_gb = match source {
        Resource::Instance(Instance {
            state: InstanceState::Running | InstanceState::Stopped,
            size_in_gb,
            ..
        })
        | Resource::Disk(Disk {
            state: DiskState::Available,
            size_in_gb,
            ..
        }) => *size_in_gb,
        _ => {
            let message = format!("The state of the resource allows no snapshot: {source_name}");
            return Err(ServiceError::operation_failure(message));
        }
    };
    let from = Origin {
        attached_disks: context.here().attached_disks(source_name),
        ..source.origin()
    };
    let of_source = Target::named(source_name, source);
    let ends_at = context.state.after(context.state.settings.copy_duration);
    let region = context.region;
    let head = context.state.head(region, snapshot_type, name, None, tags);
    context.add(Snapshot {
        kind,
        state: SnapshotState::Pending,
        ends_at: Some(ends_at),
        size_in_gb,
        from,
        ..head.into()
    })?;
    let end = Change::Ends(SnapshotState::Available);
    context.state.plan(ends_at, region, name, end);
    let of_snapshot = Target::snapshot(name, kind);
    let operations = [
        context.record(of_snapshot, Some(source_name.to_owned()), ends_at),
        context.record(of_source, Some(name.to_owned()), ends_at),
    ];
    Ok(json!({ "operations": operations }))
}
