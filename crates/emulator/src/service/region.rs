//! The resources of one Region.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::fault::CopyBehavior;
use super::ledger::Ledger;
use super::open::RegionAccess;
use super::resource::{AttachedDisk, Disk, Instance, Resource, Snapshot};
use crate::api::region::Region;
use crate::api::resource::SnapshotState;

/// One Region. A name belongs to one resource, whatever its type.
#[derive(Debug)]
pub(crate) struct RegionState {
    pub(crate) access: RegionAccess,
    /// The letters of its Availability Zones.
    pub(crate) zones: String,
    pub(crate) resources: BTreeMap<String, Resource>,
    pub(crate) ledger: Ledger,
    /// How the copies of an instance, disk or manual snapshot proceed, by its name. An entry
    /// outlives the source.
    pub(crate) copy_behaviors: BTreeMap<String, CopyBehavior>,
    /// How many more lookups by name do not find a snapshot.
    pub(crate) hidden: BTreeMap<String, usize>,
    /// How many instances there may be. `None` is no limit.
    pub(crate) instance_quota: Option<usize>,
    /// The ids of current bundles that the Region does not offer.
    pub(crate) inactive_bundles: BTreeSet<String>,
}

impl RegionState {
    pub(crate) fn new(region: Region) -> Self {
        Self {
            access: match region {
                Region::UsWest1 => RegionAccess::NoEndpoint,
                _ => RegionAccess::Enabled,
            },
            zones: "abc".to_owned(),
            resources: BTreeMap::new(),
            ledger: Ledger::default(),
            copy_behaviors: BTreeMap::new(),
            hidden: BTreeMap::new(),
            instance_quota: None,
            inactive_bundles: BTreeSet::new(),
        }
    }

    pub(super) fn remove(&mut self, name: &str, now: Timestamp) {
        match self.resources.remove(name) {
            Some(Resource::Instance(_)) => {
                for disk in self.resources.values_mut() {
                    if let Resource::Disk(disk) = disk
                        && disk.attached_to.as_deref() == Some(name)
                    {
                        disk.attached_to = None;
                        disk.path = None;
                    }
                }
            }
            Some(Resource::Snapshot(snapshot)) if snapshot.state == SnapshotState::Pending => {
                self.ledger.end_deleted(name, now);
            }
            _ => {}
        }
    }

    pub(crate) fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.resources.values().filter_map(|found| match found {
            Resource::Instance(instance) => Some(instance),
            _ => None,
        })
    }

    pub(crate) fn disks(&self) -> impl Iterator<Item = &Disk> {
        self.resources.values().filter_map(|found| match found {
            Resource::Disk(disk) => Some(disk),
            _ => None,
        })
    }

    pub(crate) fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.resources.values().filter_map(|found| match found {
            Resource::Snapshot(snapshot) => Some(snapshot),
            _ => None,
        })
    }

    pub(crate) fn disks_attached_to(&self, instance: &str) -> impl Iterator<Item = &Disk> {
        self.disks()
            .filter(move |disk| disk.attached_to.as_deref() == Some(instance))
    }

    /// The disks that a snapshot of an instance made now contains.
    pub(crate) fn attached_disks(&self, instance: &str) -> Vec<AttachedDisk> {
        self.disks_attached_to(instance)
            .map(|disk| AttachedDisk {
                name: disk.name.clone(),
                path: disk.path.clone().unwrap_or_default(),
                size_in_gb: disk.size_in_gb,
            })
            .collect()
    }

    /// How many copies are pending.
    pub(crate) fn in_progress(&self) -> usize {
        self.snapshots()
            .filter(|snapshot| snapshot.is_copy && snapshot.state == SnapshotState::Pending)
            .count()
    }
}
