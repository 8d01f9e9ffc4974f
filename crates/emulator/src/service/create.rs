//! What the operations that create instances and disks have in common.

use jiff::Timestamp;
use serde_json::Value;

use super::auto_snapshots::AutoSnapshots;
use super::catalog::{self, Bundle};
use super::context::{Answer, Context, Target};
use super::resource::{Disk, DiskState, Instance, Other, Resource, Snapshot};
use super::state::Change;
use crate::api::error::ServiceError;
use crate::api::instance::{InstanceState, IpAddressType};
use crate::api::parameters::required;
use crate::api::resource::{ResourceType, SnapshotState, SourceKind, Tags};

/// What the instances and disks of one request have in common.
pub(super) struct Creation {
    zone: char,
    ready_at: Timestamp,
}

/// What a new instance or disk gets from its request.
#[derive(Clone, Default)]
pub(super) struct New {
    pub(super) tags: Tags,
    pub(super) auto_snapshots: AutoSnapshots,
    /// A snapshot.
    pub(super) made_from: Option<String>,
}

/// What the instances of one request are made of.
pub(super) struct Hardware {
    pub(super) blueprint_id: String,
    pub(super) bundle: Bundle,
    pub(super) addresses: IpAddressType,
}

impl Creation {
    /// Checks the Availability Zone of the request.
    pub(super) fn new(context: &Context<'_>, zone: Option<&str>) -> Result<Self, ServiceError> {
        let name = required("availabilityZone", zone)?;
        let mut letters = context.here().zones.chars();
        let zone = letters.find(|letter| name == format!("{}{letter}", context.region));
        let zone = zone.ok_or_else(|| {
            ServiceError::invalid_input(format!(
                "{name} is not an Availability Zone of {}.",
                context.region
            ))
        })?;
        let duration = context.fault.start_duration;
        let duration = duration.unwrap_or(context.state.settings.start_duration);
        Ok(Self {
            zone,
            ready_at: context.state.after(duration),
        })
    }

    /// Creates a pending instance and returns its Operation.
    pub(super) fn instance(
        &self,
        context: &mut Context<'_>,
        name: &str,
        hardware: &Hardware,
        new: New,
    ) -> Result<Value, ServiceError> {
        let kind = ResourceType::Instance;
        let region = context.region;
        let head = context
            .state
            .head(region, kind, name, Some(self.zone), new.tags);
        let instance = Instance {
            state: InstanceState::Pending,
            blueprint_id: hardware.blueprint_id.clone(),
            bundle_id: hardware.bundle.id(),
            size_in_gb: hardware.bundle.disk_in_gb(),
            ports: catalog::default_ports(&hardware.blueprint_id),
            public_ip_address: context.state.settings.new_public_ip_address.clone(),
            ip_address_type: hardware.addresses,
            made_from: new.made_from,
            auto_snapshots: new.auto_snapshots,
            ..head.into()
        };
        self.add(context, instance.into())
    }

    /// Creates a pending disk, attached to an instance as this device or not, and returns its
    /// Operation.
    pub(super) fn disk(
        &self,
        context: &mut Context<'_>,
        name: &str,
        size_in_gb: u32,
        attachment: Option<(&str, &str)>,
        new: New,
    ) -> Result<Value, ServiceError> {
        let kind = ResourceType::Disk;
        let region = context.region;
        let head = context
            .state
            .head(region, kind, name, Some(self.zone), new.tags);
        let disk = Disk {
            state: DiskState::Pending,
            size_in_gb,
            attached_to: attachment.map(|(instance, _)| instance.to_owned()),
            path: attachment.map(|(_, path)| path.to_owned()),
            made_from: new.made_from,
            auto_snapshots: new.auto_snapshots,
            ..head.into()
        };
        self.add(context, disk.into())
    }

    fn add(&self, context: &mut Context<'_>, new: Resource) -> Result<Value, ServiceError> {
        let name = new.name().to_owned();
        let operation = context.record(Target::named(&name, &new), None, self.ready_at);
        if context.has_effect() {
            context.add(new)?;
            let region = context.region;
            context
                .state
                .plan(self.ready_at, region, &name, Change::Ready);
        }
        Ok(operation)
    }
}

/// An available snapshot of this kind.
pub(super) fn find_snapshot<'c>(
    context: &'c Context<'_>,
    kind: SourceKind,
    name: &str,
) -> Result<&'c Snapshot, ServiceError> {
    match context.find(kind.snapshot_type(), name)? {
        Resource::Snapshot(snapshot) if snapshot.state == SnapshotState::Available => Ok(snapshot),
        _ => Err(ServiceError::operation_failure(format!(
            "The snapshot is not available: {name}"
        ))),
    }
}

/// The bundle, if the Region offers it and it suits the blueprint and the addresses.
pub(super) fn find_bundle(
    context: &Context<'_>,
    id: &str,
    blueprint_id: &str,
    addresses: IpAddressType,
) -> Result<Bundle, ServiceError> {
    let invalid = |what| Err(ServiceError::invalid_input(format!("{what}: {id}")));
    let found = Bundle::parse(id).filter(|bundle| context.offers(bundle));
    let Some(bundle) = found else {
        return invalid("The bundle is not available in this Region");
    };
    if bundle.is_windows != catalog::is_windows(blueprint_id) {
        return invalid("The bundle does not support the platform of the blueprint or snapshot");
    }
    if !bundle.allows(addresses) {
        return invalid("The bundle does not support the IP address type of the request");
    }
    Ok(bundle)
}

pub(super) fn check_quota(context: &Context<'_>, more: usize) -> Result<(), ServiceError> {
    let instances = context.here().all::<Instance>().count();
    match context.here().instance_quota {
        Some(quota) if instances + more > quota => Err(ServiceError::invalid_input(format!(
            "Sorry, you've reached your maximum limit of Lightsail Instances : {quota}. \
             Please try again later."
        ))),
        _ => Ok(()),
    }
}

/// [AllocateStaticIp](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_AllocateStaticIp.html).
pub(super) fn allocate_static_ip(context: &mut Context<'_>) -> Answer {
    let name = context.name("staticIpName")?;
    context.check_new_name(name)?;
    let kind = ResourceType::StaticIp;
    let region = context.region;
    let head = context.state.head(region, kind, name, None, Tags::new());
    let new = Resource::from(Other::new(head, kind));
    let target = Target::named(name, &new);
    context.add(new)?;
    context.done(target)
}
