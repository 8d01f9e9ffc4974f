//! How much copies hold. Lightsail bills only what changed between the copies of a source, which it does
//! not report, so sizes are bounds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::resource::ResourceId;

/// The number of some copies, and the bounds of what they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Size {
    pub copies: usize,
    /// The newest copy of each source, in gigabytes.
    pub at_least_gb: u64,
    /// All copies in full, in gigabytes.
    pub at_most_gb: u64,
}

/// What the available copies in a destination hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Storage {
    #[serde(flatten)]
    pub total: Size,
    /// The instances and disks that do not exist any more.
    #[serde(skip)]
    pub gone: BTreeMap<ResourceId, Size>,
}

/// What the copies that a dry run plans in a destination hold at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Transfer {
    pub copies: usize,
    pub gigabytes: u64,
}
