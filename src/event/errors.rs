//! The errors of one event or policy, each with its path.

use std::fmt;

use serde_json::Value;

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

    /// Path and message become text only if they are shown.
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

    /// The number of errors, shown or not.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
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
    Root,
    Field(&'a Path<'a>, &'a str),
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
    use super::*;

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
