//! Adds up what copies hold.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::existing_copy::ExistingCopy;
use super::history::by_source;
use super::inventory::{DestinationInventory, Inventory};
use crate::model::event::{Event, Outcome};
use crate::model::region::Region;
use crate::model::resource::{ResourceId, ResourceKind, SnapshotState};
use crate::model::storage::{Size, Storage, Transfer};

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

/// The size of a source's available copies.
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
                name: copy.source.name().to_owned(),
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
