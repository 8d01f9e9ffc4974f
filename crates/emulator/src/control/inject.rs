//! Chooses the faults of calls.

use super::emulator::Emulator;
use super::fault::Fault;
use super::traffic::Call;
use crate::api::operation::Operation;
use crate::api::region::Region;

/// Faults. The first that applies to a call is used: queued, standing, the hook's.
impl Emulator {
    /// Installs the hook that decides the fault of each call. Replaces the previous hook. Calls
    /// with a queued or standing fault do not reach it. It may inspect and edit the emulator, but
    /// not install a hook.
    pub fn on_call(&self, hook: impl FnMut(&Call) -> Fault + Send + 'static) {
        self.set_hook(Box::new(hook));
    }

    /// Queues a fault for the next `times` calls of an operation to any Region.
    pub fn fault_next(&self, operation: Operation, times: usize, fault: Fault) {
        self.traffic().queue(None, operation, times, fault);
    }

    /// Queues a fault for the next `times` calls of an operation to one Region.
    pub fn fault_next_in(&self, region: Region, operation: Operation, times: usize, fault: Fault) {
        self.traffic().queue(Some(region), operation, times, fault);
    }

    /// Applies a fault to every call of an operation to one Region until
    /// [`Emulator::clear_faults_in`]. Queued faults come first. [`Operation::LISTS`] are the
    /// operations to fault for a Region that cannot be read.
    pub fn fault_always_in(&self, region: Region, operation: Operation, fault: Fault) {
        self.traffic().set_standing(region, operation, fault);
    }

    /// Removes the faults of [`Emulator::fault_always_in`] in one Region.
    pub fn clear_faults_in(&self, region: Region) {
        self.traffic().clear_standing(region);
    }
}
