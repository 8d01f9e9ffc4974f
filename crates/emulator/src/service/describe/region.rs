//! Regions.

use crate::api::members::{AvailabilityZone, RegionInfo, Text, Zone};
use crate::api::region::Region;

/// A Region, with the Availability Zones that were asked for.
pub(in crate::service) fn region(region: Region, zones: bool, database_zones: bool) -> RegionInfo {
    let all_if = |asked: bool| {
        let letters = if asked { "abc" } else { "" }.chars();
        let zone = |letter| AvailabilityZone {
            zone_name: Text(Zone::In(region, letter)),
            state: "available",
        };
        letters.map(zone).collect()
    };
    RegionInfo {
        continent_code: region.continent_code(),
        description: format!(
            "This region is recommended to serve users near {}",
            region.display_name()
        ),
        display_name: region.display_name(),
        name: region,
        availability_zones: all_if(zones),
        relational_database_availability_zones: all_if(database_zones),
    }
}
