//! One call of CopySnapshot.

use jiff::Timestamp;
use jiff::civil::Date;

use super::region::Region;
use super::snapshot_name::SnapshotName;

/// What [CopySnapshot] copies.
///
/// [CopySnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CopySource {
    /// A manual snapshot.
    Manual {
        /// `sourceSnapshotName`.
        snapshot: String,
    },
    /// The automatic snapshot of one day.
    Dated {
        /// `sourceResourceName`: an instance or disk.
        resource: String,
        /// `restoreDate`.
        date: Date,
    },
    /// The latest restorable automatic snapshot.
    Latest {
        /// `sourceResourceName`: an instance or disk.
        resource: String,
    },
}

impl CopySource {
    /// The name of the instance, disk or manual snapshot.
    pub fn name(&self) -> &str {
        match self {
            Self::Manual { snapshot } => snapshot,
            Self::Dated { resource, .. } | Self::Latest { resource } => resource,
        }
    }
}

/// One call of CopySnapshot: a source, a destination and the copy's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotCopy {
    /// `sourceRegion`.
    pub source_region: Region,
    /// What is copied.
    pub source: CopySource,
    /// The Region that receives the call and the copy.
    pub destination: Region,
    /// `targetSnapshotName`.
    pub target: SnapshotName,
    /// Where that name comes from.
    pub name_origin: NameOrigin,
}

/// Where a copy's name comes from. It decides which snapshot of that name counts as the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOrigin {
    /// This function generated it. Another source, date or event has another name.
    Generated,
    /// `targetSnapshotName` of a request. A later event may reuse it.
    Requested {
        /// The event's time.
        event_time: Timestamp,
    },
}
