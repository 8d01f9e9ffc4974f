//! Changes that happen in the account without a call of the client under test.

use jiff::Timestamp;
use jiff::civil::Date;

use super::emulator::Emulator;
use super::{populate, world};
use crate::api::instance::Port;
use crate::api::region::Region;
use crate::api::resource::{AutoSnapshotStatus, ResourceType, SnapshotState, SourceKind, Tags};
use crate::service::auto_snapshots::{AutoSnapshot, AutoSnapshots};
use crate::service::catalog;
use crate::service::fault::CopyBehavior;
use crate::service::open::{Denial, OpenFacts, RegionAccess};
use crate::service::resource::{Disk, Instance, Snapshot};
use crate::service::state::{EditError, State, not_found};

/// Edits. Each fails with [`EditError`] if it contradicts the state, and changes nothing then.
impl Emulator {
    pub fn add_instance(&self, region: Region, instance: &world::Source) -> Result<(), EditError> {
        populate::add_source(&mut self.state(), region, SourceKind::Instance, instance)
    }

    /// Removes an instance and its automatic snapshots, and detaches its disks.
    pub fn remove_instance(&self, region: Region, name: &str) -> Result<(), EditError> {
        self.state().remove(region, ResourceType::Instance, name)
    }

    pub fn add_disk(&self, region: Region, disk: &world::Source) -> Result<(), EditError> {
        populate::add_source(&mut self.state(), region, SourceKind::Disk, disk)
    }

    /// Removes a disk and its automatic snapshots.
    pub fn remove_disk(&self, region: Region, name: &str) -> Result<(), EditError> {
        self.state().remove(region, ResourceType::Disk, name)
    }

    /// Replaces the tags of a resource of any type.
    pub fn set_tags(&self, region: Region, name: &str, tags: Tags) -> Result<(), EditError> {
        *self.state().resource_mut(region, name)?.tags_mut() = tags;
        Ok(())
    }

    /// Adds an automatic snapshot to an instance or disk, made at 06:00 UTC of its date and with
    /// the disks that are attached now, or changes the status of that date's snapshot. As in
    /// Lightsail, the seven newest are kept.
    pub fn add_auto_snapshot(
        &self,
        region: Region,
        resource: &str,
        date: Date,
        status: AutoSnapshotStatus,
    ) -> Result<(), EditError> {
        let mut state = self.state();
        let attached = state.region(region).attached_disks(resource);
        let found = auto_snapshots(&mut state, region, resource)?;
        match found.by_date.get_mut(&date) {
            Some(snapshot) => snapshot.status = status,
            None => found.add(date, AutoSnapshot::new(date, status, attached)),
        }
        Ok(())
    }

    /// Enables or disables the AutoSnapshot add-on. Disabling it keeps the automatic snapshots.
    pub fn set_auto_snapshots_enabled(
        &self,
        region: Region,
        resource: &str,
        enabled: bool,
    ) -> Result<(), EditError> {
        auto_snapshots(&mut self.state(), region, resource)?.enabled = enabled;
        Ok(())
    }

    /// Adds a manual snapshot of an instance.
    pub fn add_instance_snapshot(
        &self,
        region: Region,
        snapshot: &world::InstanceSnapshot,
    ) -> Result<(), EditError> {
        populate::add_instance_snapshot(&mut self.state(), region, snapshot)
    }

    /// Adds a manual snapshot of a disk.
    pub fn add_disk_snapshot(
        &self,
        region: Region,
        snapshot: &world::DiskSnapshot,
    ) -> Result<(), EditError> {
        populate::add_disk_snapshot(&mut self.state(), region, snapshot)
    }

    /// Removes an instance or disk and creates another one under its name. `created_at` defaults to
    /// now here. Copies and manual snapshots of the old one stay.
    pub fn replace_source(&self, region: Region, source: &world::Source) -> Result<(), EditError> {
        let mut state = self.state();
        let kind = match state.resource_mut(region, &source.name)?.resource_type() {
            ResourceType::Instance => SourceKind::Instance,
            _ => SourceKind::Disk,
        };
        state.remove(region, kind.resource_type(), &source.name)?;
        let new = world::Source {
            created_at: source.created_at.or(Some(state.now)),
            ..source.clone()
        };
        populate::add_source(&mut state, region, kind, &new)
    }

    /// Attaches a disk to an instance as `/dev/xvdf`. Automatic snapshots made before do not
    /// contain it.
    pub fn attach_disk(&self, region: Region, disk: &str, instance: &str) -> Result<(), EditError> {
        let mut state = self.state();
        state.get_mut::<Instance>(region, instance)?;
        let disk = state.get_mut::<Disk>(region, disk)?;
        disk.attached_to = Some(instance.to_owned());
        disk.path = Some(catalog::DEFAULT_PATH.to_owned());
        Ok(())
    }

    pub fn detach_disk(&self, region: Region, disk: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let disk = state.get_mut::<Disk>(region, disk)?;
        disk.attached_to = None;
        disk.path = None;
        Ok(())
    }

