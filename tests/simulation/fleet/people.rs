//! Trouble: what people do to snapshots, and Regions that cannot be read.

use lightsail_emulator::world::InstanceSnapshot;
use lightsail_emulator::{Region, Snapshot, SnapshotState, SourceKind, Tags};
use lightsail_snapshot_copier::{MassDeletion, RECOVERY_POINT_TAG, SOURCE_TAG};

use super::{Fleet, HOME};
use crate::copies::{copy_of, day};
use crate::invariants::deletions::Deletions;

impl Fleet {
    /// What happens before a run on a day of trouble. Returns the Region that cannot be read.
    pub(super) fn interfere(&mut self) -> Option<Region> {
        if !self.trouble {
            return None;
        }
        let region = self.destinations[self.rng.usize(0..self.destinations.len())];
        let name = self.any_copy(region);
        match (self.rng.u8(0..24), name) {
            (0, Some(name)) => self.set_future_date(region, &name),
            (1, Some(name)) => self.set_other_source(region, &name),
            (2 | 8 | 9, Some(name)) => self.remove_tag(region, &name),
            (3, _) => self.add_foreign_snapshot(region),
            (4 | 5, _) => self.lose_state(region),
            (6, Some(name)) => {
                self.emulator
                    .remove_snapshot(region, &name)
                    .expect("it exists");
                self.counts.count("copies deleted by somebody");
            }
            (7, _) => {
                self.counts.count("Regions that cannot be read");
                return Some(region);
            }
            _ => {}
        }
        None
    }

    /// An available copy of a source.
    fn any_copy(&mut self, region: Region) -> Option<String> {
        let copies = self.ordinary_copies(region);
        let available = copies.into_iter();
        let available: Vec<String> = available
            .filter(|copy| copy.state == SnapshotState::Available)
            .map(|copy| copy.name)
            .collect();
        let index = self.rng.usize(0..available.len().max(1));
        available.get(index).cloned()
    }

    /// The copies that people have not changed.
    fn ordinary_copies(&self, region: Region) -> Vec<Snapshot> {
        let snapshots = self.emulator.snapshots(region).into_iter();
        snapshots
            .filter(|copy| copy_of(copy).is_some())
            .filter(|copy| !self.untouchable.contains_key(&(region, copy.name.clone())))
            .collect()
    }

    /// Somebody changes a copy's recovery point to a date in the future.
    fn set_future_date(&mut self, region: Region, name: &str) {
        let copy = self.emulator.snapshot(region, name).expect("it exists");
        let (source, _) = copy_of(&copy).expect("it is a copy");
        self.keep_tags(region, name, tags(Some(&source), Some("2062-01-01")));
        self.counts.count("recovery points in the future");
    }

    /// Somebody gives a copy the tags of another source's copy.
    fn set_other_source(&mut self, region: Region, name: &str) {
        let source = match name.starts_with("good-0") {
            true => format!("{HOME}/bad-0"),
            false => format!("{HOME}/good-0"),
        };
        self.keep_tags(region, name, tags(Some(&source), Some("2027-01-01")));
        self.counts.count("tags with another source");
    }

    /// Somebody removes a tag. Name and origin still show what it is a copy of. If possible, from a
    /// copy that the next run would delete.
    fn remove_tag(&mut self, region: Region, name: &str) {
        let now = self.clock.now();
        let copies = Deletions::of_run(&self.emulator, now, &[region], MassDeletion::Refused);
        let copies = self.expiring(&copies).map(|(_, copies)| copies);
        let oldest = copies.and_then(|copies| copies.into_iter().min_by_key(|(_, date)| *date));
        let name = &oldest.map_or(name.to_owned(), |(name, _)| name);
        let copy = self.emulator.snapshot(region, name).expect("it exists");
        let mut tags = copy.tags;
        tags.remove([SOURCE_TAG, RECOVERY_POINT_TAG][self.rng.usize(0..2)]);
        self.emulator
            .set_tags(region, name, tags)
            .expect("it exists");
        self.counts.count("half-tagged copies");
    }

    /// Somebody's own snapshot, with some of this function's tags: a snapshot that is made in the
    /// console inherits those of its server.
    fn add_foreign_snapshot(&mut self, region: Region) {
        let source = format!("{HOME}/good-0");
        let today = day(self.clock.now()).to_string();
        let (from, tags) = match self.rng.u8(0..6) {
            4 => ("good-0", tags(Some(&source), Some("2027-01-01"))),
            5 => ("good-0", tags(Some(&source), Some(&today))),
            0 => ("shop", tags(Some(&source), Some("2027-01-01"))),
            1 => ("shop", tags(Some(&source), None)),
            2 => ("good-0", tags(Some(&source), None)),
            _ => ("good-0", tags(None, Some("2027-01-01"))),
        };
        let states = [SnapshotState::Available, SnapshotState::Error];
        let snapshot = InstanceSnapshot {
            name: format!("manual-{}", self.emulator.call_count()),
            from_instance_name: Some(from.to_owned()),
            from_instance_arn: Some(format!("arn:aws:lightsail:{HOME}:123456789012:Instance/x")),
            tags: tags.clone(),
            state: states[self.rng.usize(0..2)],
            ..InstanceSnapshot::default()
        };
        let added = self.emulator.add_instance_snapshot(region, &snapshot);
        if added.is_ok() {
            self.untouchable.insert((region, snapshot.name), tags);
            self.counts
                .count("foreign snapshots with this function's tags");
        }
    }

    /// Lightsail does not know the state of a disk snapshot any more.
    fn lose_state(&mut self, region: Region) {
        let mut copies = self.ordinary_copies(region);
        copies.retain(|copy| copy.kind == SourceKind::Disk);
        let index = self.rng.usize(0..copies.len().max(1));
        if let Some(copy) = copies.get(index) {
            self.emulator
                .set_snapshot_state(region, &copy.name, SnapshotState::Unknown)
                .expect("it exists");
            self.counts.count("disk snapshots in state unknown");
        }
    }

    /// Sets the tags of a snapshot that no run may change from now on.
    fn keep_tags(&mut self, region: Region, name: &str, tags: Tags) {
        self.emulator
            .set_tags(region, name, tags.clone())
            .expect("it exists");
        self.untouchable.insert((region, name.to_owned()), tags);
    }
}

fn tags(source: Option<&str>, date: Option<&str>) -> Tags {
    let source = source.map(|source| (SOURCE_TAG.to_owned(), source.to_owned()));
    let date = date.map(|date| (RECOVERY_POINT_TAG.to_owned(), date.to_owned()));
    source.into_iter().chain(date).collect()
}
