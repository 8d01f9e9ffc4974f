//! Page tokens of lists.
//!
//! A token holds the key of the last item of a page. The next page starts with the first item after
//! that key, so items that are added or removed between two pages cause no gaps and no duplicates.

use serde_json::Value;

use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters;

/// Where a page starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    operation: Operation,
    after: Option<String>,
}

impl Token {
    /// Reads the `pageToken` of a request. Without one, the page is the first.
    ///
    /// # Errors
    /// `InvalidInputException` for a token that this operation never returned.
    pub(crate) fn read(operation: Operation, body: &Value) -> Result<Self, ServiceError> {
        let text: Option<&str> = match body.get("pageToken") {
            Some(value) => parameters::read(value)?,
            None => None,
        };
        let after = match text {
            Some(text) => Some(decode(operation, text).ok_or_else(|| {
                ServiceError::invalid_input(format!("The page token is not valid: {text}"))
            })?),
            None => None,
        };
        Ok(Self { operation, after })
    }

    /// The key after which the page starts.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Truncates `items`, which may hold one item more than the page, and returns the token of the
    /// next page if there is one.
    pub(crate) fn next<T>(
        &self,
        items: &mut Vec<T>,
        page_size: usize,
        key: impl Fn(&T) -> &str,
    ) -> Option<String> {
        if items.len() <= page_size {
            return None;
        }
        items.truncate(page_size);
        items.last().map(|last| encode(self.operation, key(last)))
    }
}

/// A token as text. It is hexadecimal so that clients treat it as opaque.
fn encode(operation: Operation, key: &str) -> String {
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
        let first = Token::read(Operation::GetDisks, &json!({})).unwrap();
        let mut items = vec!["a", "ß/b", "c"];
        let token = first.next(&mut items, 2, |item| item).unwrap();
        assert_eq!(items, ["a", "ß/b"]);
        let second = Token::read(Operation::GetDisks, &json!({ "pageToken": token })).unwrap();
        assert_eq!(second.after(), Some("ß/b"));
        let other = Token::read(Operation::GetInstances, &json!({ "pageToken": token }));
        assert_eq!(other.unwrap_err().code, "InvalidInputException");
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "x", "abc", "éé", "ff", "47"] {
            let error =
                Token::read(Operation::GetDisks, &json!({ "pageToken": text })).unwrap_err();
            assert_eq!(error.code, "InvalidInputException", "{text}");
        }
        let error = Token::read(Operation::GetDisks, &json!({ "pageToken": 1 })).unwrap_err();
        assert_eq!(error.code, "SerializationException");
    }
}
