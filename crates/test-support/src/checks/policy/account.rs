//! A small account, described by bytes.

use jiff::ToSpan;
use lightsail_snapshot_copier::{
    AutoSnapshot, Plan, Policy, Region, ResourceId, ResourceKind, Snapshot, SnapshotState, utc_date,
};

use crate::account::{FakeAccount, copy, copy_name, noon, resource, unreadable, untagged};

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

/// Builds an account from these bytes: three bytes describe one resource, snapshot or fault.
pub fn account(policy: &Policy, bytes: &[u8]) -> FakeAccount {
    let mut account = FakeAccount::of(policy.clone());
    let rules = policy.sources.iter();
    let mut regions: Vec<Region> = rules.flat_map(|rule| rule.regions.clone()).collect();
    regions.push(policy.destinations[0]);
    let of = |byte: u8, count: usize| usize::from(byte) % count;
    for (index, thing) in bytes.as_chunks::<3>().0.iter().take(40).enumerate() {
        let [what, which, when] = *thing;
        let source = ResourceId {
            region: regions[of(which / 16, regions.len())],
            name: NAMES[of(which, NAMES.len())].into(),
            kind: match which & 4 {
                0 => ResourceKind::Instance,
                _ => ResourceKind::Disk,
            },
        };
        let days = i64::from(when) * if what & 64 == 0 { 1 } else { 12 };
        let date = utc_date(noon()) - days.days();
        match what % 8 {
            0 => add_resource(&mut account, source, what),
            1 | 2 => {
                let points = account.points.entry(source).or_insert(Ok(Vec::new()));
                if let Ok(points) = points {
                    points.push(AutoSnapshot {
                        date,
                        created_at: (what & 8 == 0).then(noon),
                        restorable: what & 16 == 0,
                        in_progress: what & 32 == 0,
                    });
                }
            }
            3 => make_unreadable(&mut account, source, what),
            _ if copy_name(&source, date).len() <= 255 => {
                let region = policy.destinations[of(which / 8, policy.destinations.len())];
                let state = match what & 48 {
                    16 => SnapshotState::Pending,
                    32 => SnapshotState::Error,
                    _ => SnapshotState::Available,
                };
                let mut snapshot = match what & 8 {
                    0 => copy(&source, date, state),
                    _ => untagged(&source, date, state),
                };
                if what & 128 != 0 {
                    // A snapshot that is made in the console inherits the tags of its server.
                    snapshot.name = format!("{FOREIGN}{index}");
                }
                let there = account.snapshots.entry(region).or_default();
                if there.iter().all(|other| other.name != snapshot.name) {
                    there.push(snapshot);
                }
            }
            _ => {}
        }
    }
    account
}

fn add_resource(account: &mut FakeAccount, source: ResourceId, what: u8) {
    let mut resource = resource(&source);
    resource.automatic_snapshots = what & 16 == 0;
    if what & 8 == 0 {
        let tag = ("backup".to_owned(), "dr".to_owned());
        resource.tags.extend([tag]);
    }
    account.resources.insert(source, resource);
}

fn make_unreadable(account: &mut FakeAccount, source: ResourceId, what: u8) {
    if what & 8 == 0 {
        account.unread.insert((source.region, source.kind));
    } else if what & 16 == 0 {
        account.points.insert(source, Err(unreadable()));
    } else {
        let first = account.policy.destinations[0];
        account.unread_destinations.insert(first);
    }
}

/// The account after the deletions of this plan.
pub fn after(account: &FakeAccount, plan: &Plan) -> FakeAccount {
    let mut account = account.clone();
    for (region, steps) in &plan.destinations {
        let is_deleted = |snapshot: &Snapshot| {
            let mut deletions = steps.deletions.iter();
            deletions.any(|deletion| deletion.copy.name.as_str() == snapshot.name)
        };
        if let Some(snapshots) = account.snapshots.get_mut(region) {
            snapshots.retain(|snapshot| !is_deleted(snapshot));
        }
    }
    account
}
