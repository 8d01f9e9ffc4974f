//! Bundles.

use serde::Serialize;

/// [Bundle](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Bundle.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bundle {
    /// In US dollars a month.
    pub(crate) price: f32,
    pub(crate) cpu_count: u8,
    pub(crate) disk_size_in_gb: u32,
    pub(crate) bundle_id: &'static str,
    pub(crate) instance_type: &'static str,
    pub(crate) is_active: bool,
    pub(crate) name: &'static str,
    pub(crate) power: u32,
    pub(crate) ram_size_in_gb: f32,
    pub(crate) transfer_per_month_in_gb: u32,
    pub(crate) supported_platforms: [&'static str; 1],
    pub(crate) supported_app_categories: [&'static str; 0],
    pub(crate) public_ipv4_address_count: u8,
}
