//! The faults of calls.

use std::time::Duration;

use lightsail_emulator::{Call, Fault, Operation, StatusCode};
use tokio::sync::Notify;

use super::watch::Watch;

impl Watch {
    pub(super) fn fault(&mut self, call: &Call, crash: &Notify) -> Fault {
        if self.crash_at.is_some_and(|at| call.number >= at) {
            self.crash_at = None;
            crash.notify_one();
            // The last call may have taken effect or not.
            return if self.rng.bool() {
                Fault::Hang
            } else {
                Fault::LoseAnswer
            };
        }
        if self.down.contains(&call.region) {
            self.counts.count("faults");
            return match self.rng.u8(0..3) {
                0 => Fault::internal(),
                1 => Fault::Drop,
                _ => Fault::Hang,
            };
        }
        if self.rng.u32(0..1000) >= self.per_mille {
            return Fault::None;
        }
        self.counts.count("faults");
        let refused = |code, message| Fault::error(StatusCode::BAD_REQUEST, code, message);
        match self.rng.u8(0..12) {
            0 => Fault::throttled(),
            1 => Fault::internal(),
            2 => Fault::LoseAnswer,
            3 => Fault::Drop,
            4 => Fault::None.after(Duration::from_millis(self.rng.u64(1..30_000))),
            5 => Fault::Hang,
            6 => Fault::GarbledAnswer,
            7 => Fault::answer(StatusCode::BAD_GATEWAY, "text/html", "<html>no</html>"),
            8 if call.operation == Operation::CopySnapshot => {
                self.counts.count("copies that ended in error");
                Fault::CopyFails
            }
            9 if call.operation == Operation::CopySnapshot => refused(
                "InvalidInputException",
                "Too many snapshot copies in progress. The limit is 5 for this destination region.",
            ),
            10 => self.failed_operation(call.operation),
            _ => refused("AccessDeniedException", "not today"),
        }
    }

    fn failed_operation(&mut self, operation: Operation) -> Fault {
        match operation {
            Operation::CopySnapshot => self.counts.count("copies with failed Operations"),
            Operation::TagResource
            | Operation::DeleteInstanceSnapshot
            | Operation::DeleteDiskSnapshot => {
                self.counts.count("failed Operations of tags and deletions");
            }
            _ => {}
        }
        Fault::operation_fails("InternalError", "not today")
    }
}
