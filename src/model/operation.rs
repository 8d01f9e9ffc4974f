//! What Lightsail reports about a call that changes something.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_with::skip_serializing_none;

/// An [Operation], with the members that Lightsail returned, under their API names.
///
/// [Operation]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Operation.html
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are documented on the API's page")]
pub struct Operation {
    pub id: Option<String>,
    pub operation_type: Option<String>,
    pub status: Option<String>,
    pub is_terminal: Option<bool>,
    pub resource_name: Option<String>,
    pub resource_type: Option<String>,
    pub operation_details: Option<String>,
    pub created_at: Option<Time>,
    pub status_changed_at: Option<Time>,
    pub location: Option<Location>,
    pub error_code: Option<String>,
    pub error_details: Option<String>,
}

/// Where an Operation takes place.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are documented on the API's page")]
pub struct Location {
    pub availability_zone: Option<String>,
    pub region_name: Option<String>,
}

/// An instant, reported in RFC 3339 (UTC) with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_always_have_milliseconds() {
        let time = Time(Timestamp::from_second(1_569_613_365).unwrap());
        let json = serde_json::to_value(time).unwrap();
        assert_eq!(json, "2019-09-27T19:42:45.000Z");
    }
}
