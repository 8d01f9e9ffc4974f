//! Reads JSON objects field by field and collects every error on the way.
//!
//! serde's derived readers stop at the first error. Whoever writes an event by hand wants all of
//! them at once, each with its path, so events and policies are read by hand.

use std::fmt;

use serde_json::{Map, Value};

use crate::model::Excerpt;

/// The most errors that are kept. A payload can hold a million; the others are counted.
const SHOWN: usize = 50;

/// The longest error in characters. With [`SHOWN`] of them, a function error's message stays below
/// 200 KB.
const LINE_CHARS: usize = 800;

/// All errors of one event or policy, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidationErrors {
    /// The first [`SHOWN`] ones, as `path: message`.
    shown: Vec<String>,
    count: usize,
}

impl ValidationErrors {
    /// A document with one error, which leaves nothing else to read.
    pub fn one(message: impl fmt::Display) -> Self {
        let mut errors = Self::default();
        errors.add(Path::Root, message);
        errors
    }

    /// Records an error. Path and message become text only if they are shown.
    pub fn add(&mut self, path: Path<'_>, message: impl fmt::Display) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            let mut line = match path {
                Path::Root => message.to_string(),
                _ => format!("{path}: {message}"),
            };
            if let Some((end, _)) = line.char_indices().nth(LINE_CHARS) {
                line.truncate(end);
                line.push('…');
            }
            self.shown.push(line);
        }
    }

    /// What was read, if there is no error.
    pub fn or<T>(self, read: Option<T>) -> Result<T, Self> {
        match read {
            Some(read) if self.is_empty() => Ok(read),
            _ => Err(self),
        }
    }

    /// Whether there is no error.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The number of errors, shown or not.
    pub fn len(&self) -> usize {
        self.count
    }
}

impl fmt::Display for ValidationErrors {
    /// One error a line, as `path: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.join("\n"))?;
        match self.count - self.shown.len() {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl std::error::Error for ValidationErrors {}

/// Where a value stands in a document: `copies[1].restoreDate`.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    /// The document itself.
    Root,
    /// A field of an object.
    Field(&'a Path<'a>, &'a str),
    /// An element of a list.
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Path::Root, name) => write!(f, "{}", FieldName(name)),
            Self::Field(parent, name) => write!(f, "{parent}.{}", FieldName(name)),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A field's name in a path: in quotation marks if it is empty, has blanks or would need escapes.
struct FieldName<'a>(&'a str);

impl fmt::Display for FieldName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Excerpt(self.0).to_string();
        let quoted = format!("{name:?}");
        let is_plain = !name.is_empty()
            && !name.contains(char::is_whitespace)
            && quoted.len() == name.len() + 2;
        f.write_str(if is_plain { &name } else { &quoted })
    }
}

/// A type that is read from JSON.
pub trait FromJson: Sized {
    /// Reads a value at `path`. Returns `None` after it has recorded what is wrong.
    fn from_json(value: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Self>;
}

/// One JSON object while it is read. [`Object::finish`] reports the fields that nobody asked for.
pub struct Object<'v, 'e> {
    /// Where the object stands.
    pub path: Path<'v>,
    /// Where its errors go.
    pub errors: &'e mut ValidationErrors,
    /// The fields that somebody asked for.
    pub known: Vec<&'static str>,
    fields: &'v Map<String, Value>,
}

impl<'v, 'e> Object<'v, 'e> {
    /// Starts to read `value`. Returns `None`, with the error recorded, if it is not an object.
    pub fn new(value: &'v Value, path: Path<'v>, errors: &'e mut ValidationErrors) -> Option<Self> {
        let Value::Object(fields) = value else {
            errors.add(path, Expected("an object", value));
            return None;
        };
        Some(Self {
            path,
            errors,
            fields,
            known: Vec::new(),
        })
    }

    /// Whether the object has the field, whatever its value.
    pub fn has(&mut self, name: &'static str) -> bool {
        self.value(name).is_some()
    }

    /// Whether the object has a field that nobody asked for yet.
    pub fn has_unread(&self) -> bool {
        let mut names = self.fields.keys();
        names.any(|name| !self.known.contains(&name.as_str()))
    }

    /// Which of two fields the object has. Both or neither is an error, whose message is `missing`
    /// for neither.
    pub fn one_of(
        &mut self,
        first: &'static str,
        second: &'static str,
        missing: &str,
    ) -> Option<&'static str> {
        match (self.has(first), self.has(second)) {
            (true, false) => return Some(first),
            (false, true) => return Some(second),
            (true, true) => {
                let message = format_args!("give either {first} or {second}, not both");
                self.error(second, message);
            }
            (false, false) => self.error(first, missing),
        }
        None
    }

