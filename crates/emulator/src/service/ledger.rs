//! The record of each operation that changed something.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::api::id::Id;
use crate::api::resource::ResourceType;

/// How many operations of a Region are kept. The limit bounds the memory of long simulations.
const RECORDS_KEPT: usize = 10_000;

/// One operation. It is `Started`, and at `ends_at` `Failed` or `Succeeded`.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: Id,
    pub(crate) created_at: Timestamp,
    pub(crate) operation_type: &'static str,
    pub(crate) resource_name: String,
    pub(crate) resource_type: ResourceType,
    pub(crate) availability_zone: String,
    pub(crate) details: Option<String>,
    pub(crate) ends_at: Timestamp,
    pub(crate) error: Option<OperationError>,
}

/// Why an operation failed: `errorCode` and `errorDetails`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationError {
    pub(crate) code: String,
    pub(crate) details: String,
}

impl OperationError {
    pub(crate) fn new(code: &str, details: &str) -> Self {
        Self {
            code: code.to_owned(),
            details: details.to_owned(),
        }
    }
}

/// The operations of one Region, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    records: VecDeque<Record>,
}

impl Ledger {
    /// Adds an operation. Its id must be the highest so far.
    pub(crate) fn add(&mut self, record: Record) {
        if self.records.len() == RECORDS_KEPT {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Record> {
        let found = self.records.binary_search_by_key(&id, |record| record.id);
        found.ok().map(|index| &self.records[index])
    }

    /// The operations on a resource, newest first, also if the resource is deleted.
    pub(crate) fn of_resource<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Record> {
        let newest_first = self.records.iter().rev();
        newest_first.filter(move |record| record.resource_name == name)
    }

    /// Fails the operation that makes a snapshot, which was deleted before it ended.
    pub(crate) fn end_deleted(&mut self, snapshot: &str, now: Timestamp) {
        for record in &mut self.records {
            if record.resource_name == snapshot && now < record.ends_at {
                record.ends_at = now;
                record.error = Some(OperationError::new(
                    "SnapshotDeleted",
                    "The snapshot was deleted before it was complete.",
                ));
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
    }
}
