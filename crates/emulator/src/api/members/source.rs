//! Instances and disks.

use serde::Serialize;

use super::value::{Location, TagList, Time};
use crate::api::resource::ResourceType;

/// [Instance](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Instance.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance<'a> {
    pub(crate) name: &'a str,
    pub(crate) arn: &'a str,
    pub(crate) support_code: &'a str,
    pub(crate) created_at: Time,
    pub(crate) location: Location,
    pub(crate) resource_type: ResourceType,
    pub(crate) tags: TagList<'a>,
    pub(crate) blueprint_id: &'static str,
    pub(crate) blueprint_name: &'static str,
    pub(crate) bundle_id: &'static str,
    pub(crate) add_ons: [AddOn; 1],
    pub(crate) is_static_ip: bool,
    pub(crate) private_ip_address: &'static str,
    pub(crate) public_ip_address: &'static str,
    pub(crate) ipv6_addresses: [&'static str; 0],
    pub(crate) ip_address_type: &'static str,
    pub(crate) hardware: Hardware<'a>,
    pub(crate) networking: Networking,
    pub(crate) state: InstanceState,
    pub(crate) username: &'static str,
    pub(crate) ssh_key_name: &'static str,
}

/// [AddOn](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_AddOn.html): the one
/// that makes automatic snapshots.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddOn {
    pub(crate) name: &'static str,
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot_time_of_day: Option<String>,
}

/// [InstanceHardware](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_InstanceHardware.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hardware<'a> {
    pub(crate) cpu_count: u8,
    pub(crate) disks: [SystemDisk<'a>; 1],
    pub(crate) ram_size_in_gb: f32,
}

/// The members that a Disk has as an instance's system disk.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SystemDisk<'a> {
    pub(crate) created_at: Time,
    pub(crate) size_in_gb: u32,
    pub(crate) is_system_disk: bool,
    pub(crate) iops: u32,
    pub(crate) path: &'static str,
    pub(crate) attached_to: &'a str,
    pub(crate) attachment_state: &'static str,
}

/// [InstanceNetworking](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_InstanceNetworking.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Networking {
    pub(crate) monthly_transfer: MonthlyTransfer,
    pub(crate) ports: [(); 0],
}

/// [MonthlyTransfer](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_MonthlyTransfer.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MonthlyTransfer {
    pub(crate) gb_per_month_allocated: u32,
}

/// [InstanceState](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_InstanceState.html).
#[derive(Serialize)]
pub(crate) struct InstanceState {
    pub(crate) code: u8,
    pub(crate) name: &'static str,
}

/// [Disk](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Disk.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Disk<'a> {
    pub(crate) name: &'a str,
    pub(crate) arn: &'a str,
    pub(crate) support_code: &'a str,
    pub(crate) created_at: Time,
    pub(crate) location: Location,
    pub(crate) resource_type: ResourceType,
    pub(crate) tags: TagList<'a>,
    pub(crate) add_ons: [AddOn; 1],
    pub(crate) size_in_gb: u32,
    pub(crate) is_system_disk: bool,
    pub(crate) iops: u32,
    pub(crate) state: &'static str,
    pub(crate) is_attached: bool,
}
