//! A small account in memory, described by bytes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use lightsail_snapshot_copier::{
    ApiError, AutoSnapshot, DestinationInventory, ErrorKind, Inventory, Plan, Policy, Region,
    Resource, ResourceId, ResourceKind, Snapshot, SnapshotName, SnapshotState, copy_tags,
};

/// When the runs take place.
pub fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

const TODAY: Date = Date::constant(2026, 11, 22);

/// Copies of the first need an escaped name. Copies of the last have no name that is short enough.
const NAMES: [&str; 4] = ["shop.example", "web", "db", LONG_NAME];
const LONG_NAME: &str = match std::str::from_utf8(&[b'a'; 250]) {
    Ok(name) => name,
    Err(_) => unreachable!(),
};

const FOREIGN: &str = "by-hand-";

/// Whether a person made a snapshot, whatever its tags say.
pub fn is_foreign(snapshot: &Snapshot) -> bool {
    snapshot.name.starts_with(FOREIGN)
}

/// An account in memory, as a run observes it.
#[derive(Default)]
pub struct FakeAccount {
    pub observed: Inventory,
    pub snapshots: BTreeMap<Region, Vec<Snapshot>>,
}

impl FakeAccount {
    /// Builds an account from these bytes: three bytes describe one resource, snapshot or fault.
    pub fn of(policy: &Policy, bytes: &[u8]) -> Self {
        let mut account = Self::default();
        let mut regions: Vec<Region> = policy
            .sources
            .iter()
            .flat_map(|rule| rule.regions.clone())
            .collect();
        regions.push(policy.destinations[0]);
        for region in &regions {
            for kind in [ResourceKind::Instance, ResourceKind::Disk] {
                account.observed.read.insert((*region, kind));
            }
        }
        for region in &policy.destinations {
            let empty = DestinationInventory::new(*region);
            account.observed.destinations.insert(*region, empty);
        }
        let of = |byte: u8, count: usize| usize::from(byte) % count;
        for (index, thing) in bytes.as_chunks::<3>().0.iter().take(40).enumerate() {
            let [what, which, when] = *thing;
            let source = ResourceId {
                region: regions[of(which / 16, regions.len())],
                name: NAMES[of(which, NAMES.len())].to_owned(),
                kind: match which & 4 {
                    0 => ResourceKind::Instance,
                    _ => ResourceKind::Disk,
                },
            };
            let date = TODAY - i64::from(when).days() * if what & 64 == 0 { 1 } else { 12 };
            match what % 8 {
                0 => account.add_resource(source, what),
                1 | 2 => account.add_recovery_point(source, date, what),
                3 => account.make_unreadable(source, policy, what),
                _ => {
                    let region = policy.destinations[of(which / 8, policy.destinations.len())];
                    account.add_copy(region, &source, date, what, index);
                }
            }
        }
        account
    }

    fn add_resource(&mut self, source: ResourceId, what: u8) {
        let tag = |key: &str| (key.to_owned(), "dr".to_owned());
        let resource = Resource {
            name: source.name.clone(),
            tags: (what & 8 == 0).then(|| tag("backup")).into_iter().collect(),
            created_at: None,
            automatic_snapshots: what & 16 == 0,
            is_windows: false,
            ports: None,
            size_gb: Some(40),
            attached_to: None,
            instance: None,
        };
        self.observed.resources.insert(source, resource);
    }

    fn add_recovery_point(&mut self, source: ResourceId, date: Date, what: u8) {
        let none = || Ok(Vec::new());
        let points = self
            .observed
            .auto_snapshots
            .entry(source)
            .or_insert_with(none);
        if let Ok(points) = points {
            points.push(AutoSnapshot {
                date,
                created_at: (what & 8 == 0).then(noon),
                restorable: what & 16 == 0,
                in_progress: what & 32 == 0,
            });
        }
    }

    fn make_unreadable(&mut self, source: ResourceId, policy: &Policy, what: u8) {
        if what & 8 == 0 {
            self.observed.read.remove(&(source.region, source.kind));
            let lost = (source.region, source.kind);
            self.observed
                .resources
                .retain(|id, _| (id.region, id.kind) != lost);
        } else if what & 16 == 0 {
            let message = "Please try again later".to_owned();
            let failure = ApiError::new(ErrorKind::ServiceFault, "ServiceException", message);
            self.observed.auto_snapshots.insert(source, Err(failure));
        } else {
            self.observed.destinations.remove(&policy.destinations[0]);
        }
    }

    fn add_copy(
        &mut self,
        region: Region,
        source: &ResourceId,
        date: Date,
        what: u8,
        index: usize,
    ) {
        let Ok(name) = SnapshotName::for_dated(&source.name, source.region, date) else {
            return;
        };
        let tagged = what & 8 == 0;
        let snapshot = Snapshot {
            // A snapshot that is made in the console inherits the tags of its server.
            name: if what & 128 == 0 {
                name.to_string()
            } else {
                format!("{FOREIGN}{index}")
            },
            tags: BTreeMap::from_iter(
                copy_tags(source, date)
                    .into_iter()
                    .filter(|_| tagged)
                    .map(|(key, value)| (key.to_owned(), value)),
            ),
            kind: source.kind,
            state: match what & 48 {
                16 => SnapshotState::Pending,
                32 => SnapshotState::Error,
                _ => SnapshotState::Available,
            },
            from: Some(source.name.clone()),
            created_at: None,
            from_region: Some(source.region.to_string()),
            attached_disks: Vec::new(),
            bundle: None,
            size_gb: 40,
        };
        let there = self.snapshots.entry(region).or_default();
        if let Some(destination) = self.observed.destinations.get_mut(&region)
            && there.iter().all(|other| other.name != snapshot.name)
        {
            destination.add(&snapshot);
            there.push(snapshot);
        }
    }

    /// What a run observes after the deletions of this plan.
    pub fn after(&self, plan: &Plan) -> Inventory {
        let mut observed = self.observed.clone();
        for (region, steps) in &plan.destinations {
            let deleted: BTreeSet<&str> = steps
                .deletions
                .iter()
                .map(|c| c.copy.name.as_str())
                .collect();
            if let Some(destination) = observed.destinations.get_mut(region) {
                destination
                    .copies
                    .retain(|copy| !deleted.contains(copy.name.as_str()));
            }
        }
        observed
    }
}
