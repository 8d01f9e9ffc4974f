//! The operations that delete:
//! [DeleteInstance](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstance.html),
//! [DeleteDisk](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteDisk.html),
//! [DeleteInstanceSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstanceSnapshot.html)
//! and [DeleteDiskSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteDiskSnapshot.html).

use serde_json::json;

use super::context::{Answer, Context, Target};
use super::resource::{DiskState, Resource};
use super::state::Change;
use crate::api::error::ServiceError;
use crate::api::instance::InstanceState;
use crate::api::resource::{ResourceType, SourceKind};

/// Deletes a snapshot at once, in any state. The operation of a deleted pending copy fails.
pub(super) fn delete_snapshot(context: &mut Context<'_>, kind: SourceKind) -> Answer {
    let resource_type = kind.snapshot_type();
    let name = context.name(&resource_type.parameter())?;
    context.find(resource_type, name)?;
    if context.has_effect() {
        let removed = context.state.remove(context.region, resource_type, name);
        removed.map_err(|error| ServiceError::invalid_input(error.to_string()))?;
    }
    context.done(Target::snapshot(name, kind))
}

/// Deletes an instance or disk. It remains for a while. The disks of an instance are detached at the
/// end.
pub(super) fn delete_source(context: &mut Context<'_>, kind: SourceKind) -> Answer {
    let resource_type: ResourceType = kind.resource_type();
    let name = context.name(&resource_type.parameter())?;
    check(context.find(resource_type, name)?)?;
    let gone_at = context
        .state
        .after(context.state.settings.deletion_duration);
    let target = Target {
        name,
        resource_type,
        zone: context.find(resource_type, name)?.zone().to_owned(),
    };
    if context.has_effect() {
        match context.here_mut().resources.get_mut(name) {
            Some(Resource::Instance(instance)) => instance.state = InstanceState::ShuttingDown,
            Some(Resource::Disk(disk)) => disk.state = DiskState::Deleting,
            _ => {}
        }
        let region = context.region;
        context.state.plan(gone_at, region, name, Change::Gone);
    }
    let operation = context.record(target, None, gone_at);
    Ok(json!({ "operations": [operation] }))
}

fn check(found: &Resource) -> Result<(), ServiceError> {
    let name = found.name();
    let refused = |message| Err(ServiceError::refused("OperationFailureException", message));
    match found {
        Resource::Instance(instance) if instance.state == InstanceState::ShuttingDown => {
            refused(format!("The resource is being deleted: {name}"))
        }
        Resource::Disk(disk) if disk.state == DiskState::Deleting => {
            refused(format!("The resource is being deleted: {name}"))
        }
        Resource::Disk(disk) if disk.attached_to.is_some() => {
            refused(format!("The disk is attached: {name}"))
        }
        _ => Ok(()),
    }
}
