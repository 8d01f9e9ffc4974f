//! Manual and automatic snapshots.

use std::fmt::{self, Display};

use jiff::civil::Date;
use serde::Serialize;

use super::value::{Location, TagList, Text, Time};
use crate::api::resource::{AutoSnapshotStatus, ResourceType};

/// [InstanceSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_InstanceSnapshot.html),
/// without the optional `progress`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceSnapshot<'a> {
    pub(crate) name: &'a str,
    pub(crate) arn: &'a str,
    pub(crate) support_code: &'a str,
    pub(crate) created_at: Time,
    pub(crate) location: Location,
    pub(crate) resource_type: ResourceType,
    pub(crate) tags: TagList<'a>,
    pub(crate) state: &'static str,
    pub(crate) from_attached_disks: Vec<FromAttachedDisk<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_instance_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_instance_arn: Option<&'a str>,
    pub(crate) from_blueprint_id: &'a str,
    pub(crate) from_bundle_id: &'a str,
    pub(crate) is_from_auto_snapshot: bool,
    pub(crate) size_in_gb: u32,
}

/// The members that a Disk has in an instance snapshot.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FromAttachedDisk<'a> {
    pub(crate) name: &'a str,
    pub(crate) size_in_gb: u32,
    pub(crate) is_system_disk: bool,
    pub(crate) iops: u32,
    pub(crate) path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attached_to: Option<&'a str>,
    pub(crate) is_attached: bool,
}

/// [DiskSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DiskSnapshot.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiskSnapshot<'a> {
    pub(crate) name: &'a str,
    pub(crate) arn: &'a str,
    pub(crate) support_code: &'a str,
    pub(crate) created_at: Time,
    pub(crate) location: Location,
    pub(crate) resource_type: ResourceType,
    pub(crate) tags: TagList<'a>,
    pub(crate) size_in_gb: u32,
    pub(crate) state: &'static str,
    pub(crate) progress: Text<Percent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_disk_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_disk_arn: Option<&'a str>,
    pub(crate) is_from_auto_snapshot: bool,
}

/// `40%`.
pub(crate) struct Percent(pub(crate) u8);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// GetAutoSnapshots' answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AutoSnapshotsResult<'a> {
    pub(crate) resource_name: &'a str,
    pub(crate) resource_type: ResourceType,
    pub(crate) auto_snapshots: Vec<AutoSnapshotDetails<'a>>,
}

/// [AutoSnapshotDetails](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_AutoSnapshotDetails.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AutoSnapshotDetails<'a> {
    pub(crate) date: Text<Date>,
    pub(crate) created_at: Time,
    pub(crate) status: AutoSnapshotStatus,
    pub(crate) from_attached_disks: Vec<AttachedDisk<'a>>,
}

/// [AttachedDisk](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_AttachedDisk.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttachedDisk<'a> {
    pub(crate) path: &'a str,
    pub(crate) size_in_gb: u32,
}
