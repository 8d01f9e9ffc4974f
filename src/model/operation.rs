//! What Lightsail reports about a call that changes something.

use std::borrow::Cow;

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::time::Time;

/// An [Operation], with the members that Lightsail returned, under their API names.
///
/// [Operation]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Operation.html
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are documented on the API's page")]
pub struct Operation {
    pub id: Option<String>,
    pub operation_type: Option<Cow<'static, str>>,
    pub status: Option<Cow<'static, str>>,
    pub is_terminal: Option<bool>,
    pub resource_name: Option<String>,
    pub resource_type: Option<Cow<'static, str>>,
    pub operation_details: Option<String>,
    pub created_at: Option<Time>,
    pub status_changed_at: Option<Time>,
    pub location: Option<Location>,
    pub error_code: Option<String>,
    pub error_details: Option<String>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are documented on the API's page")]
pub struct Location {
    pub availability_zone: Option<String>,
    pub region_name: Option<Cow<'static, str>>,
}
