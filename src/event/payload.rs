//! Payloads: bytes become JSON that fits into memory, in which no object has a field twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::validation::{Path, ValidationErrors};
use crate::model::Excerpt;

/// The most copies that an event may ask for. Each destination counts.
pub const MAX_COPIES: usize = 10_000;

/// The most elements of any other list.
const MAX_ELEMENTS: usize = 1_000;

/// The most values of a document. 10,000 copies have fewer than 80,000: six fields and the object
/// itself for each, and 10,000 destinations. A value takes up to 700 bytes of memory (an object
/// with one field), so a document takes 70 MB at most.
const MAX_VALUES: usize = 100_000;

/// Reads JSON. `what` names it in messages. Of an object at the top, only the fields that `is_read`
/// accepts are kept; the others are null. Returns `None`, with the error recorded, if there is
/// nothing to read.
///
/// A list that is too long is an error and is cut. An object that has a field twice is an error:
/// `serde_json` alone would take the last of two `dryRun`s, and the wrong one changes something.
pub fn parse_json(
    json: &[u8],
    what: &str,
    is_read: fn(&str) -> bool,
    errors: &mut ValidationErrors,
) -> Option<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let mut reader = Reader {
        errors,
        values: 0,
        is_read,
    };
    let document = ValueSeed {
        reader: &mut reader,
        path: Path::Root,
        keep: true,
    };
    let read = document.deserialize(&mut deserializer);
    match read.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Some(value),
        Err(error) if error.is_data() => {
            errors.add(Path::Root, error);
            None
        }
        Err(error) => {
            errors.add(Path::Root, format_args!("the {what} is not JSON: {error}"));
            None
        }
    }
}

struct Reader<'e> {
    errors: &'e mut ValidationErrors,
    /// The number of values that were kept.
    values: usize,
    is_read: fn(&str) -> bool,
}

impl Reader<'_> {
    /// Counts a value that is kept.
    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.values += 1;
        if self.values <= MAX_VALUES {
            return Ok(());
        }
        Err(E::custom(format_args!(
            "too large: more than {MAX_VALUES} values (at most {MAX_COPIES} copies, each destination counts, and at most {MAX_ELEMENTS} elements in any other list)"
        )))
    }
}

/// Reads one value and what it contains.
struct ValueSeed<'r, 'e, 'p> {
    reader: &'r mut Reader<'e>,
    path: Path<'p>,
    /// Whether the value is kept. Otherwise it is only checked, and becomes null.
    keep: bool,
}

impl ValueSeed<'_, '_, '_> {
    fn kept<E>(&self, value: impl Into<Value>) -> Result<Value, E> {
        Ok(if self.keep { value.into() } else { Value::Null })
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, '_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        self.kept(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        self.kept(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        self.kept(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        self.kept(value)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        self.kept(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let limit = match self.path {
            Path::Field(_, "copies") => MAX_COPIES,
            _ => MAX_ELEMENTS,
        };
        let mut elements = Vec::new();
        let mut count = 0;
        loop {
            let keep = self.keep && count < limit;
            let element = ValueSeed {
                reader: &mut *self.reader,
                path: Path::Index(&self.path, count),
                keep,
            };
            let Some(element) = seq.next_element_seed(element)? else {
                break;
            };
            count += 1;
            if keep {
                self.reader.count()?;
                elements.push(element);
            }
        }
        if self.keep && count > limit {
            let message = format_args!("{count} elements; at most {limit} are allowed");
            self.reader.errors.add(self.path, message);
        }
        self.kept(elements)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let is_at_top = matches!(self.path, Path::Root);
            let keep = self.keep && (!is_at_top || (self.reader.is_read)(&name));
            let value = map.next_value_seed(ValueSeed {
                reader: &mut *self.reader,
                path: Path::Field(&self.path, &name),
                keep,
            })?;
            if !self.keep {
                continue;
            }
            if fields.contains_key(&name) {
                let name = Excerpt(&name);
                return Err(A::Error::custom(format_args!("duplicate field {name:?}")));
            }
            self.reader.count()?;
            fields.insert(name, value);
        }
        self.kept(fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads all fields but `skipped`.
    fn parse(text: &str) -> Result<Value, ValidationErrors> {
        let mut errors = ValidationErrors::default();
        let value = parse_json(
            text.as_bytes(),
            "event",
            |name| name != "skipped",
            &mut errors,
        );
        match value {
            Some(value) if errors.is_empty() => Ok(value),
            _ => Err(errors),
        }
    }

    fn message(text: &str) -> String {
        parse(text).unwrap_err().to_string()
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
    fn a_skipped_field_is_checked_but_not_kept() {
        let kept = json!({ "a": 1, "skipped": null });
        for skipped in [
            "[1]".to_owned(),
            r#"{"b":1,"b":"x"}"#.to_owned(),
            format!("[{}0]", "[],".repeat(200_000)),
        ] {
            let text = format!(r#"{{"a":1,"skipped":{skipped}}}"#);
            assert_eq!(parse(&text).as_ref(), Ok(&kept));
        }
        for wrong in ["1e999", r#""\ud800""#, "[1", "nul"] {
            let text = format!(r#"{{"skipped":{wrong}}}"#);
            assert!(
                message(&text).starts_with("the event is not JSON"),
                "{wrong}"
            );
        }
        assert_eq!(
            parse(r#"{"a":{"skipped":[1]}}"#),
            Ok(json!({ "a": { "skipped": [1] } }))
        );
    }

    #[test]
    fn lists_have_at_most_so_many_elements() {
        let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        for (name, limit) in [("copies", MAX_COPIES), ("names", MAX_ELEMENTS)] {
            let text = |count| format!(r#"{{"detail":{{"{name}":{}}}}}"#, list(count));
            assert!(parse(&text(limit)).is_ok());
            let expected = format!(
                "detail.{name}: {} elements; at most {limit} are allowed",
                limit + 1
            );
            assert_eq!(message(&text(limit + 1)), expected);
        }
        let text = format!(r#"{{"copies":{},"names":{}}}"#, list(3_000_000), list(2000));
        assert_eq!(
            message(&text),
            "copies: 3000000 elements; at most 10000 are allowed\n\
             names: 2000 elements; at most 1000 are allowed"
        );
    }

    #[test]
    fn a_document_has_at_most_so_many_values() {
        let fields = |count: usize| {
            let fields: Vec<_> = (0..count).map(|n| format!(r#""f{n}":0"#)).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert!(parse(&fields(MAX_VALUES)).is_ok());
        let nested = format!(r#"{{"copies":[{}]}}"#, fields(MAX_VALUES));
        for text in [fields(MAX_VALUES + 1), nested] {
            assert!(message(&text).starts_with("too large: more than 100000 values"));
        }
    }
}
