//! Reads a world, and checks the rules that involve more than one of its values.

use std::collections::BTreeSet;

use super::{RegionWorld, Source, World, WorldError};
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
    /// The first mistake with its path: not JSON, an unknown member, a value of the wrong type, an
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
    /// The first mistake, with its path.
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
type Mistake = (String, String);

impl RegionWorld {
    fn check(&self, region: Region) -> Result<(), Mistake> {
        let mut names = BTreeSet::new();
        for (kind, list, sources) in [
            (SourceKind::Instance, "instances", &self.instances),
            (SourceKind::Disk, "disks", &self.disks),
        ] {
            for (index, source) in sources.iter().enumerate() {
                self.check_source(kind, source)
                    .map_err(|(member, message)| (format!("{list}[{index}].{member}"), message))?;
                add_name(&mut names, region, list, index, &source.name)?;
            }
        }
        for (index, snapshot) in self.instance_snapshots.iter().enumerate() {
            add_name(
                &mut names,
                region,
                "instanceSnapshots",
                index,
                &snapshot.name,
            )?;
            if snapshot.state == SnapshotState::Unknown {
                return Err((
                    format!("instanceSnapshots[{index}].state"),
                    "only disk snapshots can be in state \"unknown\"".to_owned(),
                ));
            }
        }
        for (index, snapshot) in self.disk_snapshots.iter().enumerate() {
            add_name(&mut names, region, "diskSnapshots", index, &snapshot.name)?;
        }
        Ok(())
    }

