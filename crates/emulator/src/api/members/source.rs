//! Instances and disks.

use serde::Serialize;

use super::value::{Location, TagList, Time};
use crate::api::instance::{InstanceState, Protocol};
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
    pub(crate) blueprint_id: &'a str,
    pub(crate) blueprint_name: String,
    pub(crate) bundle_id: &'a str,
    pub(crate) add_ons: Vec<AddOn>,
    pub(crate) is_static_ip: bool,
    pub(crate) private_ip_address: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_ip_address: Option<&'a str>,
    pub(crate) ipv6_addresses: [&'static str; 0],
    pub(crate) ip_address_type: &'static str,
    pub(crate) hardware: Hardware<'a>,
    pub(crate) networking: Networking<'a>,
    pub(crate) state: InstanceStateInfo,
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
    pub(crate) disks: Vec<HardwareDisk<'a>>,
    pub(crate) ram_size_in_gb: f32,
}

/// A disk of an instance.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum HardwareDisk<'a> {
    System(SystemDisk<'a>),
    Attached(Disk<'a>),
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
pub(crate) struct Networking<'a> {
    pub(crate) monthly_transfer: MonthlyTransfer,
    pub(crate) ports: Vec<PortInfo<'a>>,
}

/// [InstancePortInfo](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_InstancePortInfo.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortInfo<'a> {
    pub(crate) from_port: i32,
    pub(crate) to_port: i32,
    pub(crate) protocol: Protocol,
    pub(crate) access_from: &'static str,
    pub(crate) access_type: &'static str,
    pub(crate) common_name: &'static str,
    pub(crate) access_direction: &'static str,
    pub(crate) cidrs: &'a [String],
    pub(crate) ipv6_cidrs: &'a [String],
    pub(crate) cidr_list_aliases: &'a [String],
}

/// [InstancePortState](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_InstancePortState.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortState<'a> {
    pub(crate) from_port: i32,
    pub(crate) to_port: i32,
    pub(crate) protocol: Protocol,
    pub(crate) state: &'static str,
    pub(crate) cidrs: &'a [String],
    pub(crate) ipv6_cidrs: &'a [String],
    pub(crate) cidr_list_aliases: &'a [String],
}

/// GetInstancePortStates' answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortStatesResult<'a> {
    pub(crate) port_states: Vec<PortState<'a>>,
}

/// [MonthlyTransfer](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_MonthlyTransfer.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MonthlyTransfer {
    pub(crate) gb_per_month_allocated: u32,
}

/// [InstanceState](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_InstanceState.html).
#[derive(Serialize)]
pub(crate) struct InstanceStateInfo {
    pub(crate) code: u8,
    pub(crate) name: InstanceState,
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
    pub(crate) add_ons: Vec<AddOn>,
    pub(crate) size_in_gb: u32,
    pub(crate) is_system_disk: bool,
    pub(crate) iops: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<&'a str>,
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attached_to: Option<&'a str>,
    pub(crate) is_attached: bool,
    pub(crate) attachment_state: &'static str,
}
