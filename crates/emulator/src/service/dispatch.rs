//! Calls the function of each operation.

use super::context::{Answer, Context};
use super::{add_on, copy, create, delete, disk, firewall, instances, read, snapshots, tags};
use crate::api::operation::Operation;
use crate::api::resource::{ResourceType, SourceKind};

/// Answers one call with the JSON of its result.
pub(crate) fn answer(context: &mut Context<'_>) -> Answer {
    context.authorize(context.operation, None)?;
    match context.operation {
        Operation::AllocateStaticIp => create::allocate_static_ip(context),
        Operation::AttachDisk => disk::attach_disk(context),
        Operation::CopySnapshot => copy::copy_snapshot(context),
        Operation::CreateDisk => disk::create_disk(context),
        Operation::CreateDiskFromSnapshot => disk::create_disk_from_snapshot(context),
        Operation::CreateDiskSnapshot => snapshots::create_snapshot(context, SourceKind::Disk),
        Operation::CreateInstanceSnapshot => {
            snapshots::create_snapshot(context, SourceKind::Instance)
        }
        Operation::CreateInstances => instances::create_instances(context),
        Operation::CreateInstancesFromSnapshot => {
            instances::create_instances_from_snapshot(context)
        }
        Operation::DeleteDisk => delete::delete_source(context, SourceKind::Disk),
        Operation::DeleteDiskSnapshot => delete::delete_snapshot(context, SourceKind::Disk),
        Operation::DeleteInstance => delete::delete_source(context, SourceKind::Instance),
        Operation::DeleteInstanceSnapshot => delete::delete_snapshot(context, SourceKind::Instance),
        Operation::DisableAddOn => add_on::disable_add_on(context),
        Operation::EnableAddOn => add_on::enable_add_on(context),
        Operation::GetAutoSnapshots => read::get_auto_snapshots(context),
        Operation::GetBundles => read::get_bundles(context),
        Operation::GetDisk => read::get(context, ResourceType::Disk),
        Operation::GetDiskSnapshot => read::get(context, ResourceType::DiskSnapshot),
        Operation::GetDiskSnapshots => read::list(context, ResourceType::DiskSnapshot),
        Operation::GetDisks => read::list(context, ResourceType::Disk),
        Operation::GetInstance => read::get(context, ResourceType::Instance),
        Operation::GetInstancePortStates => read::get_instance_port_states(context),
        Operation::GetInstanceSnapshot => read::get(context, ResourceType::InstanceSnapshot),
        Operation::GetInstanceSnapshots => read::list(context, ResourceType::InstanceSnapshot),
        Operation::GetInstanceState => read::get_instance_state(context),
        Operation::GetInstances => read::list(context, ResourceType::Instance),
        Operation::GetOperation => read::get_operation(context),
        Operation::GetOperationsForResource => read::get_operations_for_resource(context),
        Operation::GetRegions => read::get_regions(context),
        Operation::PutInstancePublicPorts => firewall::put_instance_public_ports(context),
        Operation::ReleaseStaticIp => delete::release_static_ip(context),
        Operation::TagResource => tags::tag_resource(context),
        Operation::UntagResource => tags::untag_resource(context),
    }
}
