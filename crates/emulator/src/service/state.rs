//! The resources and operations of all Regions, and how they change by themselves.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::open::{Denial, OpenFacts};
use super::region::RegionState;
use super::resource::{Disk, DiskState, Head, Instance, Noun, Resource};
use crate::api::error::ACCOUNT;
use crate::api::id::Ids;
use crate::api::instance::InstanceState;
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SnapshotState, Tags};

/// Everything that Lightsail holds.
#[derive(Debug)]
pub(crate) struct State {
    /// The time of the call, inspection or edit. Everything that was due by then has happened.
    pub(crate) now: Timestamp,
    /// In the order of [`Region::ALL`].
    regions: Vec<RegionState>,
    pub(crate) ids: Ids,
    pub(crate) settings: Settings,
    /// What happens later by itself. The number keeps changes of one time in their order.
    later: BTreeMap<(Timestamp, u64), Due>,
}

/// A change of a resource that happens by itself.
#[derive(Debug)]
struct Due {
    region: Region,
    name: String,
    /// Another resource may have the name when the time comes.
    arn: String,
    change: Change,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// A pending instance or disk is ready.
    Ready,
    /// A pending snapshot ends in this state.
    Ends(SnapshotState),
    /// The deletion of an instance or disk ends.
    Gone,
}

/// How the service behaves.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long a copy is pending.
    pub(crate) copy_duration: SignedDuration,
    /// How many copies may be in progress in one destination.
    pub(crate) copy_limit: usize,
    /// How many items a page of a list has.
    pub(crate) page_size: usize,
    /// How long new instances and disks are pending.
    pub(crate) start_duration: SignedDuration,
    /// How long a deleted instance or disk remains in the lists.
    pub(crate) deletion_duration: SignedDuration,
    /// The public address of new instances.
    pub(crate) new_public_ip_address: String,
    pub(crate) open: OpenFacts,
    /// What the caller has no permission for.
    pub(crate) denied: Vec<Denial>,
}

/// An edit that contradicts the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A name belongs to one resource of a Region, whatever its type.
    #[error("{region} already has a resource named {name:?}")]
    NameInUse { region: Region, name: String },
    /// There is no resource of this name, or it has another type.
    #[error("{region} has no such resource: {name:?}")]
    NotFound { region: Region, name: String },
    /// Lightsail makes no automatic snapshots of Windows instances.
    #[error("{region}: {name:?} is a Windows instance, which has no automatic snapshots")]
    WindowsInstance { region: Region, name: String },
    /// The emulator does not have this bundle.
    #[error("unknown bundle {0:?}")]
    UnknownBundle(String),
}

impl State {
    pub(crate) fn new(settings: Settings, now: Timestamp) -> Self {
        Self {
            now,
            regions: Region::ALL
                .iter()
                .map(|&region| RegionState::new(region))
                .collect(),
            ids: Ids::default(),
            settings,
            later: BTreeMap::new(),
        }
    }

    pub(crate) fn region(&self, region: Region) -> &RegionState {
        &self.regions[region as usize]
    }

    pub(crate) fn region_mut(&mut self, region: Region) -> &mut RegionState {
        &mut self.regions[region as usize]
    }

