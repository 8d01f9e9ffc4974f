//! Calls the function of each operation.

use jiff::Timestamp;
use serde_json::Value;

use super::snapshot::Ending;
use super::state::State;
use super::{copy, delete, lists, operations, tags};
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::region::Region;
use crate::api::resource::SourceKind::{Disk, Instance};

/// Answers one call with the JSON text of its result. `ending` is how a copy that this call starts
/// ends.
pub(crate) fn answer(
    state: &mut State,
    now: Timestamp,
    region: Region,
    operation: Operation,
    body: &Value,
    ending: Ending,
) -> Result<Vec<u8>, ServiceError> {
    match operation {
        Operation::CopySnapshot => copy::copy_snapshot(state, now, region, body, ending),
        Operation::DeleteDiskSnapshot => delete::delete_snapshot(state, now, region, body, Disk),
        Operation::DeleteInstanceSnapshot => {
            delete::delete_snapshot(state, now, region, body, Instance)
        }
        Operation::GetAutoSnapshots => lists::get_auto_snapshots(state, region, body),
        Operation::GetDisk => lists::get_source(state, region, body, Disk),
        Operation::GetDiskSnapshot => lists::get_snapshot(state, now, region, body, Disk),
        Operation::GetDiskSnapshots => lists::get_snapshots(state, now, region, body, Disk),
        Operation::GetDisks => lists::get_sources(state, region, body, Disk),
        Operation::GetInstance => lists::get_source(state, region, body, Instance),
        Operation::GetInstanceSnapshot => lists::get_snapshot(state, now, region, body, Instance),
        Operation::GetInstanceSnapshots => lists::get_snapshots(state, now, region, body, Instance),
        Operation::GetInstances => lists::get_sources(state, region, body, Instance),
        Operation::GetOperation => operations::get_operation(state, now, region, body),
        Operation::GetOperationsForResource => {
            operations::get_operations_for_resource(state, now, region, body)
        }
        Operation::GetRegions => lists::get_regions(body),
        Operation::TagResource => tags::tag_resource(state, now, region, body),
        Operation::UntagResource => tags::untag_resource(state, now, region, body),
    }
}
