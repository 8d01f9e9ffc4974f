//! Instances and disks.

use jiff::Timestamp;

use crate::api::instance::{InstanceState, Port};
use crate::api::members::{
    AddOn, Disk, Hardware, HardwareDisk, Instance, InstanceStateInfo, Location, MonthlyTransfer,
    Networking, PortInfo, PortState, SystemDisk, TagList, Time,
};
use crate::api::region::Region;
use crate::api::resource::ResourceType;
use crate::service::catalog::{self, iops};
use crate::service::source::{self, AUTO_SNAPSHOT_HOUR, Source};
use crate::service::state::RegionState;

/// An instance.
pub(in crate::service) fn instance<'a>(
    name: &'a str,
    source: &'a Source,
    detail: &'a source::Instance,
    region: Region,
    resources: &'a RegionState,
    now: Timestamp,
) -> Instance<'a> {
    let state = source.instance_state(detail, now);
    let is_running = state == InstanceState::Running;
    Instance {
        name,
        arn: &source.arn,
        support_code: &source.support_code,
        created_at: Time(source.created_at),
        location: Location::in_zone(region, source.zone),
        resource_type: ResourceType::Instance,
        tags: TagList(&source.tags),
        blueprint_id: &detail.blueprint_id,
        blueprint_name: catalog::blueprint_name(&detail.blueprint_id),
        bundle_id: detail.bundle.id,
        add_ons: add_ons(source),
        is_static_ip: false,
        private_ip_address: "192.0.2.10",
        public_ip_address: is_running.then_some(&*detail.public_ip_address),
        ipv6_addresses: [],
        ip_address_type: "ipv4",
        hardware: hardware(name, source, detail, region, resources, now),
        networking: Networking {
            monthly_transfer: MonthlyTransfer {
                gb_per_month_allocated: detail.bundle.transfer_in_gb,
            },
            ports: detail.ports.iter().map(port).collect(),
        },
        state: instance_state(state),
        username: catalog::username(&detail.blueprint_id),
        ssh_key_name: "LightsailDefaultKeyPair",
    }
}

fn hardware<'a>(
    name: &'a str,
    source: &Source,
    detail: &source::Instance,
    region: Region,
    resources: &'a RegionState,
    now: Timestamp,
) -> Hardware<'a> {
    let mut disks = vec![HardwareDisk::System(SystemDisk {
        created_at: Time(source.created_at),
        size_in_gb: source.size_in_gb,
        is_system_disk: true,
        iops: iops(source.size_in_gb),
        path: "/dev/xvda",
        attached_to: name,
        attachment_state: "attached",
    })];
    let attached = resources.disks_attached_to(name);
    disks.extend(attached.map(|(name, source, detail)| {
        HardwareDisk::Attached(disk(name, source, detail, region, now))
    }));
    Hardware {
        cpu_count: detail.bundle.cpu_count,
        disks,
        ram_size_in_gb: detail.bundle.ram_in_gb,
    }
}

/// The state of an instance.
pub(in crate::service) fn instance_state(state: InstanceState) -> InstanceStateInfo {
    InstanceStateInfo {
        code: state.code(),
        name: state,
    }
}

/// A firewall rule, as GetInstancePortStates describes it.
pub(in crate::service) fn port_state(port: &Port) -> PortState<'_> {
    PortState {
        from_port: port.from_port,
        to_port: port.to_port,
        protocol: port.protocol,
        state: "open",
        cidrs: &port.cidrs,
        ipv6_cidrs: &port.ipv6_cidrs,
        cidr_list_aliases: &port.cidr_list_aliases,
    }
}

fn port(port: &Port) -> PortInfo<'_> {
    PortInfo {
        from_port: port.from_port,
        to_port: port.to_port,
        protocol: port.protocol,
        access_from: if port.is_open() {
            "Anywhere (0.0.0.0/0)"
        } else {
            "Custom"
        },
        access_type: "public",
        common_name: "",
        access_direction: "inbound",
        cidrs: &port.cidrs,
        ipv6_cidrs: &port.ipv6_cidrs,
        cidr_list_aliases: &port.cidr_list_aliases,
    }
}

/// A disk.
pub(in crate::service) fn disk<'a>(
    name: &'a str,
    source: &'a Source,
    detail: &'a source::Disk,
    region: Region,
    now: Timestamp,
) -> Disk<'a> {
    let attachment = detail.attachment.as_ref();
    Disk {
        name,
        arn: &source.arn,
        support_code: &source.support_code,
        created_at: Time(source.created_at),
        location: Location::in_zone(region, source.zone),
        resource_type: ResourceType::Disk,
        tags: TagList(&source.tags),
        add_ons: add_ons(source),
        size_in_gb: source.size_in_gb,
        is_system_disk: detail.is_system_disk,
        iops: iops(source.size_in_gb),
        path: attachment.map(|attachment| &*attachment.path),
        state: match attachment {
            _ if now < source.ready_at => "pending",
            Some(_) => "in-use",
            None => "available",
        },
        attached_to: attachment.map(|attachment| &*attachment.instance),
        is_attached: attachment.is_some(),
        attachment_state: match attachment {
            Some(_) => "attached",
            None => "detached",
        },
    }
}

/// The AutoSnapshot add-on, if the resource can have it.
fn add_ons(source: &Source) -> Vec<AddOn> {
    if source.is_windows() {
        return Vec::new();
    }
    let enabled = source.makes_auto_snapshots;
    vec![AddOn {
        name: "AutoSnapshot",
        status: if enabled { "Enabled" } else { "Disabled" },
        snapshot_time_of_day: enabled.then(|| format!("{AUTO_SNAPSHOT_HOUR:02}:00")),
    }]
}
