//! Manual snapshots.

use jiff::Timestamp;
use serde::Deserialize;

use crate::api::read;
use crate::api::resource::{SnapshotState, Tags};

/// A manual snapshot of an instance.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceSnapshot {
    /// Its name, unique in the Region.
    #[serde(deserialize_with = "read::not_empty")]
    pub name: String,
    /// The name of the instance that it was made from.
    #[serde(default)]
    pub from_instance_name: Option<String>,
    /// The instance's blueprint. Default: that of the Region's instance with this name, if any, or
    /// `wordpress`.
    #[serde(default)]
    pub from_blueprint_id: Option<String>,
    /// The instance's bundle, not necessarily one that the emulator has. Default: that of the
    /// Region's instance with this name, if any, or `small_3_0`.
    #[serde(default)]
    pub from_bundle_id: Option<String>,
    /// The attached disks that it contains. Default: those attached to the Region's instance with
    /// this name.
    #[serde(default)]
    pub from_attached_disks: Option<Vec<AttachedDisk>>,
    /// The ARN of that instance. Default: the ARN of the Region's instance with this name, if any.
    #[serde(default)]
    pub from_instance_arn: Option<String>,
    /// Its tags. Default none.
    #[serde(default)]
    pub tags: Tags,
    /// Its state, which never changes. `pending` counts as a copy in progress. Default `available`.
    #[serde(default)]
    pub state: SnapshotState,
    /// When it was created. Default: when the emulator starts.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// Whether it is a copy of an automatic snapshot. Default `false`.
    #[serde(default)]
    pub is_from_auto_snapshot: bool,
    /// Its size in GB. Default 40.
    #[serde(default)]
    pub size_in_gb: Option<u32>,
}

/// A disk in a snapshot of the instance that it was attached to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttachedDisk {
    /// The disk's name.
    pub name: String,
    /// The device. Default `/dev/xvdf`.
    #[serde(default)]
    pub path: Option<String>,
    /// The disk's size in GB. Default 40.
    #[serde(default)]
    pub size_in_gb: Option<u32>,
}

/// A manual snapshot of a disk.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiskSnapshot {
    /// Its name, unique in the Region.
    #[serde(deserialize_with = "read::not_empty")]
    pub name: String,
    /// The name of the disk that it was made from.
    #[serde(default)]
    pub from_disk_name: Option<String>,
    /// The ARN of that disk. Default: the ARN of the Region's disk with this name, if any.
    #[serde(default)]
    pub from_disk_arn: Option<String>,
    /// Its tags. Default none.
    #[serde(default)]
    pub tags: Tags,
    /// Its state, which never changes. `pending` counts as a copy in progress. Default `available`,
    /// which may be written `completed`.
    #[serde(default)]
    pub state: SnapshotState,
    /// When it was created. Default: when the emulator starts.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// Whether it is a copy of an automatic snapshot. Default `false`.
    #[serde(default)]
    pub is_from_auto_snapshot: bool,
    /// Its size in GB. Default 40.
    #[serde(default)]
    pub size_in_gb: Option<u32>,
}
