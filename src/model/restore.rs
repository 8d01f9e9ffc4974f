//! What restoring copies needs to know beyond what the function itself reads.

use super::resource::{Resource, ResourceKind, Snapshot};

/// A snapshot, and the sizes of the disks that can be created from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restorable {
    pub snapshot: Snapshot,
    /// The size of the disk, or of the instance's system disk.
    pub size_gb: u32,
    /// The other disks that a snapshot of an instance contains.
    pub disks: Vec<ContainedDisk>,
}

/// A disk in a snapshot of the instance that it was attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainedDisk {
    pub name: Option<String>,
    /// The device: `/dev/xvdf`.
    pub path: String,
    pub size_gb: u32,
}

/// An instance or disk that exists in the Region of the copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    pub resource: Resource,
    pub kind: ResourceKind,
    /// As Lightsail calls it: `running`, `in-use`.
    pub state: String,
    pub readiness: Readiness,
    /// The public IPv4 address of an instance, or its first IPv6 address.
    pub address: Option<String>,
    /// Whether it is the system disk of an instance.
    pub is_system_disk: bool,
}

/// Whether an instance or disk can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Lightsail creates it.
    Pending,
    Ready,
    /// It failed, or is being deleted.
    Lost,
}
