//! What is checked in each call, and the calls that fail.

use std::collections::BTreeMap;

use lightsail_emulator::{Call, Emulator, Fault, Operation, Region, SnapshotState};
use lightsail_snapshot_copier::{RECOVERY_POINT_TAG, SOURCE_TAG};

use super::invariants::expect;
use super::{AWAY, Fleet};

/// The available copies of each source when a run starts, and how many of them it deletes.
#[derive(Default)]
pub(super) struct Deletions {
    pub(super) available: BTreeMap<String, usize>,
    pub(super) deleted: BTreeMap<String, usize>,
    pub(super) broken: Option<String>,
}

impl Fleet {
    /// Checks every deletion against the bound and the tags.
    pub(super) fn watch_calls(&self) {
        let (emulator, deletions) = (self.emulator.clone(), self.deletions.clone());
        let mut rng = self.rng.clone();
        self.emulator.on_call(move |call: &Call| {
            if call.operation == Operation::DeleteInstanceSnapshot {
                let name = call.body["instanceSnapshotName"]
                    .as_str()
                    .unwrap_or_default();
                let mut deletions = deletions.lock().unwrap();
                if let Err(problem) = check_deletion(&emulator, call.region, name, &mut deletions) {
                    deletions.broken.get_or_insert(problem);
                }
            }
            // An Operation that Lightsail reports as failed, now and then.
            let may_fail = matches!(
                call.operation,
                Operation::TagResource | Operation::DeleteInstanceSnapshot
            );
            match may_fail && rng.u8(0..40) == 0 {
                true => Fault::operation_fails("InternalError", "not today"),
                false => Fault::None,
            }
        });
    }
}

/// The number of available copies by the value of their source tag.
pub(super) fn available_copies(emulator: &Emulator) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for snapshot in emulator.snapshots(AWAY) {
        if let Some(source) = snapshot.tags.get(SOURCE_TAG)
            && snapshot.state == SnapshotState::Available
        {
            *counts.entry(source.clone()).or_default() += 1;
        }
    }
    counts
}

/// A deleted copy has both tags, is not the newest available one, and is within the bound.
fn check_deletion(
    emulator: &Emulator,
    region: Region,
    name: &str,
    deletions: &mut Deletions,
) -> Result<(), String> {
    let Some(snapshot) = emulator.snapshot(region, name) else {
        return Ok(());
    };
    let tags = (
        snapshot.tags.get(SOURCE_TAG),
        snapshot.tags.get(RECOVERY_POINT_TAG),
    );
    let (Some(source), Some(date)) = tags else {
        return Err(format!("deletes {name}, which lacks a tag"));
    };
    if snapshot.state != SnapshotState::Available {
        return Ok(());
    }
    let has_newer = emulator.snapshots(region).iter().any(|other| {
        other.state == SnapshotState::Available
            && other.tags.get(SOURCE_TAG) == Some(source)
            && other
                .tags
                .get(RECOVERY_POINT_TAG)
                .is_some_and(|other| other > date)
    });
    expect(has_newer, || format!("deletes {name}, the newest copy"))?;
    let deleted = deletions.deleted.entry(source.clone()).or_default();
    *deleted += 1;
    let available = deletions.available.get(source).copied().unwrap_or_default();
    let deleted = *deleted;
    expect(deleted <= 3.max(available / 2), || {
        format!("deletes {deleted} of {available} copies of {source}")
    })
}
