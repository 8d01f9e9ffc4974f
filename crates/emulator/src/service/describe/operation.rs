//! Operations.

use jiff::Timestamp;

use crate::api::members::{Location, Operation, OperationsResult, Text, Time, json};
use crate::api::region::Region;
use crate::service::ledger::Record;

/// An operation at a time.
pub(in crate::service) fn operation(
    record: &Record,
    region: Region,
    now: Timestamp,
) -> Operation<'_> {
    let status = record.status(now);
    Operation {
        id: Text(record.id),
        resource_name: &record.resource_name,
        resource_type: record.resource_type,
        created_at: Time(record.created_at),
        location: Location::new(record.resource_type, region),
        is_terminal: status.name != "Started",
        operation_details: record.details.as_deref(),
        operation_type: record.operation,
        status: status.name,
        status_changed_at: Time(status.since),
        error_code: status.error.map(|(code, _)| code),
        error_details: status.error.map(|(_, details)| details),
    }
}

/// The answer of a call that started one operation.
pub(in crate::service) fn started(record: &Record, region: Region, now: Timestamp) -> Vec<u8> {
    all_started(std::slice::from_ref(record), region, now)
}

/// The answer of a call that started several operations.
pub(in crate::service) fn all_started(
    records: &[Record],
    region: Region,
    now: Timestamp,
) -> Vec<u8> {
    let operations = records.iter();
    json(&OperationsResult {
        operations: operations
            .map(|record| operation(record, region, now))
            .collect(),
    })
}
