//! Creates the resources that a world describes.

use std::iter;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::Offset;

use super::world::{self, World};
use crate::api::instance::IpAddressType;
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SourceKind, Tags};
use crate::service::auto_snapshots::{AutoSnapshot, AutoSnapshots};
use crate::service::catalog::{self, Bundle};
use crate::service::origin::{AttachedDisk, Origin};
use crate::service::resource::{Disk, DiskState, Head, Instance, Other, Resource, Snapshot};
use crate::service::state::{EditError, Settings, State};

const DEFAULT_SIZE_IN_GB: u32 = 40;

/// The state that a world describes.
///
/// # Panics
/// If the world is invalid: [`World::check`] fails.
pub(super) fn state(world: &World, now: Timestamp) -> State {
    world.check().unwrap_or_else(|error| panic!("{error}"));
    let settings = Settings {
        copy_duration: world.copy_time,
        copy_limit: world.copy_limit,
        page_size: world.page_size.max(1),
        start_duration: world.start_time,
        deletion_duration: world.deletion_time,
        new_public_ip_address: world.new_public_ip_address.clone(),
        open: world.open.clone(),
        denied: world.denied.clone(),
    };
    let mut state = State::new(settings, now);
    for (&region, content) in &world.regions {
        add_all(&mut state, region, content).expect("the world is checked");
    }
    state
}

fn add_all(
    state: &mut State,
    region: Region,
    content: &world::RegionWorld,
) -> Result<(), EditError> {
    let here = state.region_mut(region);
    here.instance_quota = content.instance_quota;
    here.inactive_bundles = content.inactive_bundles.clone();
    here.access = content.access.unwrap_or(here.access);
    here.zones = content.zones.clone().unwrap_or_else(|| here.zones.clone());
    let static_ips = content
        .static_ips
        .iter()
        .zip(iter::repeat(ResourceType::StaticIp));
    let key_pairs = content
        .key_pairs
        .iter()
        .zip(iter::repeat(ResourceType::KeyPair));
    for (name, kind) in static_ips.chain(key_pairs) {
        let other = Other::new(state.head(region, kind, name, None, Tags::new()), kind);
        state.add(region, other)?;
    }
    for instance in &content.instances {
        add_source(state, region, SourceKind::Instance, instance)?;
    }
    for disk in &content.disks {
        add_source(state, region, SourceKind::Disk, disk)?;
    }
    for instance in &content.instances {
        contain_attached_disks(state, region, instance)?;
    }
    for snapshot in &content.instance_snapshots {
        add_instance_snapshot(state, region, snapshot)?;
    }
    for snapshot in &content.disk_snapshots {
        add_disk_snapshot(state, region, snapshot)?;
    }
    Ok(())
}

/// Adds an instance or disk.
pub(super) fn add_source(
    state: &mut State,
    region: Region,
    kind: SourceKind,
    source: &world::Source,
) -> Result<(), EditError> {
    let long_ago = Offset::UTC.to_timestamp(date(2019, 1, 1).at(0, 0, 0, 0));
    let created_at = source.created_at.or(long_ago.ok()).unwrap_or(state.now);
    let tags = source.tags.clone();
    let head = Head {
        created_at,
        ..state.head(region, kind.resource_type(), &source.name, Some('a'), tags)
    };
    let resource = match kind {
        SourceKind::Instance => Resource::Instance(instance(source, head, region, state.now)?),
        SourceKind::Disk => Resource::Disk(disk(source, head, state.now)),
    };
    state.add(region, resource)
}

fn instance(
    source: &world::Source,
    head: Head,
    region: Region,
    now: Timestamp,
) -> Result<Instance, EditError> {
    let blueprint_id = source.blueprint_id.as_deref();
    let blueprint_id = blueprint_id.unwrap_or(catalog::DEFAULT_BLUEPRINT);
    let bundle_id = source.bundle_id.clone();
    let bundle_id = bundle_id.unwrap_or_else(|| catalog::default_bundle(blueprint_id, region));
    let bundle = Bundle::parse(&bundle_id).ok_or(EditError::UnknownBundle(bundle_id))?;
    let ports = source.ports.clone();
    let address = source.public_ip_address.as_deref();
    Ok(Instance {
        state: source.state,
        blueprint_id: blueprint_id.to_owned(),
        bundle_id: bundle.id(),
        size_in_gb: source.size_in_gb.unwrap_or(bundle.disk_in_gb()),
        ports: ports.unwrap_or_else(|| catalog::default_ports(blueprint_id)),
        public_ip_address: address
            .unwrap_or(catalog::DEFAULT_PUBLIC_IP_ADDRESS)
            .to_owned(),
        ip_address_type: match bundle.is_ipv6_only {
            true => IpAddressType::Ipv6,
            false => IpAddressType::Dualstack,
        },
        auto_snapshots: auto_snapshots(source, now),
        ..head.into()
    })
}

