//! The resources of a Region: what the operations work on, and what tests see.

use jiff::Timestamp;

use super::auto_snapshots::AutoSnapshots;
use super::catalog;
use super::origin::Origin;
use crate::api::instance::{InstanceState, IpAddressType, Port};
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SnapshotState, SourceKind, Tags};

/// What every resource has, of a new one.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) support_code: String,
    pub(crate) created_at: Timestamp,
    pub(crate) availability_zone: String,
    pub(crate) tags: Tags,
}

/// A virtual server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    pub name: String,
    pub arn: String,
    pub support_code: String,
    pub created_at: Timestamp,
    pub availability_zone: String,
    pub tags: Tags,
    pub state: InstanceState,
    pub blueprint_id: String,
    pub bundle_id: String,
    /// The size of the system disk.
    pub size_in_gb: u32,
    pub ports: Vec<Port>,
    /// Only a running instance reports it.
    pub public_ip_address: String,
    /// The snapshot that it is being made from.
    pub(crate) made_from: Option<String>,
    pub ip_address_type: IpAddressType,
    pub auto_snapshots: AutoSnapshots,
}

/// A block storage disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Disk {
    pub name: String,
    pub arn: String,
    pub support_code: String,
    pub created_at: Timestamp,
    pub availability_zone: String,
    pub tags: Tags,
    pub state: DiskState,
    pub size_in_gb: u32,
    /// The name of the instance that it is attached to.
    pub attached_to: Option<String>,
    /// The device of an attached disk: `/dev/xvdf`.
    pub path: Option<String>,
    pub is_system_disk: bool,
    /// The snapshot that it is being made from.
    pub(crate) made_from: Option<String>,
    pub auto_snapshots: AutoSnapshots,
}

/// A manual snapshot of an instance or disk, copies included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub name: String,
    pub arn: String,
    pub support_code: String,
    /// For a copy, when CopySnapshot was answered.
    pub created_at: Timestamp,
    pub availability_zone: String,
    pub tags: Tags,
    /// Whether it is a snapshot of an instance or of a disk.
    pub kind: SourceKind,
    pub state: SnapshotState,
    /// When a pending snapshot ends, if ever.
    pub(crate) ends_at: Option<Timestamp>,
    /// When lookups and lists find it.
    pub(crate) visible_at: Timestamp,
    /// Whether CopySnapshot made it, so that it counts as a copy in progress.
    pub(crate) is_copy: bool,
    pub size_in_gb: u32,
    pub from: Origin,
}

/// A resource of which only the name matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Other {
    pub name: String,
    pub arn: String,
    pub support_code: String,
    pub created_at: Timestamp,
    pub availability_zone: String,
    pub tags: Tags,
    pub(crate) resource_type: ResourceType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DiskState {
    Pending,
    #[default]
    Available,
    Deleting,
}

/// A resource of any type.
#[derive(Debug)]
pub(crate) enum Resource {
    Instance(Instance),
    Disk(Disk),
    Snapshot(Snapshot),
    Other(Other),
}

/// What resources of several types can be asked for by.
pub(crate) trait Noun: Sized {
    fn of(resource: &Resource) -> Option<&Self>;
    fn of_mut(resource: &mut Resource) -> Option<&mut Self>;
}

macro_rules! nouns {
    ($($noun:ident)*) => { $(
        impl From<Head> for $noun {
            fn from(head: Head) -> Self {
                Self {
                    name: head.name,
                    arn: head.arn,
                    support_code: head.support_code,
                    created_at: head.created_at,
                    availability_zone: head.availability_zone,
                    tags: head.tags,
                    ..Self::default()
                }
            }
        }

        impl From<$noun> for Resource {
            fn from(noun: $noun) -> Self {
                Self::$noun(noun)
            }
        }

        impl Noun for $noun {
            fn of(resource: &Resource) -> Option<&Self> {
                match resource {
                    Resource::$noun(noun) => Some(noun),
                    _ => None,
                }
            }

            fn of_mut(resource: &mut Resource) -> Option<&mut Self> {
                match resource {
                    Resource::$noun(noun) => Some(noun),
                    _ => None,
                }
            }
        }
    )* };
}

