//! Policy + inventory + now → what to do, and how well every source is covered.
//!
//! Nothing here makes a call. A plan lists for each destination the copies to start, to tag and to
//! delete. After it is carried out, the next plan has nothing to do.

mod copies;
mod coverage;
mod deletions;
mod inventory;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use self::copies::{CopyStep, PlannedCopy};
pub use self::coverage::{Coverage, CoverageStatus};
pub use self::inventory::{
    DestinationInventory, ExistingCopy, Inventory, RECOVERY_POINT_TAG, SOURCE_TAG, copy_tags,
};

use crate::model::policy::{Policy, SourceRule};
use crate::model::region::Region;
use crate::model::resource::{ResourceId, ResourceKind, SnapshotState};
use crate::model::restore_date::utc_date;

/// What a run does, and how well each source was covered before it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The plan of each destination that was read.
    pub destinations: BTreeMap<Region, DestinationPlan>,
    /// The coverage of each source in each destination.
    pub coverage: Vec<Coverage>,
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
    /// The copies that retention does not keep.
    pub deletions: Vec<ExistingCopy>,
}

/// The sources whose automatic snapshots a run must query: those without a copy of the current UTC
/// day, available or in progress, in any destination that was read.
pub fn sources_to_query(policy: &Policy, inventory: &Inventory, now: Timestamp) -> Vec<ResourceId> {
    let today = utc_date(now);
    let mut copied: BTreeMap<&ResourceId, usize> = BTreeMap::new();
    for destination in inventory.destinations.values() {
        let sources: BTreeSet<_> = destination
            .copies
            .iter()
            .filter(|copy| copy.date == today && copy.state != SnapshotState::Error)
            .map(|copy| &copy.source)
            .collect();
        for source in sources {
            *copied.entry(source).or_default() += 1;
        }
    }
    let is_copied_everywhere =
        |source| copied.get(source).copied().unwrap_or(0) == inventory.destinations.len();
    selected(policy, inventory)
        .filter(|source| !is_copied_everywhere(*source))
        .cloned()
        .collect()
}

/// The indexes in `sources` of the rules that select nothing although everything that they could
/// select was read. Probably a name or tag is misspelt.
pub fn rules_selecting_nothing(policy: &Policy, inventory: &Inventory) -> Vec<usize> {
    let selects_nothing = |rule: &SourceRule| {
        let was_read = ResourceKind::ALL
            .into_iter()
            .filter(|kind| rule.looks_at(*kind))
            .all(|kind| inventory.read.contains(&(rule.region, kind)));
        let mut resources = inventory.resources.iter();
        was_read
            && !resources
                .any(|(id, resource)| rule.selects(id.region, id.kind, &id.name, &resource.tags))
    };
    let rules = policy.sources.iter().enumerate();
    rules
        .filter(|(_, rule)| selects_nothing(rule))
        .map(|(index, _)| index)
        .collect()
}

/// The sources among the resources.
fn selected<'a>(
    policy: &'a Policy,
    inventory: &'a Inventory,
) -> impl Iterator<Item = &'a ResourceId> {
    inventory
        .resources
        .iter()
        .filter(|(id, resource)| policy.selects(id.region, id.kind, &id.name, &resource.tags))
        .map(|(id, _)| id)
}

/// Plans a run of `policy` at `now`.
pub fn plan(policy: &Policy, inventory: &Inventory, now: Timestamp) -> Plan {
    let sources: BTreeSet<&ResourceId> = selected(policy, inventory).collect();
    let mut plan = Plan::default();
    for region in &policy.destinations {
        let Some(destination) = inventory.destinations.get(region) else {
            let sources = sources.iter().copied();
            plan.coverage
                .extend(sources.map(|source| Coverage::unread(source, *region)));
            continue;
        };
        let planner = Planner {
            policy,
            inventory,
            now,
            region: *region,
            by_source: by_source(&destination.copies),
        };
        let steps = planner.plan(&sources, destination.in_progress);
        plan.coverage
            .extend(planner.coverages(&sources, &steps.copies));
        plan.destinations.insert(*region, steps);
    }
    // By source. The sort is stable and keeps the destinations in the policy's order.
    plan.coverage.sort_by(|a, b| a.source.cmp(&b.source));
    plan
}

/// The copies of each source, from the newest to the oldest.
fn by_source(copies: &[ExistingCopy]) -> BTreeMap<&ResourceId, Vec<&ExistingCopy>> {
    let mut by_source: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for copy in copies {
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
    now: Timestamp,
    region: Region,
    by_source: BTreeMap<&'a ResourceId, Vec<&'a ExistingCopy>>,
}

impl<'a> Planner<'a> {
    fn copies_of(&self, source: &ResourceId) -> &[&'a ExistingCopy] {
        self.by_source.get(source).map_or(&[], Vec::as_slice)
    }

    fn plan(&self, sources: &BTreeSet<&ResourceId>, in_progress: usize) -> DestinationPlan {
        let copies = sources.iter().flat_map(|source| self.wanted(source));
        let copies = self.in_order(copies.collect());
        let limit = self.policy.max_copies_in_progress;
        let tags = sources
            .iter()
            .flat_map(|source| self.copies_of(source))
            .filter(|copy| !copy.tagged && !is_replaced(&copies, copy))
            .map(|copy| (*copy).clone())
            .collect();
        let deletions = self
            .by_source
            .keys()
            .filter(|source| self.may_delete(sources, source))
            .flat_map(|source| self.not_kept(source))
            .filter(|copy| !is_replaced(&copies, copy))
            .cloned()
            .collect();
        DestinationPlan {
            copies,
            slots: limit.saturating_sub(in_progress),
            tags,
            deletions,
        }
    }
}

/// Whether a failed copy is replaced, in this run or a later one.
fn is_replaced(planned: &[PlannedCopy], copy: &ExistingCopy) -> bool {
    copy.state == SnapshotState::Error
        && planned.iter().any(
            |planned| matches!(&planned.step, CopyStep::Replace(failed) if failed.name == copy.name),
        )
}
