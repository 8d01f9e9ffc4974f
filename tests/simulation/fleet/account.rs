//! What happens in the account: sources, their automatic snapshots, and what people do.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lightsail_emulator::world::Source;
use lightsail_emulator::{AutoSnapshotStatus, CopyBehavior, SnapshotState};
use lightsail_snapshot_copier::{RECOVERY_POINT_TAG, SOURCE_TAG};

use super::{AWAY, Fleet, HOME};

impl Fleet {
    pub(super) fn add_sources(&mut self) {
        let healthy = self.rng.usize(1..6);
        let failing = self.rng.usize(1..8);
        let stuck = self.rng.usize(0..2);
        for (kind, count) in [("good", healthy), ("bad", failing), ("stuck", stuck)] {
            for number in 0..count {
                let name = format!("{kind}-{number}");
                let source = Source::named(&name);
                self.emulator
                    .add_instance(HOME, &source)
                    .expect("a new name");
                self.emulator
                    .set_auto_snapshots_enabled(HOME, &name, true)
                    .expect("it exists");
                let behavior = match kind {
                    "bad" => CopyBehavior::FAILS,
                    "stuck" => CopyBehavior::takes(SignedDuration::from_hours(80)),
                    _ => CopyBehavior::default(),
                };
                self.emulator.set_copy_behavior(HOME, &name, behavior);
                self.count(match kind {
                    "good" => "healthy sources",
                    "bad" => "sources whose copies fail",
                    _ => "sources whose copies take days",
                });
                self.sources.push(name);
            }
        }
        let windows = Source {
            blueprint_id: Some("windows_server_2022".to_owned()),
            ..Source::named("windows")
        };
        self.emulator
            .add_instance(HOME, &windows)
            .expect("a new name");
        self.count("Windows instances");
        let data = Source::named("data");
        self.emulator.add_disk(HOME, &data).expect("a new name");
        self.emulator
            .attach_disk(HOME, "data", "good-0")
            .expect("both exist");
        self.count("attached disks");
    }

    pub(super) fn morning(&mut self, day: i64) {
        if day == 4 {
            // The healthy source comes back under its old name.
            let source = Source::named("good-0");
            self.emulator
                .replace_source(HOME, &source)
                .expect("it exists");
            self.emulator
                .set_auto_snapshots_enabled(HOME, "good-0", true)
                .expect("it exists");
            self.emulator
                .attach_disk(HOME, "data", "good-0")
                .expect("both exist");
            self.silent_since.remove("good-0");
            self.silent_since.remove("data");
            self.count("re-created sources");
        }
        if day == 5 {
            self.retention = [1, 2][self.rng.usize(0..2)];
            self.count("changes of the retention");
        }
        let today = self.today();
        for name in &self.sources {
            self.emulator
                .add_auto_snapshot(HOME, name, today, AutoSnapshotStatus::Success)
                .expect("it exists");
            let now = self.clock.now();
            self.silent_since.entry(name.clone()).or_insert(now);
        }
    }

    /// What people do to snapshots: wrong tags, and a deleted newest copy.
    pub(super) fn interfere(&mut self) {
        let copies: Vec<String> = self
            .emulator
            .snapshots(AWAY)
            .into_iter()
            .filter(|copy| copy.state == SnapshotState::Available)
            .filter(|copy| copy.name.starts_with("stuck") || copy.name.starts_with("bad"))
            .map(|copy| copy.name)
            .collect();
        if copies.is_empty() || self.rng.u8(0..6) != 0 {
            return;
        }
        let name = &copies[self.rng.usize(0..copies.len())];
        let mut tags = BTreeMap::from([(SOURCE_TAG.to_owned(), "us-west-2/good-0".to_owned())]);
        if self.rng.bool() {
            tags.insert(RECOVERY_POINT_TAG.to_owned(), "2062-01-01".to_owned());
        }
        self.emulator.set_tags(AWAY, name, tags).expect("it exists");
        self.count("wrong tags");
    }
}
