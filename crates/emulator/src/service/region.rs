//! The resources of one Region.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::fault::CopyBehavior;
use super::ledger::Ledger;
use super::open::RegionAccess;
use super::origin::AttachedDisk;
use super::resource::{Disk, Noun, Resource, Snapshot};
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SnapshotState};

/// The disks that are attached to each instance, by its name.
pub(crate) type Attachments<'a> = BTreeMap<&'a str, Vec<&'a Resource>>;

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

    pub(crate) fn all<T: Noun + 'static>(&self) -> impl Iterator<Item = &T> {
        self.resources.values().filter_map(T::of)
    }

    pub(crate) fn get<T: Noun>(&self, name: &str) -> Option<&T> {
        self.resources.get(name).and_then(T::of)
    }

    /// The attached disks, if resources of this type show them.
    pub(crate) fn attachments(&self, shown_by: ResourceType) -> Attachments<'_> {
        let mut attachments = Attachments::new();
        if shown_by == ResourceType::Instance {
            for resource in self.resources.values() {
                if let Resource::Disk(Disk {
                    attached_to: Some(instance),
                    ..
                }) = resource
                {
                    attachments.entry(&**instance).or_default().push(resource);
                }
            }
        }
        attachments
    }

    /// The disks that a snapshot of an instance made now contains.
    pub(crate) fn attached_disks(&self, instance: &str) -> Vec<AttachedDisk> {
        self.all::<Disk>()
            .filter(|disk| disk.attached_to.as_deref() == Some(instance))
            .map(|disk| AttachedDisk {
                name: disk.name.clone(),
                path: disk.path.clone().unwrap_or_default(),
                size_in_gb: disk.size_in_gb,
            })
            .collect()
    }

    /// How many copies are pending.
    pub(crate) fn in_progress(&self) -> usize {
        self.all::<Snapshot>()
            .filter(|snapshot| snapshot.is_copy && snapshot.state == SnapshotState::Pending)
            .count()
    }
}
