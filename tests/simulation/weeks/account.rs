//! What happens in the account: sources come and go, automatic snapshots are made, Regions are down.

use jiff::civil::Date;
use lightsail_emulator::world::{InstanceSnapshot, Source};
use lightsail_emulator::{AutoSnapshotStatus, Region, SnapshotState, SourceKind};
use lightsail_snapshot_copier::{RECOVERY_POINT_TAG, SOURCE_TAG};

use super::{AWAY, HOME, Weeks};

/// A source that exists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SourceKey {
    pub(super) region: Region,
    pub(super) name: String,
}

impl Weeks {
    /// Creates a source, unless its name is in use.
    pub(super) fn new_source(&mut self) {
        let region = HOME[self.rng.usize(0..HOME.len())];
        let disk = self.rng.bool();
        let number = self.rng.u32(1..6);
        let name = match (disk, self.rng.u8(0..6)) {
            // Not selected by the policy.
            (_, 0) => format!("other-{number}"),
            (true, _) => format!("data-{number}"),
            (false, 1) => format!("shop-{number}.example.com"),
            (false, _) => format!("shop-{number}"),
        };
        let source = Source::named(&name);
        let added = if disk {
            self.emulator.add_disk(region, &source)
        } else {
            self.emulator.add_instance(region, &source)
        };
        if added.is_ok() {
            self.log(|| format!("{name} in {region} is created"));
            let kind = if disk {
                SourceKind::Disk
            } else {
                SourceKind::Instance
            };
            self.emulator
                .set_auto_snapshots_enabled(region, &name, true)
                .expect("it exists");
            self.sources.insert(SourceKey { region, name }, kind);
        }
    }

    /// Changes the account before the day's run.
    pub(super) fn start_day(&mut self, day: Date) {
        let faults = self.watch.lock().unwrap().per_mille > 0;
        if self.rng.u8(0..6) == 0 && self.sources.len() < 6 {
            self.new_source();
        }
        if self.rng.u8(0..12) == 0 && self.sources.len() > 1 {
            let keys: Vec<_> = self.sources.keys().cloned().collect();
            let key = keys[self.rng.usize(0..keys.len())].clone();
            self.log(|| format!("{} in {} is deleted", key.name, key.region));
            match self.sources.remove(&key) {
                Some(SourceKind::Disk) => self.emulator.remove_disk(key.region, &key.name),
                _ => self.emulator.remove_instance(key.region, &key.name),
            }
            .expect("it exists");
            self.counts.count("removed sources");
        }
        if self.rng.u8(0..4) == 0 {
            self.add_foreign_snapshot();
        }
        self.make_auto_snapshots(day, faults);
        if faults {
            self.change_outages();
        }
    }

    /// Somebody makes a snapshot of something else, some with this function's tags.
    fn add_foreign_snapshot(&mut self) {
        let region = AWAY[self.rng.usize(0..AWAY.len())];
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let source = tag(SOURCE_TAG, "us-west-2/shop-1");
        let date = tag(RECOVERY_POINT_TAG, "2027-01-01");
        let owner = tag("owner", "somebody");
        let (from, tags) = match self.rng.u8(0..7) {
            // As a server has them that was restored in the console.
            6 => ("shop-1", vec![source, date]),
            0 => ("somebody-elses", vec![source, date]),
            1 => ("shop-1", vec![owner, source]),
            2 => ("shop-1", vec![date]),
            _ => ("shop-1", vec![owner]),
        };
        let arn = "arn:aws:lightsail:us-west-2:111122223333:Instance/somebody-elses";
        let snapshot = InstanceSnapshot {
            name: format!("manual-{}", self.rng.u32(0..1000)),
            from_instance_name: Some(from.to_owned()),
            from_instance_arn: Some(arn.to_owned()),
            tags: tags.into_iter().collect(),
            state: [SnapshotState::Available, SnapshotState::Error][self.rng.usize(0..2)],
            ..InstanceSnapshot::default()
        };
        let added = self.emulator.add_instance_snapshot(region, &snapshot);
        if added.is_ok() {
            let has_own_tag = snapshot.tags.keys().any(|tag| tag != "owner");
            self.counts.count(match has_own_tag {
                true => "foreign snapshots with this function's tags",
                false => "foreign snapshots",
            });
            self.foreign.insert((region, snapshot.name), snapshot.tags);
        }
    }

    fn make_auto_snapshots(&mut self, day: Date, faults: bool) {
        for key in self.sources.keys() {
            // Those that failed or are in progress stay so.
            let status = match self.rng.u8(0..20) {
                0 if faults => AutoSnapshotStatus::Failed,
                1 if faults => AutoSnapshotStatus::InProgress,
                2 => continue,
                _ => AutoSnapshotStatus::Success,
            };
            self.emulator
                .add_auto_snapshot(key.region, &key.name, day, status)
                .expect("it exists");
        }
    }

    /// Regions fail, and work again.
    fn change_outages(&mut self) {
        let mut watch = self.watch.lock().unwrap();
        for region in HOME.into_iter().chain(AWAY) {
            if watch.rng.u8(0..12) == 0 && watch.down.insert(region) {
                self.counts.count("outages");
            } else if watch.rng.u8(0..3) == 0 {
                watch.down.remove(&region);
            }
        }
    }
}

/// `{region}/{name}`, as in the tag of a copy.
pub(super) fn id(source: &SourceKey) -> String {
    format!("{}/{}", source.region, source.name)
}

/// Whether the policy selects a source.
pub(super) fn is_selected(source: &SourceKey) -> bool {
    source.name.starts_with("shop-") || source.name.starts_with("data-")
}