    /// Records that the field is wrong.
    pub fn error(&mut self, name: &str, message: impl fmt::Display) {
        self.errors.add(Path::Field(&self.path, name), message);
    }

    /// The field's value as it is.
    pub fn value(&mut self, name: &'static str) -> Option<&'v Value> {
        self.known.push(name);
        self.fields.get(name)
    }

    /// A field that may be missing. `None` if it is missing or wrong.
    pub fn optional<T: FromJson>(&mut self, name: &'static str) -> Option<T> {
        let value = self.value(name)?;
        T::from_json(value, Path::Field(&self.path, name), self.errors)
    }

    /// A field that must be there. `None` if it is missing or wrong.
    pub fn required<T: FromJson>(&mut self, name: &'static str) -> Option<T> {
        if !self.has(name) {
            self.error(name, "required");
            return None;
        }
        self.optional(name)
    }

    /// Ends the reading: a field that nobody asked for is an error. Returns where errors go.
    pub fn finish(self) -> &'e mut ValidationErrors {
        for name in self.fields.keys() {
            if self.known.contains(&name.as_str()) {
                continue;
            }
            let path = Path::Field(&self.path, name);
            let mut known = self.known.iter();
            match known.find(|known| same_letters(name, known) || is_one_letter_off(name, known)) {
                Some(right) => {
                    let message = format_args!("unknown field; did you mean {right}?");
                    self.errors.add(path, message);
                }
                None => self.errors.add(path, "unknown field"),
            }
        }
        self.errors
    }
}

/// Whether two names differ only in case, `_` and `-`.
pub fn same_letters(one: &str, other: &str) -> bool {
    let letters = |name: &str| {
        let bytes = name.bytes().filter(|byte| !matches!(byte, b'_' | b'-'));
        bytes
            .map(|byte| byte.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    letters(one) == letters(other)
}

/// Whether a letter more, less or in place of another makes the other name.
fn is_one_letter_off(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let same = |(a, b): &(&u8, &u8)| a == b;
    let start = one.iter().zip(other).take_while(same).count();
    let most = one.len().min(other.len()) - start;
    let ends = one.iter().rev().zip(other.iter().rev());
    let end = ends.take(most).take_while(same).count();
    one.len().max(other.len()) - start - end <= 1
}

/// The message of a value that has the wrong type or range: what was expected, and the value.
pub struct Expected<'a>(pub &'a str, pub &'a Value);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found ", self.0)?;
        match self.1 {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::String(text) => write!(f, "the string {:?}", Excerpt(text)),
            Value::Array(_) => f.write_str("a list"),
            Value::Object(_) => f.write_str("an object"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_have_a_path() {
        let unknown = |name: &str| {
            let object = json!({ name: 1 });
            let mut errors = ValidationErrors::default();
            Object::new(&object, Path::Root, &mut errors)
                .unwrap()
                .finish();
            errors.to_string()
        };
        let long = format!("{}…: unknown field", "x".repeat(80));
        assert_eq!(unknown(&"x".repeat(1000)), long);
        for (name, path) in [
            ("größe-1", "größe-1"),
            ("a\nb", "\"a\\nb\""),
            ("a\u{85}b", "\"a\\u{85}b\""),
            ("a\"b", "\"a\\\"b\""),
            (" ", "\" \""),
            ("", "\"\""),
        ] {
            assert_eq!(unknown(name), format!("{path}: unknown field"));
        }
    }

    #[test]
    fn a_name_that_is_one_letter_off_is_similar() {
        for (name, is_similar) in [
            ("names", true),
            ("name", true),
            ("ames", true),
            ("nammes", true),
            ("namez", true),
            ("xnames", true),
            ("nam", false),
            ("anmes", false),
            ("type", false),
            ("", false),
        ] {
            assert_eq!(is_one_letter_off(name, "names"), is_similar, "{name}");
            assert_eq!(is_one_letter_off("names", name), is_similar, "{name}");
        }
    }

    #[test]
    fn only_the_first_errors_are_kept() {
        let mut errors = ValidationErrors::default();
        let copies = Path::Field(&Path::Root, "copies");
        for index in 0..100_000 {
            errors.add(Path::Index(&copies, index), "wrong");
        }
        let text = errors.to_string();
        assert_eq!(text.lines().count(), SHOWN + 1);
        assert!(
            text.ends_with("copies[49]: wrong\n… and 99950 more"),
            "{text}"
        );
        assert_eq!(errors.len(), 100_000);
    }

    #[test]
    fn a_long_error_is_cut() {
        let errors = ValidationErrors::one("ö".repeat(1_000_000));
        assert_eq!(errors.to_string(), format!("{}…", "ö".repeat(LINE_CHARS)));
    }
}
