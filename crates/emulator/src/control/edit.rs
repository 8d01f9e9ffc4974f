//! Changes that happen in the account without a call of the client under test.

use jiff::civil::Date;

use super::emulator::Emulator;
use super::{populate, world};
use crate::api::region::Region;
use crate::api::resource::{AutoSnapshotStatus, SourceKind, Tags};
use crate::service::source::AutoSnapshot;
use crate::service::state::EditError;

/// Edits.
impl Emulator {
    /// Adds an instance.
    ///
    /// # Errors
    /// [`EditError::NameInUse`].
    pub fn add_instance(&self, region: Region, instance: &world::Source) -> Result<(), EditError> {
        let now = self.now();
        let state = &mut self.state();
        populate::add_source(state, region, SourceKind::Instance, instance, now)
    }

    /// Removes an instance and its automatic snapshots.
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
    /// [`EditError::NameInUse`].
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

    /// Adds an automatic snapshot to an instance or disk, made at 06:00 UTC of its date, or changes
    /// the status of that date's snapshot. As in Lightsail, the seven newest are kept.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn add_auto_snapshot(
        &self,
        region: Region,
        resource: &str,
        date: Date,
        status: AutoSnapshotStatus,
    ) -> Result<(), EditError> {
        self.state()
            .source_mut(region, resource)?
            .rotate_in(date, AutoSnapshot::new(date, status));
        Ok(())
    }

    /// Enables or disables the AutoSnapshot add-on. Disabling it keeps the automatic snapshots.
    ///
    /// # Errors
    /// [`EditError::NotFound`].
    pub fn set_auto_snapshots_enabled(
        &self,
        region: Region,
        resource: &str,
        enabled: bool,
    ) -> Result<(), EditError> {
        self.state()
            .source_mut(region, resource)?
            .makes_auto_snapshots = enabled;
        Ok(())
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
}
