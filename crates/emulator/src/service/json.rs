//! The JSON of answers: the API's members under their API names.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::auto_snapshots::{AutoSnapshot, AutoSnapshots};
use super::catalog::{self, Bundle};
use super::ledger::Record;
use super::origin::AttachedDisk;
use super::region::Attachments;
use super::resource::{Disk, DiskState, Instance, Resource, Snapshot, of_any};
use crate::api::instance::{InstanceState, IpAddressType, Port};
use crate::api::region::Region;
use crate::api::resource::{SnapshotState, SourceKind, Tags};

/// A resource: what all have, and what its type has. Members without a value are left out.
pub(super) fn resource(
    resource: &Resource,
    region: Region,
    attachments: &Attachments<'_>,
    now: Timestamp,
) -> Value {
    let mut all = object(match resource {
        Resource::Instance(found) => {
            let disks = attachments.get(&*found.name).into_iter().flatten();
            let disks = disks.map(|disk| self::resource(disk, region, attachments, now));
            instance(found, disks.collect())
        }
        Resource::Disk(found) => disk(found),
        Resource::Snapshot(found) => snapshot(found, now),
        Resource::Other(_) => json!({}),
    });
    let head = of_any!(resource, found => [
        ("name", json!(found.name)),
        ("arn", json!(found.arn)),
        ("supportCode", json!(found.support_code)),
        ("createdAt", time(found.created_at)),
        ("location", location(&found.availability_zone, region)),
        ("resourceType", json!(resource.resource_type())),
        ("tags", tags(&found.tags)),
    ]);
    all.extend(head.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(all)
}

fn object(members: Value) -> Map<String, Value> {
    let Value::Object(mut members) = members else {
        unreachable!("members are an object");
    };
    members.retain(|_, value| !value.is_null());
    members
}

/// Seconds since 1970, with milliseconds as the fraction.
fn time(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}

fn location(zone: &str, region: Region) -> Value {
    json!({ "availabilityZone": zone, "regionName": region })
}

pub(crate) fn tags(tags: &Tags) -> Value {
    let tags = tags.iter().map(|(key, value)| match value.as_str() {
        // Without one, as Lightsail does.
        "" => json!({ "key": key }),
        value => json!({ "key": key, "value": value }),
    });
    tags.collect()
}

fn instance(instance: &Instance, attached_disks: Vec<Value>) -> Value {
    let is_running = instance.state == InstanceState::Running;
    let addresses = instance.ip_address_type;
    let ipv6_addresses = match addresses {
        IpAddressType::Ipv4 => vec![],
        IpAddressType::Dualstack | IpAddressType::Ipv6 => vec!["2001:db8::10"],
    };
    let bundle = Bundle::parse(&instance.bundle_id);
    let ports = instance.ports.iter().map(|port| {
        let mut members = object(port_state(port));
        members.remove("state");
        members.extend(object(json!({
            "accessFrom": if port.is_open() { "Anywhere (0.0.0.0/0)" } else { "Custom" },
            "accessType": "public",
            "commonName": "",
            "accessDirection": "inbound",
        })));
        Value::Object(members)
    });
    json!({
        "blueprintId": instance.blueprint_id,
        "blueprintName": catalog::blueprint_name(&instance.blueprint_id),
        "bundleId": instance.bundle_id,
        "addOns": add_ons(&instance.auto_snapshots, catalog::is_windows(&instance.blueprint_id)),
        "isStaticIp": false,
        "privateIpAddress": "192.0.2.10",
        "publicIpAddress": (is_running && addresses != IpAddressType::Ipv6)
            .then_some(&instance.public_ip_address),
        "ipv6Addresses": ipv6_addresses,
        "ipAddressType": addresses,
        "hardware": {
            "cpuCount": bundle.map(|bundle| bundle.cpu_count()),
            "disks": std::iter::once(system_disk(instance)).chain(attached_disks).collect::<Vec<_>>(),
            "ramSizeInGb": bundle.map(|bundle| bundle.size.ram_in_gb),
        },
        "networking": {
            "monthlyTransfer": {
                "gbPerMonthAllocated": bundle.map(|bundle| bundle.size.transfer_in_gb),
            },
            "ports": ports.collect::<Vec<_>>(),
        },
        "state": instance_state(instance.state),
        "username": catalog::username(&instance.blueprint_id),
        "sshKeyName": "LightsailDefaultKeyPair",
    })
}

fn system_disk(instance: &Instance) -> Value {
    json!({
        "createdAt": time(instance.created_at),
        "sizeInGb": instance.size_in_gb,
        "isSystemDisk": true,
        "iops": catalog::iops(instance.size_in_gb),
        "path": "/dev/xvda",
        "attachedTo": instance.name,
        "attachmentState": "attached",
    })
}

pub(super) fn instance_state(state: InstanceState) -> Value {
    json!({ "code": state.code(), "name": state })
}

/// A firewall rule, as GetInstancePortStates describes it.
pub(super) fn port_state(port: &Port) -> Value {
    json!({
        "fromPort": port.from_port,
        "toPort": port.to_port,
        "protocol": port.protocol,
        "state": "open",
        "cidrs": port.cidrs,
        "ipv6Cidrs": port.ipv6_cidrs,
        "cidrListAliases": port.cidr_list_aliases,
    })
}

fn disk(disk: &Disk) -> Value {
    let is_attached = disk.attached_to.is_some();
    json!({
        "addOns": add_ons(&disk.auto_snapshots, false),
        "sizeInGb": disk.size_in_gb,
        "isSystemDisk": disk.is_system_disk,
        "iops": catalog::iops(disk.size_in_gb),
        "path": disk.path,
        "state": match disk.state {
            DiskState::Pending => "pending",
            _ if is_attached => "in-use",
            DiskState::Available | DiskState::Deleting => "available",
        },
        "attachedTo": disk.attached_to,
        "isAttached": is_attached,
        "attachmentState": if is_attached { "attached" } else { "detached" },
    })
}

/// The AutoSnapshot add-on. Windows instances cannot have it.
fn add_ons(auto_snapshots: &AutoSnapshots, is_windows: bool) -> Value {
    if is_windows {
        return json!([]);
    }
    let mut add_on = json!({ "name": "AutoSnapshot", "status": "Disabled" });
    if auto_snapshots.enabled {
        add_on["status"] = json!("Enabled");
        add_on["snapshotTimeOfDay"] = json!(auto_snapshots.time_of_day());
    }
    json!([add_on])
}

fn snapshot(snapshot: &Snapshot, now: Timestamp) -> Value {
    let from = &snapshot.from;
    let state = match (snapshot.state, snapshot.kind) {
        (SnapshotState::Pending, _) => "pending",
        (SnapshotState::Available, SourceKind::Instance) => "available",
        (SnapshotState::Available, SourceKind::Disk) => "completed",
        (SnapshotState::Error, _) => "error",
        (SnapshotState::Unknown, _) => "unknown",
    };
    match snapshot.kind {
        SourceKind::Instance => json!({
            "state": state,
            "fromAttachedDisks": from.attached_disks.iter()
                .map(|disk| snapshot_disk(disk, from.name.as_deref()))
                .collect::<Vec<_>>(),
            "fromInstanceName": from.name,
            "fromInstanceArn": from.arn,
            "fromBlueprintId": from.blueprint_id,
            "fromBundleId": from.bundle_id,
            "isFromAutoSnapshot": from.is_auto_snapshot,
            "sizeInGb": snapshot.size_in_gb,
        }),
        SourceKind::Disk => json!({
            "state": state,
            "progress": format!("{}%", snapshot.percent_done(now)),
            "fromDiskName": from.name,
            "fromDiskArn": from.arn,
            "isFromAutoSnapshot": from.is_auto_snapshot,
            "sizeInGb": snapshot.size_in_gb,
        }),
    }
}

/// The members that a Disk has in an instance snapshot.
fn snapshot_disk(disk: &AttachedDisk, instance: Option<&str>) -> Value {
    Value::Object(object(json!({
        "name": disk.name,
        "sizeInGb": disk.size_in_gb,
        "isSystemDisk": false,
        "iops": catalog::iops(disk.size_in_gb),
        "path": disk.path,
        "attachedTo": instance,
        "isAttached": true,
    })))
}

pub(super) fn auto_snapshot(date: Date, snapshot: &AutoSnapshot) -> Value {
    let disks = snapshot.attached_disks.iter();
    json!({
        "date": date.to_string(),
        "createdAt": time(snapshot.created_at),
        "status": snapshot.status,
        "fromAttachedDisks": disks
            .map(|disk| json!({ "path": disk.path, "sizeInGb": disk.size_in_gb }))
            .collect::<Vec<_>>(),
    })
}

pub(super) fn operation(record: &Record, region: Region, now: Timestamp) -> Value {
    let is_terminal = now >= record.ends_at;
    let error = record.error.as_ref().filter(|_| is_terminal);
    let (status, changed_at) = match (is_terminal, error) {
        (false, _) => ("Started", record.created_at),
        (true, None) => ("Succeeded", record.ends_at),
        (true, Some(_)) => ("Failed", record.ends_at),
    };
    Value::Object(object(json!({
        "id": record.id.to_string(),
        "resourceName": record.resource_name,
        "resourceType": record.resource_type,
        "createdAt": time(record.created_at),
        "location": location(&record.availability_zone, region),
        "isTerminal": is_terminal,
        "operationDetails": record.details,
        "operationType": record.operation_type,
        "status": status,
        "statusChangedAt": time(changed_at),
        "errorCode": error.map(|error| &error.code),
        "errorDetails": error.map(|error| &error.details),
    })))
}

pub(super) fn bundle(bundle: &Bundle, is_active: bool) -> Value {
    json!({
        "price": bundle.price(),
        "cpuCount": bundle.cpu_count(),
        "diskSizeInGb": bundle.disk_in_gb(),
        "bundleId": bundle.id(),
        "instanceType": bundle.size.id,
        "isActive": is_active,
        "name": bundle.size.name,
        "power": bundle.size.power,
        "ramSizeInGb": bundle.size.ram_in_gb,
        "transferPerMonthInGb": bundle.size.transfer_in_gb,
        "supportedPlatforms": [if bundle.is_windows { "WINDOWS" } else { "LINUX_UNIX" }],
        "supportedAppCategories": [],
        "publicIpv4AddressCount": u8::from(!bundle.is_ipv6_only),
    })
}

/// A Region, with the Availability Zones of these letters.
pub(super) fn region(region: Region, zones: &str, database_zones: &str) -> Value {
    let list = |letters: &str| -> Value {
        let zone = |letter| format!("{region}{letter}");
        letters
            .chars()
            .map(|letter| json!({ "zoneName": zone(letter), "state": "available" }))
            .collect()
    };
    json!({
        "continentCode": region.continent_code(),
        "description": format!("This region is recommended to serve users near {}", region.display_name()),
        "displayName": region.display_name(),
        "name": region,
        "availabilityZones": list(zones),
        "relationalDatabaseAvailabilityZones": list(database_zones),
    })
}
