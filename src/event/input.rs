//! Reads JSON value by value and collects every error on the way.
//!
//! Readers that are derived stop at the first error, or check fields against each other only where
//! none of them is wrong. Whoever writes an event by hand wants all errors at once, each with its
//! path, so events and policies are read by hand. A reader returns `None` after it has recorded what
//! is wrong; then nothing that was read counts.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::errors::{Expected, Path, ValidationErrors};
use crate::model::InvalidValue;

/// The lengths of lists: at most 1,000 elements, or 10,000 copies.
pub const ANY: RangeInclusive<usize> = 0..=1_000;
pub const SOME: RangeInclusive<usize> = 1..=1_000;

/// A value, where it stands, and where its errors go.
pub struct Input<'a> {
    pub value: &'a Value,
    pub path: Path<'a>,
    pub errors: &'a mut ValidationErrors,
}

impl<'a> Input<'a> {
    pub fn fail<T>(self, message: impl fmt::Display) -> Option<T> {
        self.errors.add(self.path, message);
        None
    }

    pub fn wrong<T>(self, expected: &str) -> Option<T> {
        let message = Expected(expected, self.value);
        self.errors.add(self.path, message);
        None
    }

    pub fn text(self) -> Option<&'a str> {
        match self.value {
            Value::String(text) => Some(text),
            _ => self.wrong("a string"),
        }
    }

    /// A text that is not blank.
    pub fn name(mut self) -> Option<String> {
        match self.again().text()? {
            blank if blank.trim().is_empty() => self.fail("empty"),
            name => Some(name.to_owned()),
        }
    }

    pub fn parsed<T: FromStr<Err = InvalidValue>>(self) -> Option<T> {
        self.parsed_by(str::parse)
    }

    pub fn parsed_by<T>(
        mut self,
        parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        match parse(self.again().text()?) {
            Ok(parsed) => Some(parsed),
            Err(error) => self.fail(error),
        }
    }

    pub fn flag(self) -> Option<bool> {
        match self.value {
            Value::Bool(flag) => Some(*flag),
            _ => self.wrong("true or false"),
        }
    }

    pub fn count<T: TryFrom<u32>>(self, range: RangeInclusive<u32>) -> Option<T> {
        let count = self.value.as_u64().and_then(|it| u32::try_from(it).ok());
        match count.filter(|count| range.contains(count)) {
            Some(count) => T::try_from(count).ok(),
            None => {
                let (least, most) = range.into_inner();
                self.wrong(&format!("a whole number from {least} to {most}"))
            }
        }
    }

    pub fn positive(self) -> Option<f64> {
        match self.value.as_f64() {
            Some(number) if number > 0.0 => Some(number),
            _ => self.wrong("a number above 0"),
        }
    }

    /// The elements of a list that are right.
    pub fn list<T>(
        self,
        length: RangeInclusive<usize>,
        mut read: impl FnMut(Input<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(elements) = self.value else {
            return self.wrong("a list");
        };
        let (count, most) = (elements.len(), *length.end());
        if count > most {
            return self.fail(format_args!("{count} elements; at most {most} are allowed"));
        }
        if count < *length.start() {
            return self.fail("empty: at least one is needed");
        }
        let elements = elements.iter().enumerate();
        let elements = elements.filter_map(|(index, value)| {
            let path = Path::Index(&self.path, index);
            let errors = &mut *self.errors;
            read(Input {
                value,
                path,
                errors,
            })
        });
        Some(elements.collect())
    }

    pub fn distinct<T: Clone + Eq + Hash>(
        self,
        length: RangeInclusive<usize>,
        read: impl Fn(Input<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut seen = HashSet::new();
        self.list(length, |mut element| {
            let read = read(element.again())?;
            match seen.insert(read.clone()) {
                true => Some(read),
                false => element.fail("duplicate"),
            }
        })
    }

    /// An object. A field that `read` does not ask for is an error.
    pub fn object<T>(self, read: impl FnOnce(&mut Object<'_>) -> Option<T>) -> Option<T> {
        let Value::Object(fields) = self.value else {
            return self.wrong("an object");
        };
        let mut object = Object {
            path: self.path,
            errors: self.errors,
            fields,
            known: Vec::new(),
        };
        let read = read(&mut object);
        object.finish();
        read
    }

    fn again(&mut self) -> Input<'_> {
        Input {
            value: self.value,
            path: self.path,
            errors: self.errors,
        }
    }
}

pub struct Object<'a> {
    pub path: Path<'a>,
    pub errors: &'a mut ValidationErrors,
    pub fields: &'a Map<String, Value>,
    /// The fields that somebody asked for.
    known: Vec<&'static str>,
}

