//! What the parts of a destination's plan know.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::existing_copy::ExistingCopy;
use super::history::{by_source, last_valid_date, since_creation};
use super::inventory::{DestinationInventory, Inventory};
use super::sources::Sources;
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::model::resource::ResourceId;

/// Whether a run may delete more than half of a source's available copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MassDeletion {
    /// No: it deletes none of them.
    Refused,
    /// Yes: the event has `"allowMassDeletion": true`.
    Allowed,
}

/// Plans one destination.
pub struct Planner<'a> {
    pub policy: &'a Policy,
    pub inventory: &'a Inventory,
    pub sources: &'a Sources<'a>,
    pub destination: &'a DestinationInventory,
    pub by_source: BTreeMap<&'a ResourceId, Vec<&'a ExistingCopy>>,
    pub now: Timestamp,
    pub mass_deletion: MassDeletion,
    pub region: Region,
}

impl<'a> Planner<'a> {
    /// Refuses mass deletion.
    pub fn new(
        policy: &'a Policy,
        inventory: &'a Inventory,
        sources: &'a Sources<'a>,
        destination: &'a DestinationInventory,
        now: Timestamp,
    ) -> Self {
        Self {
            policy,
            inventory,
            sources,
            destination,
            by_source: by_source(&destination.copies, last_valid_date(now)),
            now,
            mass_deletion: MassDeletion::Refused,
            region: destination.region,
        }
    }

    /// The copies of a source, those of a predecessor with the same name included.
    pub fn copies_of(&self, source: &ResourceId) -> &[&'a ExistingCopy] {
        self.by_source.get(source).map_or(&[], Vec::as_slice)
    }

    /// The copies of a source since its creation.
    pub fn own_copies(&self, source: &ResourceId) -> &[&'a ExistingCopy] {
        since_creation(self.copies_of(source), self.sources.created(source))
    }
}
