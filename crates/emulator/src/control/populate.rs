//! Creates the resources that a world describes.

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::Offset;

use super::world::{self, World};
use crate::api::region::Region;
use crate::api::resource::SourceKind;
use crate::service::snapshot::{Origin, Progress};
use crate::service::source::AutoSnapshot;
use crate::service::state::{EditError, NewSnapshot, NewSource, Settings, State};

const DEFAULT_SIZE_IN_GB: u32 = 40;

/// The state that a world describes.
///
/// # Panics
/// If the world is invalid: [`World::check`] fails.
pub(super) fn state(world: &World, now: Timestamp) -> State {
    world.check().unwrap_or_else(|error| panic!("{error}"));
    let mut state = State::new(Settings {
        copy_duration: world.copy_time,
        copy_limit: world.copy_limit,
        copy_limit_code: world.copy_limit_code.clone(),
        page_size: world.page_size.max(1),
    });
    for (&region, content) in &world.regions {
        add_all(&mut state, region, content, now).expect("the world is checked");
    }
    state
}

fn add_all(
    state: &mut State,
    region: Region,
    content: &world::RegionWorld,
    now: Timestamp,
) -> Result<(), EditError> {
    for instance in &content.instances {
        add_source(state, region, SourceKind::Instance, instance, now)?;
    }
    for disk in &content.disks {
        add_source(state, region, SourceKind::Disk, disk, now)?;
    }
    for snapshot in &content.instance_snapshots {
        add_instance_snapshot(state, region, snapshot, now)?;
    }
    for snapshot in &content.disk_snapshots {
        add_disk_snapshot(state, region, snapshot, now)?;
    }
    Ok(())
}

/// Adds an instance or disk.
pub(super) fn add_source(
    state: &mut State,
    region: Region,
    kind: SourceKind,
    source: &world::Source,
    now: Timestamp,
) -> Result<(), EditError> {
    let created_at = source.created_at.unwrap_or_else(|| {
        let long_ago = date(2019, 1, 1).at(0, 0, 0, 0);
        Offset::UTC.to_timestamp(long_ago).unwrap_or(now)
    });
    let auto_snapshots = source.auto_snapshots.iter().flatten().map(|snapshot| {
        let date = snapshot.date.resolve(now);
        let mut made = AutoSnapshot::new(date, snapshot.status);
        made.created_at = snapshot.created_at.unwrap_or(made.created_at);
        (date, made)
    });
    let new = NewSource {
        kind,
        created_at,
        tags: source.tags.clone(),
        size_in_gb: source.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
        makes_auto_snapshots: source.auto_snapshots.is_some(),
        auto_snapshots: auto_snapshots.collect(),
    };
    state.add_source(region, &source.name, new)
}

/// Adds a manual snapshot of an instance.
pub(super) fn add_instance_snapshot(
    state: &mut State,
    region: Region,
    snapshot: &world::InstanceSnapshot,
    now: Timestamp,
) -> Result<(), EditError> {
    let kind = SourceKind::Instance;
    let new = NewSnapshot {
        kind,
        origin: origin(
            state,
            region,
            kind,
            &snapshot.from_instance_name,
            &snapshot.from_instance_arn,
        ),
        tags: snapshot.tags.clone(),
        created_at: snapshot.created_at.unwrap_or(now),
        size_in_gb: snapshot.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
        is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
        progress: Progress::Fixed(snapshot.state),
    };
    state.add_snapshot(region, &snapshot.name, new)
}

/// Adds a manual snapshot of a disk.
pub(super) fn add_disk_snapshot(
    state: &mut State,
    region: Region,
    snapshot: &world::DiskSnapshot,
    now: Timestamp,
) -> Result<(), EditError> {
    let kind = SourceKind::Disk;
    let new = NewSnapshot {
        kind,
        origin: origin(
            state,
            region,
            kind,
            &snapshot.from_disk_name,
            &snapshot.from_disk_arn,
        ),
        tags: snapshot.tags.clone(),
        created_at: snapshot.created_at.unwrap_or(now),
        size_in_gb: snapshot.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
        is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
        progress: Progress::Fixed(snapshot.state),
    };
    state.add_snapshot(region, &snapshot.name, new)
}

/// The origin with this name and ARN. A missing ARN is that of the Region's instance or disk with
/// this name, if there is one.
fn origin(
    state: &State,
    region: Region,
    kind: SourceKind,
    name: &Option<String>,
    arn: &Option<String>,
) -> Origin {
    let arn = arn.clone().or_else(|| {
        let source = state.region(region).sources.get(name.as_ref()?)?;
        (source.kind == kind).then(|| source.arn.clone())
    });
    Origin {
        name: name.clone(),
        arn,
    }
}
