//! The resources and operations of all Regions.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::ledger::Ledger;
use super::snapshot::{Origin, Progress, Snapshot};
use super::source::{AutoSnapshot, Source};
use crate::api::id::{Id, Ids};
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SnapshotState, SourceKind, Tags};

/// The account that owns everything: the one in AWS's examples.
const ACCOUNT: &str = "123456789012";

/// Everything that Lightsail holds.
#[derive(Debug)]
pub(crate) struct State {
    /// In the order of [`Region::ALL`].
    regions: Vec<RegionState>,
    pub(crate) ids: Ids,
    pub(crate) settings: Settings,
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
}

/// The resources of one Region. A name is in at most one of the two maps.
#[derive(Debug, Default)]
pub(crate) struct RegionState {
    pub(crate) sources: BTreeMap<String, Source>,
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    pub(crate) ledger: Ledger,
}

/// The properties of an instance or disk to be created.
#[derive(Debug)]
pub(crate) struct NewSource {
    pub(crate) kind: SourceKind,
    pub(crate) created_at: Timestamp,
    pub(crate) tags: Tags,
    pub(crate) size_in_gb: u32,
    pub(crate) makes_auto_snapshots: bool,
    pub(crate) auto_snapshots: BTreeMap<Date, AutoSnapshot>,
}

/// The properties of a manual snapshot to be created.
#[derive(Debug)]
pub(crate) struct NewSnapshot {
    pub(crate) kind: SourceKind,
    pub(crate) origin: Origin,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
    pub(crate) size_in_gb: u32,
    pub(crate) is_from_auto_snapshot: bool,
    pub(crate) progress: Progress,
}

/// An edit that contradicts the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A name belongs to one resource of a Region, whatever its type.
    #[error("{region} already has a resource named {name:?}")]
    NameInUse {
        /// The Region of the edit.
        region: Region,
        /// The name.
        name: String,
    },
    /// There is no resource of this name, or it has another type.
    #[error("{region} has no such resource: {name:?}")]
    NotFound {
        /// The Region of the edit.
        region: Region,
        /// The name.
        name: String,
    },
}

impl State {
    /// A state without resources.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            regions: Region::ALL.iter().map(|_| RegionState::default()).collect(),
            ids: Ids::default(),
            settings,
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

    /// Adds an instance or disk.
    pub(crate) fn add_source(
        &mut self,
        region: Region,
        name: &str,
        new: NewSource,
    ) -> Result<(), EditError> {
        self.require_free_name(region, name)?;
        let id = self.ids.next();
        let source = Source {
            kind: new.kind,
            arn: arn(region, new.kind.resource_type(), id),
            support_code: support_code(new.kind.resource_type(), id),
            created_at: new.created_at,
            tags: new.tags,
            size_in_gb: new.size_in_gb,
            makes_auto_snapshots: new.makes_auto_snapshots,
            auto_snapshots: new.auto_snapshots,
        };
        self.region_mut(region)
            .sources
            .insert(name.to_owned(), source);
        Ok(())
    }

    /// Removes an instance or disk and its automatic snapshots. Its manual snapshots stay.
    pub(crate) fn remove_source(
        &mut self,
        region: Region,
        kind: SourceKind,
        name: &str,
    ) -> Result<(), EditError> {
        match self.region_mut(region).sources.entry(name.to_owned()) {
            Entry::Occupied(entry) if entry.get().kind == kind => {
                entry.remove();
                Ok(())
            }
            _ => Err(not_found(region, name)),
        }
    }

    /// An instance or disk, to change it.
    pub(crate) fn source_mut(
        &mut self,
        region: Region,
        name: &str,
    ) -> Result<&mut Source, EditError> {
        self.region_mut(region)
            .sources
            .get_mut(name)
            .ok_or_else(|| not_found(region, name))
    }

    /// The tags of a resource of any type, to change them.
    pub(crate) fn tags_mut(&mut self, region: Region, name: &str) -> Result<&mut Tags, EditError> {
        let RegionState {
            sources, snapshots, ..
        } = self.region_mut(region);
        let source = sources.get_mut(name).map(|source| &mut source.tags);
        source
            .or_else(|| snapshots.get_mut(name).map(|snapshot| &mut snapshot.tags))
            .ok_or_else(|| not_found(region, name))
    }

    /// Adds a manual snapshot.
    pub(crate) fn add_snapshot(
        &mut self,
        region: Region,
        name: &str,
        new: NewSnapshot,
    ) -> Result<(), EditError> {
        self.require_free_name(region, name)?;
        let id = self.ids.next();
        let snapshot = Snapshot {
            kind: new.kind,
            arn: arn(region, new.kind.snapshot_type(), id),
            support_code: support_code(new.kind.snapshot_type(), id),
            created_at: new.created_at,
            tags: new.tags,
            size_in_gb: new.size_in_gb,
            origin: new.origin,
            is_from_auto_snapshot: new.is_from_auto_snapshot,
            progress: new.progress,
        };
        self.region_mut(region)
            .snapshots
            .insert(name.to_owned(), snapshot);
        Ok(())
    }

    fn require_free_name(&self, region: Region, name: &str) -> Result<(), EditError> {
        if self.region(region).has(name) {
            return Err(EditError::NameInUse {
                region,
                name: name.to_owned(),
            });
        }
        Ok(())
    }
}

impl RegionState {
    /// Whether a resource of any type has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.sources.contains_key(name) || self.snapshots.contains_key(name)
    }

    /// How many snapshots are pending at a time.
    pub(crate) fn in_progress(&self, now: Timestamp) -> usize {
        self.snapshots
            .values()
            .filter(|snapshot| snapshot.state(now) == SnapshotState::Pending)
            .count()
    }
}

fn not_found(region: Region, name: &str) -> EditError {
    EditError::NotFound {
        region,
        name: name.to_owned(),
    }
}

fn arn(region: Region, resource_type: ResourceType, id: Id) -> String {
    let kind = resource_type.as_str();
    format!("arn:aws:lightsail:{region}:{ACCOUNT}:{kind}/{id}")
}

fn support_code(resource_type: ResourceType, id: Id) -> String {
    let prefix = match resource_type {
        ResourceType::Instance => "i",
        ResourceType::Disk => "vol",
        ResourceType::InstanceSnapshot => "ami",
        ResourceType::DiskSnapshot => "snap",
    };
    format!("{ACCOUNT}/{prefix}-{:017x}", id.0)
}
