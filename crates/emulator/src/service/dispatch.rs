//! Calls the function of each operation.

use jiff::Timestamp;
use serde_json::Value;

use super::fault::CallFault;
use super::state::State;
use super::{copy, delete, get_regions, get_snapshots, get_sources, operations, tags};
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
    match operation {
        Operation::CopySnapshot => copy::copy_snapshot(state, now, region, body, fault),
        Operation::DeleteDiskSnapshot => {
            delete::delete_snapshot(state, now, region, body, SourceKind::Disk, fault)
        }
        Operation::DeleteInstanceSnapshot => {
            delete::delete_snapshot(state, now, region, body, SourceKind::Instance, fault)
        }
        Operation::GetAutoSnapshots => get_sources::get_auto_snapshots(state, region, body),
        Operation::GetDisk => get_sources::get_disk(state, region, body),
        Operation::GetDiskSnapshot => get_snapshots::get_disk_snapshot(state, now, region, body),
        Operation::GetDiskSnapshots => get_snapshots::get_disk_snapshots(state, now, region, body),
        Operation::GetDisks => get_sources::get_disks(state, region, body),
        Operation::GetInstance => get_sources::get_instance(state, region, body),
        Operation::GetInstanceSnapshot => {
            get_snapshots::get_instance_snapshot(state, now, region, body)
        }
        Operation::GetInstanceSnapshots => {
            get_snapshots::get_instance_snapshots(state, now, region, body)
        }
        Operation::GetInstances => get_sources::get_instances(state, region, body),
        Operation::GetOperation => operations::get_operation(state, now, region, body),
        Operation::GetOperationsForResource => {
            operations::get_operations_for_resource(state, now, region, body)
        }
        Operation::GetRegions => get_regions::get_regions(body),
        Operation::TagResource => tags::tag_resource(state, now, region, body, fault),
        Operation::UntagResource => tags::untag_resource(state, now, region, body, fault),
    }
}
