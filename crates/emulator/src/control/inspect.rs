//! What tests can see without a call.

use jiff::Timestamp;
use jiff::civil::Date;

use super::emulator::{Answered, Emulator};
use super::traffic::Call;
use crate::api::instance::{InstanceState, Port};
use crate::api::region::Region;
use crate::api::resource::{AutoSnapshotStatus, SnapshotState, SourceKind, Tags};
use crate::service::snapshot::{Snapshot, SnapshotDetail};
use crate::service::source::SourceDetail;

/// A manual snapshot at the time of inspection.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotView {
    /// Its name.
    pub name: String,
    /// Whether it is a snapshot of an instance or of a disk.
    pub kind: SourceKind,
    /// Its state.
    pub state: SnapshotState,
    /// The name of the instance or disk that it was made from.
    pub from_name: Option<String>,
    /// The Region of that instance or disk, from its ARN.
    pub from_region: Option<Region>,
    /// Its tags.
    pub tags: Tags,
    /// When it was created. For a copy, when CopySnapshot was answered.
    pub created_at: Timestamp,
    /// Whether it is a copy of an automatic snapshot.
    pub is_from_auto_snapshot: bool,
    /// The names of the attached disks that it contains. Empty for a disk snapshot.
    pub from_attached_disks: Vec<String>,
}

/// An instance at the time of inspection.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceView {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: InstanceState,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its Availability Zone.
    pub availability_zone: String,
    /// Its bundle.
    pub bundle_id: String,
    /// Its tags.
    pub tags: Tags,
    /// Its firewall.
    pub ports: Vec<Port>,
    /// The names of the disks that are attached to it.
    pub attached_disks: Vec<String>,
}

/// A disk at the time of inspection.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskView {
    /// Its name.
    pub name: String,
    /// Its size in GB.
    pub size_in_gb: u32,
    /// Its tags.
    pub tags: Tags,
    /// The name of the instance that it is attached to.
    pub attached_to: Option<String>,
}

/// Inspection.
impl Emulator {
    /// The instances of a Region, in the order of names.
    pub fn instances(&self, region: Region) -> Vec<InstanceView> {
        let now = self.now();
        let mut state = self.state();
        state.end_deletions(now);
        let resources = state.region(region);
        let sources = resources.sources.iter();
        let instances = sources.filter_map(|(name, source)| match &source.detail {
            SourceDetail::Instance(instance) => Some(InstanceView {
                name: name.clone(),
                state: source.instance_state(instance, now),
                created_at: source.created_at,
                availability_zone: format!("{region}{}", source.zone),
                bundle_id: instance.bundle.id.to_owned(),
                tags: source.tags.clone(),
                ports: instance.ports.clone(),
                attached_disks: resources
                    .disks_attached_to(name)
                    .map(|(disk, ..)| disk.to_owned())
                    .collect(),
            }),
            SourceDetail::Disk(_) => None,
        });
        instances.collect()
    }

    /// The disks of a Region, in the order of names.
    pub fn disks(&self, region: Region) -> Vec<DiskView> {
        let now = self.now();
        let mut state = self.state();
        state.end_deletions(now);
        let sources = state.region(region).sources.iter();
        let disks = sources.filter_map(|(name, source)| match &source.detail {
            SourceDetail::Disk(disk) => Some(DiskView {
                name: name.clone(),
                size_in_gb: source.size_in_gb,
                tags: source.tags.clone(),
                attached_to: disk
                    .attachment
                    .as_ref()
                    .map(|attached| attached.instance.clone()),
            }),
            SourceDetail::Instance(_) => None,
        });
        disks.collect()
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
        self.traffic().records = on;
    }

    /// The number of calls so far, recorded or not.
    pub fn call_count(&self) -> u64 {
        self.traffic().count()
    }

    /// The highest number of calls to a Region in flight at once, delayed ones included.
    pub fn peak_in_flight(&self, region: Region) -> usize {
        self.traffic().peak_in_flight(region)
    }

    /// The manual snapshots of a Region, copies included, in the order of names.
    pub fn snapshots(&self, region: Region) -> Vec<SnapshotView> {
        let now = self.now();
        let state = self.state();
        let snapshots = state.region(region).snapshots.iter();
        snapshots
            .map(|(name, snapshot)| SnapshotView::new(name, snapshot, now))
            .collect()
    }

    /// One manual snapshot of a Region.
    pub fn snapshot(&self, region: Region, name: &str) -> Option<SnapshotView> {
        let now = self.now();
        let state = self.state();
        let snapshot = state.region(region).snapshots.get(name)?;
        Some(SnapshotView::new(name, snapshot, now))
    }

    /// The automatic snapshots of an instance or disk, oldest first. Empty if there is no such
    /// resource.
    pub fn auto_snapshots(
        &self,
        region: Region,
        resource: &str,
    ) -> Vec<(Date, AutoSnapshotStatus)> {
        let state = self.state();
        let source = state.region(region).sources.get(resource);
        source
            .into_iter()
            .flat_map(|source| &source.auto_snapshots)
            .map(|(date, snapshot)| (*date, snapshot.status))
            .collect()
    }

    /// Installs the observer, which is told how each request ended. Replaces the previous observer.
    /// Requests whose client disconnected are not reported. The observer must not send requests to
    /// the emulator or install an observer.
    pub fn on_answer(&self, observer: impl FnMut(&Answered) + Send + 'static) {
        self.set_observer(Box::new(observer));
    }
}

impl SnapshotView {
    fn new(name: &str, snapshot: &Snapshot, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            kind: snapshot.kind(),
            state: snapshot.state(now),
            from_name: snapshot.origin.name.clone(),
            from_region: snapshot.origin.region(),
            tags: snapshot.tags.clone(),
            created_at: snapshot.created_at,
            is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
            from_attached_disks: match &snapshot.detail {
                SnapshotDetail::Instance(from) => {
                    let names = from.attached_disks.iter().map(|disk| disk.name.clone());
                    names.collect()
                }
                SnapshotDetail::Disk => Vec::new(),
            },
        }
    }
}
