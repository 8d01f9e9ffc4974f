//! What happens in the account by itself: automatic snapshots, recoveries, new sources, another
//! retention.

use lightsail_emulator::{AutoSnapshotStatus, CopyBehavior, SourceKind, world};

use super::sources::Health;
use super::{CALM_DAYS, DAYS, Fleet, HOME};

/// When things happen once, in hours after the start.
const RECREATED: i64 = 4 * 24;
const OTHER_RETENTION: i64 = 5 * 24;
const NEW_SOURCE: i64 = 2 * 24 + 12;
const DISK_ATTACHED: i64 = 3 * 24 + 12;

impl Fleet {
    /// The start of a day: trouble or calm, and the automatic snapshots.
    pub(super) fn start_day(&mut self, day: i64) {
        if day == self.next_change || day == DAYS - CALM_DAYS {
            let was_calm = !self.trouble;
            self.trouble = was_calm && day < DAYS - CALM_DAYS;
            self.next_change = day + self.rng.i64(1..4);
            if !self.trouble && !was_calm {
                self.calm_since = self.clock.now();
            }
        }
        if day * 24 == RECREATED {
            self.recreate();
        }
        let (today, now) = (self.today(), self.clock.now());
        for source in &mut self.sources {
            if source.health == Health::NoSnapshots {
                continue;
            }
            let name = &source.selected.name;
            if self.emulator.auto_snapshots(HOME, name).is_empty() {
                source.healthy_since = now;
            }
            self.emulator
                .add_auto_snapshot(HOME, name, today, AutoSnapshotStatus::Success)
                .expect("it exists");
            for destination in &self.destinations {
                let key = (*destination, name.clone());
                self.silent_since.entry(key).or_insert(now);
            }
        }
    }

    /// What happens once, at the first run after its hour.
    pub(super) fn change_sources(&mut self, hour: i64) {
        let is_due = |at: i64| at <= hour && hour < at + self.between_runs;
        let (new_source, attached) = (is_due(NEW_SOURCE), is_due(DISK_ATTACHED));
        if is_due(OTHER_RETENTION) {
            self.retention = [1, 2][self.rng.usize(0..2)];
            self.counts.count("changes of the retention");
        }
        if new_source {
            let now = self.clock.now();
            self.create(SourceKind::Instance, "good-new", Health::Good, Some(now));
            self.counts.count("new sources");
        }
        if attached {
            self.attach("late");
            self.counts.count("disks attached later");
        }
        let now = self.clock.now();
        for source in &mut self.sources {
            if source.recovers.take_if(|at| *at <= hour).is_some() {
                let name = &source.selected.name;
                self.emulator
                    .set_copy_behavior(HOME, name, CopyBehavior::default());
                source.health = Health::Recovered;
                source.healthy_since = now;
                self.counts.count("sources that recovered");
            }
        }
    }

    /// The first healthy source comes back under its old name.
    fn recreate(&mut self) {
        let new = world::Source {
            auto_snapshots: Some(Vec::new()),
            ..world::Source::named("good-0")
        };
        self.emulator.replace_source(HOME, &new).expect("it exists");
        let now = self.clock.now();
        self.source("good-0").selected.created_at = now;
        let attached: Vec<String> = self
            .sources
            .iter()
            .filter(|source| source.selected.attached_to.is_some())
            .map(|source| source.selected.name.clone())
            .collect();
        for disk in &attached {
            self.attach(disk);
        }
        self.silent_since
            .retain(|(_, name), _| name != "good-0" && !attached.contains(name));
        self.counts.count("re-created sources");
    }
}