    /// Makes everything happen that is due by `now`.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.now = now;
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let due = first.remove();
            self.apply(&due);
        }
    }

    /// Makes a planned change, if its resource still exists.
    fn apply(&mut self, due: &Due) {
        let here = self.region_mut(due.region);
        let found = here.resources.get_mut(&due.name);
        let Some(resource) = found.filter(|found| found.arn() == due.arn) else {
            return;
        };
        match (due.change, resource) {
            (Change::Ready, Resource::Instance(instance))
                if instance.state == InstanceState::Pending =>
            {
                instance.state = InstanceState::Running;
            }
            (Change::Ready, Resource::Disk(disk)) if disk.state == DiskState::Pending => {
                disk.state = DiskState::Available;
            }
            (Change::Ends(state), Resource::Snapshot(snapshot)) => snapshot.state = state,
            (Change::Gone, _) => here.remove(&due.name, Timestamp::MIN),
            _ => {}
        }
    }

    /// Plans a change of a resource that exists.
    pub(crate) fn plan(&mut self, at: Timestamp, region: Region, name: &str, change: Change) {
        let Some(resource) = self.region(region).resources.get(name) else {
            return;
        };
        let due = Due {
            region,
            name: name.to_owned(),
            arn: resource.arn().to_owned(),
            change,
        };
        let number = self.ids.next().0;
        self.later.insert((at, number), due);
        self.settle(self.now);
    }

    /// Cancels all planned changes of a resource.
    pub(crate) fn cancel_changes(&mut self, arn: &str) {
        self.later.retain(|_, due| due.arn != arn);
    }

    pub(crate) fn after(&self, duration: SignedDuration) -> Timestamp {
        self.now.checked_add(duration).unwrap_or(Timestamp::MAX)
    }

    /// The head of a new resource. `zone` is the letter of its Availability Zone, if it is in one.
    pub(crate) fn head(
        &mut self,
        region: Region,
        resource_type: ResourceType,
        name: &str,
        zone: Option<char>,
        tags: Tags,
    ) -> Head {
        let id = self.ids.next();
        let prefix = match resource_type {
            ResourceType::Instance => "i",
            ResourceType::Disk => "vol",
            ResourceType::InstanceSnapshot => "ami",
            ResourceType::DiskSnapshot => "snap",
            ResourceType::StaticIp => "eip",
            ResourceType::KeyPair => "key",
        };
        let kind = resource_type.as_str();
        Head {
            name: name.to_owned(),
            arn: format!("arn:aws:lightsail:{region}:{ACCOUNT}:{kind}/{id}"),
            support_code: format!("{ACCOUNT}/{prefix}-{:017x}", id.0),
            created_at: self.now,
            availability_zone: zone.map_or("all".to_owned(), |letter| format!("{region}{letter}")),
            tags,
        }
    }

    /// Adds a resource.
    pub(crate) fn add(
        &mut self,
        region: Region,
        new: impl Into<Resource>,
    ) -> Result<(), EditError> {
        let new = new.into();
        let name = new.name().to_owned();
        if self.region(region).resources.contains_key(&name) {
            return Err(EditError::NameInUse { region, name });
        }
        if new.is_windows() && new.auto_snapshots().is_some_and(|auto| auto.enabled) {
            return Err(EditError::WindowsInstance { region, name });
        }
        if let Resource::Disk(Disk {
            attached_to: Some(instance),
            ..
        }) = &new
        {
            self.get_mut::<Instance>(region, instance)?;
        }
        self.region_mut(region).resources.insert(name, new);
        Ok(())
    }

    /// A resource of any type, to change it.
    pub(crate) fn resource_mut(
        &mut self,
        region: Region,
        name: &str,
    ) -> Result<&mut Resource, EditError> {
        let found = self.region_mut(region).resources.get_mut(name);
        found.ok_or_else(|| not_found(region, name))
    }

    pub(crate) fn get_mut<T: Noun>(
        &mut self,
        region: Region,
        name: &str,
    ) -> Result<&mut T, EditError> {
        let found = T::of_mut(self.resource_mut(region, name)?);
        found.ok_or_else(|| not_found(region, name))
    }

    /// Removes a resource of this type. A disk of a removed instance is detached, the operation of a
    /// removed pending copy fails.
    pub(crate) fn remove(
        &mut self,
        region: Region,
        resource_type: ResourceType,
        name: &str,
    ) -> Result<(), EditError> {
        if self.resource_mut(region, name)?.resource_type() != resource_type {
            return Err(not_found(region, name));
        }
        let now = self.now;
        self.region_mut(region).remove(name, now);
        Ok(())
    }
}

pub(crate) fn not_found(region: Region, name: &str) -> EditError {
    EditError::NotFound {
        region,
        name: name.to_owned(),
    }
}
