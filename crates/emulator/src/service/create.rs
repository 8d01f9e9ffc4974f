//! What the operations that create instances and disks have in common, and
//! [CreateDiskFromSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateDiskFromSnapshot.html).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalog::{self, Bundle};
use super::context::{Answer, Context, Target};
use super::resource::{Disk, DiskState, Instance, Resource, Snapshot};
use super::state::Change;
use super::tags::{self, Tag};
use crate::api::error::ServiceError;
use crate::api::instance::{InstanceState, IpAddressType};
use crate::api::parameters::required;
use crate::api::resource::{ResourceType, SnapshotState, SourceKind, Tags};

/// What the instances and disks of one request have in common.
pub(super) struct Creation {
    zone: char,
    ready_at: Timestamp,
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
        let zone = match name.strip_prefix(context.region.as_str()) {
            Some("a") => 'a',
            Some("b") => 'b',
            Some("c") => 'c',
            _ => {
                return Err(ServiceError::invalid_input(format!(
                    "{name} is not an Availability Zone of {}.",
                    context.region
                )));
            }
        };
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
        tags: Tags,
    ) -> Result<Value, ServiceError> {
        let kind = ResourceType::Instance;
        let region = context.region;
        let head = context
            .state
            .head(region, kind, name, Some(self.zone), tags);
        let instance = Instance {
            state: InstanceState::Pending,
            blueprint_id: hardware.blueprint_id.clone(),
            bundle_id: hardware.bundle.id(),
            size_in_gb: hardware.bundle.disk_in_gb(),
            ports: catalog::default_ports(&hardware.blueprint_id),
            public_ip_address: context.state.settings.new_public_ip_address.clone(),
            ip_address_type: hardware.addresses,
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
        tags: Tags,
    ) -> Result<Value, ServiceError> {
        let kind = ResourceType::Disk;
        let region = context.region;
        let head = context
            .state
            .head(region, kind, name, Some(self.zone), tags);
        let disk = Disk {
            state: DiskState::Pending,
            size_in_gb,
            attached_to: attachment.map(|(instance, _)| instance.to_owned()),
            path: attachment.map(|(_, path)| path.to_owned()),
            ..head.into()
        };
        self.add(context, disk.into())
    }

    fn add(&self, context: &mut Context<'_>, new: Resource) -> Result<Value, ServiceError> {
        let name = new.name().to_owned();
        let operation = context.record(Target::of(&new), None, self.ready_at);
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
        _ => Err(ServiceError::refused(
            "OperationFailureException",
            format!("The snapshot is not available: {name}"),
        )),
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
        return invalid("The bundle does not support the platform of the snapshot");
    }
    if !bundle.allows(addresses) {
        return invalid("The bundle does not support the IP address type of the request");
    }
    Ok(bundle)
}

pub(super) fn check_quota(context: &Context<'_>, more: usize) -> Result<(), ServiceError> {
    let instances = context.here().instances().count();
    match context.here().instance_quota {
        Some(quota) if instances + more > quota => Err(ServiceError::invalid_input(format!(
            "Sorry, you've reached your maximum limit of Lightsail Instances : {quota}. \
             Please try again later."
        ))),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiskParameters<'a> {
    disk_name: Option<&'a str>,
    disk_snapshot_name: Option<&'a str>,
    availability_zone: Option<&'a str>,
    size_in_gb: Option<u32>,
    #[serde(borrow)]
    tags: Option<Vec<Tag<'a>>>,
}

/// Creates a disk, which is not attached.
pub(super) fn create_disk_from_snapshot(context: &mut Context<'_>) -> Answer {
    let parameters: DiskParameters<'_> = context.parameters()?;
    let name = required("diskName", parameters.disk_name)?;
    let snapshot_name = required("diskSnapshotName", parameters.disk_snapshot_name)?;
    let creation = Creation::new(context, parameters.availability_zone)?;
    let Some(size_in_gb) = parameters.size_in_gb else {
        return Err(ServiceError::invalid_input("sizeInGb is required."));
    };
    let tags = tags::read_tags(parameters.tags.unwrap_or_default())?;
    let snapshot = find_snapshot(context, SourceKind::Disk, snapshot_name)?;
    if size_in_gb < snapshot.size_in_gb {
        return Err(ServiceError::invalid_input(format!(
            "sizeInGb must be at least {}, the size of the snapshot.",
            snapshot.size_in_gb
        )));
    }
    context.check_free(name)?;
    let operation = creation.disk(context, name, size_in_gb, None, tags)?;
    Ok(json!({ "operations": [operation] }))
}
