//! Manual snapshots.

use jiff::Timestamp;
use serde::Deserialize;

use crate::api::resource::{SnapshotState, Tags};

/// A manual snapshot of an instance.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InstanceSnapshot {
    /// Its name, unique in the Region.
    pub name: String,
    /// The name of the instance that it was made from.
    pub from_instance_name: Option<String>,
    /// The instance's blueprint. Default: that of the Region's instance with this name, if any, or
    /// `wordpress`.
    pub from_blueprint_id: Option<String>,
    /// The instance's bundle, not necessarily one that the emulator has. Default: that of the
    /// Region's instance with this name, if any, or `small_3_0`.
    pub from_bundle_id: Option<String>,
    /// The attached disks that it contains. Default: those attached to the Region's instance with
    /// this name.
    pub from_attached_disks: Option<Vec<AttachedDisk>>,
    /// The ARN of that instance. Default: the ARN of the Region's instance with this name, if any.
    pub from_instance_arn: Option<String>,
    /// Its tags. Default none.
    pub tags: Tags,
    /// Its state, which never changes. `pending` counts as a copy in progress. Default `available`.
    pub state: SnapshotState,
    /// When it was created. Default: when the emulator starts.
    pub created_at: Option<Timestamp>,
    /// Whether it is a copy of an automatic snapshot. Default `false`.
    pub is_from_auto_snapshot: bool,
    /// Its size in GB. Default 40.
    pub size_in_gb: Option<u32>,
}

/// A disk in a snapshot of the instance that it was attached to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttachedDisk {
    /// The disk's name.
    pub name: String,
    /// The device. Default `/dev/xvdf`.
    pub path: Option<String>,
    /// The disk's size in GB. Default 40.
    pub size_in_gb: Option<u32>,
}

/// A manual snapshot of a disk.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DiskSnapshot {
    /// Its name, unique in the Region.
    pub name: String,
    /// The name of the disk that it was made from.
    pub from_disk_name: Option<String>,
    /// The ARN of that disk. Default: the ARN of the Region's disk with this name, if any.
    pub from_disk_arn: Option<String>,
    /// Its tags. Default none.
    pub tags: Tags,
    /// Its state, which never changes. `pending` counts as a copy in progress. Default `available`,
    /// which may be written `completed`.
    pub state: SnapshotState,
    /// When it was created. Default: when the emulator starts.
    pub created_at: Option<Timestamp>,
    /// Whether it is a copy of an automatic snapshot. Default `false`.
    pub is_from_auto_snapshot: bool,
    /// Its size in GB. Default 40.
    pub size_in_gb: Option<u32>,
}