impl Object<'_> {
    /// Whether the object has the field, whatever its value.
    pub fn has(&mut self, name: &'static str) -> bool {
        self.known.push(name);
        self.fields.contains_key(name)
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

    pub fn error(&mut self, name: &str, message: impl fmt::Display) {
        self.errors.add(Path::Field(&self.path, name), message);
    }

    /// Each of these fields that the object has is an error.
    pub fn refuse(&mut self, names: &[&'static str], message: &str) {
        for name in names {
            if self.has(name) {
                self.error(name, message);
            }
        }
    }

    /// A field that may be missing. `None` if it is missing or wrong.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Input<'_>) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let value = self.fields.get(name)?;
        let path = Path::Field(&self.path, name);
        let errors = &mut *self.errors;
        read(Input {
            value,
            path,
            errors,
        })
    }

    pub fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Input<'_>) -> Option<T>,
    ) -> Option<T> {
        if !self.has(name) {
            self.error(name, "required");
        }
        self.optional(name, read)
    }

    fn finish(self) {
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
    }
}

/// The fields that a reader asks for.
pub fn fields_of(read: impl FnOnce(&mut Object<'_>)) -> Vec<&'static str> {
    let mut empty = Object {
        path: Path::Root,
        errors: &mut ValidationErrors::default(),
        fields: &Map::new(),
        known: Vec::new(),
    };
    read(&mut empty);
    empty.known
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_have_a_path() {
        let unknown = |name: &str| {
            let mut errors = ValidationErrors::default();
            let input = Input {
                value: &json!({ name: 1 }),
                path: Path::Root,
                errors: &mut errors,
            };
            input.object(|_| Some(()));
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

    /// The errors of reading `value` as the field `here.field`.
    fn errors<T>(value: Value, read: impl FnOnce(Input<'_>) -> Option<T>) -> String {
        let mut errors = ValidationErrors::default();
        let input = Input {
            value: &json!({ "field": value }),
            path: Path::Field(&Path::Root, "here"),
            errors: &mut errors,
        };
        input.object(|object| object.required("field", read));
        errors.to_string()
    }

    #[test]
    fn each_reader_takes_its_own_values_and_no_others() {
        assert_eq!(errors(json!("text"), |it| it.name()), "");
        assert_eq!(
            errors(json!(1), |it| it.name()),
            "here.field: expected a string, found 1"
        );
        assert_eq!(errors(json!(false), |it| it.flag()), "");
        assert_eq!(
            errors(json!("no"), |it| it.flag()),
            "here.field: expected true or false, found the string \"no\""
        );
        let count = |it: Input<'_>| it.count::<u32>(1..=365);
        for right in [1, 30, 365] {
            assert_eq!(errors(json!(right), count), "");
        }
        for wrong in [
            json!(0),
            json!(-1),
            json!(1.5),
            json!("7"),
            json!(366),
            json!((1u64 << 32) + 1),
        ] {
            let found = errors(wrong.clone(), count);
            assert!(
                found.starts_with("here.field: expected a whole number from 1 to 365, found "),
                "{wrong}"
            );
        }
        assert_eq!(errors(json!(0.5), |it| it.positive()), "");
        for wrong in [json!(0), json!(-0.5), json!(null), json!("7")] {
            let found = errors(wrong.clone(), |it| it.positive());
            assert!(
                found.starts_with("here.field: expected a number above 0"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn elements_of_a_list_have_paths_and_are_distinct() {
        let names = |it: Input<'_>| it.distinct(SOME, |it| it.name());
        assert_eq!(errors(json!(["a", "b"]), names), "");
        assert_eq!(
            errors(json!([]), names),
            "here.field: empty: at least one is needed"
        );
        assert_eq!(
            errors(json!({}), names),
            "here.field: expected a list, found an object"
        );
        assert_eq!(
            errors(json!(["a", " ", 7, "a"]), names),
            "here.field[1]: empty\nhere.field[2]: expected a string, found 7\nhere.field[3]: duplicate"
        );
    }

    #[test]
    fn some_lists_may_be_empty() {
        let names = |it: Input<'_>| it.distinct(ANY, |it| it.name());
        for right in [json!([]), json!(["a"])] {
            assert_eq!(errors(right, names), "");
        }
        assert_eq!(
            errors(json!(null), names),
            "here.field: expected a list, found null"
        );
        assert_eq!(errors(json!(["a", "a"]), names), "here.field[1]: duplicate");
    }
}
