//! Regions and their Availability Zones.

use serde::Serialize;

use super::value::{Text, Zone};
use crate::api::region::Region;

/// GetRegions' answer.
#[derive(Serialize)]
pub(crate) struct RegionsResult {
    pub(crate) regions: Vec<RegionInfo>,
}

/// [Region](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Region.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegionInfo {
    pub(crate) continent_code: &'static str,
    pub(crate) description: String,
    pub(crate) display_name: &'static str,
    pub(crate) name: Region,
    pub(crate) availability_zones: Vec<AvailabilityZone>,
    pub(crate) relational_database_availability_zones: Vec<AvailabilityZone>,
}

/// [AvailabilityZone](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_AvailabilityZone.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AvailabilityZone {
    pub(crate) zone_name: Text<Zone>,
    pub(crate) state: &'static str,
}