    fn check_source(&self, kind: SourceKind, source: &Source) -> Result<(), Mistake> {
        let mistake = |member: &str, message: &str| Err((member.to_owned(), message.to_owned()));
        if let Some(repeated) = repeated_date(source) {
            return mistake(&format!("autoSnapshots[{repeated}].date"), "is used twice");
        }
        if let Some(member) = misplaced_member(kind, source) {
            let message = match kind {
                SourceKind::Instance => "is only for disks",
                SourceKind::Disk => "is only for instances",
            };
            return mistake(member, message);
        }
        if source.auto_snapshots.is_some()
            && source
                .blueprint_id
                .as_deref()
                .is_some_and(catalog::is_windows)
        {
            return mistake(
                "autoSnapshots",
                "Lightsail makes no automatic snapshots of Windows instances",
            );
        }
        if let Some(id) = &source.bundle_id
            && Bundle::parse(id).is_none()
        {
            return mistake("bundleId", &format!("unknown bundle {id:?}"));
        }
        match &source.attached_to {
            Some(name) if self.instances.iter().all(|instance| instance.name != *name) => mistake(
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

fn add_name<'a>(
    names: &mut BTreeSet<&'a str>,
    region: Region,
    list: &str,
    index: usize,
    name: &'a str,
) -> Result<(), Mistake> {
    if names.insert(name) {
        return Ok(());
    }
    Err((
        format!("{list}[{index}].name"),
        format!("{region} already has a resource named {name:?}"),
    ))
}

/// The index of the first automatic snapshot whose date an earlier one has too.
fn repeated_date(source: &Source) -> Option<usize> {
    let snapshots = source.auto_snapshots.as_deref().unwrap_or_default();
    (1..snapshots.len()).find(|&later| {
        let date = snapshots[later].date;
        snapshots[..later].iter().any(|other| other.date == date)
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::civil::date;

    use super::*;
    use crate::api::resource::AutoSnapshotStatus;

    fn error(json: &str) -> String {
        World::from_json(json).unwrap_err().to_string()
    }

    #[test]
    fn absent_members_have_their_defaults() {
        assert_eq!(World::from_json("{}").unwrap(), World::default());
        let world = World::from_json(
            r#"{"copySeconds":0.5,"copyLimit":3,"pageSize":2,"open":{"copyLimitWording":"quota"},"regions":{"us-west-2":{
                "instances":[{"name":"a","autoSnapshots":[{"date":"2026-11-22"}]}]}}}"#,
        )
        .unwrap();
        assert_eq!(world.copy_time, SignedDuration::from_millis(500));
        let instance = &world.regions[&Region::UsWest2].instances[0];
        let expected =
            Source::named("a").with_auto_snapshot(date(2026, 11, 22), AutoSnapshotStatus::Success);
        assert_eq!(instance, &expected);
    }

    #[test]
    fn errors_have_a_path() {
        let in_region =
            |inside: &str| error(&format!(r#"{{"regions":{{"us-west-2":{{{inside}}}}}}}"#));
        for (found, expected) in [
            (error("{"), "EOF"),
            (error("{} {}"), "trailing characters"),
            (error(r#"{"regoins":{}}"#), "regoins: unknown field"),
            (
                error(r#"{"regions":{"us-west-9":{}}}"#),
                "regions.us-west-9: Lightsail has no Region \"us-west-9\"",
            ),
            (error(r#"{"pageSize":0}"#), "pageSize: must be at least 1"),
            (error(r#"{"copySeconds":-1}"#), "copySeconds: -1 is not"),
            (
                in_region(r#""instances":[{"name":"a","tag":{}}]"#),
                "regions.us-west-2.instances[0].tag: unknown field `tag`",
            ),
            (
                in_region(r#""instances":[{"name":""}]"#),
                "regions.us-west-2.instances[0].name: must not be empty",
            ),
            (
                in_region(r#""disks":[{"name":"a","autoSnapshots":[{"date":"2026-02-30"}]}]"#),
                "regions.us-west-2.disks[0].autoSnapshots[0].date: \"2026-02-30\" is neither",
            ),
            (
                in_region(r#""disks":[{"name":"a","autoSnapshots":[{"date":"today-x"}]}]"#),
                "no number of days",
            ),
            (
                in_region(
                    r#""instances":[{"name":"a"}],"diskSnapshots":[{"name":"b"},{"name":"a"}]"#,
                ),
                "regions.us-west-2.diskSnapshots[1].name: us-west-2 already has a resource named \"a\"",
            ),
            (
                in_region(
                    r#""instances":[{"name":"a","autoSnapshots":[{"date":"2026-11-22"},{"date":"2026-11-22"}]}]"#,
                ),
                "regions.us-west-2.instances[0].autoSnapshots[1].date: is used twice",
            ),
            (
                in_region(r#""disks":[{"name":"a","attachedTo":"b"}]"#),
                "regions.us-west-2.disks[0].attachedTo: the Region has no instance named \"b\"",
            ),
            (
                in_region(r#""disks":[{"name":"a","ports":[]}]"#),
                "regions.us-west-2.disks[0].ports: is only for instances",
            ),
            (
                in_region(r#""instances":[{"name":"a","attachedTo":"b"}]"#),
                "regions.us-west-2.instances[0].attachedTo: is only for disks",
            ),
            (
                in_region(r#""instances":[{"name":"a","bundleId":"huge"}]"#),
                "regions.us-west-2.instances[0].bundleId: unknown bundle \"huge\"",
            ),
            (
                in_region(
                    r#""instances":[{"name":"a","blueprintId":"windows_server_2022","autoSnapshots":[]}]"#,
                ),
                "regions.us-west-2.instances[0].autoSnapshots: Lightsail makes no automatic",
            ),
            (
                in_region(r#""instanceSnapshots":[{"name":"a","state":"unknown"}]"#),
                "regions.us-west-2.instanceSnapshots[0].state: only disk snapshots",
            ),
            (
                in_region(r#""instances":[{"name":"a","ports":[{"toPort":1}]}]"#),
                "regions.us-west-2.instances[0].ports[0]",
            ),
            (
                error(r#"{"open":{"copyArnRegion":"here"}}"#),
                "open.copyArnRegion: unknown variant `here`",
            ),
        ] {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn the_demo_world_is_valid() {
        assert!(World::demo().regions.len() >= 2);
    }
}
