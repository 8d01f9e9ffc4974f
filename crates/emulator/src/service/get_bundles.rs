//! [GetBundles](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetBundles.html).

use serde::Deserialize;
use serde_json::Value;

use super::catalog;
use super::describe;
use super::state::State;
use crate::api::error::ServiceError;
use crate::api::members::{self, Page};
use crate::api::operation::Operation;
use crate::api::paging::Token;
use crate::api::parameters;
use crate::api::region::Region;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    include_inactive: Option<bool>,
}

/// The bundles that the Region offers. `includeInactive` adds the others.
pub(crate) fn get_bundles(
    state: &State,
    region: Region,
    body: &Value,
) -> Result<Vec<u8>, ServiceError> {
    let parameters: Parameters = parameters::read(body)?;
    let include_inactive = parameters.include_inactive == Some(true);
    let token = Token::read(Operation::GetBundles, body)?;
    let resources = state.region(region);
    let mut bundles: Vec<_> = catalog::bundles()
        .filter(|bundle| include_inactive || resources.offers(bundle))
        .collect();
    if let Some(after) = token.after()
        && let Some(index) = bundles.iter().position(|bundle| bundle.id == after)
    {
        bundles.drain(..=index);
    }
    let next = token.next(&mut bundles, state.settings.page_size, |bundle| bundle.id);
    Ok(members::json(&Page {
        list: "bundles",
        items: bundles
            .iter()
            .map(|bundle| describe::bundle(bundle, resources.offers(bundle))),
        next,
    }))
}
