//! Payloads: bytes become JSON in which no object has a field twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::validation::ValidationErrors;
use crate::model::Excerpt;

/// Reads JSON. `what` names it in messages.
///
/// # Errors
///
/// It is not JSON, or an object has a field twice. `serde_json` alone would take the last of two
/// `dryRun`s, and the wrong one changes something.
pub fn parse_json(json: &[u8], what: &str) -> Result<Value, ValidationErrors> {
    let read: Result<UniqueFields, _> = serde_json::from_slice(json);
    read.map(|json| json.0).map_err(|error| {
        if error.is_data() {
            ValidationErrors::one(error)
        } else {
            ValidationErrors::one(format_args!("the {what} is not JSON: {error}"))
        }
    })
}

/// JSON in which no object has a field twice.
struct UniqueFields(Value);

impl<'de> Deserialize<'de> for UniqueFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(UniqueFields(element)) = seq.next_element()? {
            elements.push(element);
        }
        Ok(elements.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, UniqueFields(value))) = map.next_entry::<String, _>()? {
            if fields.contains_key(&name) {
                let name = Excerpt(&name);
                return Err(A::Error::custom(format_args!("duplicate field {name:?}")));
            }
            fields.insert(name, value);
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_it_is_unless_a_field_is_there_twice() {
        let text =
            r#"{"a":[null,true,0,-1,1.5,18446744073709551615,"x\u00e9",{}],"b":{"a":1,"b":2}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse_json(text.as_bytes(), "event"), Ok(expected));
        let message = |text: &str| {
            parse_json(text.as_bytes(), "event")
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message(r#"{"dryRun": true, "dryRun": false}"#),
            "duplicate field \"dryRun\" at line 1 column 33"
        );
        assert!(message(r#"[{"a": {"b": 1, "c": 2, "b": 1}}]"#).contains("duplicate field \"b\""));
        assert!(message("{").starts_with("the event is not JSON: EOF"));
        assert!(message(&"[".repeat(100_000)).starts_with("the event is not JSON: recursion"));
    }
}
