//! Creates, changes and removes resources.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use jiff::civil::Date;

use super::snapshot::{Origin, Progress, Snapshot, SnapshotDetail};
use super::source::{AutoSnapshot, Disk, Instance, Source, SourceDetail};
use super::state::{RegionState, State};
use crate::api::id::Id;
use crate::api::region::Region;
use crate::api::resource::{AutoSnapshotStatus, ResourceType, SourceKind, Tags};

/// The account that owns everything: the one in AWS's examples.
const ACCOUNT: &str = "123456789012";

/// The properties of an instance or disk to be created.
#[derive(Debug)]
pub(crate) struct NewSource {
    pub(crate) created_at: Timestamp,
    pub(crate) ready_at: Timestamp,
    pub(crate) zone: char,
    pub(crate) tags: Tags,
    pub(crate) size_in_gb: u32,
    pub(crate) makes_auto_snapshots: bool,
    pub(crate) auto_snapshots: BTreeMap<Date, AutoSnapshot>,
    pub(crate) detail: SourceDetail,
}

/// The properties of a manual snapshot to be created.
#[derive(Debug)]
pub(crate) struct NewSnapshot {
    pub(crate) origin: Origin,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
    pub(crate) size_in_gb: u32,
    pub(crate) is_from_auto_snapshot: bool,
    pub(crate) progress: Progress,
    pub(crate) detail: SnapshotDetail,
}

/// An edit that contradicts the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A name belongs to one resource of a Region, whatever its type.
    #[error("{region} already has a resource named {name:?}")]
    NameInUse {
        /// The Region of the edit.
        region: Region,
        /// The name.
        name: String,
    },
    /// There is no resource of this name, or it has another type.
    #[error("{region} has no such resource: {name:?}")]
    NotFound {
        /// The Region of the edit.
        region: Region,
        /// The name.
        name: String,
    },
    /// Lightsail makes no automatic snapshots of Windows instances.
    #[error("{region}: {name:?} is a Windows instance, which has no automatic snapshots")]
    WindowsInstance {
        /// The Region of the edit.
        region: Region,
        /// The name.
        name: String,
    },
    /// The emulator does not have this bundle.
    #[error("unknown bundle {0:?}")]
    UnknownBundle(String),
}

impl State {
    /// Adds an instance or disk.
    pub(crate) fn add_source(
        &mut self,
        region: Region,
        name: &str,
        new: NewSource,
    ) -> Result<(), EditError> {
        self.require_free_name(region, name)?;
        if new.makes_auto_snapshots && new.detail.is_windows() {
            return Err(windows_instance(region, name));
        }
        if let SourceDetail::Disk(disk) = &new.detail
            && let Some(attachment) = &disk.attachment
        {
            self.instance_mut(region, &attachment.instance)?;
        }
        let id = self.ids.next();
        let resource_type = new.detail.kind().resource_type();
        let source = Source {
            arn: arn(region, resource_type, id),
            support_code: support_code(resource_type, id),
            created_at: new.created_at,
            ready_at: new.ready_at,
            gone_at: None,
            zone: new.zone,
            tags: new.tags,
            size_in_gb: new.size_in_gb,
            makes_auto_snapshots: new.makes_auto_snapshots,
            auto_snapshots: new.auto_snapshots,
            detail: new.detail,
        };
        self.region_mut(region)
            .sources
            .insert(name.to_owned(), source);
        Ok(())
    }

    /// Removes an instance or disk and its automatic snapshots. Its manual snapshots stay. The
    /// disks of an instance are detached.
    pub(crate) fn remove_source(
        &mut self,
        region: Region,
        kind: SourceKind,
        name: &str,
    ) -> Result<(), EditError> {
        match self.region_mut(region).sources.entry(name.to_owned()) {
            Entry::Occupied(entry) if entry.get().kind() == kind => {
                entry.remove();
            }
            _ => return Err(not_found(region, name)),
        }
        if kind == SourceKind::Instance {
            for source in self.region_mut(region).sources.values_mut() {
                if let SourceDetail::Disk(disk) = &mut source.detail {
                    disk.attachment
                        .take_if(|attached| attached.instance == name);
                }
            }
        }
        Ok(())
    }

    /// An instance or disk, to change it.
    pub(crate) fn source_mut(
        &mut self,
        region: Region,
        name: &str,
    ) -> Result<&mut Source, EditError> {
        self.region_mut(region)
            .sources
            .get_mut(name)
            .ok_or_else(|| not_found(region, name))
    }

