//! The JSON of results: the API's members by their names, in the order of its examples.
//!
//! Everything here borrows from the state and is written out at once, which is what keeps a list of hundreds cheap.

use crate::ledger::Record;
use crate::operation::Operation;
use crate::region::Region;
use crate::resource::{
    AUTO_SNAPSHOT_HOUR, AutoSnapshot, AutoSnapshotStatus, ResourceType, Snapshot, SnapshotState,
    Source, Tags,
};
use jiff::{Timestamp, civil::Date};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use std::fmt::Display;

/// Writes a result.
pub(crate) fn json(result: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(result).expect("results have nothing that JSON has not")
}

/// A moment, as the API writes it: seconds since 1970 with milliseconds after the point.
struct Moment(Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.0.as_millisecond() as f64 / 1000.0)
    }
}

/// Text that is put together while it is written.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// Tags, as the API writes them: a list.
struct TagList<'a>(&'a Tags);

#[derive(Serialize)]
struct TagMembers<'a> {
    key: &'a str,
    value: &'a str,
}

impl Serialize for TagList<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|(key, value)| TagMembers { key, value }))
    }
}

/// Where a resource is: an Availability Zone of a Region, or all of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    availability_zone: Text<Zone>,
    region_name: Region,
}

enum Zone {
    All,
    Of(Region, char),
}

impl Display for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Zone::All => f.write_str("all"),
            Zone::Of(region, letter) => write!(f, "{region}{letter}"),
        }
    }
}

impl Location {
    fn of(resource_type: ResourceType, region: Region) -> Self {
        let zone = match resource_type {
            ResourceType::Instance | ResourceType::Disk => Zone::Of(region, 'a'),
            ResourceType::InstanceSnapshot | ResourceType::DiskSnapshot => Zone::All,
        };
        Self {
            availability_zone: Text(zone),
            region_name: region,
        }
    }
}

/// A result with one item: `{"instance": {…}}`.
pub(crate) struct Single<T> {
    pub(crate) name: &'static str,
    pub(crate) item: T,
}

impl<T: Serialize> Serialize for Single<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_entry(self.name, &self.item)?;
        map.end()
    }
}

/// A result with a page of items: `{"instances": […], "nextPageToken": "…"}`.
pub(crate) struct Page<I> {
    pub(crate) list: &'static str,
    pub(crate) items: I,
    pub(crate) next: Option<String>,
}

impl<I> Serialize for Page<I>
where
    I: Iterator + Clone,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry(self.list, &Sequence(&self.items))?;
        if let Some(token) = &self.next {
            map.serialize_entry("nextPageToken", token)?;
        }
        map.end()
    }
}

struct Sequence<'a, I>(&'a I);

impl<I> Serialize for Sequence<'_, I>
where
    I: Iterator + Clone,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut sequence = to.serialize_seq(None)?;
        for item in self.0.clone() {
            sequence.serialize_element(&item)?;
        }
        sequence.end()
    }
}

/// [Operation](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Operation.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationMembers<'a> {
    id: Text<crate::id::Id>,
    resource_name: &'a str,
    resource_type: ResourceType,
    created_at: Moment,
    location: Location,
    is_terminal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_details: Option<&'a str>,
    operation_type: Operation,
    status: &'static str,
    status_changed_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<&'static str>,
}

impl<'a> OperationMembers<'a> {
    /// The operation as it is at a moment.
    pub(crate) fn of(record: &'a Record, region: Region, now: Timestamp) -> Self {
        let status = record.status(now);
        Self {
            id: Text(record.id),
            resource_name: &record.resource_name,
            resource_type: record.resource_type,
            created_at: Moment(record.created_at),
            location: Location::of(record.resource_type, region),
            is_terminal: status.name != "Started",
            operation_details: record.details.as_deref(),
            operation_type: record.operation,
            status: status.name,
            status_changed_at: Moment(status.since),
            error_code: status.error.map(|(code, _)| code),
            error_details: status.error.map(|(_, details)| details),
        }
    }
}

/// GetOperation's result.
#[derive(Serialize)]
pub(crate) struct OperationResult<'a> {
    pub(crate) operation: OperationMembers<'a>,
}

/// The result of an operation that changes something.
#[derive(Serialize)]
pub(crate) struct OperationsResult<'a> {
    operations: [OperationMembers<'a>; 1],
}

impl<'a> OperationsResult<'a> {
    /// The one operation that a change is.
    pub(crate) fn one(record: &'a Record, region: Region, now: Timestamp) -> Self {
        Self {
            operations: [OperationMembers::of(record, region, now)],
        }
    }
}

/// GetOperationsForResource's result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationsPage<'a> {
    pub(crate) operations: Vec<OperationMembers<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_page_token: Option<String>,
}

/// [AddOn](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_AddOn.html): the one that makes
/// automatic snapshots.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddOn {
    name: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_time_of_day: Option<String>,
}

