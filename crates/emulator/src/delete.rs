//! [DeleteInstanceSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstanceSnapshot.html)
//! and [DeleteDiskSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteDiskSnapshot.html).

use crate::error::ServiceError;
use crate::ledger::{Outcome, Record};
use crate::members::{self, OperationsResult};
use crate::operation::Operation;
use crate::parameters;
use crate::region::Region;
use crate::resource::{Making, SourceKind};
use crate::state::{Answer, State};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::btree_map::Entry;

/// Deletes a snapshot at once, whatever its state; a copy in progress ends.
pub(crate) fn delete_snapshot(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
    kind: SourceKind,
) -> Answer {
    let (operation, parameter) = match kind {
        SourceKind::Instance => (Operation::DeleteInstanceSnapshot, "instanceSnapshotName"),
        SourceKind::Disk => (Operation::DeleteDiskSnapshot, "diskSnapshotName"),
    };
    let name = parameters::name(body, parameter)?;
    let id = state.ids.next();
    let there = state.region_mut(region);
    let snapshot = match there.snapshots.entry(name.to_owned()) {
        Entry::Occupied(entry) if entry.get().kind == kind => entry.remove(),
        _ => {
            let what = kind.snapshot_type().as_str();
            return Err(ServiceError::not_found(what, name));
        }
    };
    if let Making::Copying(copying) = snapshot.making {
        there.ledger.note_deletion(copying.operation, now);
    }
    let record = Record {
        id,
        created_at: now,
        operation,
        resource_name: name.to_owned(),
        resource_type: kind.snapshot_type(),
        details: None,
        outcome: Outcome::Done,
    };
    let answer = members::json(&OperationsResult::one(&record, region, now));
    there.ledger.add(record);
    Ok(answer)
}
