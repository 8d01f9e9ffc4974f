//! The resources and operations of all Regions.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::catalog::Bundle;
use super::fault::CallFault;
use super::ledger::Ledger;
use super::snapshot::{CopyBehavior, Progress, Snapshot};
use super::source::{AttachedDisk, Disk, Source, SourceDetail};
use crate::api::id::Ids;
use crate::api::region::Region;
use crate::api::resource::SnapshotState;

/// Everything that Lightsail holds.
#[derive(Debug)]
pub(crate) struct State {
    /// In the order of [`Region::ALL`].
    regions: Vec<RegionState>,
    pub(crate) ids: Ids,
    pub(crate) settings: Settings,
    /// The deletions in progress: when each ends, and of what.
    pub(super) deletions: Vec<(Timestamp, Region, String)>,
}

/// How the service behaves.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long a copy is pending.
    pub(crate) copy_duration: SignedDuration,
    /// How many copies may be in progress in one destination.
    pub(crate) copy_limit: usize,
    /// The error code of a copy beyond that limit.
    pub(crate) copy_limit_code: String,
    /// How many items a page of a list has.
    pub(crate) page_size: usize,
    pub(crate) copy_arn_region: CopyArnRegion,
    /// How long new instances and disks are pending.
    pub(crate) start_duration: SignedDuration,
    /// How long a deleted instance or disk remains in the lists.
    pub(crate) deletion_duration: SignedDuration,
    /// The public address of new instances.
    pub(crate) new_public_ip_address: String,
}

/// Which Region the source ARN of a copy names. Lightsail's pages do not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyArnRegion {
    /// The Region of the source.
    #[default]
    Source,
    /// The Region of the copy.
    Destination,
}

/// The resources of one Region. A name is in at most one of the two maps.
#[derive(Debug, Default)]
pub(crate) struct RegionState {
    pub(crate) sources: BTreeMap<String, Source>,
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
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

impl State {
    /// A state without resources.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            regions: Region::ALL.iter().map(|_| RegionState::default()).collect(),
            ids: Ids::default(),
            settings,
            deletions: Vec::new(),
        }
    }

    /// The resources of a Region.
    pub(crate) fn region(&self, region: Region) -> &RegionState {
        &self.regions[region as usize]
    }

    /// The resources of a Region, to change them.
    pub(crate) fn region_mut(&mut self, region: Region) -> &mut RegionState {
        &mut self.regions[region as usize]
    }

    /// When an instance or disk is ready that is created now.
    pub(super) fn ready_at(&self, now: Timestamp, fault: &CallFault) -> Timestamp {
        let duration = fault.start_duration.unwrap_or(self.settings.start_duration);
        now.checked_add(duration).unwrap_or(Timestamp::MAX)
    }

    /// A manual snapshot, as GetInstanceSnapshot and GetDiskSnapshot see it.
    pub(crate) fn look_up_snapshot(&mut self, region: Region, name: &str) -> Option<&Snapshot> {
        let RegionState {
            snapshots, hidden, ..
        } = self.region_mut(region);
        let snapshot = snapshots.get(name)?;
        match hidden.get_mut(name) {
            Some(0) | None => Some(snapshot),
            Some(lookups) => {
                *lookups -= 1;
                None
            }
        }
    }
}

impl RegionState {
    /// Whether instances can be created with the bundle.
    pub(crate) fn offers(&self, bundle: &Bundle) -> bool {
        bundle.is_current() && !self.inactive_bundles.contains(bundle.id)
    }

    /// Whether a resource of any type has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.sources.contains_key(name) || self.snapshots.contains_key(name)
    }

    /// Removes a manual snapshot, and returns whether it existed. The operation of a copy in
    /// progress fails.
    pub(crate) fn remove_snapshot(&mut self, name: &str, now: Timestamp) -> bool {
        let removed = self.snapshots.remove(name);
        if let Some(Progress::Copying(copying)) = removed.as_ref().map(|removed| removed.progress) {
            self.ledger.end_deleted_copy(copying.operation, now);
        }
        removed.is_some()
    }

    /// The disks attached to an instance, with their names.
    pub(crate) fn disks_attached_to(
        &self,
        instance: &str,
    ) -> impl Iterator<Item = (&str, &Source, &Disk)> {
        self.sources.iter().filter_map(move |(name, source)| {
            let SourceDetail::Disk(disk) = &source.detail else {
                return None;
            };
            let attachment = disk.attachment.as_ref()?;
            (attachment.instance == instance).then_some((&**name, source, disk))
        })
    }

    /// The disks that a snapshot of an instance made now contains.
    pub(crate) fn attached_disks(&self, instance: &str) -> Vec<AttachedDisk> {
        self.disks_attached_to(instance)
            .filter_map(|(name, source, disk)| {
                Some(AttachedDisk {
                    name: name.to_owned(),
                    path: disk.attachment.as_ref()?.path.clone(),
                    size_in_gb: source.size_in_gb,
                })
            })
            .collect()
    }

    /// How many snapshots are pending at a time.
    pub(crate) fn in_progress(&self, now: Timestamp) -> usize {
        self.snapshots
            .values()
            .filter(|snapshot| snapshot.state(now) == SnapshotState::Pending)
            .count()
    }
}
