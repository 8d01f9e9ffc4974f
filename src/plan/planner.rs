//! What the parts of a plan know about one destination.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::existing_copy::ExistingCopy;
use super::history::{by_source, last_valid_date, since_creation};
use super::inventory::{DestinationInventory, Inventory};
use super::sources::Sources;
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::model::resource::ResourceId;

/// Plans one destination.
pub struct Planner<'a> {
    pub policy: &'a Policy,
    pub inventory: &'a Inventory,
    pub sources: &'a Sources<'a>,
    pub destination: &'a DestinationInventory,
    pub by_source: BTreeMap<&'a ResourceId, Vec<&'a ExistingCopy>>,
    own: BTreeMap<&'a ResourceId, Vec<&'a ExistingCopy>>,
    pub now: Timestamp,
    pub region: Region,
}

impl<'a> Planner<'a> {
    pub fn new(
        policy: &'a Policy,
        inventory: &'a Inventory,
        sources: &'a Sources<'a>,
        destination: &'a DestinationInventory,
        now: Timestamp,
    ) -> Self {
        let by_source = by_source(&destination.copies, last_valid_date(now));
        let own = sources.iter().filter_map(|source| {
            let copies = by_source.get(source)?;
            Some((source, since_creation(copies, sources.created_at(source))))
        });
        Self {
            policy,
            inventory,
            sources,
            destination,
            own: own.collect(),
            by_source,
            now,
            region: destination.region,
        }
    }

    /// The copies of a source, those of a predecessor with the same name included.
    pub fn copies_of(&self, source: &ResourceId) -> &[&'a ExistingCopy] {
        self.by_source.get(source).map_or(&[], Vec::as_slice)
    }

    /// The copies of a source since its creation.
    pub fn own_copies(&self, source: &ResourceId) -> &[&'a ExistingCopy] {
        self.own.get(source).map_or(&[], Vec::as_slice)
    }
}
