//! Reading the parameters of a request.

use crate::error::ServiceError;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

/// Reads an operation's parameters from a request's body. Unknown members are left unread, as the service does.
///
/// # Errors
/// `SerializationException` for a member of the wrong type.
pub(crate) fn read<'de, T: Deserialize<'de>>(body: &'de Value) -> Result<T, ServiceError> {
    T::deserialize(body).map_err(|error| ServiceError::serialization(error.to_string()))
}

/// A parameter that has to be there.
///
/// # Errors
/// `InvalidInputException` where it is absent or empty.
pub(crate) fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, ServiceError> {
    match value {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(ServiceError::invalid_input(format!("{name} is required."))),
    }
}

/// The parameter of an operation that asks for one thing by its name.
///
/// # Errors
/// `SerializationException` if it is no string, `InvalidInputException` if it is absent or empty.
pub(crate) fn name<'a>(body: &'a Value, parameter: &str) -> Result<&'a str, ServiceError> {
    let value: Option<&str> = match body.get(parameter) {
        Some(value) => read(value)?,
        None => None,
    };
    required(parameter, value)
}

/// Reads a date in the one form that the API takes: `YYYY-MM-DD`. `None` if it is another, or no real date.
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
    use super::*;
    use jiff::civil::date;

    #[test]
    fn dates_have_one_form() {
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
