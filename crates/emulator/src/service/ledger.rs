//! The record of each operation that changed something.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::snapshot::Copying;
use crate::api::id::Id;
use crate::api::operation::Operation;
use crate::api::resource::ResourceType;

/// How many operations of a Region are kept. The limit bounds the memory of long simulations.
const RECORDS_KEPT: usize = 10_000;

/// One operation.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: Id,
    pub(crate) created_at: Timestamp,
    pub(crate) operation: Operation,
    pub(crate) resource_name: String,
    pub(crate) resource_type: ResourceType,
    /// `operationDetails`.
    pub(crate) details: Option<String>,
    pub(crate) outcome: Outcome,
}

/// How an operation ends.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The operation succeeded at once.
    Done,
    /// The operation succeeds at this time.
    Finishing(Timestamp),
    /// The operation ends with the copy.
    Copying(Copying),
    /// The operation failed at once.
    Failed(OperationError),
    /// The copy was deleted at this time, while it was pending.
    Deleted(Timestamp),
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationError {
    /// `errorCode`.
    pub(crate) code: String,
    /// `errorDetails`.
    pub(crate) details: String,
}

/// The status of an operation at a time.
pub(crate) struct Status<'a> {
    /// `Started`, `Succeeded` or `Failed`.
    pub(crate) name: &'static str,
    /// `statusChangedAt`.
    pub(crate) since: Timestamp,
    /// `errorCode` and `errorDetails` of a failed operation.
    pub(crate) error: Option<(&'a str, &'a str)>,
}

impl Record {
    /// The status at a time.
    pub(crate) fn status(&self, now: Timestamp) -> Status<'_> {
        let (name, since, error) = match &self.outcome {
            Outcome::Done => ("Succeeded", self.created_at, None),
            Outcome::Finishing(at) if now < *at => ("Started", self.created_at, None),
            Outcome::Finishing(at) => ("Succeeded", *at, None),
            Outcome::Copying(copying) if now < copying.until() => {
                ("Started", self.created_at, None)
            }
            Outcome::Copying(copying) if copying.fails => {
                let error = ("CopyFailed", "The snapshot could not be copied.");
                ("Failed", copying.until(), Some(error))
            }
            Outcome::Copying(copying) => ("Succeeded", copying.until(), None),
            Outcome::Failed(OperationError { code, details }) => {
                ("Failed", self.created_at, Some((&**code, &**details)))
            }
            Outcome::Deleted(at) => {
                let error = (
                    "SnapshotDeleted",
                    "The snapshot was deleted before it was copied.",
                );
                ("Failed", *at, Some(error))
            }
        };
        Status { name, since, error }
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

    /// The operation with this id.
    pub(crate) fn get(&self, id: Id) -> Option<&Record> {
        self.position(id).map(|index| &self.records[index])
    }

    /// The operations on a resource, newest first, also if the resource is deleted.
    pub(crate) fn of_resource<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Record> {
        let newest_first = self.records.iter().rev();
        newest_first.filter(move |record| record.resource_name == name)
    }

    /// Ends the operation of a copy that was deleted while it was pending.
    pub(crate) fn end_deleted_copy(&mut self, id: Id, now: Timestamp) {
        if let Some(index) = self.position(id)
            && let Outcome::Copying(copying) = self.records[index].outcome
            && now < copying.until()
        {
            self.records[index].outcome = Outcome::Deleted(now);
        }
    }

    /// Forgets all operations.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
    }

    fn position(&self, id: Id) -> Option<usize> {
        self.records
            .binary_search_by_key(&id, |record| record.id)
            .ok()
    }
}
