//! Policy + inventory + now → what to do, and how well every source is covered.
//!
//! Nothing here makes a call. A plan lists for each destination the copies to start, to tag and to
//! delete. After it is carried out, the next plan has nothing to do.

mod copies;
mod coverage;
mod deletions;
mod inventory;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

pub use self::copies::{CopyStep, PlannedCopy};
pub use self::coverage::{Coverage, CoverageStatus};
pub use self::deletions::{MassDeletion, PlannedDeletion};
pub use self::inventory::{
    DestinationInventory, ExistingCopy, Inventory, RECOVERY_POINT_TAG, SOURCE_TAG, copy_tags,
};
pub use self::sources::{rules_selecting_nothing, sources_to_query};

use self::sources::Sources;
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::model::resource::{ResourceId, SnapshotState};
use crate::model::restore_date::utc_date;

/// What a run does, and how well each source was covered before it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The plan of each destination that was read.
    pub destinations: BTreeMap<Region, DestinationPlan>,
    /// The coverage of each selected instance and disk in each destination.
    pub coverage: Vec<Coverage>,
    /// Copies that do not count.
    pub ignored: Vec<IgnoredCopy>,
    /// The tags with the firewall of each instance that is a source.
    pub ports: BTreeMap<ResourceId, Vec<(String, String)>>,
}

/// What to do in one destination, in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DestinationPlan {
    /// The copies that the policy wants, existing ones included. Those to start are in the order
    /// in which they get free slots.
    pub copies: Vec<PlannedCopy>,
    /// How many copies may be started: the policy's limit, less those in progress.
    pub slots: usize,
    /// The copies without tags.
    pub tags: Vec<ExistingCopy>,
    /// The copies to delete, those of one source next to each other.
    pub deletions: Vec<PlannedDeletion>,
}

/// A copy that does not count, because something about it is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct IgnoredCopy {
    /// The copy's Region.
    pub region: Region,
    /// The copy's name.
    pub name: String,
    /// What is wrong.
    pub reason: String,
}

/// Plans a run of `policy` at `now`.
pub fn plan(
    policy: &Policy,
    inventory: &Inventory,
    now: Timestamp,
    mass_deletion: MassDeletion,
) -> Plan {
    let sources = Sources::new(policy, inventory);
    let mut plan = Plan {
        ports: sources.ports(),
        ..Plan::default()
    };
    for region in &policy.destinations {
        let Some(destination) = inventory.destinations.get(region) else {
            plan.coverage.extend(coverage::unread(&sources, *region));
            continue;
        };
        let last_date = last_valid_date(now);
        plan.ignored
            .extend(ignored(destination, *region, last_date));
        let planner = Planner {
            policy,
            inventory,
            sources: &sources,
            destination,
            by_source: by_source(&destination.copies, last_date),
            now,
            mass_deletion,
            region: *region,
        };
        let steps = planner.plan();
        plan.coverage.extend(planner.coverages(&steps));
        plan.destinations.insert(*region, steps);
    }
    // By source. The sort is stable and keeps the destinations in the policy's order.
    plan.coverage.sort_by(|a, b| a.source.cmp(&b.source));
    plan
}

/// Tomorrow. A recovery point with a later date has a wrong tag, or the clock is wrong.
fn last_valid_date(now: Timestamp) -> Date {
    let today = utc_date(now);
    today.checked_add(1.day()).unwrap_or(today)
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

/// The copies of each source, from the newest to the oldest.
fn by_source(
    copies: &[ExistingCopy],
    last_date: Date,
) -> BTreeMap<&ResourceId, Vec<&ExistingCopy>> {
    let mut by_source: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for copy in copies.iter().filter(|copy| copy.date <= last_date) {
        by_source.entry(&copy.source).or_default().push(copy);
    }
    for copies in by_source.values_mut() {
        copies.sort_by(|a, b| {
            let newest_first = b.date.cmp(&a.date).then_with(|| a.name.cmp(&b.name));
            newest_first.then_with(|| rank(a.state).cmp(&rank(b.state)))
        });
        // A list that changes while it is read can show a snapshot twice. As two snapshots, one of
        // them would look superfluous. A failed one may be replaced by then: the better state counts.
        copies.dedup_by(|a, b| a.name == b.name);
    }
    by_source
}

/// Best state first: available, pending, unknown, error.
fn rank(state: SnapshotState) -> u8 {
    match state {
        SnapshotState::Available => 0,
        SnapshotState::Pending => 1,
        SnapshotState::Unknown => 2,
        SnapshotState::Error => 3,
    }
}

/// A source's copies since its creation, which are in order. Older ones belong to a predecessor with
/// the same name.
fn since_creation<'a, 'b>(
    newest_first: &'b [&'a ExistingCopy],
    created: Option<Date>,
) -> &'b [&'a ExistingCopy] {
    let Some(created) = created else {
        return newest_first;
    };
    let own = newest_first.partition_point(|copy| copy.date >= created);
    newest_first.get(..own).unwrap_or(newest_first)
}

/// The newest available one of a source's copies, which are in order.
fn newest_available<'a>(newest_first: &[&'a ExistingCopy]) -> Option<&'a ExistingCopy> {
    newest_first
        .iter()
        .copied()
        .find(|copy| copy.state == SnapshotState::Available)
}

/// Plans one destination.
struct Planner<'a> {
    policy: &'a Policy,
    inventory: &'a Inventory,
    sources: &'a Sources<'a>,
    destination: &'a DestinationInventory,
    by_source: BTreeMap<&'a ResourceId, Vec<&'a ExistingCopy>>,
    now: Timestamp,
    mass_deletion: MassDeletion,
    region: Region,
}

impl<'a> Planner<'a> {
    /// The copies of a source, those of a predecessor with the same name included.
    fn copies_of(&self, source: &ResourceId) -> &[&'a ExistingCopy] {
        self.by_source.get(source).map_or(&[], Vec::as_slice)
    }

    /// The copies of a source since its creation.
    fn own_copies(&self, source: &ResourceId) -> &[&'a ExistingCopy] {
        since_creation(self.copies_of(source), self.sources.created(source))
    }

    fn plan(&self) -> DestinationPlan {
        let copies = self.sources.iter().flat_map(|source| self.wanted(source));
        let copies = self.in_order(copies.collect());
        let in_progress = self.destination.in_progress;
        let replaced: BTreeSet<&str> = copies.iter().filter_map(PlannedCopy::replaces).collect();
        let tags = self
            .sources
            .iter()
            .flat_map(|source| self.copies_of(source))
            .filter(|copy| !copy.tagged && !replaced.contains(copy.name.as_str()))
            .map(|copy| (*copy).clone())
            .collect();
        let deletions = self.deletions(&copies, &replaced);
        let limit = self.policy.max_copies_in_progress;
        DestinationPlan {
            slots: limit.saturating_sub(in_progress),
            tags,
            deletions,
            copies,
        }
    }
}
