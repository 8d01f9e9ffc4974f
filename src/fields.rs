//! Reads JSON objects field by field and collects every mistake on the way.
//!
//! `serde`'s derived readers stop at the first mistake. Whoever writes an event by hand wants to
//! hear of all of them at once, each with its path, so events and policies are read by hand here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// One thing wrong with an event or a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where: `copies[1].restoreDate`, or nothing for the document as a whole.
    path: String,
    /// What is wrong, and what would be right.
    message: String,
}

/// All that is wrong with one event or policy, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// A document with one mistake that leaves nothing to read.
    pub fn one(path: impl Into<String>, message: impl Into<String>) -> Self {
        let mut mistakes = Self::default();
        mistakes.add(path, message);
        mistakes
    }

    /// Notes that what stands at `path` is wrong.
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Mistake {
            path: path.into(),
            message: message.into(),
        });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many mistakes there are: a mark to compare with later.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The most mistakes that are spelled out; a payload can hold a hundred thousand.
const SHOWN: usize = 50;

/// The longest piece of a payload that is quoted back.
const QUOTED: usize = 80;

impl fmt::Display for Mistakes {
    /// One mistake a line, as `path: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Mistake { path, message }) in self.0.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            if !path.is_empty() {
                write!(f, "{path}: ")?;
            }
            f.write_str(message)?;
        }
        if self.0.len() > SHOWN {
            write!(f, "\n… and {} more", self.0.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Reads JSON, of which `what` is the name in messages.
///
/// # Errors
///
/// It is not JSON, or an object in it has a field twice: which of the two is meant is anybody's
/// guess, and of two `dryRun`s the wrong one changes something.
pub fn parse(json: &[u8], what: &str) -> Result<Value, Mistakes> {
    let read: Result<Unambiguous, _> = serde_json::from_slice(json);
    read.map(|json| json.0).map_err(|error| {
        let message = if error.is_data() {
            error.to_string()
        } else {
            format!("the {what} is not JSON: {error}")
        };
        Mistakes::one("", message)
    })
}

/// JSON in which no object has a field twice. `serde_json` by itself takes the last of them.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
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
        while let Some(Unambiguous(element)) = seq.next_element()? {
            elements.push(element);
        }
        Ok(elements.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unambiguous(value))) = map.next_entry::<String, _>()? {
            if members.contains_key(&name) {
                let name = quoted(&name);
                return Err(A::Error::custom(format!(
                    "the field {name:?} is there twice"
                )));
            }
            members.insert(name, value);
        }
        Ok(members.into())
    }
}

/// One JSON object being read. Every field that a reader asks for counts as known;
/// [`Fields::finish`] reports the others.
pub struct Fields<'v, 'm> {
    path: String,
    members: &'v Map<String, Value>,
    known: Vec<&'static str>,
    mistakes: &'m mut Mistakes,
}

impl<'v, 'm> Fields<'v, 'm> {
    /// Begins to read `value`, which stands at `path`; `None`, with the mistake noted, if it is no object.
    pub fn of(value: &'v Value, path: &str, mistakes: &'m mut Mistakes) -> Option<Self> {
        match value {
            Value::Object(members) => Some(Self {
                path: path.to_owned(),
                members,
                known: Vec::new(),
                mistakes,
            }),
            other => {
                mistakes.add(path, format!("expected an object, found {}", found(other)));
                None
            }
        }
    }

    /// Where the field `name` stands.
    pub fn path(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// Where these mistakes are collected.
    pub fn mistakes(&mut self) -> &mut Mistakes {
        self.mistakes
    }

    /// Notes that the field `name` is wrong.
    pub fn mistake(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path(name);
        self.mistakes.add(path, message);
    }

    /// Whether the field is there, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The field as it is, if it is there.
    pub fn value(&mut self, name: &'static str) -> Option<&'v Value> {
        self.known.push(name);
        self.members.get(name)
    }

    /// Notes that a field is missing, if it is.
    pub fn require(&mut self, name: &'static str) {
        if !self.has(name) {
            self.mistake(name, "required");
        }
    }

    /// A string; `None` if it is absent or, with the mistake noted, something else.
    pub fn string(&mut self, name: &'static str) -> Option<&'v str> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            other => {
                self.mistake(name, format!("expected a string, found {}", found(other)));
                None
            }
        }
    }

    /// A string that `parse` makes something of, or says why it cannot.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.string(name)?;
        match parse(text) {
            Ok(parsed) => Some(parsed),
            Err(message) => {
                self.mistake(name, message);
                None
            }
        }
    }

