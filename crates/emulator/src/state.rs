//! Everything in all Regions, and the one function that answers a call to it.
//!
//! Nothing here reads a clock or waits: the moment of each call is an argument, and what changes with time (a copy in
//! progress) is computed from it. The same calls at the same moments give the same answers.

use crate::error::{EditError, ServiceError, WorldError};
use crate::id::{Id, Ids};
use crate::ledger::Ledger;
use crate::operation::Operation;
use crate::region::Region;
use crate::resource::{
    AutoSnapshot, Ending, Making, Origin, ResourceType, Snapshot, SnapshotState, Source,
    SourceKind, Tags,
};
use crate::world::{self, World};
use crate::{copy, delete, ledger, lists, tags};
use jiff::{SignedDuration, Timestamp, civil::date, tz::Offset};
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The account that everything belongs to: the one that AWS uses in examples.
pub(crate) const ACCOUNT: &str = "123456789012";

const DEFAULT_SIZE_IN_GB: u32 = 40;

/// What a call is answered: the JSON text of its result, or an error.
pub(crate) type Answer = Result<Vec<u8>, ServiceError>;

/// Lightsail, whole.
#[derive(Debug)]
pub(crate) struct State {
    /// In the order of [`Region::ALL`].
    regions: Vec<RegionState>,
    pub(crate) ids: Ids,
    pub(crate) copy_time: SignedDuration,
    pub(crate) copy_limit: usize,
    pub(crate) copy_limit_code: String,
    pub(crate) page_size: usize,
}

/// What is in one Region. No name is in both maps.
#[derive(Debug, Default)]
pub(crate) struct RegionState {
    pub(crate) sources: BTreeMap<String, Source>,
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    pub(crate) ledger: Ledger,
}

impl State {
    /// Builds the state that a world describes.
    ///
    /// # Errors
    /// A name used twice in one Region, or a date twice in one list of automatic snapshots.
    pub(crate) fn new(world: &World, now: Timestamp) -> Result<Self, WorldError> {
        let mut state = Self {
            regions: Region::ALL.iter().map(|_| RegionState::default()).collect(),
            ids: Ids::default(),
            copy_time: world.copy_time,
            copy_limit: world.copy_limit,
            copy_limit_code: world.copy_limit_code.clone(),
            page_size: world.page_size.max(1),
        };
        for (&region, content) in &world.regions {
            let at = |list: &str, index: usize, member: &str, message: String| WorldError {
                path: format!("regions.{region}.{list}[{index}].{member}"),
                message,
            };
            for (kind, list, sources) in [
                (SourceKind::Instance, "instances", &content.instances),
                (SourceKind::Disk, "disks", &content.disks),
            ] {
                for (index, source) in sources.iter().enumerate() {
                    if let Some(later) = repeated_date(source) {
                        let member = format!("autoSnapshots[{later}].date");
                        return Err(at(list, index, &member, "is there twice".to_owned()));
                    }
                    state
                        .add_source(region, kind, source, now)
                        .map_err(|error| at(list, index, "name", error.to_string()))?;
                }
            }
            for (index, snapshot) in content.instance_snapshots.iter().enumerate() {
                state
                    .add_instance_snapshot(region, snapshot, now)
                    .map_err(|error| at("instanceSnapshots", index, "name", error.to_string()))?;
            }
            for (index, snapshot) in content.disk_snapshots.iter().enumerate() {
                state
                    .add_disk_snapshot(region, snapshot, now)
                    .map_err(|error| at("diskSnapshots", index, "name", error.to_string()))?;
            }
        }
        Ok(state)
    }

