//! The world: what Lightsail holds when the emulator starts, as JSON or in code.
//!
//! ```json
//! { "copySeconds": 2, "copyLimit": 20, "regions": { "us-west-2": {
//!     "instances": [ { "name": "WordPress-1", "tags": { "backup": "dr" },
//!                      "autoSnapshots": [ { "date": "today" } ] } ],
//!     "disks": [ { "name": "Data-1" } ],
//!     "instanceSnapshots": [ { "name": "WordPress-1-1569608575",
//!                              "fromInstanceName": "WordPress-1" } ],
//!     "diskSnapshots": [] } } }
//! ```
//!
//! Every Region of Lightsail exists, named or not. An unknown member is an error with its path.

mod parse;
mod snapshot;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::Deserialize;

use crate::api::read;
use crate::api::region::Region;
use crate::service::catalog::DEFAULT_PUBLIC_IP_ADDRESS;
use crate::service::open::{Denial, OpenFacts, RegionAccess};

pub use snapshot::{AttachedDisk, DiskSnapshot, InstanceSnapshot};
pub use source::{AutoSnapshot, AutoSnapshotDate, Source};

/// All resources at the start, and the settings of the service.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct World {
    /// How long a copy is `pending`. In JSON in seconds, fractions allowed. Default 2.
    #[serde(rename = "copySeconds", deserialize_with = "read::seconds")]
    pub copy_time: SignedDuration,
    /// How many copies may be in progress in one destination Region. CopySnapshot refuses more.
    /// Default 20.
    pub copy_limit: usize,
    /// How many items a page of a list has, at least 1. Default 100.
    #[serde(deserialize_with = "read::at_least_one")]
    pub page_size: usize,
    /// How long new instances and disks are pending. In JSON in seconds, fractions allowed.
    /// Default 2.
    #[serde(rename = "startSeconds", deserialize_with = "read::seconds")]
    pub start_time: SignedDuration,
    /// How long a deleted instance or disk remains. In JSON in seconds, fractions allowed.
    /// Default 1.
    #[serde(rename = "deletionSeconds", deserialize_with = "read::seconds")]
    pub deletion_time: SignedDuration,
    /// The public address of new instances. Default 198.51.100.10.
    pub new_public_ip_address: String,
    /// What nobody has published about Lightsail.
    pub open: OpenFacts,
    /// What the caller has no permission for. Default nothing.
    pub denied: Vec<Denial>,
    /// The resources of each Region.
    pub regions: BTreeMap<Region, RegionWorld>,
}

/// The resources of one Region. A name belongs to one resource of the Region, whatever its type.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RegionWorld {
    /// How many instances there may be, whatever their state. Default: no limit.
    pub instance_quota: Option<usize>,
    /// The ids of current bundles that the Region does not offer. Default none.
    pub inactive_bundles: BTreeSet<String>,
    /// Whether the account can use the Region. Default `enabled`, and `noEndpoint` for us-west-1.
    pub access: Option<RegionAccess>,
    /// The letters of the Availability Zones that the account has. Default `abc`.
    pub zones: Option<String>,
    /// The names of static IP addresses.
    pub static_ips: Vec<String>,
    /// The names of key pairs.
    pub key_pairs: Vec<String>,
    /// Instances.
    pub instances: Vec<Source>,
    /// Disks.
    pub disks: Vec<Source>,
    /// Manual snapshots of instances.
    pub instance_snapshots: Vec<InstanceSnapshot>,
    /// Manual snapshots of disks.
    pub disk_snapshots: Vec<DiskSnapshot>,
}

/// An invalid world.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct WorldError {
    /// Where: `regions.us-west-2.instances[0].name`, or `.` for the whole document.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl Default for World {
    fn default() -> Self {
        Self {
            copy_time: SignedDuration::from_secs(2),
            copy_limit: 20,
            page_size: 100,
            start_time: SignedDuration::from_secs(2),
            deletion_time: SignedDuration::from_secs(1),
            new_public_ip_address: DEFAULT_PUBLIC_IP_ADDRESS.to_owned(),
            open: OpenFacts::default(),
            denied: Vec::new(),
            regions: BTreeMap::new(),
        }
    }
}
