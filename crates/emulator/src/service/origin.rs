//! Where manual snapshots come from, and the disks in them.

use crate::api::region::Region;

/// Where a manual snapshot comes from. A copy has the origin of what was copied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The name of the instance or disk.
    pub name: Option<String>,
    pub arn: Option<String>,
    /// Empty for a disk.
    pub blueprint_id: String,
    /// Empty for a disk.
    pub bundle_id: String,
    /// The attached disks that the snapshot contains.
    pub attached_disks: Vec<AttachedDisk>,
    pub is_auto_snapshot: bool,
}

/// A disk in a snapshot of the instance that it was attached to.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachedDisk {
    pub name: String,
    pub path: String,
    pub size_in_gb: u32,
}

impl Origin {
    /// Whether the snapshot contains a disk of this name.
    pub fn has_disk(&self, name: &str) -> bool {
        self.attached_disks.iter().any(|disk| disk.name == name)
    }

    /// The same origin with another Region in its ARN.
    pub(crate) fn in_region(self, region: Region) -> Self {
        let arn = self.arn.map(|arn| {
            let mut parts: Vec<_> = arn.split(':').collect();
            if let Some(part) = parts.get_mut(3) {
                *part = region.as_str();
            }
            parts.join(":")
        });
        Self { arn, ..self }
    }
}
