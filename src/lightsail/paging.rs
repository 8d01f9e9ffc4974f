//! Lists that Lightsail returns page by page.

use std::collections::HashSet;

use crate::model::failure::ApiError;

use super::classify::not_lightsail;

/// One page of a list.
pub struct Page<T> {
    /// `None` if the answer has no list.
    pub items: Option<Vec<T>>,
    /// The next page's token.
    pub next: Option<String>,
    /// Whether the answer has a request id, as every answer of Lightsail.
    pub has_request_id: bool,
}

/// The position in a list.
#[derive(Debug, Default)]
pub struct Pages {
    /// The next page's token. `None`: the first page.
    pub token: Option<String>,
    seen: HashSet<String>,
}

impl Pages {
    /// Moves on to the next page. Returns whether there is one.
    ///
    /// # Errors
    ///
    /// The token is that of a page that was read already. Such a list never ends.
    pub fn turn(&mut self, operation: &str, token: Option<String>) -> Result<bool, ApiError> {
        // Some services end a list with an empty token.
        let token = token.filter(|token| !token.is_empty());
        if let Some(token) = &token
            && !self.seen.insert(token.clone())
        {
            return Err(not_lightsail(format!(
                "{operation} returned the token of an earlier page: the list starts again"
            )));
        }
        self.token = token;
        Ok(self.token.is_some())
    }
}
