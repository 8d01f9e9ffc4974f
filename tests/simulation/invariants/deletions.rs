//! What a run may delete.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use lightsail_emulator::{Call, Emulator, Region, SnapshotState, SourceKind};
use lightsail_snapshot_copier::MassDeletion;

use super::expect;
use super::retries::deleted_name;
use crate::copies::{copy_of, last_valid_date, tagged};

/// The bound, if half of the copies is less.
const ALWAYS_ALLOWED: usize = 3;

/// How many of a source's available copies a run may delete in a destination without permission.
pub fn bound(available: usize) -> usize {
    ALWAYS_ALLOWED.max(available / 2)
}

/// A destination, and the kind and `{region}/{name}` of a source.
pub type Owner = (Region, SourceKind, String);

/// The dates of copies by name.
pub type Copies = BTreeMap<String, Date>;

/// The available copies of each source when a run starts, and which of them it deletes.
pub struct Deletions {
    mass_deletion: MassDeletion,
    available: BTreeMap<Owner, Copies>,
    deleted: BTreeMap<Owner, BTreeSet<String>>,
}

impl Deletions {
    /// For a run that starts now.
    pub fn of_run(
        emulator: &Emulator,
        now: Timestamp,
        destinations: &[Region],
        mass_deletion: MassDeletion,
    ) -> Self {
        let available = destinations.iter();
        Self {
            mass_deletion,
            available: available
                .flat_map(|region| all_available(emulator, now, *region))
                .collect(),
            deleted: BTreeMap::new(),
        }
    }

    /// The available copies when the run started, by source: names and dates.
    pub fn available(&self) -> &BTreeMap<Owner, Copies> {
        &self.available
    }

    /// Of how many sources the run has deleted more copies than it may without permission.
    pub fn mass_deletions(&self) -> usize {
        let deleted = self.deleted.iter();
        let is_mass = |(owner, deleted): &(&Owner, &BTreeSet<String>)| {
            let available = self.available.get(owner).map_or(0, BTreeMap::len);
            deleted.len() > bound(available)
        };
        deleted.filter(is_mass).count()
    }

    /// Checks a call before it takes effect. Deleting what is gone is harmless.
    pub fn check(
        &mut self,
        emulator: &Emulator,
        now: Timestamp,
        call: &Call,
    ) -> Result<(), String> {
        let snapshot = deleted_name(call).and_then(|name| emulator.snapshot(call.region, name));
        let Some(snapshot) = snapshot else {
            return Ok(());
        };
        let name = &snapshot.name;
        let Some((source, date)) = tagged(&snapshot) else {
            return Err(format!("deletes {snapshot:?}, which is no tagged copy"));
        };
        expect(date <= last_valid_date(now), || {
            format!("deletes {name}, whose recovery point {date} is in the future")
        })?;
        expect(snapshot.state != SnapshotState::Unknown, || {
            format!("deletes {name} in state unknown")
        })?;
        if snapshot.state != SnapshotState::Available {
            return Ok(());
        }
        let owner = (call.region, snapshot.kind, source);
        self.check_available(emulator, now, owner, name)
    }

    /// Checks the deletion of an available copy against the newest one and the bound.
    fn check_available(
        &mut self,
        emulator: &Emulator,
        now: Timestamp,
        owner: Owner,
        name: &String,
    ) -> Result<(), String> {
        let found = all_available(emulator, now, owner.0);
        let found = found.get(&owner).cloned().unwrap_or_default();
        let copies = self.available.entry(owner.clone()).or_default();
        let newest_at_start = copies.values().max().copied();
        let newest_exists = found
            .iter()
            .any(|(other, date)| other != name && Some(*date) >= newest_at_start);
        expect(newest_exists, || {
            format!("deletes {name}, and the newest copy of {newest_at_start:?} is gone: {found:?}")
        })?;
        // A copy can become available between the start of the run and its lists.
        copies.extend(found);
        let available = copies.len();
        let deleted = self.deleted.entry(owner).or_default();
        deleted.insert(name.clone());
        let bound = match self.mass_deletion {
            MassDeletion::Allowed => usize::MAX,
            MassDeletion::Refused => bound(available),
        };
        expect(deleted.len() <= bound, || {
            format!("deletes {deleted:?} of {available} copies")
        })
    }
}

/// The available copies of each source in a destination, without those whose date is invalid.
fn all_available(emulator: &Emulator, now: Timestamp, region: Region) -> BTreeMap<Owner, Copies> {
    let mut all: BTreeMap<Owner, Copies> = BTreeMap::new();
    for snapshot in emulator.snapshots(region) {
        if let Some((source, date)) = copy_of(&snapshot)
            && date <= last_valid_date(now)
            && snapshot.state == SnapshotState::Available
        {
            let copies = all.entry((region, snapshot.kind, source)).or_default();
            copies.insert(snapshot.name, date);
        }
    }
    all
}