    /// What only an instance has, to change it.
    pub(crate) fn instance_mut(
        &mut self,
        region: Region,
        name: &str,
    ) -> Result<&mut Instance, EditError> {
        match &mut self.source_mut(region, name)?.detail {
            SourceDetail::Instance(instance) => Ok(instance),
            SourceDetail::Disk(_) => Err(not_found(region, name)),
        }
    }

    /// What only a disk has, to change it.
    pub(crate) fn disk_mut(&mut self, region: Region, name: &str) -> Result<&mut Disk, EditError> {
        match &mut self.source_mut(region, name)?.detail {
            SourceDetail::Disk(disk) => Ok(disk),
            SourceDetail::Instance(_) => Err(not_found(region, name)),
        }
    }

    /// A manual snapshot, to change it.
    pub(crate) fn snapshot_mut(
        &mut self,
        region: Region,
        name: &str,
    ) -> Result<&mut Snapshot, EditError> {
        self.region_mut(region)
            .snapshots
            .get_mut(name)
            .ok_or_else(|| not_found(region, name))
    }

    /// Adds an automatic snapshot with the disks that are attached now, or changes the status of
    /// that date's snapshot.
    pub(crate) fn add_auto_snapshot(
        &mut self,
        region: Region,
        name: &str,
        date: Date,
        status: AutoSnapshotStatus,
    ) -> Result<(), EditError> {
        let attached = self.region(region).attached_disks(name);
        let source = self.source_mut(region, name)?;
        if source.is_windows() {
            return Err(windows_instance(region, name));
        }
        match source.auto_snapshots.get_mut(&date) {
            Some(snapshot) => snapshot.status = status,
            None => source.rotate_in(date, AutoSnapshot::new(date, status, attached)),
        }
        Ok(())
    }

    /// Enables or disables the AutoSnapshot add-on.
    pub(crate) fn enable_auto_snapshots(
        &mut self,
        region: Region,
        name: &str,
        enabled: bool,
    ) -> Result<(), EditError> {
        let source = self.source_mut(region, name)?;
        if enabled && source.is_windows() {
            return Err(windows_instance(region, name));
        }
        source.makes_auto_snapshots = enabled;
        Ok(())
    }

    /// The tags of a resource of any type, to change them.
    pub(crate) fn tags_mut(&mut self, region: Region, name: &str) -> Result<&mut Tags, EditError> {
        let RegionState {
            sources, snapshots, ..
        } = self.region_mut(region);
        let source = sources.get_mut(name).map(|source| &mut source.tags);
        source
            .or_else(|| snapshots.get_mut(name).map(|snapshot| &mut snapshot.tags))
            .ok_or_else(|| not_found(region, name))
    }

    /// Adds a manual snapshot.
    pub(crate) fn add_snapshot(
        &mut self,
        region: Region,
        name: &str,
        new: NewSnapshot,
    ) -> Result<(), EditError> {
        self.require_free_name(region, name)?;
        let id = self.ids.next();
        let resource_type = new.detail.kind().snapshot_type();
        let snapshot = Snapshot {
            arn: arn(region, resource_type, id),
            support_code: support_code(resource_type, id),
            created_at: new.created_at,
            tags: new.tags,
            size_in_gb: new.size_in_gb,
            origin: new.origin,
            is_from_auto_snapshot: new.is_from_auto_snapshot,
            progress: new.progress,
            detail: new.detail,
        };
        self.region_mut(region)
            .snapshots
            .insert(name.to_owned(), snapshot);
        Ok(())
    }

    fn require_free_name(&self, region: Region, name: &str) -> Result<(), EditError> {
        if self.region(region).has(name) {
            return Err(EditError::NameInUse {
                region,
                name: name.to_owned(),
            });
        }
        Ok(())
    }
}

fn not_found(region: Region, name: &str) -> EditError {
    EditError::NotFound {
        region,
        name: name.to_owned(),
    }
}

fn windows_instance(region: Region, name: &str) -> EditError {
    EditError::WindowsInstance {
        region,
        name: name.to_owned(),
    }
}

fn arn(region: Region, resource_type: ResourceType, id: Id) -> String {
    let kind = resource_type.as_str();
    format!("arn:aws:lightsail:{region}:{ACCOUNT}:{kind}/{id}")
}

fn support_code(resource_type: ResourceType, id: Id) -> String {
    let prefix = match resource_type {
        ResourceType::Instance => "i",
        ResourceType::Disk => "vol",
        ResourceType::InstanceSnapshot => "ami",
        ResourceType::DiskSnapshot => "snap",
    };
    format!("{ACCOUNT}/{prefix}-{:017x}", id.0)
}
