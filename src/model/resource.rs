//! Instances, disks and their snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use strum::IntoStaticStr;

use super::bundle::Hardware;
use super::region::Region;
use super::tags::CopyTags;

/// An instance or a disk, and so the kind of its snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, IntoStaticStr)]
pub enum ResourceKind {
    Instance,
    Disk,
}

impl ResourceKind {
    pub const ALL: [Self; 2] = [Self::Instance, Self::Disk];

    pub fn other(self) -> Self {
        match self {
            Self::Instance => Self::Disk,
            Self::Disk => Self::Instance,
        }
    }

    /// For messages.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Disk => "disk",
        }
    }
}

/// Identifies an instance or disk. Lightsail keeps names unique per Region. In JSON, it is the source
/// of something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ResourceId {
    #[serde(rename = "sourceRegion")]
    pub region: Region,
    /// Shared: the inventory, plan and events of a large fleet have each name many times.
    #[serde(rename = "sourceResourceName")]
    pub name: Arc<str>,
    #[serde(skip)]
    pub kind: ResourceKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub name: Arc<str>,
    /// Tags by key. A tag without a value has an empty one.
    pub tags: BTreeMap<String, String>,
    pub created_at: Option<Timestamp>,
    /// Whether the add-on `AutoSnapshot` is on.
    pub automatic_snapshots: bool,
    /// Whether it is a Windows instance. Lightsail makes no automatic snapshots of those.
    pub is_windows: bool,
    /// The tags with the firewall of an instance.
    pub ports: Option<Vec<(String, String)>>,
    pub size_gb: Option<u32>,
    /// The instance that a disk is attached to.
    pub attached_to: Option<String>,
    pub instance: Option<InstanceStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceStatus {
    pub state: InstanceState,
    /// `publicIpAddress`: IPv4.
    pub public_address: Option<String>,
    pub hardware: Option<Hardware>,
}

/// The states of an instance that a drill handles differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    Pending,
    Running,
    /// It is stopped, or somebody stops it.
    Stopped,
    Ending,
}

/// An automatic snapshot: a recovery point that Lightsail made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoSnapshot {
    /// The day it belongs to, and its name in the API.
    pub date: Date,
    pub created_at: Option<Timestamp>,
    /// Whether its status is `Success`. Only then it can be copied.
    pub restorable: bool,
    /// Whether its status is `InProgress`.
    pub in_progress: bool,
}

/// The state of a manual snapshot. Copies are manual snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotState {
    Pending,
    Available,
    /// Lightsail reports state `unknown` (disks only): neither restorable nor in progress.
    Unknown,
    /// It failed, and never becomes available.
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub name: String,
    pub tags: BTreeMap<String, String>,
    pub kind: ResourceKind,
    pub state: SnapshotState,
    /// `createdAt`. Of a copy: when it was started.
    pub created_at: Option<Timestamp>,
    /// `fromInstanceName` or `fromDiskName`. A copy keeps the name of the original's instance or disk.
    pub from: Option<String>,
    /// The Region in `fromInstanceArn` or `fromDiskArn`, if the snapshot has an ARN.
    pub from_region: Option<String>,
    /// The names in `fromAttachedDisks`: the disks that a snapshot of an instance contains.
    pub attached_disks: Vec<String>,
    /// `fromBundleId`: the hardware of the instance that it was made from.
    pub bundle: Option<String>,
    pub size_gb: u32,
}

impl Snapshot {
    /// What it is, for messages: `a snapshot of the instance web in us-west-2`.
    pub fn describe(&self) -> String {
        let name = self.from.as_deref().unwrap_or("with an unknown name");
        let region = self.from_region.as_ref();
        let region = region.map(|region| format!(" in {region}"));
        let tags = CopyTags::read(&self.tags).and_then(Result::ok);
        let tags = tags.map(|tags| format!(", tagged {} of {}", tags.source, tags.date));
        format!(
            "a snapshot of the {} {name}{}{}",
            self.kind.noun(),
            region.unwrap_or_default(),
            tags.unwrap_or_default()
        )
    }
}
