//! Lightsail's operations: the record that each change leaves, and that tells how a copy ended.

use crate::error::ServiceError;
use crate::id::Id;
use crate::members::{self, OperationMembers, OperationResult, OperationsPage};
use crate::operation::Operation;
use crate::paging::Token;
use crate::parameters;
use crate::region::Region;
use crate::resource::{Copying, Ending, ResourceType};
use crate::state::{Answer, State};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::VecDeque;

/// How many operations of a Region are remembered: enough for any test to look back, and a bound for long simulations.
const KEPT: usize = 10_000;

/// One operation.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: Id,
    pub(crate) created_at: Timestamp,
    pub(crate) operation: Operation,
    pub(crate) resource_name: String,
    pub(crate) resource_type: ResourceType,
    pub(crate) details: Option<String>,
    pub(crate) outcome: Outcome,
}

/// How an operation ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// It was done when it was answered.
    Done,
    /// It ends when the copy does.
    Copying(Copying),
    /// It ended early: its copy was deleted at this moment.
    Deleted(Timestamp),
}

/// What an operation is at a moment.
pub(crate) struct Status {
    /// `Started`, `Succeeded` or `Failed`.
    pub(crate) name: &'static str,
    /// Since when.
    pub(crate) since: Timestamp,
    /// For a failure, its code and what it means.
    pub(crate) error: Option<(&'static str, &'static str)>,
}

impl Record {
    /// What the operation is at a moment.
    pub(crate) fn status(&self, now: Timestamp) -> Status {
        let (name, since, error) = match &self.outcome {
            Outcome::Done => ("Succeeded", self.created_at, None),
            Outcome::Copying(copying) if now < copying.until() => {
                ("Started", self.created_at, None)
            }
            Outcome::Copying(copying) => match copying.ending {
                Ending::Succeeds => ("Succeeded", copying.until(), None),
                Ending::Fails => {
                    let error = ("CopyFailed", "The snapshot could not be copied.");
                    ("Failed", copying.until(), Some(error))
                }
            },
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
    /// Adds an operation; its id is newer than all before.
    pub(crate) fn add(&mut self, record: Record) {
        if self.records.len() == KEPT {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    /// Notes that the copy which this operation makes was deleted, if it was still being made.
    pub(crate) fn note_deletion(&mut self, id: Id, now: Timestamp) {
        if let Ok(index) = self.position(id)
            && let Outcome::Copying(copying) = self.records[index].outcome
            && now < copying.until()
        {
            self.records[index].outcome = Outcome::Deleted(now);
        }
    }

    fn position(&self, id: Id) -> Result<usize, usize> {
        self.records.binary_search_by_key(&id, |record| record.id)
    }
}

/// [GetOperation](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetOperation.html).
pub(crate) fn get_operation(state: &State, now: Timestamp, region: Region, body: &Value) -> Answer {
    let text = parameters::name(body, "operationId")?;
    let ledger = &state.region(region).ledger;
    let index = Id::parse(text)
        .and_then(|id| ledger.position(id).ok())
        .ok_or_else(|| ServiceError::not_found("Operation", text))?;
    Ok(members::json(&OperationResult {
        operation: OperationMembers::of(&ledger.records[index], region, now),
    }))
}

/// [GetOperationsForResource](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetOperationsForResource.html),
/// newest first; also for a resource that is gone.
pub(crate) fn get_operations_for_resource(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Answer {
    let name = parameters::name(body, "resourceName")?;
    let token = Token::of(Operation::GetOperationsForResource, body)?;
    let mut records = state
        .region(region)
        .ledger
        .records
        .iter()
        .rev()
        .filter(|record| record.resource_name == name)
        .map(|record| (record.id.to_string(), record))
        .skip_while(|(id, _)| token.after().is_some_and(|after| id != after));
    if token.after().is_some() {
        records.next();
    }
    let mut page: Vec<_> = records.take(state.page_size + 1).collect();
    let next_page_token = token.next(&mut page, state.page_size, |(id, _)| id);
    Ok(members::json(&OperationsPage {
        operations: page
            .iter()
            .map(|(_, record)| OperationMembers::of(record, region, now))
            .collect(),
        next_page_token,
    }))
}
