//! Page tokens of lists.
//!
//! A token holds the key of the last item of a page. The next page starts with the first item after
//! that key, so items that are added or removed between two pages cause no gaps and no duplicates.

use serde_json::Value;

use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters;

/// Reads the key in the `pageToken` of a request. Without one, the page is the first.
///
/// # Errors
/// `InvalidInputException` for a token that this operation never returned.
pub(crate) fn read_token(
    operation: Operation,
    body: &Value,
) -> Result<Option<String>, ServiceError> {
    let Some(text) = parameters::optional::<&str>(body, "pageToken")? else {
        return Ok(None);
    };
    match decode(operation, text) {
        Some(key) => Ok(Some(key)),
        None => Err(ServiceError::invalid_input(format!(
            "The page token is not valid: {text}"
        ))),
    }
}

/// A token as text. It is hexadecimal so that clients treat it as opaque.
pub(crate) fn token(operation: Operation, key: &str) -> String {
    let plain = format!("{operation}/{key}");
    plain.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(operation: Operation, text: &str) -> Option<String> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|value| value as u8))
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let plain = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    let plain = String::from_utf8(plain).ok()?;
    let key = plain.strip_prefix(operation.as_str())?.strip_prefix('/')?;
    Some(key.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_returned_token_is_accepted() {
        let body = json!({ "pageToken": token(Operation::GetDisks, "ß/b") });
        let key = read_token(Operation::GetDisks, &body).unwrap();
        assert_eq!(key.as_deref(), Some("ß/b"));
        let other = read_token(Operation::GetInstances, &body);
        assert_eq!(other.unwrap_err().code, "InvalidInputException");
        assert_eq!(read_token(Operation::GetDisks, &json!({})), Ok(None));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "x", "abc", "éé", "ff", "47"] {
            let error = read_token(Operation::GetDisks, &json!({ "pageToken": text })).unwrap_err();
            assert_eq!(error.code, "InvalidInputException", "{text}");
        }
        let error = read_token(Operation::GetDisks, &json!({ "pageToken": 1 })).unwrap_err();
        assert_eq!(error.code, "SerializationException");
    }
}
