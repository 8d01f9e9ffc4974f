//! The faults of drills' calls.

use std::time::Duration;

use jiff::SignedDuration;
use lightsail_emulator::{Call, Emulator, Fault, Operation, StatusCode};
use lightsail_snapshot_copier::{DRILL_STARTED_TAG, DRILL_TAG, DRILLED_TAG};

use super::{Drills, is_drill, is_own};

impl Drills {
    /// The fault of a call. `fault` is what happens to any call.
    pub(super) fn decide(&mut self, call: &Call, fault: Fault) -> Fault {
        if fault != Fault::None || self.is_quiet {
            return fault;
        }
        let creates = call.operation == Operation::CreateInstancesFromSnapshot;
        let changes = creates || call.operation == Operation::DeleteInstance;
        let can_be_lost = changes || is_verdict(call);
        if self.refuses_verdicts && is_verdict(call) {
            return Fault::error(
                StatusCode::BAD_REQUEST,
                "AccessDeniedException",
                "not today",
            );
        }
        match self.rng.u8(0..16) {
            0 if creates => Fault::insufficient_capacity(),
            1 if creates => {
                self.counts.count("restored instances that never run");
                Fault::StartTakes(SignedDuration::MAX)
            }
            5 if creates => {
                self.counts.count("restored instances that never appear");
                let accepted = r#"{"operations":[{"status":"Started"}]}"#;
                Fault::answer(StatusCode::OK, "application/x-amz-json-1.1", accepted)
            }
            8 if creates => {
                let message = "Your AWS account is pending verification. Please try again later.";
                Fault::error(StatusCode::BAD_REQUEST, "InvalidInputException", message)
            }
            2 if changes => Fault::operation_fails("InternalError", "not today"),
            3 if can_be_lost => Fault::LoseAnswer,
            4 if changes => Fault::throttled(),
            // Changes the order of calls of two runs.
            5..8 if self.runs.len() > 1 => {
                Fault::None.after(Duration::from_millis(self.rng.u64(1..5_000)))
            }
            _ => Fault::None,
        }
    }

    /// The limit of calls that a run makes before it crashes. Drills are at the end of a run.
    pub(in super::super) fn calls_before_crash(&self) -> u64 {
        if self.rules.are_wanted { 150 } else { 40 }
    }

    /// Whether a run that is to crash does so at this call.
    pub(in super::super) fn crashes_at(&mut self, call: &Call) -> bool {
        match call.operation {
            Operation::CreateInstancesFromSnapshot | Operation::DeleteInstance => true,
            _ => is_verdict(call) && self.rng.u8(0..4) == 0,
        }
    }

    /// Counts the fault of a call of a drill.
    pub(super) fn count_fault(&mut self, call: &Call, fault: &Fault) {
        let is_lost = matches!(fault, Fault::LoseAnswer | Fault::GarbledAnswer);
        let situation = match (call.operation, fault) {
            (Operation::CreateInstancesFromSnapshot, _) if is_lost => {
                "lost answers to CreateInstancesFromSnapshot"
            }
            (Operation::DeleteInstance, _) if is_lost => "lost answers to DeleteInstance",
            (Operation::TagResource, _) if is_lost && is_verdict(call) => {
                "lost answers to TagResource with a verdict"
            }
            (Operation::TagResource, _) if is_verdict(call) => {
                "faults of TagResource with a verdict"
            }
            (Operation::TagResource, _) if mark_of(call).is_some() => {
                "faults of TagResource with a mark"
            }
            (Operation::GetBundles, _) => "faults of GetBundles",
            (
                Operation::CreateInstancesFromSnapshot | Operation::DeleteInstance,
                Fault::OperationFails { .. },
            ) => "failed Operations of drill instances",
            (
                Operation::CreateInstancesFromSnapshot | Operation::DeleteInstance,
                Fault::Error(error),
            ) if error.code == "ThrottlingException" => "throttled calls of drill instances",
            _ => return,
        };
        self.counts.count(situation);
    }

    /// Now and then, somebody deletes a drill instance just before a run deletes it or records its
    /// verdict.
    pub(super) fn interfere(&mut self, emulator: &Emulator, call: &Call) {
        let ends = call.operation == Operation::DeleteInstance || is_verdict(call);
        if self.is_quiet || !ends || self.rng.u8(0..20) != 0 {
            return;
        }
        let instances = emulator.instances(call.region);
        let own = instances
            .iter()
            .find(|instance| is_drill(instance) && is_own(&instance.tags[DRILL_TAG]));
        if let Some(instance) = own {
            emulator
                .remove_instance(call.region, &instance.name)
                .expect("it exists");
            self.counts.count("drill instances deleted during a run");
        }
    }
}

/// Whether a call records a verdict.
pub(super) fn is_verdict(call: &Call) -> bool {
    verdict_of(call).is_some()
}

/// The verdict that a call records.
pub(super) fn verdict_of(call: &Call) -> Option<&str> {
    tag_of(call, DRILLED_TAG)
}

/// The mark that a call sets on a copy.
pub(super) fn mark_of(call: &Call) -> Option<&str> {
    tag_of(call, DRILL_STARTED_TAG)
}

fn tag_of<'a>(call: &'a Call, key: &str) -> Option<&'a str> {
    if call.operation != Operation::TagResource {
        return None;
    }
    let tags = call.body["tags"].as_array()?;
    let tag = tags.iter().find(|tag| tag["key"] == key)?;
    tag["value"].as_str()
}
