//! The operations that create and attach disks.

use serde::Deserialize;
use serde_json::json;

use super::add_on;
use super::context::{Answer, Context, Target};
use super::create::{Creation, New, find_snapshot};
use super::resource::{Disk, DiskState, Resource};
use super::tags;
use crate::api::error::ServiceError;
use crate::api::parameters::required;
use crate::api::resource::{ResourceType, SourceKind};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    disk_name: Option<&'a str>,
    disk_snapshot_name: Option<&'a str>,
    availability_zone: Option<&'a str>,
    size_in_gb: Option<u32>,
}

impl<'a> Parameters<'a> {
    /// The name and the size of the disk.
    fn check(&self) -> Result<(&'a str, u32), ServiceError> {
        required("availabilityZone", self.availability_zone)?;
        let size = self.size_in_gb;
        let size = size.ok_or_else(|| ServiceError::invalid_input("sizeInGb is required."))?;
        Ok((required("diskName", self.disk_name)?, size))
    }
}

const SMALLEST_IN_GB: u32 = 8;

/// [CreateDisk](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateDisk.html).
pub(super) fn create_disk(context: &mut Context<'_>) -> Answer {
    create(context, context.parameters()?, None, SMALLEST_IN_GB)
}

/// [CreateDiskFromSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateDiskFromSnapshot.html).
pub(super) fn create_disk_from_snapshot(context: &mut Context<'_>) -> Answer {
    let parameters: Parameters<'_> = context.parameters()?;
    parameters.check()?;
    let name = required("diskSnapshotName", parameters.disk_snapshot_name)?;
    let snapshot = find_snapshot(context, SourceKind::Disk, name)?;
    let smallest = snapshot.size_in_gb;
    create(context, parameters, Some(name), smallest)
}

/// Creates a disk, which is not attached.
fn create(
    context: &mut Context<'_>,
    parameters: Parameters<'_>,
    made_from: Option<&str>,
    smallest: u32,
) -> Answer {
    let (name, size_in_gb) = parameters.check()?;
    let creation = Creation::new(context, parameters.availability_zone)?;
    if size_in_gb < smallest {
        return Err(ServiceError::invalid_input(format!(
            "sizeInGb must be at least {smallest}, the size of the snapshot or of the smallest disk."
        )));
    }
    let new = New {
        tags: tags::of_new(context, ResourceType::Disk)?,
        auto_snapshots: add_on::of_new(context)?,
        made_from: made_from.map(str::to_owned),
    };
    context.check_new_name(name)?;
    let operation = creation.disk(context, name, size_in_gb, None, new)?;
    Ok(json!({ "operations": [operation] }))
}

/// [AttachDisk](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_AttachDisk.html).
pub(super) fn attach_disk(context: &mut Context<'_>) -> Answer {
    let disk_name = context.name("diskName")?;
    let instance_name = context.name("instanceName")?;
    let path = context.name("diskPath")?;
    let disk = context.find(ResourceType::Disk, disk_name)?;
    let instance = context.find(ResourceType::Instance, instance_name)?;
    let refused = |message: String| Err(ServiceError::operation_failure(message));
    if disk.zone() != instance.zone() {
        return refused(format!(
            "{disk_name} and {instance_name} are in different zones."
        ));
    }
    let Resource::Disk(Disk {
        state: DiskState::Available,
        attached_to: None,
        ..
    }) = disk
    else {
        return refused(format!("The disk is not available: {disk_name}"));
    };
    let attached = context.here().attached_disks(instance_name);
    if attached.iter().any(|disk| disk.path == path) {
        return refused(format!("The path is in use: {path}"));
    }
    let (of_disk, of_instance) = (
        Target::named(disk_name, disk),
        Target::named(instance_name, instance),
    );
    if context.has_effect()
        && let Ok(disk) = context.state.get_mut::<Disk>(context.region, disk_name)
    {
        disk.attached_to = Some(instance_name.to_owned());
        disk.path = Some(path.to_owned());
    }
    let ends_at = context.state.after(context.state.settings.start_duration);
    let operations = [
        context.record(of_disk, Some(instance_name.to_owned()), ends_at),
        context.record(of_instance, Some(disk_name.to_owned()), ends_at),
    ];
    Ok(json!({ "operations": operations }))
}
