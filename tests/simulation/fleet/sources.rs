//! The sources: healthy ones, and those whose copies fail, take days or are refused.

use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::world;
use lightsail_emulator::{CopyBehavior, SourceKind};

use super::sick::Sickness;
use super::{DAYS, Fleet, HOME};
use crate::invariants::coverage::Selected;

/// A source, and how its copies proceed.
pub(super) struct Source {
    pub(super) selected: Selected,
    pub(super) health: Health,
    /// Since when it has automatic snapshots and its copies succeed.
    pub(super) healthy_since: Timestamp,
    /// The hour at which a bad source recovers.
    pub(super) recovers: Option<i64>,
    pub(super) sickness: Option<Sickness>,
}

/// How the copies of a source proceed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// They succeed.
    Good,
    /// They succeed since a while.
    Recovered,
    /// They end in state `error`.
    CopiesFail,
    /// They take more than three days.
    CopiesTakeDays,
    /// CopySnapshot is refused.
    Refused,
    /// The Operation of CopySnapshot has status `Failed`.
    OperationFails,
    /// An operation fails, hangs, is slow or loses its answers.
    Sick,
    /// There is nothing to copy.
    NoSnapshots,
}

impl Fleet {
    /// Creates the fleet.
    pub(super) fn add_sources(&mut self) {
        for (health, prefix, most, situation) in [
            (Health::Good, "good", 5, "healthy sources"),
            (Health::CopiesFail, "bad", 7, "sources whose copies fail"),
            (
                Health::CopiesTakeDays,
                "slow",
                1,
                "sources whose copies take days",
            ),
            (
                Health::Refused,
                "refused",
                2,
                "sources whose copies are refused",
            ),
            (
                Health::OperationFails,
                "broken",
                2,
                "sources whose copy Operations fail",
            ),
        ] {
            let least = usize::from(health == Health::Good);
            for number in 0..self.rng.usize(least..=most) {
                self.add_source(SourceKind::Instance, &format!("{prefix}-{number}"), health);
                self.counts.count(situation);
            }
        }
        self.add_sick_sources();
        for number in 0..self.rng.usize(0..3) {
            self.add_source(SourceKind::Disk, &format!("vault-{number}"), Health::Good);
            self.counts.count("healthy sources");
        }
        self.add_source(SourceKind::Instance, "off", Health::NoSnapshots);
        self.counts.count("instances without automatic snapshots");
        self.add_source(SourceKind::Instance, "windows", Health::NoSnapshots);
        self.counts.count("Windows instances");
        for disk in ["data", "late"] {
            self.add_source(SourceKind::Disk, disk, Health::NoSnapshots);
        }
        self.attach("data");
        self.counts.count("disks attached at the start");
        if self.rng.bool() && self.sources.iter().any(|source| source.is("vault-0")) {
            // It has automatic snapshots of its own, so it stays a source.
            self.attach("vault-0");
        }
    }

    /// Adds a source that was created long ago.
    fn add_source(&mut self, kind: SourceKind, name: &str, health: Health) {
        self.create(kind, name, health, None);
        let behavior = match health {
            Health::CopiesFail => CopyBehavior::FAILS,
            Health::CopiesTakeDays => CopyBehavior::takes(SignedDuration::from_hours(80)),
            _ => CopyBehavior::default(),
        };
        self.emulator.set_copy_behavior(HOME, name, behavior);
    }

    /// Creates an instance or disk.
    pub(super) fn create(
        &mut self,
        kind: SourceKind,
        name: &str,
        health: Health,
        created_at: Option<Timestamp>,
    ) {
        let auto_snapshots = health != Health::NoSnapshots;
        let source = world::Source {
            created_at,
            auto_snapshots: auto_snapshots.then(Vec::new),
            blueprint_id: (name == "windows").then(|| "windows_server_2022".to_owned()),
            ..world::Source::named(name)
        };
        match kind {
            SourceKind::Instance => self.emulator.add_instance(HOME, &source),
            SourceKind::Disk => self.emulator.add_disk(HOME, &source),
        }
        .expect("a new name");
        let now = self.clock.now();
        let can_recover = matches!(
            health,
            Health::CopiesFail | Health::Refused | Health::OperationFails
        );
        let recovers = can_recover && self.rng.bool();
        self.sources.push(Source {
            selected: Selected {
                region: HOME,
                name: name.to_owned(),
                kind,
                created_at: created_at.unwrap_or(Timestamp::UNIX_EPOCH),
                auto_snapshots,
                attached_to: None,
            },
            health,
            healthy_since: now,
            recovers: recovers.then(|| self.rng.i64(24..24 * (DAYS - 3))),
            sickness: None,
        });
    }

    /// Attaches a disk to the first instance.
    pub(super) fn attach(&mut self, disk: &str) {
        self.emulator
            .attach_disk(HOME, disk, "good-0")
            .expect("both exist");
        self.source(disk).selected.attached_to = Some("good-0".to_owned());
    }

    /// The source with this name.
    pub(super) fn source(&mut self, name: &str) -> &mut Source {
        let mut sources = self.sources.iter_mut();
        let source = sources.find(|source| source.is(name));
        source.expect("it exists")
    }

    /// The policy's limit: just enough for the healthy and sick sources, and for the copies that take
    /// more than three days. Lightsail gives no place back while a copy is in progress. With room, each
    /// bad source has a place too.
    pub(super) fn limit(&self) -> usize {
        let places = self.sources.iter().map(|source| match source.health {
            Health::Good | Health::Recovered | Health::Sick => 1,
            Health::CopiesTakeDays => 4,
            Health::NoSnapshots => 0,
            _ => usize::from(self.is_roomy),
        });
        places.sum()
    }
}

impl Source {
    /// Whether this is its name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.selected.name == name
    }
}