impl AddOn {
    fn of(source: &Source) -> [Self; 1] {
        [Self {
            name: "AutoSnapshot",
            status: if source.makes_auto_snapshots {
                "Enabled"
            } else {
                "Disabled"
            },
            snapshot_time_of_day: source
                .makes_auto_snapshots
                .then(|| format!("{AUTO_SNAPSHOT_HOUR:02}:00")),
        }]
    }
}

/// [Instance](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Instance.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceMembers<'a> {
    name: &'a str,
    arn: &'a str,
    support_code: &'a str,
    created_at: Moment,
    location: Location,
    resource_type: ResourceType,
    tags: TagList<'a>,
    blueprint_id: &'static str,
    blueprint_name: &'static str,
    bundle_id: &'static str,
    add_ons: [AddOn; 1],
    is_static_ip: bool,
    private_ip_address: &'static str,
    public_ip_address: &'static str,
    ipv6_addresses: [&'static str; 0],
    ip_address_type: &'static str,
    hardware: Hardware<'a>,
    networking: Networking,
    state: InstanceState,
    username: &'static str,
    ssh_key_name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hardware<'a> {
    cpu_count: u8,
    disks: [SystemDisk<'a>; 1],
    ram_size_in_gb: f32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SystemDisk<'a> {
    created_at: Moment,
    size_in_gb: u32,
    is_system_disk: bool,
    iops: u32,
    path: &'static str,
    attached_to: &'a str,
    attachment_state: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Networking {
    monthly_transfer: MonthlyTransfer,
    ports: [(); 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MonthlyTransfer {
    gb_per_month_allocated: u32,
}

#[derive(Serialize)]
struct InstanceState {
    code: u8,
    name: &'static str,
}

const BLUEPRINT_ID: &str = "wordpress";
const BUNDLE_ID: &str = "small_3_0";
/// What Lightsail gives a disk per GB.
const IOPS_PER_GB: u32 = 3;
const LEAST_IOPS: u32 = 100;

impl<'a> InstanceMembers<'a> {
    /// An instance of a Region. What the emulator does not model is the same for all: a running WordPress.
    pub(crate) fn of(name: &'a str, source: &'a Source, region: Region) -> Self {
        Self {
            name,
            arn: &source.arn,
            support_code: &source.support_code,
            created_at: Moment(source.created_at),
            location: Location::of(ResourceType::Instance, region),
            resource_type: ResourceType::Instance,
            tags: TagList(&source.tags),
            blueprint_id: BLUEPRINT_ID,
            blueprint_name: "WordPress",
            bundle_id: BUNDLE_ID,
            add_ons: AddOn::of(source),
            is_static_ip: false,
            private_ip_address: "192.0.2.10",
            public_ip_address: "198.51.100.10",
            ipv6_addresses: [],
            ip_address_type: "ipv4",
            hardware: Hardware {
                cpu_count: 2,
                disks: [SystemDisk {
                    created_at: Moment(source.created_at),
                    size_in_gb: source.size_in_gb,
                    is_system_disk: true,
                    iops: iops(source.size_in_gb),
                    path: "/dev/xvda",
                    attached_to: name,
                    attachment_state: "attached",
                }],
                ram_size_in_gb: 2.0,
            },
            networking: Networking {
                monthly_transfer: MonthlyTransfer {
                    gb_per_month_allocated: 3072,
                },
                ports: [],
            },
            state: InstanceState {
                code: 16,
                name: "running",
            },
            username: "bitnami",
            ssh_key_name: "LightsailDefaultKeyPair",
        }
    }
}

fn iops(size_in_gb: u32) -> u32 {
    size_in_gb.saturating_mul(IOPS_PER_GB).max(LEAST_IOPS)
}

/// [Disk](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Disk.html), attached to nothing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiskMembers<'a> {
    name: &'a str,
    arn: &'a str,
    support_code: &'a str,
    created_at: Moment,
    location: Location,
    resource_type: ResourceType,
    tags: TagList<'a>,
    add_ons: [AddOn; 1],
    size_in_gb: u32,
    is_system_disk: bool,
    iops: u32,
    state: &'static str,
    is_attached: bool,
}

impl<'a> DiskMembers<'a> {
    /// A disk of a Region.
    pub(crate) fn of(name: &'a str, source: &'a Source, region: Region) -> Self {
        Self {
            name,
            arn: &source.arn,
            support_code: &source.support_code,
            created_at: Moment(source.created_at),
            location: Location::of(ResourceType::Disk, region),
            resource_type: ResourceType::Disk,
            tags: TagList(&source.tags),
            add_ons: AddOn::of(source),
            size_in_gb: source.size_in_gb,
            is_system_disk: false,
            iops: iops(source.size_in_gb),
            state: "available",
            is_attached: false,
        }
    }
}

/// [InstanceSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_InstanceSnapshot.html). It has
/// no `progress`: the API has that for disks' snapshots only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceSnapshotMembers<'a> {
    name: &'a str,
    arn: &'a str,
    support_code: &'a str,
    created_at: Moment,
    location: Location,
    resource_type: ResourceType,
    tags: TagList<'a>,
    state: &'static str,
    from_attached_disks: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    from_instance_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_instance_arn: Option<&'a str>,
    from_blueprint_id: &'static str,
    from_bundle_id: &'static str,
    is_from_auto_snapshot: bool,
    size_in_gb: u32,
}

impl<'a> InstanceSnapshotMembers<'a> {
    /// A snapshot of an instance as it is at a moment.
    pub(crate) fn of(
        name: &'a str,
        snapshot: &'a Snapshot,
        region: Region,
        now: Timestamp,
    ) -> Self {
        Self {
            name,
            arn: &snapshot.arn,
            support_code: &snapshot.support_code,
            created_at: Moment(snapshot.created_at),
            location: Location::of(ResourceType::InstanceSnapshot, region),
            resource_type: ResourceType::InstanceSnapshot,
            tags: TagList(&snapshot.tags),
            state: match snapshot.state(now) {
                SnapshotState::Pending => "pending",
                SnapshotState::Available => "available",
                SnapshotState::Error => "error",
            },
            from_attached_disks: [],
            from_instance_name: snapshot.origin.name.as_deref(),
            from_instance_arn: snapshot.origin.arn.as_deref(),
            from_blueprint_id: BLUEPRINT_ID,
            from_bundle_id: BUNDLE_ID,
            is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
            size_in_gb: snapshot.size_in_gb,
        }
    }
}

/// [DiskSnapshot](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DiskSnapshot.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiskSnapshotMembers<'a> {
    name: &'a str,
    arn: &'a str,
    support_code: &'a str,
    created_at: Moment,
    location: Location,
    resource_type: ResourceType,
    tags: TagList<'a>,
    size_in_gb: u32,
    state: &'static str,
    progress: Text<Percent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_disk_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_disk_arn: Option<&'a str>,
    is_from_auto_snapshot: bool,
}

struct Percent(u8);

impl Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl<'a> DiskSnapshotMembers<'a> {
    /// A snapshot of a disk as it is at a moment.
    pub(crate) fn of(
        name: &'a str,
        snapshot: &'a Snapshot,
        region: Region,
        now: Timestamp,
    ) -> Self {
        Self {
            name,
            arn: &snapshot.arn,
            support_code: &snapshot.support_code,
            created_at: Moment(snapshot.created_at),
            location: Location::of(ResourceType::DiskSnapshot, region),
            resource_type: ResourceType::DiskSnapshot,
            tags: TagList(&snapshot.tags),
            size_in_gb: snapshot.size_in_gb,
            state: match snapshot.state(now) {
                SnapshotState::Pending => "pending",
                SnapshotState::Available => "completed",
                SnapshotState::Error => "error",
            },
            progress: Text(Percent(snapshot.percent_done(now))),
            from_disk_name: snapshot.origin.name.as_deref(),
            from_disk_arn: snapshot.origin.arn.as_deref(),
            is_from_auto_snapshot: snapshot.is_from_auto_snapshot,
        }
    }
}

/// GetAutoSnapshots' result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AutoSnapshotsResult<'a> {
    pub(crate) resource_name: &'a str,
    pub(crate) resource_type: ResourceType,
    pub(crate) auto_snapshots: Vec<AutoSnapshotMembers>,
}