fn disk(source: &world::Source, head: Head, now: Timestamp) -> Disk {
    let is_attached = source.attached_to.is_some();
    Disk {
        state: DiskState::Available,
        size_in_gb: source.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
        attached_to: source.attached_to.clone(),
        path: is_attached.then(|| path(source.path.as_deref())),
        is_system_disk: source.is_system_disk,
        auto_snapshots: auto_snapshots(source, now),
        ..head.into()
    }
}

fn path(path: Option<&str>) -> String {
    path.unwrap_or(catalog::DEFAULT_PATH).to_owned()
}

fn auto_snapshots(source: &world::Source, now: Timestamp) -> AutoSnapshots {
    let described = source.auto_snapshots.iter().flatten();
    let by_date = described.map(|snapshot| {
        let date = snapshot.date.resolve(now);
        let disks = attached_disks(snapshot.from_attached_disks.as_deref().unwrap_or_default());
        let made = AutoSnapshot::new(date, snapshot.status, disks);
        let created_at = snapshot.created_at.unwrap_or(made.created_at);
        (date, AutoSnapshot { created_at, ..made })
    });
    AutoSnapshots {
        enabled: source.auto_snapshots.is_some(),
        time_of_day: None,
        by_date: by_date.collect(),
    }
}

/// Puts the attached disks into those automatic snapshots of the world that do not list any.
fn contain_attached_disks(
    state: &mut State,
    region: Region,
    instance: &world::Source,
) -> Result<(), EditError> {
    let now = state.now;
    let disks = state.region(region).attached_disks(&instance.name);
    let made = &mut state
        .get_mut::<Instance>(region, &instance.name)?
        .auto_snapshots
        .by_date;
    for described in instance.auto_snapshots.iter().flatten() {
        if described.from_attached_disks.is_none()
            && let Some(snapshot) = made.get_mut(&described.date.resolve(now))
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
) -> Result<(), EditError> {
    let name = snapshot.from_instance_name.as_deref();
    let here = state.region(region);
    let source = name.and_then(|name| here.resources.get(name));
    let (known, size_in_gb) = match source {
        Some(source @ Resource::Instance(instance)) => (source.origin(), Some(instance.size_in_gb)),
        _ => (Origin::default(), None),
    };
    let or_known = |given: &Option<String>, known: String| match given {
        Some(given) => Some(given.clone()),
        None => Some(known).filter(|known| !known.is_empty()),
    };
    let blueprint_id = or_known(&snapshot.from_blueprint_id, known.blueprint_id);
    let blueprint_id = blueprint_id.unwrap_or(catalog::DEFAULT_BLUEPRINT.to_owned());
    let bundle_id = or_known(&snapshot.from_bundle_id, known.bundle_id);
    let bundle_id = bundle_id.unwrap_or_else(|| catalog::default_bundle(&blueprint_id, region));
    let from = Origin {
        name: snapshot.from_instance_name.clone(),
        arn: snapshot.from_instance_arn.clone().or(known.arn),
        attached_disks: match (&snapshot.from_attached_disks, name) {
            (Some(disks), _) => attached_disks(disks),
            (None, Some(name)) => here.attached_disks(name),
            (None, None) => Vec::new(),
        },
        blueprint_id,
        bundle_id,
        is_auto_snapshot: snapshot.is_from_auto_snapshot,
    };
    let size_in_gb = snapshot.size_in_gb.or(size_in_gb);
    let new = Snapshot {
        name: snapshot.name.clone(),
        tags: snapshot.tags.clone(),
        kind: SourceKind::Instance,
        state: snapshot.state,
        size_in_gb: size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
        from,
        ..Snapshot::default()
    };
    add_snapshot(state, region, snapshot.created_at, new)
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
) -> Result<(), EditError> {
    let name = snapshot.from_disk_name.as_deref();
    let source = name.and_then(|name| state.region(region).resources.get(name));
    let known = match source {
        Some(source @ Resource::Disk(_)) => source.origin(),
        _ => Origin::default(),
    };
    let from = Origin {
        name: snapshot.from_disk_name.clone(),
        arn: snapshot.from_disk_arn.clone().or(known.arn),
        is_auto_snapshot: snapshot.is_from_auto_snapshot,
        ..Origin::default()
    };
    let new = Snapshot {
        name: snapshot.name.clone(),
        tags: snapshot.tags.clone(),
        kind: SourceKind::Disk,
        state: snapshot.state,
        size_in_gb: snapshot.size_in_gb.unwrap_or(DEFAULT_SIZE_IN_GB),
        from,
        ..Snapshot::default()
    };
    add_snapshot(state, region, snapshot.created_at, new)
}

/// Adds a manual snapshot with a head of its own.
fn add_snapshot(
    state: &mut State,
    region: Region,
    created_at: Option<Timestamp>,
    new: Snapshot,
) -> Result<(), EditError> {
    let kind = new.kind.snapshot_type();
    let head = state.head(region, kind, &new.name, None, new.tags);
    let snapshot = Snapshot {
        created_at: created_at.unwrap_or(state.now),
        kind: new.kind,
        state: new.state,
        is_copy: true,
        size_in_gb: new.size_in_gb,
        from: new.from,
        ..head.into()
    };
    state.add(region, snapshot)
}
