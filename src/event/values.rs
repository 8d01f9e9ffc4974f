//! The kinds of value that fields of events and policies have.

use std::collections::HashSet;
use std::hash::Hash;
use std::str::FromStr;

use serde_json::Value;

use super::validation::{Expected, FromJson, Path, ValidationErrors};
use crate::model::InvalidValue;
use crate::model::region::Region;
use crate::model::restore_date::RestoreDate;
use crate::model::snapshot_name::SnapshotName;

/// The most copies that an event may ask for. Each destination counts.
pub const MAX_COPIES: usize = 10_000;

/// The most elements of any list but `copies`.
const MAX_ELEMENTS: usize = 1_000;

/// A list with at least one element. `None` elements were wrong.
pub struct List<T>(pub Vec<Option<T>>);

impl<T: FromJson> FromJson for List<T> {
    fn from_json(value: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Self> {
        let Value::Array(elements) = value else {
            errors.add(path, Expected("a list", value));
            return None;
        };
        if elements.is_empty() {
            errors.add(path, "empty: at least one is needed");
            return None;
        }
        let most = match path {
            Path::Field(_, "copies") => MAX_COPIES,
            _ => MAX_ELEMENTS,
        };
        if elements.len() > most {
            let count = elements.len();
            let message = format_args!("{count} elements; at most {most} are allowed");
            errors.add(path, message);
            return None;
        }
        let elements = elements.iter().enumerate();
        Some(Self(
            elements
                .map(|(index, value)| T::from_json(value, Path::Index(&path, index), errors))
                .collect(),
        ))
    }
}

/// A list with at least one element and no duplicates.
pub struct Distinct<T>(pub Vec<T>);

impl<T: FromJson + Clone + Eq + Hash> FromJson for Distinct<T> {
    fn from_json(value: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Self> {
        let List(elements) = List::<T>::from_json(value, path, errors)?;
        let mut seen = HashSet::new();
        let mut distinct = Vec::new();
        for (index, element) in elements.into_iter().enumerate() {
            let Some(element) = element else { continue };
            if seen.insert(element.clone()) {
                distinct.push(element);
            } else {
                errors.add(Path::Index(&path, index), "duplicate");
            }
        }
        Some(Self(distinct))
    }
}

/// A list that may be empty: `None`. `L` reads the other lists.
pub struct OrEmpty<L>(pub Option<L>);

impl<L: FromJson> FromJson for OrEmpty<L> {
    fn from_json(value: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Self> {
        if value.as_array().is_some_and(Vec::is_empty) {
            return Some(Self(None));
        }
        L::from_json(value, path, errors).map(|list| Self(Some(list)))
    }
}

/// A string that is parsed.
pub fn parsed<T: FromStr<Err = InvalidValue>>(
    value: &Value,
    path: Path<'_>,
    errors: &mut ValidationErrors,
) -> Option<T> {
    let text = string(value, path, errors)?;
    text.parse().map_err(|error| errors.add(path, error)).ok()
}

/// Implements [`FromJson`] for types that a string is parsed as.
macro_rules! from_json_string {
    ($($type:ty),+) => {$(
        impl $crate::event::validation::FromJson for $type {
            fn from_json(
                value: &serde_json::Value,
                path: $crate::event::validation::Path<'_>,
                errors: &mut $crate::event::ValidationErrors,
            ) -> Option<Self> {
                $crate::event::values::parsed(value, path, errors)
            }
        }
    )+};
}
pub(super) use from_json_string;

from_json_string!(Region, RestoreDate, SnapshotName);

/// A string that is not blank.
impl FromJson for String {
    fn from_json(value: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Self> {
        let text = string(value, path, errors)?;
        if text.trim().is_empty() {
            errors.add(path, "empty");
            return None;
        }
        Some(text.to_owned())
    }
}

fn string<'v>(value: &'v Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<&'v str> {
    if !value.is_string() {
        errors.add(path, Expected("a string", value));
    }
    value.as_str()
}

impl FromJson for bool {
    fn from_json(value: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Self> {
        let read = value.as_bool();
        if read.is_none() {
            errors.add(path, Expected("true or false", value));
        }
        read
    }
}

/// A whole number from `MIN` to `MAX`.
pub struct Count<const MIN: u32, const MAX: u32 = { u32::MAX }>(pub u32);

impl<const MIN: u32, const MAX: u32> FromJson for Count<MIN, MAX> {
    fn from_json(value: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Self> {
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        let count = count.filter(|count| (MIN..=MAX).contains(count));
        if count.is_none() {
            let expected = format!("a whole number from {MIN} to {MAX}");
            errors.add(path, Expected(&expected, value));
        }
        count.map(Self)
    }
}

/// A number above 0.
pub struct Positive(pub f64);

impl FromJson for Positive {
    fn from_json(value: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Self> {
        let number = value.as_f64().filter(|number| *number > 0.0);
        if number.is_none() {
            errors.add(path, Expected("a number above 0", value));
        }
        number.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::validation::Object;

    /// The errors of reading `value` as the field `here.field`.
    fn errors<T: FromJson>(value: Value) -> String {
        let object = json!({ "field": value });
        let mut errors = ValidationErrors::default();
        let here = Path::Field(&Path::Root, "here");
        let mut fields = Object::new(&object, here, &mut errors).unwrap();
        fields.required::<T>("field");
        fields.finish();
        errors.to_string()
    }

    #[test]
    fn each_type_takes_its_own_values_and_no_others() {
        assert_eq!(errors::<String>(json!("text")), "");
        assert_eq!(
            errors::<String>(json!(1)),
            "here.field: expected a string, found 1"
        );
        assert_eq!(errors::<bool>(json!(false)), "");
        assert_eq!(
            errors::<bool>(json!("no")),
            "here.field: expected true or false, found the string \"no\""
        );
        for right in [1, 30, 365] {
            assert_eq!(errors::<Count<1, 365>>(json!(right)), "");
        }
        for wrong in [
            json!(0),
            json!(-1),
            json!(1.5),
            json!("7"),
            json!(366),
            json!((1u64 << 32) + 1),
        ] {
            let found = errors::<Count<1, 365>>(wrong.clone());
            assert!(
                found.starts_with("here.field: expected a whole number from 1 to 365, found "),
                "{wrong}"
            );
        }
        assert_eq!(errors::<Positive>(json!(0.5)), "");
        for wrong in [json!(0), json!(-0.5), json!(null), json!("7")] {
            let found = errors::<Positive>(wrong.clone());
            assert!(
                found.starts_with("here.field: expected a number above 0"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn elements_of_a_list_have_paths_and_are_distinct() {
        type Dates = Distinct<String>;
        assert_eq!(errors::<Dates>(json!(["a", "b"])), "");
        assert_eq!(
            errors::<Dates>(json!([])),
            "here.field: empty: at least one is needed"
        );
        assert_eq!(
            errors::<Dates>(json!({})),
            "here.field: expected a list, found an object"
        );
        assert_eq!(
            errors::<Dates>(json!(["a", " ", 7, "a"])),
            "here.field[1]: empty\nhere.field[2]: expected a string, found 7\nhere.field[3]: duplicate"
        );
    }

    #[test]
    fn some_lists_may_be_empty() {
        type Names = OrEmpty<Distinct<String>>;
        for right in [json!([]), json!(["a"])] {
            assert_eq!(errors::<Names>(right), "");
        }
        assert_eq!(
            errors::<Names>(json!(null)),
            "here.field: expected a list, found null"
        );
        assert_eq!(
            errors::<Names>(json!(["a", "a"])),
            "here.field[1]: duplicate"
        );
    }
}
