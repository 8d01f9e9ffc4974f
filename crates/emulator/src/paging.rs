//! Pages of lists.
//!
//! A token holds the key of the last item that was answered, and the next page begins with the first item after that
//! key, whatever has come or gone since: no other item is missed or answered twice.

use crate::error::ServiceError;
use crate::operation::Operation;
use crate::parameters;
use serde_json::Value;

/// Where a page begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    operation: Operation,
    after: Option<String>,
}

impl Token {
    /// Reads the `pageToken` of a request; absent, the page is the first.
    ///
    /// # Errors
    /// `InvalidInputException` for text that this operation never gave out.
    pub(crate) fn of(operation: Operation, body: &Value) -> Result<Self, ServiceError> {
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

    /// The key after which the page begins.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Cuts a list that was read one item too far down to a page, and gives the token of the next if there is one.
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

/// A token as text: hexadecimal, so that nobody is tempted to take it apart.
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
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_reads_back() {
        let first = Token::of(Operation::GetDisks, &json!({})).unwrap();
        let mut items = vec!["a", "ß/b", "c"];
        let token = first.next(&mut items, 2, |item| item).unwrap();
        assert_eq!(items, ["a", "ß/b"]);
        let second = Token::of(Operation::GetDisks, &json!({ "pageToken": token })).unwrap();
        assert_eq!(second.after(), Some("ß/b"));
        let other = Token::of(Operation::GetInstances, &json!({ "pageToken": token }));
        assert_eq!(other.unwrap_err().code, "InvalidInputException");
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "x", "abc", "éé", "ff", "47"] {
            let error = Token::of(Operation::GetDisks, &json!({ "pageToken": text })).unwrap_err();
            assert_eq!(error.code, "InvalidInputException", "{text}");
        }
        let error = Token::of(Operation::GetDisks, &json!({ "pageToken": 1 })).unwrap_err();
        assert_eq!(error.code, "SerializationException");
    }
}