    /// `true` or `false`; `None` if it is absent or, with the mistake noted, something else.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(value) => Some(*value),
            other => {
                self.mistake(
                    name,
                    format!("expected true or false, found {}", found(other)),
                );
                None
            }
        }
    }

    /// A whole number of at least 1; `None` if it is absent or, with the mistake noted, something else.
    pub fn count(&mut self, name: &'static str) -> Option<u32> {
        let value = self.value(name)?;
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        let count = count.filter(|count| *count > 0);
        if count.is_none() {
            self.mistake(
                name,
                format!(
                    "expected a whole number from 1 to {}, found {}",
                    u32::MAX,
                    found(value)
                ),
            );
        }
        count
    }

    /// A number above 0; `None` if it is absent or, with the mistake noted, something else.
    pub fn positive(&mut self, name: &'static str) -> Option<f64> {
        let value = self.value(name)?;
        let number = value.as_f64().filter(|number| *number > 0.0);
        if number.is_none() {
            self.mistake(
                name,
                format!("expected a number above 0, found {}", found(value)),
            );
        }
        number
    }

    /// A list that is not empty, each element with its path; `None` if it is absent or wrong.
    pub fn list(&mut self, name: &'static str) -> Option<Vec<(String, &'v Value)>> {
        let path = self.path(name);
        match self.value(name)? {
            Value::Array(elements) if elements.is_empty() => {
                self.mistakes.add(path, "empty: at least one is needed");
                None
            }
            Value::Array(elements) => Some(
                elements
                    .iter()
                    .enumerate()
                    .map(|(index, element)| (format!("{path}[{index}]"), element))
                    .collect(),
            ),
            other => {
                self.mistakes
                    .add(path, format!("expected a list, found {}", found(other)));
                None
            }
        }
    }

    /// A list of strings that `parse` makes something of: not empty, and nothing in it twice.
    pub fn parsed_list<T: PartialEq>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let mut parsed = Vec::new();
        for (path, element) in self.list(name)? {
            let result = match element {
                Value::String(text) => parse(text),
                other => Err(format!("expected a string, found {}", found(other))),
            };
            match result {
                Ok(item) if parsed.contains(&item) => {
                    self.mistakes.add(path, "named twice");
                }
                Ok(item) => parsed.push(item),
                Err(message) => self.mistakes.add(path, message),
            }
        }
        Some(parsed)
    }

    /// Ends the reading: a field that nobody asked for is a mistake.
    pub fn finish(self) {
        for name in self.members.keys() {
            if !self.known.contains(&name.as_str()) {
                self.mistakes
                    .add(join(&self.path, &member(name)), "unknown field");
            }
        }
    }
}

