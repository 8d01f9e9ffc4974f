//! An account in memory to plan in: what a run of a policy observes, and the effects of a plan.

mod steps;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use lightsail_snapshot_copier::{
    ApiError, AutoSnapshot, CopyStep, Coverage, DestinationInventory, DestinationPlan,
    DrillInstance, DrillPlan, ErrorKind, Inventory, MassDeletion, Plan, Policy, RECOVERY_POINT_TAG,
    Region, Resource, ResourceId, ResourceKind, RunEvent, SOURCE_TAG, Snapshot, SnapshotState,
    copy_tags, coverage, parse_policy, plan, plan_drills, sources_to_query, utc_date,
};

use steps::results;
pub use steps::{deferred, deferred_names, deleted_names, is_idle, made, made_names, tagged_names};

pub fn region(name: &str) -> Region {
    name.parse::<Region>().unwrap()
}

/// 22 November 2026, 12:00 UTC.
pub fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub fn instance(region_name: &str, name: &str) -> ResourceId {
    ResourceId {
        region: region(region_name),
        name: name.into(),
        kind: ResourceKind::Instance,
    }
}

pub fn disk(region_name: &str, name: &str) -> ResourceId {
    ResourceId {
        kind: ResourceKind::Disk,
        ..instance(region_name, name)
    }
}

pub fn date(text: &str) -> Date {
    text.parse().unwrap()
}

/// The name that the copy of a source's recovery point has: written down once more, so that the
/// tests do not take it from the code that they test.
pub fn copy_name(source: &ResourceId, date: Date) -> String {
    let name = source.name.replace('.', "_2E_");
    format!("{name}-{}-{date}", source.region)
}

/// The snapshot that a copy of a source's recovery point is, with both tags.
pub fn copy(source: &ResourceId, date: Date, state: SnapshotState) -> Snapshot {
    let tag = |key: &str, value: String| (key.to_owned(), value);
    Snapshot {
        name: copy_name(source, date),
        tags: BTreeMap::from([
            tag(SOURCE_TAG, format!("{}/{}", source.region, source.name)),
            tag(RECOVERY_POINT_TAG, date.to_string()),
        ]),
        kind: source.kind,
        state,
        from: Some(source.name.to_string()),
        created_at: None,
        from_region: Some(source.region.to_string()),
        attached_disks: Vec::new(),
        bundle: Some("nano_3_0".to_owned()),
        size_gb: 40,
    }
}

/// The same without tags.
pub fn untagged(source: &ResourceId, date: Date, state: SnapshotState) -> Snapshot {
    Snapshot {
        tags: BTreeMap::new(),
        ..copy(source, date, state)
    }
}

/// A resource with automatic snapshots on.
pub fn resource(id: &ResourceId) -> Resource {
    Resource {
        name: id.name.clone(),
        tags: BTreeMap::new(),
        created_at: None,
        automatic_snapshots: true,
        is_windows: false,
        ports: None,
        size_gb: Some(40),
        attached_to: None,
        instance: None,
    }
}

/// An automatic snapshot that can be restored, made at 06:00 of its day.
pub fn point(date: Date) -> AutoSnapshot {
    AutoSnapshot {
        date,
        created_at: format!("{date}T06:00:00Z").parse().ok(),
        restorable: true,
        in_progress: false,
    }
}

pub fn unreadable() -> ApiError {
    ApiError {
        may_have_happened: true,
        ..ApiError::new(
            ErrorKind::ServiceFault,
            "ServiceException",
            "no answer".to_owned(),
        )
    }
}

/// An account in memory, with the policy and the time: everything that a plan depends on.
#[derive(Debug, Clone)]
pub struct FakeAccount {
    pub policy: Policy,
    pub now: Timestamp,
    /// What there is, seen or not.
    pub resources: BTreeMap<ResourceId, Resource>,
    /// The automatic snapshots of each resource.
    pub points: BTreeMap<ResourceId, Result<Vec<AutoSnapshot>, ApiError>>,
    /// The Regions and kinds that cannot be listed.
    pub unread: BTreeSet<(Region, ResourceKind)>,
    /// The manual snapshots of each Region, as they are listed: one may be listed twice.
    pub snapshots: BTreeMap<Region, Vec<Snapshot>>,
    /// The destinations that cannot be listed.
    pub unread_destinations: BTreeSet<Region>,
    pub mass_deletion: MassDeletion,
    /// The drill instances of each destination.
    pub drill_instances: BTreeMap<Region, Vec<DrillInstance>>,
}

impl FakeAccount {
    /// An account without resources, at noon of 22 November 2026.
    pub fn empty(policy: &str) -> Self {
        Self::of(parse_policy(policy).unwrap_or_else(|errors| panic!("{errors}")))
    }

    /// The same with a policy that was parsed.
    pub fn of(policy: Policy) -> Self {
        Self {
            policy,
            now: noon(),
            resources: BTreeMap::new(),
            points: BTreeMap::new(),
            unread: BTreeSet::new(),
            snapshots: BTreeMap::new(),
            unread_destinations: BTreeSet::new(),
            mass_deletion: MassDeletion::Allowed,
            drill_instances: BTreeMap::new(),
        }
    }

