//! Which instances and disks are sources, and which of them a run must query.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::existing_copy::{
    ExistingCopy, by_source, last_valid_date, newest_available, since_creation,
};
use super::inventory::Inventory;
use crate::model::policy::{Policy, SourceRule};
use crate::model::region::Region;
use crate::model::resource::{Resource, ResourceId, ResourceKind, SnapshotState};
use crate::model::time::utc_date;

/// The resources that the policy selects.
pub(super) struct Sources<'a> {
    own: BTreeMap<&'a ResourceId, &'a Resource>,
    /// Disks that are copied with the instance they are attached to, by disk.
    attached: BTreeMap<&'a ResourceId, ResourceId>,
    /// Attached disks without automatic snapshots whose instances could not be read.
    undecided: BTreeSet<&'a ResourceId>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(policy: &Policy, inventory: &'a Inventory) -> Self {
        let selects = |id: &ResourceId, resource: &Resource| {
            policy.selects(id.region, id.kind, &id.name, &resource.tags)
        };
        let selected = inventory.resources.iter();
        let selected = selected.filter(|(id, resource)| selects(id, resource));
        let kind = ResourceKind::Instance;
        let was_read =
            |region| !policy.looks_at(region, kind) || inventory.read.contains(&(region, kind));
        let (mut own, mut attached) = (BTreeMap::new(), BTreeMap::new());
        let mut undecided = BTreeSet::new();
        for (id, resource) in selected {
            let attached_to = resource.attached_to.as_ref();
            let instance = attached_to.map(|name| ResourceId {
                region: id.region,
                name: name.as_str().into(),
                kind,
            });
            match instance {
                Some(_) if !resource.automatic_snapshots && !was_read(id.region) => {
                    undecided.insert(id);
                }
                // The instance's snapshots contain the disk.
                Some(instance)
                    if !resource.automatic_snapshots
                        && let Some(found) = inventory.resources.get(&instance)
                        && selects(&instance, found) =>
                {
                    attached.insert(id, instance);
                }
                _ => {
                    own.insert(id, resource);
                }
            }
        }
        Self {
            own,
            attached,
            undecided,
        }
    }

    /// The sources: the selected resources without the disks that an instance's snapshots contain.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a ResourceId> {
        self.own.keys().copied()
    }

    /// The disks that an instance's snapshots contain, each with the instance.
    pub(super) fn attached(&self) -> impl Iterator<Item = (&'a ResourceId, &ResourceId)> {
        self.attached
            .iter()
            .map(|(disk, instance)| (*disk, instance))
    }

    /// Whether the policy selects this existing resource: as a source, or as an attached disk.
    pub(super) fn selects(&self, id: &ResourceId) -> bool {
        self.own.contains_key(id) || self.attached.contains_key(id) || self.undecided.contains(id)
    }

    pub(super) fn resource(&self, source: &ResourceId) -> Option<&'a Resource> {
        self.own.get(source).copied()
    }

    pub(super) fn created_at(&self, source: &ResourceId) -> Option<Timestamp> {
        self.resource(source)?.created_at
    }
}

/// The sources whose automatic snapshots a run must query, the worst covered first: those without
/// a copy of the current UTC day, available or in progress, in any destination that was read. With
/// `backfill` also those that lack another of the last seven days that retention would keep.
pub fn sources_to_query(policy: &Policy, inventory: &Inventory, now: Timestamp) -> Vec<ResourceId> {
    let sources = Sources::new(policy, inventory);
    let last_date = last_valid_date(now);
    let destinations: Vec<_> = inventory
        .destinations
        .values()
        .map(|destination| by_source(&destination.copies, last_date))
        .collect();
    let mut to_query: Vec<(Option<Date>, &ResourceId)> = sources
        .iter()
        .filter_map(|source| {
            let created_at = sources.created_at(source);
            let copies = destinations.iter().map(|by_source| by_source.get(source));
            let copies = copies.map(|copies| copies.map_or(&[][..], Vec::as_slice));
            let own: Vec<_> = copies
                .map(|copies| since_creation(copies, created_at))
                .collect();
            if !own
                .iter()
                .any(|own| lacks_a_day(policy, own, created_at, now))
            {
                return None;
            }
            // In the destination in which it is covered worst.
            let newest = own.iter().map(|own| newest_available(own));
            Some((newest.map(|copy| copy.map(|copy| copy.date)).min()?, source))
        })
        .collect();
    to_query.sort();
    let sources = to_query.into_iter();
    sources.map(|(_, source)| source.clone()).collect()
}

