//! What a policy run found: sources, their automatic snapshots, the copies in each destination, and how
//! much those hold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::drills::DrillInstance;
use super::existing_copy::{ExistingCopy, by_source};
use crate::model::event::{Event, Outcome, Size, Storage, Transfer};
use crate::model::failure::ApiError;
use crate::model::region::Region;
use crate::model::resource::{
    AutoSnapshot, Resource, ResourceId, ResourceKind, Snapshot, SnapshotState,
};

#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The instances and disks, selected or not.
    pub resources: BTreeMap<ResourceId, Resource>,
    /// The Regions and kinds of resource that were read completely.
    pub read: BTreeSet<(Region, ResourceKind)>,
    /// The automatic snapshots of the sources that were queried, or why they could not be read.
    pub auto_snapshots: BTreeMap<ResourceId, Result<Vec<AutoSnapshot>, ApiError>>,
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

    /// Adds what a destination has. The copies share the names of resources that were added before.
    pub fn add_destination(&mut self, region: Region, mut destination: DestinationInventory) {
        for copy in &mut destination.copies {
            if let Some((source, _)) = self.resources.get_key_value(&copy.source) {
                copy.source = source.clone();
            }
        }
        destination.copies.shrink_to_fit();
        self.destinations.insert(region, destination);
    }
}

#[derive(Debug, Clone)]
pub struct DestinationInventory {
    pub(super) region: Region,
    pub copies: Vec<ExistingCopy>,
    /// What the other snapshots are, by name.
    pub others: BTreeMap<String, String>,
    /// The number of snapshots in progress, whoever started them.
    pub in_progress: usize,
}

impl DestinationInventory {
    pub fn new(region: Region) -> Self {
        Self {
            region,
            copies: Vec::new(),
            others: BTreeMap::new(),
            in_progress: 0,
        }
    }

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

/// What the available copies in each destination hold.
pub fn storage(inventory: &Inventory) -> BTreeMap<Region, Storage> {
    let destinations = inventory.destinations.iter();
    let destinations =
        destinations.map(|(region, destination)| (*region, storage_in(inventory, destination)));
    destinations.collect()
}

fn storage_in(inventory: &Inventory, destination: &DestinationInventory) -> Storage {
    let mut storage = Storage::default();
    for (source, copies) in by_source(&destination.copies, Date::MAX) {
        let size = size_of(&copies);
        if size.copies == 0 {
            continue;
        }
        storage.total.copies += size.copies;
        storage.total.at_least_gb += size.at_least_gb;
        storage.total.at_most_gb += size.at_most_gb;
        let was_read = inventory.read.contains(&(source.region, source.kind));
        if was_read && !inventory.resources.contains_key(source) {
            storage.gone.insert(source.clone(), size);
        }
    }
    storage
}

fn size_of(newest_first: &[&ExistingCopy]) -> Size {
    let mut size = Size::default();
    for copy in newest_first {
        if copy.state == SnapshotState::Available {
            size.copies += 1;
            size.at_most_gb += u64::from(copy.size_gb);
            if size.copies == 1 {
                size.at_least_gb = size.at_most_gb;
            }
        }
    }
    size
}

/// What the copies that a dry run plans hold at most, by destination.
pub fn transfer(inventory: &Inventory, events: &[Event]) -> BTreeMap<Region, Transfer> {
    let mut transfers: BTreeMap<Region, Transfer> = BTreeMap::new();
    let results = events.iter().filter_map(Event::try_as_copy_result_ref);
    for result in results.filter(|result| result.outcome == Outcome::Planned) {
        let copy = &result.copy;
        let sizes = ResourceKind::ALL.iter().filter_map(|kind| {
            let source = ResourceId {
                region: copy.source_region,
                name: copy.source.name().into(),
                kind: *kind,
            };
            inventory.resources.get(&source)?.size_gb
        });
        let transfer = transfers.entry(copy.destination).or_default();
        transfer.copies += 1;
        transfer.gigabytes += u64::from(sizes.max().unwrap_or(0));
    }
    transfers
}
