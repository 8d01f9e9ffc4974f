//! Reads the parameters of a request.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use crate::api::error::ServiceError;

/// Reads an operation's parameters from a request's body. Unknown members are ignored, as the
/// service does.
///
/// # Errors
/// `SerializationException` for a member of the wrong type.
pub(crate) fn read<'de, T: Deserialize<'de>>(body: &'de Value) -> Result<T, ServiceError> {
    T::deserialize(body).map_err(|error| ServiceError::serialization(error.to_string()))
}

/// Checks that a parameter is given.
///
/// # Errors
/// `InvalidInputException` if it is absent or empty.
pub(crate) fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, ServiceError> {
    match value {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(ServiceError::invalid_input(format!("{name} is required."))),
    }
}

/// Reads one parameter of a request, if it is given.
///
/// # Errors
/// `SerializationException` if it has the wrong type.
pub(crate) fn optional<'de, T: Deserialize<'de>>(
    body: &'de Value,
    parameter: &str,
) -> Result<Option<T>, ServiceError> {
    match body.get(parameter) {
        Some(value) => read(value),
        None => Ok(None),
    }
}

/// Checks the name of a new resource.
///
/// # Errors
/// `InvalidInputException` unless it has 2 to 255 letters, digits, `-`, `_` and `.`, with a letter
/// or digit at both ends.
pub(crate) fn check_new_name(name: &str) -> Result<(), ServiceError> {
    let bytes = name.as_bytes();
    let is_valid = (2..=255).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric);
    match is_valid {
        true => Ok(()),
        false => Err(ServiceError::invalid_input(format!(
            "The name must have 2 to 255 letters, digits, hyphens, underscores and periods, with a \
             letter or digit at both ends: {name}"
        ))),
    }
}

/// Parses a date in the API's only format, `YYYY-MM-DD`. `None` if the format differs or the date
/// does not exist.
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let is_well_formed = bytes.len() == 10
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if is_well_formed {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn dates_have_one_format() {
        assert_eq!(parse_date("2024-02-29"), Some(date(2024, 2, 29)));
        for text in [
            "",
            "2023-02-29",
            "2024-2-29",
            "20240229",
            "2024-02-29T00:00:00Z",
            "2024/02/29",
            " 2024-02-29",
            "today",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
