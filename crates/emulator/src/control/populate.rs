//! Creates the resources that a world describes.

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::Offset;

use super::world::{self, World};
use crate::api::region::Region;
use crate::api::resource::SourceKind;
use crate::service::catalog;
use crate::service::change::{EditError, NewSnapshot, NewSource};
use crate::service::snapshot::{FromInstance, Origin, Progress, SnapshotDetail};
use crate::service::source::{
    AttachedDisk, Attachment, AutoSnapshot, Disk, Instance, Source, SourceDetail,
};
use crate::service::state::{Settings, State};

const DEFAULT_SIZE_IN_GB: u32 = 40;
/// The device of a disk whose world does not name one.
pub(super) const DEFAULT_PATH: &str = "/dev/xvdf";
/// The address of instances whose world does not name one.
pub(super) const DEFAULT_PUBLIC_IP_ADDRESS: &str = "198.51.100.10";

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
        copy_arn_region: world.copy_arn_region,
        start_duration: world.start_time,
        deletion_duration: world.deletion_time,
        new_public_ip_address: world.new_public_ip_address.clone(),
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
    let resources = state.region_mut(region);
    resources.instance_quota = content.instance_quota;
    resources.inactive_bundles = content.inactive_bundles.clone();
    for instance in &content.instances {
        add_source(state, region, SourceKind::Instance, instance, now)?;
    }
    for disk in &content.disks {
        add_source(state, region, SourceKind::Disk, disk, now)?;
    }
    for instance in &content.instances {
        contain_attached_disks(state, region, instance, now)?;
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
        let disks = attached_disks(snapshot.from_attached_disks.as_deref().unwrap_or_default());
        let mut made = AutoSnapshot::new(date, snapshot.status, disks);
        made.created_at = snapshot.created_at.unwrap_or(made.created_at);
        (date, made)
    });
    let (detail, default_size) = match kind {
        SourceKind::Instance => {
            let instance = instance(source)?;
            let size = instance.bundle.disk_in_gb;
            (SourceDetail::Instance(instance), size)
        }
        SourceKind::Disk => (SourceDetail::Disk(disk(source)), DEFAULT_SIZE_IN_GB),
    };
    let new = NewSource {
        created_at,
        ready_at: created_at,
        zone: 'a',
        tags: source.tags.clone(),
        size_in_gb: source.size_in_gb.unwrap_or(default_size),
        makes_auto_snapshots: source.auto_snapshots.is_some(),
        auto_snapshots: auto_snapshots.collect(),
        detail,
    };
    state.add_source(region, &source.name, new)
}

fn instance(source: &world::Source) -> Result<Instance, EditError> {
    let blueprint_id = source.blueprint_id.as_deref();
    let blueprint_id = blueprint_id.unwrap_or(catalog::DEFAULT_BLUEPRINT);
    let bundle_id = source.bundle_id.as_deref();
    let bundle_id = bundle_id.unwrap_or(catalog::default_bundle(blueprint_id));
    let ports = source.ports.clone();
    let public_ip_address = source.public_ip_address.as_deref();
    Ok(Instance {
        blueprint_id: blueprint_id.to_owned(),
        bundle: catalog::find_bundle(bundle_id)
            .ok_or_else(|| EditError::UnknownBundle(bundle_id.to_owned()))?,
        ports: ports.unwrap_or_else(|| catalog::default_ports(blueprint_id)),
        state: source.state,
        public_ip_address: public_ip_address
            .unwrap_or(DEFAULT_PUBLIC_IP_ADDRESS)
            .to_owned(),
    })
}

fn disk(source: &world::Source) -> Disk {
    Disk {
        attachment: source.attached_to.as_ref().map(|instance| Attachment {
            instance: instance.clone(),
            path: path(source.path.as_deref()),
        }),
        is_system_disk: source.is_system_disk,
    }
}

fn path(path: Option<&str>) -> String {
    path.unwrap_or(DEFAULT_PATH).to_owned()
}

