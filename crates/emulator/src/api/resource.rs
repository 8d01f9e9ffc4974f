//! The types, states and tags of resources, by their names in the API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Tags of a resource: key to value.
pub type Tags = BTreeMap<String, String>;

/// The type of a resource.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum ResourceType {
    #[default]
    Instance,
    Disk,
    InstanceSnapshot,
    DiskSnapshot,
    StaticIp,
    KeyPair,
}

impl ResourceType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "Instance",
            Self::Disk => "Disk",
            Self::InstanceSnapshot => "InstanceSnapshot",
            Self::DiskSnapshot => "DiskSnapshot",
            Self::StaticIp => "StaticIp",
            Self::KeyPair => "KeyPair",
        }
    }

    /// The member that holds such a resource in an answer: `instanceSnapshot`.
    pub(crate) fn member(self) -> String {
        let (first, rest) = self.as_str().split_at(1);
        first.to_ascii_lowercase() + rest
    }

    /// The parameter that names such a resource: `instanceSnapshotName`.
    pub(crate) fn parameter(self) -> String {
        self.member() + "Name"
    }
}

/// The kinds of resource that have snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    #[default]
    Instance,
    Disk,
}

impl SourceKind {
    pub const fn resource_type(self) -> ResourceType {
        match self {
            Self::Instance => ResourceType::Instance,
            Self::Disk => ResourceType::Disk,
        }
    }

    pub const fn snapshot_type(self) -> ResourceType {
        match self {
            Self::Instance => ResourceType::InstanceSnapshot,
            Self::Disk => ResourceType::DiskSnapshot,
        }
    }
}

/// The status of an automatic snapshot. Only `Success` can be copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AutoSnapshotStatus {
    /// The snapshot is complete.
    #[default]
    Success,
    /// Lightsail could not make it.
    Failed,
    /// Lightsail is making it.
    InProgress,
    /// Lightsail does not have it any more.
    NotFound,
}

/// The state of a manual snapshot.
///
/// The API calls an available disk snapshot `completed`. The emulator uses one name for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotState {
    /// Lightsail is making it.
    Pending,
    /// The snapshot is complete.
    #[default]
    #[serde(alias = "completed")]
    Available,
    /// Lightsail could not make it.
    Error,
    /// Lightsail does not know the state. Only disk snapshots have this state.
    Unknown,
}
