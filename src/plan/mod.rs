//! Policy + inventory + now → what to do, and how well every source is covered.
//!
//! Nothing here makes a call. A plan lists for each destination the copies to start, to tag and to
//! delete. After it is carried out, the next plan has nothing to do.

mod copies;
mod coverage;
mod deletions;
mod drills;
mod existing_copy;
mod inventory;
mod name_owner;
mod reason;
mod sources;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

pub use self::copies::{CopyStep, PlannedCopy};
pub use self::coverage::coverage;
pub use self::deletions::{MassDeletion, PlannedDeletion};
pub use self::drills::{
    Conclusion, DRILL_EXPIRES_TAG, DRILL_STARTED_TAG, DRILL_TAG, DRILLED_TAG, DrillInstance,
    DrillPlan, DrillStep, PlannedDrill, choose_bundle, choose_zone, drill_tags, not_created,
    not_marked, refused, started_tag,
};
pub use self::existing_copy::{ExistingCopy, by_source, last_valid_date, newest_available};
pub use self::inventory::{DestinationInventory, Inventory, storage, transfer};
pub use self::name_owner::{CopyState, SourceFacts, name_owner, owner_not_found};
pub use self::sources::{rules_selecting_nothing, sources_to_query};
pub use self::tags::MissingTags;

use self::existing_copy::since_creation;
use self::sources::Sources;
use crate::model::event::IgnoredCopy;
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::model::resource::{ResourceId, SnapshotState};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub destinations: BTreeMap<Region, DestinationPlan>,
    pub ignored: Vec<IgnoredCopy>,
}

/// What to do in one destination, in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DestinationPlan {
    /// The copies that the policy wants, existing ones included. Those to start are in the order
    /// in which they get free slots.
    pub copies: Vec<PlannedCopy>,
    /// How many copies may be started: the policy's limit, less those in progress.
    pub slots: usize,
    pub tags: Vec<MissingTags>,
    /// The copies to delete, those of one source next to each other.
    pub deletions: Vec<PlannedDeletion>,
}

/// Plans a run of `policy` at `now`.
pub fn plan(
    policy: &Policy,
    inventory: &Inventory,
    now: Timestamp,
    mass_deletion: MassDeletion,
) -> Plan {
    let sources = Sources::new(policy, inventory);
    let mut plan = Plan::default();
    for region in &policy.destinations {
        let Some(destination) = inventory.destinations.get(region) else {
            continue;
        };
        let planner = Planner::new(policy, inventory, &sources, destination, now);
        let ignored = ignored(destination, *region, last_valid_date(now));
        plan.ignored.extend(ignored);
        let steps = plan_destination(&planner, mass_deletion);
        plan.destinations.insert(*region, steps);
    }
    plan
}

/// Plans the drills of a run of `policy` at `now`, from the lists alone.
pub fn plan_drills(
    policy: &Policy,
    inventory: &Inventory,
    now: Timestamp,
) -> BTreeMap<Region, DrillPlan> {
    let Some(drills) = &policy.drills else {
        return BTreeMap::new();
    };
    let sources = Sources::new(policy, inventory);
    let plans = policy.destinations.iter().map(|region| {
        let read = inventory.destinations.get(region);
        let unread = DestinationInventory::new(*region);
        let destination = read.unwrap_or(&unread);
        let planner = Planner::new(policy, inventory, &sources, destination, now);
        let plan = planner.drills(drills);
        (
            *region,
            if read.is_some() {
                plan
            } else {
                plan.without_copies()
            },
        )
    });
    plans.collect()
}

fn ignored(
    destination: &DestinationInventory,
    region: Region,
    last_date: Date,
) -> impl Iterator<Item = IgnoredCopy> {
    destination.copies.iter().filter_map(move |copy| {
        let reason = if copy.date > last_date {
            format!("its recovery point {} is in the future", copy.date)
        } else if copy.state == SnapshotState::Unknown {
            "it is in state unknown, neither available nor in progress".to_owned()
        } else {
            return None;
        };
        Some(IgnoredCopy {
            region,
            name: copy.name.clone(),
            reason,
        })
    })
}

fn plan_destination(planner: &Planner<'_>, mass_deletion: MassDeletion) -> DestinationPlan {
    let sources = planner.sources.iter();
    let mut copies: Vec<PlannedCopy> = sources.flat_map(|source| planner.wanted(source)).collect();
    planner.put_in_order(&mut copies);
    let in_progress = planner.destination.in_progress;
    let replaced: BTreeSet<&str> = copies.iter().filter_map(PlannedCopy::replaces).collect();
    let of_policy = planner.by_source.keys();
    let of_policy = of_policy.filter(|source| planner.is_own(source));
    let deletions = planner.deletions(&copies, &replaced, mass_deletion);
    let is_deleted = |tags: &MissingTags| deletions.iter().any(|it| it.copy.name == tags.name);
    let tags = of_policy
        .flat_map(|source| planner.missing_tags(source))
        .filter(|copy| !replaced.contains(copy.name.as_str()))
        .filter(|copy| copy.lacks_own || !is_deleted(copy))
        .collect();
    let limit = planner.policy.max_copies_in_progress;
    DestinationPlan {
        slots: limit.saturating_sub(in_progress),
        tags,
        deletions,
        copies,
    }
}

/// What the parts of a plan know about one destination.
struct Planner<'a> {
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

    /// Whether the policy selects a source, or did while it existed.
    fn is_own(&self, source: &ResourceId) -> bool {
        let ResourceId { region, kind, name } = source;
        self.sources.selects(source) || self.policy.selects_former(*region, *kind, name)
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
