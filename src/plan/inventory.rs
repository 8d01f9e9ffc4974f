//! What a policy run found: sources, their automatic snapshots, and the copies in each destination.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::drill_instance::{DRILLED_TAG, DrillInstance};
use crate::model::failure::ApiError;
use crate::model::region::Region;
use crate::model::resource::{
    AutoSnapshot, Resource, ResourceId, ResourceKind, Snapshot, SnapshotState,
};
use crate::model::restore_date::RestoreDate;
use crate::model::snapshot_name::SnapshotName;
use crate::model::verdict::Verdict;

/// The tag of a copy's source: `{region}/{resource}`.
pub const SOURCE_TAG: &str = "snapshot-copier:source";
/// The tag of a copy's recovery point: its date.
pub const RECOVERY_POINT_TAG: &str = "snapshot-copier:recovery-point";

/// The tags of the copy of a source's recovery point of `date`.
pub fn copy_tags(source: &ResourceId, date: Date) -> [(String, String); 2] {
    [
        (
            SOURCE_TAG.to_owned(),
            format!("{}/{}", source.region, source.name),
        ),
        (RECOVERY_POINT_TAG.to_owned(), date.to_string()),
    ]
}

/// What a policy run found.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The instances and disks, selected or not.
    pub resources: BTreeMap<ResourceId, Resource>,
    /// The Regions and kinds of resource that were read completely.
    pub read: BTreeSet<(Region, ResourceKind)>,
    /// The automatic snapshots of the sources that were queried, or why they could not be read.
    pub auto_snapshots: BTreeMap<ResourceId, Result<Vec<AutoSnapshot>, ApiError>>,
    /// The destinations that were read completely.
    pub destinations: BTreeMap<Region, DestinationInventory>,
    /// The instances of drills, in the Regions whose instances were read. They are no resources.
    pub drill_instances: BTreeMap<Region, Vec<DrillInstance>>,
}

impl Inventory {
    /// Adds the instances or disks of a Region, all of them.
    pub fn add_resources(&mut self, region: Region, kind: ResourceKind, resources: Vec<Resource>) {
        self.read.insert((region, kind));
        // By name, because a list that changes while it is read can show an instance twice.
        let mut drills = BTreeMap::new();
        for resource in resources {
            if let Some(drill) = DrillInstance::from_resource(&resource) {
                drills.insert(drill.name.clone(), drill);
                continue;
            }
            let id = ResourceId {
                region,
                name: resource.name.clone(),
                kind,
            };
            self.resources.insert(id, resource);
        }
        if kind == ResourceKind::Instance {
            let drills = drills.into_values().collect();
            self.drill_instances.insert(region, drills);
        }
    }
}

/// What a policy run found in one destination.
#[derive(Debug, Clone)]
pub struct DestinationInventory {
    region: Region,
    /// The copies that this function made.
    pub copies: Vec<ExistingCopy>,
    /// The origins of other snapshots by name: foreign ones, and copies that have another name than
    /// this function gives them.
    pub others: BTreeMap<String, String>,
    /// The number of snapshots in progress, whoever started them.
    pub in_progress: usize,
}

impl DestinationInventory {
    /// A destination without snapshots.
    pub fn new(region: Region) -> Self {
        Self {
            region,
            copies: Vec::new(),
            others: BTreeMap::new(),
            in_progress: 0,
        }
    }

    /// Adds a snapshot of the destination.
    pub fn add(&mut self, snapshot: &Snapshot) {
        if snapshot.state == SnapshotState::Pending {
            self.in_progress += 1;
        }
        let copy = ExistingCopy::from_snapshot(snapshot, self.region);
        if !copy.as_ref().is_some_and(ExistingCopy::has_own_name) {
            let name = snapshot.name.clone();
            self.others.insert(name, snapshot.origin());
        }
        self.copies.extend(copy);
    }
}

/// A copy that this function made. Its tags show that or, if a run ended before it could set them,
/// its name and origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingCopy {
    /// What it is a copy of.
    pub source: ResourceId,
    /// The date of its recovery point.
    pub date: Date,
    /// The snapshot's name.
    pub name: String,
    /// In progress, restorable or failed.
    pub state: SnapshotState,
    /// When the copy was started, if Lightsail says so.
    pub created_at: Option<Timestamp>,
    /// The disks that a copy of an instance contains.
    pub attached_disks: Vec<String>,
    /// The bundle of the instance that it was made from.
    pub bundle: Option<String>,
    /// How its last drill ended.
    pub drilled: Option<Verdict>,
    /// Whether it has both tags.
    pub tagged: bool,
}

impl ExistingCopy {
    /// Returns `None` if the snapshot is not a copy that this function made.
    pub fn from_snapshot(snapshot: &Snapshot, destination: Region) -> Option<Self> {
        let source_tag = snapshot.tags.get(SOURCE_TAG);
        match source_tag.zip(snapshot.tags.get(RECOVERY_POINT_TAG)) {
            Some((source, date)) => Self::from_tags(snapshot, source, date),
            None => Self::from_name(snapshot, destination),
        }
    }

    fn from_tags(snapshot: &Snapshot, source: &str, date: &str) -> Option<Self> {
        let (region, name) = source.split_once('/')?;
        let region = region.parse().ok()?;
        let RestoreDate(date) = date.parse().ok()?;
        // Anybody can set tags. They do not turn a snapshot of something else into a copy.
        let same_name = snapshot.from.as_ref().is_none_or(|from| from == name);
        same_name.then(|| Self::new(snapshot, region, name, date, true))
    }

    fn from_name(snapshot: &Snapshot, destination: Region) -> Option<Self> {
        let from = snapshot.from.as_deref()?;
        let date_start = snapshot.name.len().checked_sub("YYYY-MM-DD".len())?;
        let (rest, date) = snapshot.name.split_at_checked(date_start)?;
        let RestoreDate(date) = date.parse().ok()?;
        // The ARN of a copy's origin may name the Region of the source or of the copy.
        let may_come_from = |region: Region| match snapshot.from_region.as_deref() {
            Some(from) => from == region.as_str() || from == destination.as_str(),
            None => true,
        };
        let region = Region::all()
            .filter(|region| may_come_from(*region))
            .find(|region| rest.ends_with(&format!("-{region}-")))?;
        let name = SnapshotName::for_dated(from, region, date).ok()?;
        let is_copy = name.as_str() == snapshot.name;
        is_copy.then(|| Self::new(snapshot, region, from, date, false))
    }

    /// Whether it has the name that this function gives it.
    fn has_own_name(&self) -> bool {
        let name = SnapshotName::for_dated(&self.source.name, self.source.region, self.date);
        name.is_ok_and(|name| name.as_str() == self.name)
    }

    fn new(snapshot: &Snapshot, region: Region, name: &str, date: Date, tagged: bool) -> Self {
        Self {
            source: ResourceId {
                region,
                name: name.to_owned(),
                kind: snapshot.kind,
            },
            date,
            name: snapshot.name.clone(),
            state: snapshot.state,
            created_at: snapshot.created_at,
            attached_disks: snapshot.attached_disks.clone(),
            bundle: snapshot.bundle.clone(),
            drilled: snapshot
                .tags
                .get(DRILLED_TAG)
                .and_then(|verdict| verdict.parse().ok()),
            tagged,
        }
    }
}