/// Whether a source lacks a copy that a run could want, given its copies in one destination.
fn lacks_a_day(
    policy: &Policy,
    copies: &[&ExistingCopy],
    created_at: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let created = created_at.map(utc_date);
    let today = utc_date(now);
    let existing: BTreeSet<Date> = copies
        .iter()
        .filter(|copy| {
            matches!(
                copy.state,
                SnapshotState::Available | SnapshotState::Pending
            )
        })
        .map(|copy| copy.date)
        .collect();
    if !existing.contains(&today) {
        return true;
    }
    if !policy.backfill {
        return false;
    }
    // Lightsail keeps the automatic snapshots of seven days.
    let days = (1..7).filter_map(|days| today.checked_sub(days.days()).ok());
    let missing: Vec<Date> = days
        .filter(|day| !existing.contains(day) && created.is_none_or(|created| *day >= created))
        .collect();
    let Some(retention) = &policy.retention else {
        return !missing.is_empty();
    };
    let all: BTreeSet<Date> = existing.iter().chain(&missing).copied().collect();
    let newest_first: Vec<Date> = all.into_iter().rev().collect();
    let kept = newest_first.iter().zip(retention.keeps(&newest_first));
    kept.into_iter()
        .any(|(day, keep)| keep && missing.contains(day))
}

/// The paths of what selects nothing, although everything that it could select was read. Probably a
/// name or tag is misspelt.
///
/// 1. A rule that selects nothing: `sources[0]`.
/// 2. In any other rule, each of its Regions and names that selects nothing by itself:
///    `sources[0].regions[1]`, `sources[0].names[1]`.
/// 3. A name of drills that no source has: `drills.names[1]`.
pub fn rules_selecting_nothing(policy: &Policy, inventory: &Inventory) -> Vec<String> {
    let rules = policy.sources.iter().enumerate();
    let idle = rules.flat_map(|(index, rule)| {
        let parts = parts_selecting_nothing(rule, inventory);
        parts
            .into_iter()
            .map(move |part| format!("sources[{index}]{part}"))
    });
    idle.chain(drill_names_selecting_nothing(policy, inventory))
        .collect()
}

/// The parts of a rule that select nothing, or an empty path for the rule itself.
fn parts_selecting_nothing(rule: &SourceRule, inventory: &Inventory) -> Vec<String> {
    let was_read = |region: &Region| {
        let mut kinds = ResourceKind::ALL
            .into_iter()
            .filter(|kind| rule.looks_at(*kind));
        kinds.all(|kind| inventory.read.contains(&(*region, kind)))
    };
    let all_read = rule.regions.iter().all(was_read);
    let resources = inventory.resources.iter();
    let selected: Vec<&ResourceId> = resources
        .filter(|(id, resource)| rule.selects(id.region, id.kind, &id.name, &resource.tags))
        .map(|(id, _)| id)
        .collect();
    if selected.is_empty() {
        return Vec::from_iter(all_read.then(String::new));
    }
    let regions = rule.regions.iter().enumerate();
    let idle_regions = regions
        .filter(|(_, region)| was_read(region) && !selected.iter().any(|id| id.region == **region))
        .map(|(index, _)| format!(".regions[{index}]"));
    let names = rule.names.iter().flatten().enumerate();
    let idle_names = names
        .filter(|(_, glob)| all_read && !selected.iter().any(|id| glob.matches(&id.name)))
        .map(|(index, _)| format!(".names[{index}]"));
    idle_regions.chain(idle_names).collect()
}

/// The paths of the names of drills that match no source.
fn drill_names_selecting_nothing(policy: &Policy, inventory: &Inventory) -> Vec<String> {
    let Some(drills) = &policy.drills else {
        return Vec::new();
    };
    let mut regions = policy.sources.iter().flat_map(|rule| &rule.regions);
    if !regions.all(|region| inventory.read.contains(&(*region, ResourceKind::Instance))) {
        return Vec::new();
    }
    let sources = Sources::new(policy, inventory);
    let instances = || {
        let sources = sources.iter();
        sources.filter(|id| id.kind == ResourceKind::Instance)
    };
    let names = drills.names.iter().enumerate();
    names
        .filter(|(_, glob)| !instances().any(|id| glob.matches(&id.name)))
        .map(|(index, _)| format!("drills.names[{index}]"))
        .collect()
}