/// [AutoSnapshotDetails](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_AutoSnapshotDetails.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AutoSnapshotMembers {
    date: Text<Date>,
    created_at: Moment,
    status: AutoSnapshotStatus,
    from_attached_disks: [(); 0],
}

impl AutoSnapshotMembers {
    /// The automatic snapshot of a date.
    pub(crate) fn of(date: Date, snapshot: &AutoSnapshot) -> Self {
        Self {
            date: Text(date),
            created_at: Moment(snapshot.created_at),
            status: snapshot.status,
            from_attached_disks: [],
        }
    }
}

/// GetRegions' result.
#[derive(Serialize)]
pub(crate) struct RegionsResult {
    pub(crate) regions: Vec<RegionMembers>,
}

/// [Region](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Region.html).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegionMembers {
    continent_code: &'static str,
    description: String,
    display_name: &'static str,
    name: Region,
    availability_zones: Vec<ZoneMembers>,
    relational_database_availability_zones: Vec<ZoneMembers>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ZoneMembers {
    zone_name: Text<Zone>,
    state: &'static str,
}

impl RegionMembers {
    /// A Region, with its Availability Zones where they were asked for.
    pub(crate) fn of(region: Region, zones: bool, database_zones: bool) -> Self {
        let all = |asked: bool| {
            let letters = if asked { "abc" } else { "" }.chars();
            let zone = |letter| ZoneMembers {
                zone_name: Text(Zone::Of(region, letter)),
                state: "available",
            };
            letters.map(zone).collect()
        };
        Self {
            continent_code: region.continent_code(),
            description: format!(
                "This region is recommended to serve users near {}",
                region.display_name()
            ),
            display_name: region.display_name(),
            name: region,
            availability_zones: all(zones),
            relational_database_availability_zones: all(database_zones),
        }
    }
}
