//! One page of a list.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;

use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::paging::Token;

/// The items of a page with their names, and the token of the next page.
type Page<'a, T> = (Vec<(&'a str, T)>, Option<String>);

/// The requested page of those resources for which `select` returns an item.
pub(super) fn page<'a, R, T>(
    page_size: usize,
    operation: Operation,
    body: &Value,
    resources: &'a BTreeMap<String, R>,
    select: impl Fn(&'a R) -> Option<T>,
) -> Result<Page<'a, T>, ServiceError> {
    let token = Token::read(operation, body)?;
    let start = match token.after() {
        Some(name) => Bound::Excluded(name),
        None => Bound::Unbounded,
    };
    let mut items: Vec<_> = resources
        .range::<str, _>((start, Bound::Unbounded))
        .filter_map(|(name, resource)| Some((&**name, select(resource)?)))
        .take(page_size + 1)
        .collect();
    let next = token.next(&mut items, page_size, |(name, _)| name);
    Ok((items, next))
}