nouns!(Instance Disk Snapshot Other);

impl Other {
    pub(crate) fn new(head: Head, resource_type: ResourceType) -> Self {
        Self {
            resource_type,
            ..head.into()
        }
    }
}

/// What all types of resource have, of one of them.
macro_rules! of_any {
    ($resource:expr, $noun:ident => $value:expr) => {
        match $resource {
            Resource::Instance($noun) => $value,
            Resource::Disk($noun) => $value,
            Resource::Snapshot($noun) => $value,
            Resource::Other($noun) => $value,
        }
    };
}

pub(super) use of_any;

impl Resource {
    pub(crate) fn resource_type(&self) -> ResourceType {
        match self {
            Self::Instance(_) => ResourceType::Instance,
            Self::Disk(_) => ResourceType::Disk,
            Self::Snapshot(snapshot) => snapshot.kind.snapshot_type(),
            Self::Other(other) => other.resource_type,
        }
    }

    pub(crate) fn name(&self) -> &str {
        of_any!(self, found => &found.name)
    }

    pub(crate) fn arn(&self) -> &str {
        of_any!(self, found => &found.arn)
    }

    pub(crate) fn zone(&self) -> &str {
        of_any!(self, found => &found.availability_zone)
    }

    pub(crate) fn tags_mut(&mut self) -> &mut Tags {
        of_any!(self, found => &mut found.tags)
    }

    /// The automatic snapshots of an instance or disk.
    pub(crate) fn auto_snapshots(&self) -> Option<&AutoSnapshots> {
        match self {
            Self::Instance(instance) => Some(&instance.auto_snapshots),
            Self::Disk(disk) => Some(&disk.auto_snapshots),
            Self::Snapshot(_) | Self::Other(_) => None,
        }
    }

    pub(crate) fn auto_snapshots_mut(&mut self) -> Option<&mut AutoSnapshots> {
        match self {
            Self::Instance(instance) => Some(&mut instance.auto_snapshots),
            Self::Disk(disk) => Some(&mut disk.auto_snapshots),
            Self::Snapshot(_) | Self::Other(_) => None,
        }
    }

    pub(crate) fn is_pending_copy(&self) -> bool {
        matches!(self, Self::Snapshot(found)
            if found.is_copy && found.state == SnapshotState::Pending)
    }

    /// The origin of a snapshot of this instance or disk.
    pub(crate) fn origin(&self) -> Origin {
        let (blueprint_id, bundle_id) = match self {
            Self::Instance(instance) => (&*instance.blueprint_id, &*instance.bundle_id),
            _ => ("", ""),
        };
        Origin {
            name: Some(self.name().to_owned()),
            arn: Some(self.arn().to_owned()),
            blueprint_id: blueprint_id.to_owned(),
            bundle_id: bundle_id.to_owned(),
            ..Origin::default()
        }
    }

    /// Whether this is a Windows instance, of which Lightsail makes no automatic snapshots.
    pub(crate) fn is_windows(&self) -> bool {
        matches!(self, Self::Instance(instance) if catalog::is_windows(&instance.blueprint_id))
    }
}

impl Snapshot {
    /// The Region of the instance or disk that it was made from, from its ARN.
    pub fn from_region(&self) -> Option<Region> {
        self.from.arn.as_deref()?.split(':').nth(3)?.parse().ok()
    }

    /// The API's `progress`, in percent.
    pub(crate) fn percent_done(&self, now: Timestamp) -> u8 {
        match (self.state, self.ends_at) {
            (SnapshotState::Available, _) => 100,
            (SnapshotState::Pending, Some(ends_at)) => {
                let done = now.duration_since(self.created_at).as_secs_f64();
                let all = ends_at.duration_since(self.created_at).as_secs_f64();
                // A clock that was set back gives a negative share. The cast turns it into 0.
                (done / all * 100.0) as u8
            }
            _ => 0,
        }
    }
}