    /// Answers one call: an operation with its JSON parameters, sent to a Region at a moment.
    ///
    /// `ending` decides how a copy that this call starts will end.
    pub(crate) fn answer(
        &mut self,
        now: Timestamp,
        region: Region,
        operation: Operation,
        body: &Value,
        ending: Ending,
    ) -> Answer {
        match operation {
            Operation::CopySnapshot => copy::copy_snapshot(self, now, region, body, ending),
            Operation::DeleteDiskSnapshot => {
                delete::delete_snapshot(self, now, region, body, SourceKind::Disk)
            }
            Operation::DeleteInstanceSnapshot => {
                delete::delete_snapshot(self, now, region, body, SourceKind::Instance)
            }
            Operation::GetAutoSnapshots => lists::get_auto_snapshots(self, region, body),
            Operation::GetDisk => lists::get_source(self, region, body, SourceKind::Disk),
            Operation::GetDiskSnapshot => {
                lists::get_snapshot(self, now, region, body, SourceKind::Disk)
            }
            Operation::GetDiskSnapshots => {
                lists::get_snapshots(self, now, region, body, SourceKind::Disk)
            }
            Operation::GetDisks => lists::get_sources(self, region, body, SourceKind::Disk),
            Operation::GetInstance => lists::get_source(self, region, body, SourceKind::Instance),
            Operation::GetInstanceSnapshot => {
                lists::get_snapshot(self, now, region, body, SourceKind::Instance)
            }
            Operation::GetInstanceSnapshots => {
                lists::get_snapshots(self, now, region, body, SourceKind::Instance)
            }
            Operation::GetInstances => lists::get_sources(self, region, body, SourceKind::Instance),
            Operation::GetOperation => ledger::get_operation(self, now, region, body),
            Operation::GetOperationsForResource => {
                ledger::get_operations_for_resource(self, now, region, body)
            }
            Operation::GetRegions => lists::get_regions(body),
            Operation::TagResource => tags::tag_resource(self, now, region, body),
            Operation::UntagResource => tags::untag_resource(self, now, region, body),
        }
    }

    /// What is in a Region.
    pub(crate) fn region(&self, region: Region) -> &RegionState {
        &self.regions[region as usize]
    }

    /// What is in a Region, to be changed.
    pub(crate) fn region_mut(&mut self, region: Region) -> &mut RegionState {
        &mut self.regions[region as usize]
    }

    /// Adds an instance or disk.
    pub(crate) fn add_source(
        &mut self,
        region: Region,
        kind: SourceKind,
        source: &world::Source,
        now: Timestamp,
    ) -> Result<(), EditError> {
        self.free_name(region, &source.name)?;
        let id = self.ids.next();
        let created_at = source.created_at.unwrap_or_else(|| {
            let long_ago = date(2019, 1, 1).at(0, 0, 0, 0);
            Offset::UTC.to_timestamp(long_ago).unwrap_or(now)
        });
        let auto_snapshots = source.auto_snapshots.iter().flatten().map(|snapshot| {
            let date = snapshot.date.resolve(now);
            let mut made = AutoSnapshot::of(date, snapshot.status);
            made.created_at = snapshot.created_at.unwrap_or(made.created_at);
            (date, made)
        });
        let made = Source {
            kind,
            arn: arn(region, kind.resource_type(), id),
            support_code: support_code(kind.resource_type(), id),
            created_at,
            tags: source.tags.clone(),
            size_in_gb: source.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
            makes_auto_snapshots: source.auto_snapshots.is_some(),
            auto_snapshots: auto_snapshots.collect(),
        };
        self.region_mut(region)
            .sources
            .insert(source.name.clone(), made);
        Ok(())
    }

