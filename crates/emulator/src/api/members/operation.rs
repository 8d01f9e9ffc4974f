//! Operations.

use serde::Serialize;

use super::value::{Location, Text, Time};
use crate::api::id::Id;
use crate::api::operation::Operation as OperationType;
use crate::api::resource::ResourceType;

/// [Operation](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Operation.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation<'a> {
    pub(crate) id: Text<Id>,
    pub(crate) resource_name: &'a str,
    pub(crate) resource_type: ResourceType,
    pub(crate) created_at: Time,
    pub(crate) location: Location,
    pub(crate) is_terminal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation_details: Option<&'a str>,
    pub(crate) operation_type: OperationType,
    pub(crate) status: &'static str,
    pub(crate) status_changed_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_details: Option<&'a str>,
}

/// GetOperation's answer.
#[derive(Serialize)]
pub(crate) struct OperationResult<'a> {
    pub(crate) operation: Operation<'a>,
}

/// The answer of an operation that changes something.
#[derive(Serialize)]
pub(crate) struct OperationsResult<'a> {
    pub(crate) operations: Vec<Operation<'a>>,
}

/// GetOperationsForResource's answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationsPage<'a> {
    pub(crate) operations: Vec<Operation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_page_token: Option<String>,
}
