//! Reads a world, and checks the rules that involve more than one of its values.

use std::collections::BTreeSet;

use super::{InstanceSnapshot, RegionWorld, Source, World, WorldError};
use crate::api::instance::InstanceState;
use crate::api::region::Region;
use crate::api::resource::{SnapshotState, SourceKind};
use crate::service::catalog::{self, Bundle};

impl World {
    /// A world to try things out: some instances, disks and snapshots in three Regions. The sample
    /// requests of CopySnapshot's page work in it.
    pub fn demo() -> Self {
        Self::from_json(include_str!("../../../demo.json")).expect("the demo world is valid")
    }

    /// Reads a world.
    ///
    /// # Errors
    /// The first error with its path: not JSON, an unknown member, a value of the wrong type, an
    /// unknown Region, a name used twice in one Region, a disk attached to a missing instance, …
    pub fn from_json(text: &str) -> Result<Self, WorldError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let world: World =
            serde_path_to_error::deserialize(&mut json).map_err(|error| WorldError {
                path: error.path().to_string(),
                message: error.inner().to_string(),
            })?;
        json.end().map_err(|error| WorldError {
            path: ".".to_owned(),
            message: error.to_string(),
        })?;
        world.check()?;
        Ok(world)
    }

    /// Checks names, dates, attachments, bundles, and members that only one kind of resource has.
    ///
    /// # Errors
    /// The first error, with its path.
    pub(crate) fn check(&self) -> Result<(), WorldError> {
        for (&region, content) in &self.regions {
            content
                .check(region)
                .map_err(|(path, message)| WorldError {
                    path: format!("regions.{region}.{path}"),
                    message,
                })?;
        }
        Ok(())
    }
}

/// The path inside the Region, and what is wrong there.
type Invalid = (String, String);

impl RegionWorld {
    fn check(&self, region: Region) -> Result<(), Invalid> {
        self.check_names(region)?;
        for (kind, list, sources) in [
            (SourceKind::Instance, "instances", &self.instances),
            (SourceKind::Disk, "disks", &self.disks),
        ] {
            for (index, source) in sources.iter().enumerate() {
                self.check_source(kind, source)
                    .map_err(|(member, message)| (format!("{list}[{index}].{member}"), message))?;
            }
        }
        let unknown = |snapshot: &InstanceSnapshot| snapshot.state == SnapshotState::Unknown;
        if let Some(index) = self.instance_snapshots.iter().position(unknown) {
            return Err((
                format!("instanceSnapshots[{index}].state"),
                "only disk snapshots can be in state \"unknown\"".to_owned(),
            ));
        }
        Ok(())
    }

    /// Checks that each name is used once, whatever the type of its resource.
    fn check_names(&self, region: Region) -> Result<(), Invalid> {
        let snapshots = self.instance_snapshots.iter();
        let lists: [(&str, Vec<&String>); 6] = [
            (
                "instances",
                self.instances.iter().map(|source| &source.name).collect(),
            ),
            (
                "disks",
                self.disks.iter().map(|source| &source.name).collect(),
            ),
            (
                "instanceSnapshots",
                snapshots.map(|snapshot| &snapshot.name).collect(),
            ),
            (
                "diskSnapshots",
                self.disk_snapshots
                    .iter()
                    .map(|snapshot| &snapshot.name)
                    .collect(),
            ),
            ("staticIps", self.static_ips.iter().collect()),
            ("keyPairs", self.key_pairs.iter().collect()),
        ];
        let mut seen = BTreeSet::new();
        for (list, names) in lists {
            for (index, name) in names.into_iter().enumerate() {
                let message = match name.as_str() {
                    "" => "must not be empty".to_owned(),
                    _ if seen.insert(name) => continue,
                    _ => format!("{region} already has a resource named {name:?}"),
                };
                return Err((format!("{list}[{index}].name"), message));
            }
        }
        Ok(())
    }

    fn check_source(&self, kind: SourceKind, source: &Source) -> Result<(), Invalid> {
        let invalid = |member: &str, message: &str| Err((member.to_owned(), message.to_owned()));
        if let Some(repeated) = repeated_date(source) {
            return invalid(&format!("autoSnapshots[{repeated}].date"), "is used twice");
        }
        if let Some(member) = misplaced_member(kind, source) {
            let message = match kind {
                SourceKind::Instance => "is only for disks",
                SourceKind::Disk => "is only for instances",
            };
            return invalid(member, message);
        }
        if source.auto_snapshots.is_some()
            && source
                .blueprint_id
                .as_deref()
                .is_some_and(catalog::is_windows)
        {
            return invalid(
                "autoSnapshots",
                "Lightsail makes no automatic snapshots of Windows instances",
            );
        }
        if let Some(id) = &source.bundle_id
            && Bundle::parse(id).is_none()
        {
            return invalid("bundleId", &format!("unknown bundle {id:?}"));
        }
        match &source.attached_to {
            Some(name) if self.instances.iter().all(|instance| instance.name != *name) => invalid(
                "attachedTo",
                &format!("the Region has no instance named {name:?}"),
            ),
            _ => Ok(()),
        }
    }
}

/// A member that is set although the other kind of resource has it.
fn misplaced_member(kind: SourceKind, source: &Source) -> Option<&'static str> {
    let members = match kind {
        SourceKind::Instance => vec![
            ("attachedTo", source.attached_to.is_some()),
            ("path", source.path.is_some()),
            ("isSystemDisk", source.is_system_disk),
        ],
        SourceKind::Disk => vec![
            ("blueprintId", source.blueprint_id.is_some()),
            ("bundleId", source.bundle_id.is_some()),
            ("ports", source.ports.is_some()),
            ("state", source.state != InstanceState::default()),
            ("publicIpAddress", source.public_ip_address.is_some()),
        ],
    };
    let set = members.into_iter().find(|(_, is_set)| *is_set)?;
    Some(set.0)
}

/// The index of the first automatic snapshot whose date an earlier one has too.
fn repeated_date(source: &Source) -> Option<usize> {
    let snapshots = source.auto_snapshots.as_deref().unwrap_or_default();
    (1..snapshots.len()).find(|&later| {
        let date = snapshots[later].date;
        snapshots[..later].iter().any(|other| other.date == date)
    })
}
