//! What a policy run found: sources, their automatic snapshots, and the copies in each destination.

use std::collections::{BTreeMap, BTreeSet};

use super::drills::DrillInstance;
use super::existing_copy::ExistingCopy;
use crate::model::failure::ApiError;
use crate::model::region::Region;
use crate::model::resource::{
    AutoSnapshot, Resource, ResourceId, ResourceKind, Snapshot, SnapshotState,
};

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
        for mut resource in resources {
            if let Some(drill) = DrillInstance::from_resource(&resource) {
                drills.insert(drill.name.clone(), drill);
                continue;
            }
            // Only drills need it.
            resource.instance = None;
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
    pub(super) region: Region,
    /// The copies that policies made.
    pub copies: Vec<ExistingCopy>,
    /// What the other snapshots are, by name.
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
        match ExistingCopy::recognise(snapshot, self.region) {
            Some(copy) => self.copies.push(copy),
            None => {
                let name = snapshot.name.clone();
                self.others.insert(name, snapshot.describe());
            }
        }
    }
}
