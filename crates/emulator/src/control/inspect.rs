//! What tests can see without a call.

use jiff::civil::Date;

use super::emulator::{Answered, Emulator};
use super::traffic::Call;
use crate::api::region::Region;
use crate::api::resource::AutoSnapshotStatus;
use crate::service::resource::{Disk, Instance, Resource, Snapshot};

/// Inspection, at the emulator's time. All lists are in the order of names.
impl Emulator {
    pub fn instances(&self, region: Region) -> Vec<Instance> {
        self.state().region(region).all().cloned().collect()
    }

    pub fn disks(&self, region: Region) -> Vec<Disk> {
        self.state().region(region).all().cloned().collect()
    }

    /// The manual snapshots of a Region, copies included.
    pub fn snapshots(&self, region: Region) -> Vec<Snapshot> {
        self.state().region(region).all().cloned().collect()
    }

    pub fn snapshot(&self, region: Region, name: &str) -> Option<Snapshot> {
        self.state().region(region).get(name).cloned()
    }

    /// The automatic snapshots of an instance or disk, oldest first. Empty if there is no such
    /// resource.
    pub fn auto_snapshots(
        &self,
        region: Region,
        resource: &str,
    ) -> Vec<(Date, AutoSnapshotStatus)> {
        let state = self.state();
        let found = state.region(region).resources.get(resource);
        let found = found.and_then(Resource::auto_snapshots).into_iter();
        found
            .flat_map(|found| &found.by_date)
            .map(|(date, snapshot)| (*date, snapshot.status))
            .collect()
    }

    /// The calls so far, oldest first, without those that [`Emulator::take_calls`] returned.
    pub fn calls(&self) -> Vec<Call> {
        self.traffic().recorded.clone()
    }

    /// The calls so far. The emulator forgets them.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.traffic().recorded)
    }

    /// Switches the recording of calls on or off. It is on at the start. Long simulations switch it
    /// off to save memory.
    pub fn record_calls(&self, on: bool) {
        self.traffic().is_unrecorded = !on;
    }

    /// The number of calls so far, recorded or not.
    pub fn call_count(&self) -> u64 {
        self.traffic().count()
    }

    /// The highest number of calls to a Region in flight at once, delayed ones included.
    pub fn peak_in_flight(&self, region: Region) -> usize {
        self.traffic().peak_in_flight(region)
    }

    /// Installs the observer, which is told how each request ended. Replaces the previous observer.
    /// Requests whose client disconnected are not reported. The observer must not send requests to
    /// the emulator or install an observer.
    pub fn on_answer(&self, observer: impl FnMut(&Answered) + Send + 'static) {
        self.set_observer(Box::new(observer));
    }
}