    /// Removes an instance or disk, its automatic snapshots with it; manual snapshots stay.
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
            _ => Err(no_such(region, name)),
        }
    }

    /// An instance or disk, to be changed.
    pub(crate) fn source_mut(
        &mut self,
        region: Region,
        name: &str,
    ) -> Result<&mut Source, EditError> {
        self.region_mut(region)
            .sources
            .get_mut(name)
            .ok_or_else(|| no_such(region, name))
    }

    /// The tags of any resource, to be changed.
    pub(crate) fn tags_mut(&mut self, region: Region, name: &str) -> Result<&mut Tags, EditError> {
        let RegionState {
            sources, snapshots, ..
        } = self.region_mut(region);
        let source = sources.get_mut(name).map(|source| &mut source.tags);
        source
            .or_else(|| snapshots.get_mut(name).map(|snapshot| &mut snapshot.tags))
            .ok_or_else(|| no_such(region, name))
    }

    /// Adds a manual snapshot of an instance.
    pub(crate) fn add_instance_snapshot(
        &mut self,
        region: Region,
        snapshot: &world::InstanceSnapshot,
        now: Timestamp,
    ) -> Result<(), EditError> {
        let kind = SourceKind::Instance;
        let origin = Origin {
            name: snapshot.from_instance_name.clone(),
            arn: snapshot.from_instance_arn.clone(),
        };
        let new = NewSnapshot {
            kind,
            origin: self.complete_origin(region, kind, origin),
            tags: snapshot.tags.clone(),
            created_at: snapshot.created_at.unwrap_or(now),
            size_in_gb: snapshot.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
            is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
            making: Making::Settled(snapshot.state),
        };
        self.add_snapshot(region, &snapshot.name, new)
    }

    /// Adds a manual snapshot of a disk.
    pub(crate) fn add_disk_snapshot(
        &mut self,
        region: Region,
        snapshot: &world::DiskSnapshot,
        now: Timestamp,
    ) -> Result<(), EditError> {
        let kind = SourceKind::Disk;
        let origin = Origin {
            name: snapshot.from_disk_name.clone(),
            arn: snapshot.from_disk_arn.clone(),
        };
        let new = NewSnapshot {
            kind,
            origin: self.complete_origin(region, kind, origin),
            tags: snapshot.tags.clone(),
            created_at: snapshot.created_at.unwrap_or(now),
            size_in_gb: snapshot.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
            is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
            making: Making::Settled(snapshot.state),
        };
        self.add_snapshot(region, &snapshot.name, new)
    }

    /// Adds a manual snapshot.
    pub(crate) fn add_snapshot(
        &mut self,
        region: Region,
        name: &str,
        new: NewSnapshot,
    ) -> Result<(), EditError> {
        self.free_name(region, name)?;
        let id = self.ids.next();
        let made = Snapshot {
            kind: new.kind,
            arn: arn(region, new.kind.snapshot_type(), id),
            support_code: support_code(new.kind.snapshot_type(), id),
            created_at: new.created_at,
            tags: new.tags,
            size_in_gb: new.size_in_gb,
            origin: new.origin,
            is_from_auto_snapshot: new.is_from_auto_snapshot,
            making: new.making,
        };
        self.region_mut(region)
            .snapshots
            .insert(name.to_owned(), made);
        Ok(())
    }

    /// Checks that no resource of the Region has this name.
    fn free_name(&self, region: Region, name: &str) -> Result<(), EditError> {
        if self.region(region).has(name) {
            return Err(EditError::NameInUse {
                region,
                name: name.to_owned(),
            });
        }
        Ok(())
    }

    /// Gives an origin without an ARN that of the Region's instance or disk of its name, if there is one.
    fn complete_origin(&self, region: Region, kind: SourceKind, mut origin: Origin) -> Origin {
        if let (Some(name), None) = (&origin.name, &origin.arn) {
            let source = self.region(region).sources.get(name);
            origin.arn = source
                .filter(|source| source.kind == kind)
                .map(|source| source.arn.clone());
        }
        origin
    }
}

impl RegionState {
    /// Whether any resource has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.sources.contains_key(name) || self.snapshots.contains_key(name)
    }

    /// How many snapshots are being made at a moment.
    pub(crate) fn in_progress(&self, now: Timestamp) -> usize {
        self.snapshots
            .values()
            .filter(|snapshot| snapshot.state(now) == SnapshotState::Pending)
            .count()
    }
}

/// A manual snapshot that is about to be.
#[derive(Debug)]
pub(crate) struct NewSnapshot {
    pub(crate) kind: SourceKind,
    pub(crate) origin: Origin,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
    pub(crate) size_in_gb: u32,
    pub(crate) is_from_auto_snapshot: bool,
    pub(crate) making: Making,
}

fn no_such(region: Region, name: &str) -> EditError {
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

/// The index of an automatic snapshot whose date, as written, an earlier one of the same source has too.
fn repeated_date(source: &world::Source) -> Option<usize> {
    let snapshots = source.auto_snapshots.as_deref().unwrap_or_default();
    (1..snapshots.len()).find(|&later| {
        let date = snapshots[later].date;
        snapshots[..later].iter().any(|other| other.date == date)
    })
}