    /// With one more source, automatic snapshots on, that has these.
    pub fn with(mut self, source: &ResourceId, points: &[&str]) -> Self {
        let points = points.iter().map(|text| point(date(text))).collect();
        self.resources.insert(source.clone(), resource(source));
        self.points.insert(source.clone(), Ok(points));
        self
    }

    /// With one more snapshot in a Region.
    pub fn there(mut self, in_region: &str, snapshot: Snapshot) -> Self {
        let snapshots = self.snapshots.entry(region(in_region)).or_default();
        snapshots.push(snapshot);
        self
    }

    /// What a run would see.
    pub fn observed(&self) -> Inventory {
        let mut observed = Inventory::default();
        for region in Region::all() {
            for kind in [ResourceKind::Instance, ResourceKind::Disk] {
                let looked_at = self.policy.looks_at(region, kind);
                if looked_at && !self.unread.contains(&(region, kind)) {
                    observed.read.insert((region, kind));
                }
            }
        }
        for (source, resource) in &self.resources {
            if observed.read.contains(&(source.region, source.kind)) {
                observed.resources.insert(source.clone(), resource.clone());
            }
        }
        for region in &self.policy.destinations {
            let drills = self.drill_instances.get(region).cloned();
            let drills = drills.unwrap_or_default();
            observed.drill_instances.insert(*region, drills);
            if !self.unread_destinations.contains(region) {
                let mut destination = DestinationInventory::new(*region);
                for snapshot in self.snapshots_in(*region) {
                    destination.add(snapshot);
                }
                observed.destinations.insert(*region, destination);
            }
        }
        for source in sources_to_query(&self.policy, &observed, self.now) {
            let points = self.points.get(&source).cloned().unwrap_or(Ok(Vec::new()));
            observed.auto_snapshots.insert(source, points);
        }
        observed
    }

    pub fn snapshots_in(&self, region: Region) -> &[Snapshot] {
        self.snapshots.get(&region).map_or(&[], Vec::as_slice)
    }

    pub fn plan(&self) -> Plan {
        plan(&self.policy, &self.observed(), self.now, self.mass_deletion)
    }

    /// What a run does if every copy that has a slot starts.
    pub fn events(&self) -> Vec<RunEvent> {
        let plan = self.plan();
        let steps = plan.destinations.values();
        steps.flat_map(results).map(RunEvent::CopyResult).collect()
    }

    /// The coverage after that run.
    pub fn coverage(&self) -> Vec<Coverage> {
        coverage(&self.policy, &self.observed(), self.now, &self.events())
    }

    /// The coverage of one source in the first destination.
    pub fn coverage_of(&self, source: &ResourceId) -> Coverage {
        let mut coverage = self.coverage().into_iter();
        coverage.find(|entry| entry.source == *source).unwrap()
    }

    /// The drills in one destination.
    pub fn drills(&self, in_region: &str) -> DrillPlan {
        let mut plans = plan_drills(&self.policy, &self.observed(), self.now);
        plans.remove(&region(in_region)).unwrap_or_default()
    }

    /// The steps in one destination.
    pub fn steps(&self, in_region: &str) -> DestinationPlan {
        self.plan().destinations[&region(in_region)].clone()
    }

    pub fn today(&self) -> Date {
        utc_date(self.now)
    }

    /// The same account some days later.
    pub fn days_later(mut self, days: i64) -> Self {
        self.now += (24 * days).hours();
        self
    }

    /// Carries a plan out as Lightsail would: what is copied comes into this state. Where a run
    /// ends before its tags are set, the copies stay without.
    pub fn apply(&mut self, plan: &Plan, state: SnapshotState, tags_are_set: bool) {
        for (region, steps) in &plan.destinations {
            let snapshots = self.snapshots.entry(*region).or_default();
            for wanted in made(steps) {
                if let CopyStep::Replace(errored) = &wanted.step {
                    snapshots.retain(|s| s.name != errored.copy.name.as_str());
                }
                let made = Snapshot {
                    created_at: Some(self.now),
                    ..copy(&wanted.source, wanted.date, state)
                };
                assert_eq!(made.name, wanted.copy.target.as_str());
                if snapshots.iter().any(|there| there.name == made.name) {
                    // Lightsail refuses it: the name is taken.
                    continue;
                }
                snapshots.push(if tags_are_set {
                    made
                } else {
                    untagged(&wanted.source, wanted.date, state)
                });
            }
            for to_tag in &steps.tags {
                for snapshot in snapshots
                    .iter_mut()
                    .filter(|s| s.name == to_tag.name.as_str())
                {
                    if tags_are_set {
                        let tags = copy_tags(&to_tag.source, to_tag.date);
                        snapshot
                            .tags
                            .extend(tags.map(|(key, value)| (key.to_owned(), value)));
                    }
                }
            }
            let started: Vec<_> = made(steps).iter().map(|made| &made.copy.target).collect();
            for deletion in &steps.deletions {
                let after = deletion.after.as_ref();
                if !deletion.refused && after.is_none_or(|copy| started.contains(&copy)) {
                    snapshots.retain(|snapshot| snapshot.name != deletion.copy.name.as_str());
                }
            }
        }
    }

    /// Everything that is being made is ready.
    pub fn finish_copies(&mut self) {
        for snapshot in self.snapshots.values_mut().flatten() {
            if snapshot.state == SnapshotState::Pending {
                snapshot.state = SnapshotState::Available;
            }
        }
    }
}
