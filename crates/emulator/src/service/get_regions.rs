//! GetRegions.

use serde::Deserialize;
use serde_json::Value;

use super::describe;
use crate::api::error::ServiceError;
use crate::api::members::{self, RegionsResult};
use crate::api::parameters;
use crate::api::region::Region;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    include_availability_zones: Option<bool>,
    include_relational_database_availability_zones: Option<bool>,
}

/// [GetRegions](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetRegions.html).
/// The answer is the same in every Region.
pub(crate) fn get_regions(body: &Value) -> Result<Vec<u8>, ServiceError> {
    let parameters: Parameters = parameters::read(body)?;
    let zones = parameters.include_availability_zones == Some(true);
    let database_zones = parameters.include_relational_database_availability_zones == Some(true);
    Ok(members::json(&RegionsResult {
        regions: Region::ALL
            .iter()
            .map(|&region| describe::region(region, zones, database_zones))
            .collect(),
    }))
}
