//! GetOperation and GetOperationsForResource.

use jiff::Timestamp;
use serde_json::Value;

use super::describe;
use super::state::State;
use crate::api::error::ServiceError;
use crate::api::id::Id;
use crate::api::members::{self, OperationResult, OperationsPage};
use crate::api::operation::Operation;
use crate::api::paging::Token;
use crate::api::parameters;
use crate::api::region::Region;

/// [GetOperation](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetOperation.html).
pub(crate) fn get_operation(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let text = parameters::name(body, "operationId")?;
    let record = Id::parse(text)
        .and_then(|id| state.region(region).ledger.get(id))
        .ok_or_else(|| ServiceError::not_found("Operation", text))?;
    Ok(members::json(&OperationResult {
        operation: describe::operation(record, region, now),
    }))
}

/// [GetOperationsForResource](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetOperationsForResource.html),
/// newest first, also for a deleted resource.
pub(crate) fn get_operations_for_resource(
    state: &State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let name = parameters::name(body, "resourceName")?;
    let token = Token::read(Operation::GetOperationsForResource, body)?;
    let mut records = state
        .region(region)
        .ledger
        .of_resource(name)
        .map(|record| (record.id.to_string(), record))
        .skip_while(|(id, _)| token.after().is_some_and(|after| id != after));
    if token.after().is_some() {
        records.next();
    }
    let page_size = state.settings.page_size;
    let mut page: Vec<_> = records.take(page_size + 1).collect();
    let next_page_token = token.next(&mut page, page_size, |(id, _)| id);
    Ok(members::json(&OperationsPage {
        operations: page
            .iter()
            .map(|(_, record)| describe::operation(record, region, now))
            .collect(),
        next_page_token,
    }))
}