    /// Replaces the firewall of an instance.
    pub fn set_ports(
        &self,
        region: Region,
        instance: &str,
        ports: Vec<Port>,
    ) -> Result<(), EditError> {
        self.state().get_mut::<Instance>(region, instance)?.ports = ports;
        Ok(())
    }

    /// Changes the public address of an instance, which it reports while it runs. A test can listen
    /// there: 127.0.0.2.
    pub fn set_public_ip_address(
        &self,
        region: Region,
        instance: &str,
        address: &str,
    ) -> Result<(), EditError> {
        self.state()
            .get_mut::<Instance>(region, instance)?
            .public_ip_address = address.to_owned();
        Ok(())
    }

    /// Changes when an instance was created.
    pub fn set_instance_created_at(
        &self,
        region: Region,
        instance: &str,
        created_at: Timestamp,
    ) -> Result<(), EditError> {
        self.state()
            .get_mut::<Instance>(region, instance)?
            .created_at = created_at;
        Ok(())
    }

    /// Changes how many instances the Region may have. `None` is no limit.
    pub fn set_instance_quota(&self, region: Region, quota: Option<usize>) {
        self.state().region_mut(region).instance_quota = quota;
    }

    /// Stops or resumes offering a bundle in the Region.
    pub fn set_bundle_active(&self, region: Region, bundle_id: &str, active: bool) {
        let mut state = self.state();
        let inactive = &mut state.region_mut(region).inactive_bundles;
        if active {
            inactive.remove(bundle_id);
        } else {
            inactive.insert(bundle_id.to_owned());
        }
    }

    /// Changes when a manual snapshot was created.
    pub fn set_snapshot_created_at(
        &self,
        region: Region,
        name: &str,
        created_at: Timestamp,
    ) -> Result<(), EditError> {
        self.state().get_mut::<Snapshot>(region, name)?.created_at = created_at;
        Ok(())
    }

    /// Changes the state of a manual snapshot, which then stays. Its CopySnapshot operation is not
    /// affected.
    pub fn set_snapshot_state(
        &self,
        region: Region,
        name: &str,
        to: SnapshotState,
    ) -> Result<(), EditError> {
        let mut state = self.state();
        let snapshot = state.get_mut::<Snapshot>(region, name)?;
        snapshot.state = to;
        snapshot.ends_at = None;
        let arn = snapshot.arn.clone();
        state.cancel_changes(&arn);
        Ok(())
    }

    /// Removes a manual snapshot, as somebody else's call would. The operation of a copy in progress
    /// fails.
    pub fn remove_snapshot(&self, region: Region, name: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let kind = state.get_mut::<Snapshot>(region, name)?.kind;
        state.remove(region, kind.snapshot_type(), name)
    }

    /// Sets how all later copies of an instance, disk or manual snapshot proceed, until it is set
    /// again. [`CopyBehavior::default`] is normal. It outlives the source, and a fault of a call
    /// overrides its duration.
    pub fn set_copy_behavior(&self, region: Region, source: &str, behavior: CopyBehavior) {
        let mut state = self.state();
        let behaviors = &mut state.region_mut(region).copy_behaviors;
        behaviors.insert(source.to_owned(), behavior);
    }

    /// Makes the next `lookups` calls of GetInstanceSnapshot and GetDiskSnapshot not find a
    /// snapshot, although its name is in use and lists contain it. The snapshot need not exist yet.
    pub fn hide_snapshot(&self, region: Region, name: &str, lookups: usize) {
        let mut state = self.state();
        state
            .region_mut(region)
            .hidden
            .insert(name.to_owned(), lookups);
    }

    /// Changes what nobody has published about Lightsail.
    pub fn set_open_facts(&self, open: OpenFacts) {
        self.state().settings.open = open;
    }

    /// Replaces what the caller has no permission for.
    pub fn set_denied(&self, denied: Vec<Denial>) {
        self.state().settings.denied = denied;
    }

    /// Changes whether the account can use a Region.
    pub fn set_region_access(&self, region: Region, access: RegionAccess) {
        self.state().region_mut(region).access = access;
    }

    /// Forgets all operations of a Region, as Lightsail does with old ones: GetOperation and
    /// GetOperationsForResource do not find them any more.
    pub fn forget_operations(&self, region: Region) {
        self.state().region_mut(region).ledger.clear();
    }
}

/// The automatic snapshots of an instance or disk. Windows instances have none.
fn auto_snapshots<'s>(
    state: &'s mut State,
    region: Region,
    name: &str,
) -> Result<&'s mut AutoSnapshots, EditError> {
    let resource = state.resource_mut(region, name)?;
    if resource.is_windows() {
        let name = name.to_owned();
        return Err(EditError::WindowsInstance { region, name });
    }
    resource
        .auto_snapshots_mut()
        .ok_or_else(|| not_found(region, name))
}
