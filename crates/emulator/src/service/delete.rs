//! The operations that delete.

use serde_json::json;

use super::context::{Answer, Context, Target};
use super::resource::{Disk, DiskState, Instance, Resource};
use super::state::Change;
use crate::api::error::ServiceError;
use crate::api::instance::InstanceState;
use crate::api::resource::{ResourceType, SourceKind};

/// [DeleteInstanceSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstanceSnapshot.html) and
/// [DeleteDiskSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteDiskSnapshot.html)
/// take effect at once. The operation of a deleted pending copy fails.
pub(super) fn delete_snapshot(context: &mut Context<'_>, kind: SourceKind) -> Answer {
    let resource_type = kind.snapshot_type();
    let name = context.name(&resource_type.parameter())?;
    let open = &context.state.settings.open;
    let found = context.find(resource_type, name)?;
    let refused = |what| Err(ServiceError::operation_failure(format!("{what}: {name}")));
    if found.is_pending_copy() && !open.pending_copy_can_be_deleted {
        return refused("The snapshot is pending");
    }
    let is_used = |made_from: &Option<String>| made_from.as_deref() == Some(name);
    let is_in_use = context.here().resources.values().any(|found| match found {
        Resource::Instance(Instance {
            state: InstanceState::Pending,
            made_from,
            ..
        })
        | Resource::Disk(Disk {
            state: DiskState::Pending,
            made_from,
            ..
        }) => is_used(made_from),
        _ => false,
    });
    if is_in_use && !open.snapshot_in_use_can_be_deleted {
        return refused("The snapshot is in use");
    }
    remove(context, resource_type, name)
}

/// [ReleaseStaticIp](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_ReleaseStaticIp.html).
pub(super) fn release_static_ip(context: &mut Context<'_>) -> Answer {
    let name = context.name("staticIpName")?;
    context.find(ResourceType::StaticIp, name)?;
    remove(context, ResourceType::StaticIp, name)
}

/// Removes a resource that is in no Availability Zone.
fn remove(context: &mut Context<'_>, resource_type: ResourceType, name: &str) -> Answer {
    if context.has_effect() {
        let removed = context.state.remove(context.region, resource_type, name);
        removed.map_err(|error| ServiceError::invalid_input(error.to_string()))?;
    }
    let zone = "all".to_owned();
    context.done(Target {
        name,
        resource_type,
        zone,
    })
}

/// [DeleteInstance](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstance.html) and
/// [DeleteDisk](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteDisk.html)
/// succeed at once, but the resource remains for a while. The disks of an instance are detached.
pub(super) fn delete_source(context: &mut Context<'_>, kind: SourceKind) -> Answer {
    let resource_type = kind.resource_type();
    let name = context.name(&resource_type.parameter())?;
    let found = context.find(resource_type, name)?;
    check(found)?;
    let has_add_ons = found.auto_snapshots().is_some_and(|auto| auto.enabled);
    let is_blocked = has_add_ons
        && kind == SourceKind::Instance
        && context.state.settings.open.add_ons_block_deletion
        && !context.flag("forceDeleteAddOns")?;
    if is_blocked {
        return Err(ServiceError::operation_failure(format!(
            "The instance has add-ons, which forceDeleteAddOns deletes with it: {name}"
        )));
    }
    let gone_at = context
        .state
        .after(context.state.settings.deletion_duration);
    let target = Target::named(name, found);
    let mut operations = Vec::new();
    for disk in context.here().attached_disks(name) {
        let of_disk = Target {
            name: &disk.name,
            resource_type: ResourceType::Disk,
            zone: target.zone.clone(),
        };
        for (target, other) in [(of_disk, name), (target.clone(), &*disk.name)] {
            let details = Some(other.to_owned());
            operations.push(context.record_as("DetachDisk", target, details, gone_at, None));
        }
    }
    operations.push(context.record(target, None, context.state.now));
    if context.has_effect() {
        match context.here_mut().resources.get_mut(name) {
            Some(Resource::Instance(instance)) => instance.state = InstanceState::ShuttingDown,
            Some(Resource::Disk(disk)) => disk.state = DiskState::Deleting,
            _ => {}
        }
        let region = context.region;
        context.state.plan(gone_at, region, name, Change::Gone);
    }
    Ok(json!({ "operations": operations }))
}

fn check(found: &Resource) -> Result<(), ServiceError> {
    let name = found.name();
    let refused = |message| Err(ServiceError::operation_failure(message));
    match found {
        Resource::Instance(Instance {
            state: InstanceState::ShuttingDown,
            ..
        })
        | Resource::Disk(Disk {
            state: DiskState::Deleting,
            ..
        }) => refused(format!("The resource is being deleted: {name}")),
        Resource::Disk(disk) if disk.attached_to.is_some() => {
            refused(format!("The disk is attached: {name}"))
        }
        _ => Ok(()),
    }
}
