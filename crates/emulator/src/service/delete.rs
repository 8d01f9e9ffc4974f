//! [DeleteInstanceSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstanceSnapshot.html)
//! and [DeleteDiskSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteDiskSnapshot.html).

use jiff::Timestamp;
use serde_json::Value;

use super::describe;
use super::fault::CallFault;
use super::ledger::{Outcome, Record};
use super::state::State;
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters;
use crate::api::region::Region;
use crate::api::resource::SourceKind;

/// Deletes a snapshot at once, in any state. The operation of a deleted pending copy fails.
pub(crate) fn delete_snapshot(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
    kind: SourceKind,
    fault: &CallFault,
) -> Result<Vec<u8>, ServiceError> {
    let (operation, parameter) = match kind {
        SourceKind::Instance => (Operation::DeleteInstanceSnapshot, "instanceSnapshotName"),
        SourceKind::Disk => (Operation::DeleteDiskSnapshot, "diskSnapshotName"),
    };
    let name = parameters::name(body, parameter)?;
    let id = state.ids.next();
    let resources = state.region_mut(region);
    let snapshot = resources.snapshots.get(name);
    if snapshot.is_none_or(|snapshot| snapshot.kind() != kind) {
        let what = kind.snapshot_type().as_str();
        return Err(ServiceError::not_found(what, name));
    }
    let outcome = fault.outcome();
    if matches!(outcome, Outcome::Done) {
        resources.remove_snapshot(name, now);
    }
    let record = Record {
        id,
        created_at: now,
        operation,
        resource_name: name.to_owned(),
        resource_type: kind.snapshot_type(),
        details: None,
        outcome,
    };
    let answer = describe::started(&record, region, now);
    resources.ledger.add(record);
    Ok(answer)
}
