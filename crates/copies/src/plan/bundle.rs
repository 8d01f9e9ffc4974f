//! The bundle of a restored instance.

use lightsail_snapshot_copier::{Bundle, Bundles, ExistingCopy, Hardware, is_ipv6_only};

use serde::Serializer;
use serde::ser::SerializeMap;

use super::Wish;
use crate::lightsail::Restorable;

const UNKNOWN: &str = "unknown";

/// What `--bundle` calls the bundle of a copy.
pub fn own(copy: &ExistingCopy) -> &str {
    copy.bundle.as_deref().unwrap_or(UNKNOWN)
}

/// The bundle to restore a copy with, or why there is none.
pub fn choose<'a>(
    wish: &Wish,
    bundles: &'a Bundles,
    copy: &ExistingCopy,
    found: &Restorable,
) -> Result<&'a Bundle, String> {
    let own = own(copy);
    let wanted = wish.bundles.get(own).map_or(own, String::as_str);
    let size_gb = found.size_gb;
    let hardware = hardware(bundles, own);
    let is_foreign =
        |bundle: &Bundle| own != UNKNOWN && bundle.hardware.is_windows != hardware.is_windows;
    let problem = match bundles.equal(wanted, None) {
        Some(bundle) if is_foreign(bundle) => format!(
            "bundle {} is for another platform than the copy's (Windows, or Linux/Unix)",
            bundle.id
        ),
        Some(bundle) if bundle.hardware.disk_gb >= size_gb => return Ok(bundle),
        Some(bundle) => format!(
            "bundle {} has a disk of {} GB, and the copy one of {size_gb} GB",
            bundle.id, bundle.hardware.disk_gb
        ),
        None if wanted == UNKNOWN => "Lightsail does not say the bundle of its copy".to_owned(),
        None => format!(
            "bundle {wanted} is not available in {}, and no other one has the same hardware",
            wish.region
        ),
    };
    let fits = |bundle: &&Bundle| bundle.hardware.disk_gb >= size_gb;
    if wanted != own && bundles.equal(own, None).is_some_and(|own| fits(&own)) {
        let needless = format!("{own} needs no other one, so leave out --bundle {own}={wanted}");
        return Err(format!("{problem}; {needless}"));
    }
    let hardware = Hardware {
        disk_gb: hardware.disk_gb.max(size_gb),
        ..hardware
    };
    Err(match bundles.nearest_larger(hardware) {
        None => format!("{problem}; {} has no larger one", wish.region),
        Some(nearest) => format!(
            "{problem}; the nearest larger one is {} ({} USD a month): --bundle {own}={}",
            nearest.id,
            price(nearest.price_cents),
            nearest.id
        ),
    })
}

/// The hardware of a bundle: as the Region lists it, or what the id says.
fn hardware(bundles: &Bundles, id: &str) -> Hardware {
    let unknown = Hardware {
        cpus: 0,
        ram_mib: 0,
        disk_gb: 0,
        is_windows: id.contains("_win_"),
        ipv4_addresses: u32::from(!is_ipv6_only(id)),
    };
    bundles.hardware(id, None).unwrap_or(unknown)
}

/// In US dollars: `12` or `3.50`.
pub fn price(cents: u32) -> String {
    match (cents / 100, cents % 100) {
        (dollars, 0) => dollars.to_string(),
        (dollars, cents) => format!("{dollars}.{cents:02}"),
    }
}

/// The members of the API, with the price in US dollars.
pub fn serialize<S: Serializer>(bundle: &Bundle, serializer: S) -> Result<S::Ok, S::Error> {
    let mut members = serializer.serialize_map(Some(2))?;
    members.serialize_entry("bundleId", &bundle.id)?;
    members.serialize_entry("price", &(f64::from(bundle.price_cents) / 100.0))?;
    members.end()
}
