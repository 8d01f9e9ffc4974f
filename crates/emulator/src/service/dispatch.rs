//! Calls the function of each operation.

use jiff::Timestamp;
use serde_json::Value;

use super::fault::CallFault;
use super::state::State;
use super::{
    copy, create_disk, create_instances, delete, delete_source, firewall, get_bundles, get_regions,
    get_snapshots, get_sources, operations, tags,
};
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::region::Region;
use crate::api::resource::SourceKind;

/// Answers one call with the JSON text of its result.
pub(crate) fn answer(
    state: &mut State,
    now: Timestamp,
    region: Region,
    operation: Operation,
    body: &Value,
    fault: &CallFault,
) -> Result<Vec<u8>, ServiceError> {
    state.end_deletions(now);
    match operation {
        Operation::CopySnapshot => copy::copy_snapshot(state, now, region, body, fault),
        Operation::CreateDiskFromSnapshot => {
            create_disk::create_disk(state, now, region, body, fault)
        }
        Operation::CreateInstancesFromSnapshot => {
            create_instances::create_instances(state, now, region, body, fault)
        }
        Operation::DeleteDisk => {
            delete_source::delete_source(state, now, region, body, SourceKind::Disk, fault)
        }
        Operation::DeleteDiskSnapshot => {
            delete::delete_snapshot(state, now, region, body, SourceKind::Disk, fault)
        }
        Operation::DeleteInstance => {
            delete_source::delete_source(state, now, region, body, SourceKind::Instance, fault)
        }
        Operation::DeleteInstanceSnapshot => {
            delete::delete_snapshot(state, now, region, body, SourceKind::Instance, fault)
        }
        Operation::GetAutoSnapshots => get_sources::get_auto_snapshots(state, region, body),
        Operation::GetBundles => get_bundles::get_bundles(state, region, body),
        Operation::GetDisk => get_sources::get_disk(state, now, region, body),
        Operation::GetDiskSnapshot => get_snapshots::get_disk_snapshot(state, now, region, body),
        Operation::GetDiskSnapshots => get_snapshots::get_disk_snapshots(state, now, region, body),
        Operation::GetDisks => get_sources::get_disks(state, now, region, body),
        Operation::GetInstance => get_sources::get_instance(state, now, region, body),
        Operation::GetInstancePortStates => firewall::get_instance_port_states(state, region, body),
        Operation::GetInstanceSnapshot => {
            get_snapshots::get_instance_snapshot(state, now, region, body)
        }
        Operation::GetInstanceSnapshots => {
            get_snapshots::get_instance_snapshots(state, now, region, body)
        }
        Operation::GetInstanceState => get_sources::get_instance_state(state, now, region, body),
        Operation::GetInstances => get_sources::get_instances(state, now, region, body),
        Operation::GetOperation => operations::get_operation(state, now, region, body),
        Operation::GetOperationsForResource => {
            operations::get_operations_for_resource(state, now, region, body)
        }
        Operation::GetRegions => get_regions::get_regions(body),
        Operation::PutInstancePublicPorts => {
            firewall::put_instance_public_ports(state, now, region, body, fault)
        }
        Operation::TagResource => tags::tag_resource(state, now, region, body, fault),
        Operation::UntagResource => tags::untag_resource(state, now, region, body, fault),
    }
}
