//! A failed copy is replaced at the earliest six hours after it was started.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Call, Emulator, Operation, Region, SnapshotState};

use super::expect;

const RETRY_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// When the failed copies that were deleted had been started, by destination and name.
#[derive(Default)]
pub struct FailedCopies(BTreeMap<(Region, String), Timestamp>);

impl FailedCopies {
    /// Checks a call before it takes effect. Returns whether it replaces a failed copy.
    pub fn check(
        &mut self,
        emulator: &Emulator,
        now: Timestamp,
        call: &Call,
    ) -> Result<bool, String> {
        if let Some(name) = deleted_name(call) {
            let snapshot = emulator.snapshot(call.region, name);
            if let Some(failed) = snapshot.filter(|found| found.state == SnapshotState::Error) {
                self.0.insert((call.region, failed.name), failed.created_at);
            }
            return Ok(false);
        }
        if call.operation != Operation::CopySnapshot {
            return Ok(false);
        }
        let name = call.body["targetSnapshotName"].as_str().unwrap_or_default();
        // The deletion did not happen, or another run was faster.
        if emulator.snapshot(call.region, name).is_some() {
            return Ok(false);
        }
        let key = (call.region, name.to_owned());
        let Some(started) = self.0.get(&key) else {
            return Ok(false);
        };
        let waited = now.duration_since(*started);
        expect(waited >= RETRY_AFTER, || {
            format!("replaces the failed copy {name} after {waited:#}")
        })?;
        Ok(true)
    }
}

/// The name of the snapshot that a call deletes.
pub fn deleted_name(call: &Call) -> Option<&str> {
    let parameter = match call.operation {
        Operation::DeleteInstanceSnapshot => "instanceSnapshotName",
        Operation::DeleteDiskSnapshot => "diskSnapshotName",
        _ => return None,
    };
    call.body[parameter].as_str()
}