/// The path of the member `name` of what stands at `path`.
pub fn join(path: &str, name: &str) -> String {
    match (path, name) {
        ("", only) | (only, "") => only.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

/// The name of a payload's member as it stands in a path: in quotation marks if it would not be
/// seen, or would break the line, without.
pub fn member(name: &str) -> String {
    let name = quoted(name);
    let in_quotes = format!("{name:?}");
    let is_plain = !name.is_empty()
        && !name.contains(char::is_whitespace)
        && in_quotes.len() == name.len() + 2;
    if is_plain { name } else { in_quotes }
}

/// A piece of a payload, short enough to be quoted in a message.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What a value is, for a message about what it should have been.
pub fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("the string {:?}", quoted(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The mistakes of reading `value` as an object of one field.
    fn mistakes_of<T>(value: Value, read: impl Fn(&mut Fields<'_, '_>) -> T) -> String {
        let object = json!({ "field": value });
        let mut mistakes = Mistakes::default();
        let mut fields = Fields::of(&object, "here", &mut mistakes).unwrap();
        read(&mut fields);
        fields.finish();
        mistakes.to_string()
    }

    #[test]
    fn each_kind_of_field_takes_its_own_values_and_no_others() {
        let string = |value| mistakes_of(value, |fields| fields.string("field").map(str::to_owned));
        assert_eq!(string(json!("text")), "");
        assert_eq!(string(json!(1)), "here.field: expected a string, found 1");
        let boolean = |value| mistakes_of(value, |fields| fields.boolean("field"));
        assert_eq!(boolean(json!(false)), "");
        assert_eq!(
            boolean(json!("no")),
            "here.field: expected true or false, found the string \"no\""
        );
        let count = |value| mistakes_of(value, |fields| fields.count("field"));
        assert_eq!(count(json!(1)), "");
        for wrong in [
            json!(0),
            json!(-1),
            json!(1.5),
            json!("7"),
            json!(4294967296u64),
        ] {
            assert!(
                count(wrong.clone()).starts_with("here.field: expected a whole number"),
                "{wrong}"
            );
        }
        let positive = |value| mistakes_of(value, |fields| fields.positive("field"));
        assert_eq!(positive(json!(0.5)), "");
        for wrong in [json!(0), json!(-0.5), json!(null), json!("7")] {
            assert!(
                positive(wrong.clone()).starts_with("here.field: expected a number above 0"),
                "{wrong}"
            );
        }
        let list = |value| mistakes_of(value, |fields| fields.list("field").map(|list| list.len()));
        assert_eq!(list(json!([null])), "");
        assert_eq!(list(json!([])), "here.field: empty: at least one is needed");
        assert_eq!(
            list(json!({})),
            "here.field: expected a list, found an object"
        );
    }

    #[test]
    fn elements_of_a_list_have_paths_and_come_once() {
        let regions = |value| {
            mistakes_of(value, |fields| {
                fields.parsed_list("field", |text| match text {
                    "a" | "b" => Ok(text.to_owned()),
                    _ => Err("neither a nor b".to_owned()),
                })
            })
        };
        assert_eq!(regions(json!(["a", "b"])), "");
        assert_eq!(
            regions(json!(["a", "c", 7, "a"])),
            "here.field[1]: neither a nor b\nhere.field[2]: expected a string, found 7\nhere.field[3]: named twice"
        );
    }

    #[test]
    fn json_is_read_as_it_is_unless_a_field_is_there_twice() {
        let text =
            r#"{"a":[null,true,0,-1,1.5,18446744073709551615,"x\u00e9",{}],"b":{"a":1,"b":2}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes(), "event"), Ok(expected));
        let message = |text: &str| parse(text.as_bytes(), "event").unwrap_err().to_string();
        assert_eq!(
            message(r#"{"dryRun": true, "dryRun": false}"#),
            "the field \"dryRun\" is there twice at line 1 column 33"
        );
        assert!(message(r#"[{"a": {"b": 1, "c": 2, "b": 1}}]"#).contains("\"b\" is there twice"));
        assert!(message("{").starts_with("the event is not JSON: EOF"));
        assert!(message(&"[".repeat(100_000)).starts_with("the event is not JSON: recursion"));
    }

    #[test]
    fn fields_that_nobody_asked_for_are_named() {
        assert_eq!(mistakes_of(json!(1), |_| ()), "here.field: unknown field");
        let long = json!({ "x".repeat(1000): 1 });
        let mut mistakes = Mistakes::default();
        Fields::of(&long, "", &mut mistakes).unwrap().finish();
        assert_eq!(
            mistakes.to_string(),
            format!("{}…: unknown field", "x".repeat(QUOTED))
        );
    }

    #[test]
    fn a_name_that_would_break_the_line_or_not_be_seen_is_in_quotation_marks() {
        for (name, path) in [
            ("größe-1", "größe-1"),
            ("a\nb", "\"a\\nb\""),
            ("a\u{85}b", "\"a\\u{85}b\""),
            ("a\"b", "\"a\\\"b\""),
            (" ", "\" \""),
            ("", "\"\""),
        ] {
            let object = json!({ name: 1 });
            let mut mistakes = Mistakes::default();
            Fields::of(&object, "here", &mut mistakes).unwrap().finish();
            assert_eq!(mistakes.to_string(), format!("here.{path}: unknown field"));
        }
    }

    #[test]
    fn a_payload_full_of_mistakes_is_not_quoted_whole() {
        let mut mistakes = Mistakes::default();
        for index in 0..100_000 {
            mistakes.add(format!("copies[{index}]"), "wrong");
        }
        let text = mistakes.to_string();
        assert_eq!(text.lines().count(), SHOWN + 1);
        assert!(text.ends_with("… and 99950 more"), "{text}");
        assert_eq!(mistakes.len(), 100_000);
    }

    #[test]
    fn what_is_quoted_is_cut_between_characters() {
        assert_eq!(quoted("größe"), "größe");
        assert_eq!(quoted(&"ö".repeat(200)), format!("{}…", "ö".repeat(QUOTED)));
    }
}
