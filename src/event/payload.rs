//! Payloads: bytes become JSON that fits into memory, in which no object has a field twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::errors::{Path, ValidationErrors};
use crate::model::Excerpt;

/// The largest document, in bytes. 10,000 copies with 300 bytes each are smaller.
const MAX_BYTES: usize = 3 * 1024 * 1024;

/// The most values of a document. 10,000 copies have fewer than 80,000: six fields and the object
/// itself for each, and 10,000 destinations. A value takes up to 700 bytes of memory (an object
/// with one field), so a document takes 70 MB at most.
const MAX_VALUES: usize = 100_000;

/// Reads JSON. `what` names it in messages. Returns `None`, with the error recorded, if it cannot
/// be read.
///
/// An object that has a field twice is an error: `serde_json` alone would take the last of two
/// `dryRun`s, and the wrong one changes something.
pub fn parse_json(json: &[u8], what: &str, errors: &mut ValidationErrors) -> Option<Value> {
    if json.len() > MAX_BYTES {
        let message = format_args!("the {what} is too large: more than {MAX_BYTES} bytes");
        errors.add(Path::Root, message);
        return None;
    }
    // Some editors begin a file with a byte order mark, which JSON does not have.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let mut values = 0;
    let read = Reader(&mut values).deserialize(&mut deserializer);
    match read.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => return Some(value),
        Err(error) if error.is_data() => errors.add(Path::Root, error),
        Err(error) => errors.add(Path::Root, format_args!("the {what} is not JSON: {error}")),
    }
    None
}

/// Reads one value and what it contains, and counts them.
struct Reader<'a>(&'a mut usize);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.0 += 1;
        if *self.0 > MAX_VALUES {
            let message = format_args!("too large: more than {MAX_VALUES} values");
            return Err(D::Error::custom(message));
        }
        deserializer.deserialize_any(self)
    }
}

macro_rules! visit_scalars {
    ($($visit:ident: $scalar:ty),+) => {$(
        fn $visit<E>(self, value: $scalar) -> Result<Value, E> {
            Ok(value.into())
        }
    )+};
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    visit_scalars!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element_seed(Reader(&mut *self.0))? {
            elements.push(element);
        }
        Ok(elements.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Reader(&mut *self.0))?;
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

    fn parse(text: &str) -> Result<Value, String> {
        let mut errors = ValidationErrors::default();
        let value = parse_json(text.as_bytes(), "event", &mut errors);
        value.ok_or_else(|| errors.to_string())
    }

    fn message(text: &str) -> String {
        parse(text).unwrap_err()
    }

    #[test]
    fn json_is_read_unless_a_field_is_there_twice() {
        let text =
            r#"{"a":[null,true,0,-1,1.5,18446744073709551615,"x\u00e9",{}],"b":{"a":1,"b":2}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(
            message(r#"{"dryRun": true, "dryRun": false}"#),
            "duplicate field \"dryRun\" at line 1 column 33"
        );
        assert!(message(r#"[{"a": {"b": 1, "c": 2, "b": 1}}]"#).contains("duplicate field \"b\""));
        assert!(message("{").starts_with("the event is not JSON: EOF"));
        assert!(message("{} {}").starts_with("the event is not JSON: trailing characters"));
        assert!(message(&"[".repeat(100_000)).starts_with("the event is not JSON: recursion"));
    }

    #[test]
    fn a_document_has_at_most_so_many_values_and_bytes() {
        let fields = |count: usize| {
            let fields: Vec<_> = (0..count).map(|n| format!(r#""f{n}":0"#)).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert!(parse(&fields(MAX_VALUES - 1)).is_ok());
        let nested = format!(r#"{{"copies":[{}]}}"#, fields(MAX_VALUES - 2));
        for text in [fields(MAX_VALUES), nested] {
            assert!(message(&text).starts_with("too large: more than 100000 values"));
        }
        let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
        assert!(parse(&text(MAX_BYTES)).is_ok());
        let expected = "the event is too large: more than 3145728 bytes";
        assert_eq!(message(&text(MAX_BYTES + 1)), expected);
    }
}