/// Puts the attached disks into those automatic snapshots of the world that do not list any.
fn contain_attached_disks(
    state: &mut State,
    region: Region,
    instance: &world::Source,
    now: Timestamp,
) -> Result<(), EditError> {
    let disks = state.region(region).attached_disks(&instance.name);
    let snapshots = &mut state.source_mut(region, &instance.name)?.auto_snapshots;
    for described in instance.auto_snapshots.iter().flatten() {
        if described.from_attached_disks.is_none()
            && let Some(snapshot) = snapshots.get_mut(&described.date.resolve(now))
        {
            snapshot.attached_disks.clone_from(&disks);
        }
    }
    Ok(())
}

/// Adds a manual snapshot of an instance.
pub(super) fn add_instance_snapshot(
    state: &mut State,
    region: Region,
    snapshot: &world::InstanceSnapshot,
    now: Timestamp,
) -> Result<(), EditError> {
    let source = snapshot
        .from_instance_name
        .as_ref()
        .and_then(|name| state.region(region).sources.get(name))
        .filter(|source| source.kind() == SourceKind::Instance);
    let new = NewSnapshot {
        origin: origin(
            source,
            &snapshot.from_instance_name,
            &snapshot.from_instance_arn,
        ),
        tags: snapshot.tags.clone(),
        created_at: snapshot.created_at.unwrap_or(now),
        size_in_gb: snapshot
            .size_in_gb
            .or(source.map(|source| source.size_in_gb))
            .unwrap_or(DEFAULT_SIZE_IN_GB),
        is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
        progress: Progress::Fixed(snapshot.state),
        detail: SnapshotDetail::Instance(from_instance(state, region, source, snapshot)),
    };
    state.add_snapshot(region, &snapshot.name, new)
}

fn from_instance(
    state: &State,
    region: Region,
    source: Option<&Source>,
    snapshot: &world::InstanceSnapshot,
) -> FromInstance {
    let instance = match source.map(|source| &source.detail) {
        Some(SourceDetail::Instance(instance)) => Some(instance),
        _ => None,
    };
    let blueprint_id = snapshot
        .from_blueprint_id
        .as_deref()
        .or(instance.map(|instance| &*instance.blueprint_id))
        .unwrap_or(catalog::DEFAULT_BLUEPRINT);
    let bundle_id = snapshot
        .from_bundle_id
        .as_deref()
        .or(instance.map(|instance| instance.bundle.id))
        .unwrap_or(catalog::default_bundle(blueprint_id));
    let attached_disks = match (&snapshot.from_attached_disks, &snapshot.from_instance_name) {
        (Some(disks), _) => attached_disks(disks),
        (None, Some(name)) => state.region(region).attached_disks(name),
        (None, None) => Vec::new(),
    };
    FromInstance {
        blueprint_id: blueprint_id.to_owned(),
        bundle_id: bundle_id.to_owned(),
        attached_disks,
    }
}

fn attached_disks(disks: &[world::AttachedDisk]) -> Vec<AttachedDisk> {
    let disks = disks.iter().map(|disk| AttachedDisk {
        name: disk.name.clone(),
        path: path(disk.path.as_deref()),
        size_in_gb: disk.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
    });
    disks.collect()
}

/// Adds a manual snapshot of a disk.
pub(super) fn add_disk_snapshot(
    state: &mut State,
    region: Region,
    snapshot: &world::DiskSnapshot,
    now: Timestamp,
) -> Result<(), EditError> {
    let source = snapshot
        .from_disk_name
        .as_ref()
        .and_then(|name| state.region(region).sources.get(name))
        .filter(|source| source.kind() == SourceKind::Disk);
    let new = NewSnapshot {
        origin: origin(source, &snapshot.from_disk_name, &snapshot.from_disk_arn),
        tags: snapshot.tags.clone(),
        created_at: snapshot.created_at.unwrap_or(now),
        size_in_gb: snapshot.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
        is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
        progress: Progress::Fixed(snapshot.state),
        detail: SnapshotDetail::Disk,
    };
    state.add_snapshot(region, &snapshot.name, new)
}

/// The origin with this name and ARN. A missing ARN is that of `source`.
fn origin(source: Option<&Source>, name: &Option<String>, arn: &Option<String>) -> Origin {
    Origin {
        name: name.clone(),
        arn: arn.clone().or(source.map(|source| source.arn.clone())),
    }
}
