//! Changes that happen in the account without a call of the client under test.

use jiff::Timestamp;
use jiff::civil::Date;

use super::emulator::Emulator;
use super::{populate, world};
use crate::api::instance::Port;
use crate::api::region::Region;
use crate::api::resource::{AutoSnapshotStatus, SnapshotState, SourceKind, Tags};
use crate::service::change::EditError;
use crate::service::snapshot::{CopyBehavior, Progress};
use crate::service::source::Attachment;

/// Edits.
impl Emulator {
    /// Adds an instance.
    ///
    /// # Errors
    /// [`EditError::NameInUse`], [`EditError::WindowsInstance`], [`EditError::UnknownBundle`].
    pub fn add_instance(&self, region: Region, instance: &world::Source) -> Result<(), EditError> {
        let now = self.now();
        let state = &mut self.state();
        populate::add_source(state, region, SourceKind::Instance, instance, now)
    }

    /// Removes an instance and its automatic snapshots, and detaches its disks.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn remove_instance(&self, region: Region, name: &str) -> Result<(), EditError> {
        self.state()
            .remove_source(region, SourceKind::Instance, name)
    }

    /// Adds a disk.
    ///
    /// # Errors
    /// [`EditError::NameInUse`], [`EditError::NotFound`] for the instance that it is attached to.
    pub fn add_disk(&self, region: Region, disk: &world::Source) -> Result<(), EditError> {
        let now = self.now();
        populate::add_source(&mut self.state(), region, SourceKind::Disk, disk, now)
    }

    /// Removes a disk and its automatic snapshots.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn remove_disk(&self, region: Region, name: &str) -> Result<(), EditError> {
        self.state().remove_source(region, SourceKind::Disk, name)
    }

    /// Replaces the tags of a resource of any type.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn set_tags(&self, region: Region, name: &str, tags: Tags) -> Result<(), EditError> {
        *self.state().tags_mut(region, name)? = tags;
        Ok(())
    }

    /// Adds an automatic snapshot to an instance or disk, made at 06:00 UTC of its date and with
    /// the disks that are attached now, or changes the status of that date's snapshot. As in
    /// Lightsail, the seven newest are kept.
    ///
    /// # Errors
    /// [`EditError::NotFound`], [`EditError::WindowsInstance`].
    pub fn add_auto_snapshot(
        &self,
        region: Region,
        resource: &str,
        date: Date,
        status: AutoSnapshotStatus,
    ) -> Result<(), EditError> {
        self.state()
            .add_auto_snapshot(region, resource, date, status)
    }

    /// Enables or disables the AutoSnapshot add-on. Disabling it keeps the automatic snapshots.
    ///
    /// # Errors
    /// [`EditError::NotFound`], [`EditError::WindowsInstance`].
    pub fn set_auto_snapshots_enabled(
        &self,
        region: Region,
        resource: &str,
        enabled: bool,
    ) -> Result<(), EditError> {
        self.state()
            .enable_auto_snapshots(region, resource, enabled)
    }

    /// Adds a manual snapshot of an instance.
    ///
    /// # Errors
    /// [`EditError::NameInUse`].
    pub fn add_instance_snapshot(
        &self,
        region: Region,
        snapshot: &world::InstanceSnapshot,
    ) -> Result<(), EditError> {
        let now = self.now();
        populate::add_instance_snapshot(&mut self.state(), region, snapshot, now)
    }

    /// Adds a manual snapshot of a disk.
    ///
    /// # Errors
    /// [`EditError::NameInUse`].
    pub fn add_disk_snapshot(
        &self,
        region: Region,
        snapshot: &world::DiskSnapshot,
    ) -> Result<(), EditError> {
        let now = self.now();
        populate::add_disk_snapshot(&mut self.state(), region, snapshot, now)
    }

    /// Removes an instance or disk and creates another one under its name. `created_at` defaults to
    /// now here. Copies and manual snapshots of the old one stay.
    ///
    /// # Errors
    /// [`EditError::NotFound`], [`EditError::WindowsInstance`], [`EditError::UnknownBundle`].
    pub fn replace_source(&self, region: Region, source: &world::Source) -> Result<(), EditError> {
        let now = self.now();
        let mut state = self.state();
        let kind = state.source_mut(region, &source.name)?.kind();
        state.remove_source(region, kind, &source.name)?;
        let new = world::Source {
            created_at: source.created_at.or(Some(now)),
            ..source.clone()
        };
        populate::add_source(&mut state, region, kind, &new, now)
    }

    /// Attaches a disk to an instance as `/dev/xvdf`. Automatic snapshots made before do not
    /// contain it.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn attach_disk(&self, region: Region, disk: &str, instance: &str) -> Result<(), EditError> {
        let mut state = self.state();
        state.instance_mut(region, instance)?;
        state.disk_mut(region, disk)?.attachment = Some(Attachment {
            instance: instance.to_owned(),
            path: populate::DEFAULT_PATH.to_owned(),
        });
        Ok(())
    }

    /// Detaches a disk.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn detach_disk(&self, region: Region, disk: &str) -> Result<(), EditError> {
        self.state().disk_mut(region, disk)?.attachment = None;
        Ok(())
    }

    /// Replaces the firewall of an instance.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn set_ports(
        &self,
        region: Region,
        instance: &str,
        ports: Vec<Port>,
    ) -> Result<(), EditError> {
        self.state().instance_mut(region, instance)?.ports = ports;
        Ok(())
    }

    /// Changes the public address of an instance, which it reports while it runs. A test can listen
    /// there: 127.0.0.2.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn set_public_ip_address(
        &self,
        region: Region,
        instance: &str,
        address: &str,
    ) -> Result<(), EditError> {
        self.state()
            .instance_mut(region, instance)?
            .public_ip_address = address.to_owned();
        Ok(())
    }

    /// Changes when an instance was created.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn set_instance_created_at(
        &self,
        region: Region,
        instance: &str,
        created_at: Timestamp,
    ) -> Result<(), EditError> {
        self.state().source_mut(region, instance)?.created_at = created_at;
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
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn set_snapshot_created_at(
        &self,
        region: Region,
        name: &str,
        created_at: Timestamp,
    ) -> Result<(), EditError> {
        self.state().snapshot_mut(region, name)?.created_at = created_at;
        Ok(())
    }

    /// Changes the state of a manual snapshot, which then stays. Its CopySnapshot operation is not
    /// affected.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn set_snapshot_state(
        &self,
        region: Region,
        name: &str,
        state: SnapshotState,
    ) -> Result<(), EditError> {
        self.state().snapshot_mut(region, name)?.progress = Progress::Fixed(state);
        Ok(())
    }

    /// Removes a manual snapshot, as somebody else's call would. The operation of a copy in progress
    /// fails.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn remove_snapshot(&self, region: Region, name: &str) -> Result<(), EditError> {
        let now = self.now();
        let mut state = self.state();
        if state.region_mut(region).remove_snapshot(name, now) {
            return Ok(());
        }
        Err(EditError::NotFound {
            region,
            name: name.to_owned(),
        })
    }

    /// Sets how all later copies of an instance, disk or manual snapshot proceed, until it is set
    /// again. [`CopyBehavior::default`] is normal. It outlives the source, and a fault of a call
    /// overrides its duration.
    pub fn set_copy_behavior(&self, region: Region, source: &str, behavior: CopyBehavior) {
        self.state()
            .region_mut(region)
            .copy_behaviors
            .insert(source.to_owned(), behavior);
    }

    /// Makes the next `lookups` calls of GetInstanceSnapshot and GetDiskSnapshot not find a
    /// snapshot, although its name is in use and lists contain it. The snapshot need not exist yet.
    pub fn hide_snapshot(&self, region: Region, name: &str, lookups: usize) {
        self.state()
            .region_mut(region)
            .hidden
            .insert(name.to_owned(), lookups);
    }

    /// Forgets all operations of a Region, as Lightsail does with old ones: GetOperation and
    /// GetOperationsForResource do not find them any more.
    pub fn forget_operations(&self, region: Region) {
        self.state().region_mut(region).ledger.clear();
    }
}
