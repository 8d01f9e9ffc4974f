//! What a run does and finds. Answer, function error, log lines and metrics are folds over a list of
//! these events.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;
use serde_with::skip_serializing_none;
use strum::{EnumTryAs, IntoStaticStr};

use super::copy::SnapshotCopy;
use super::coverage::Coverage;
use super::drill::DrillResult;
use super::failure::{ApiError, ErrorKind};
use super::operation::Operation;
use super::region::Region;
use super::resource::ResourceId;
use super::snapshot_name::SnapshotName;

/// Something that happened in a run. Its JSON has the keys of the answer; a log line has the same
/// keys, with operations and errors flattened.
#[derive(Debug, Clone, Serialize, EnumTryAs)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A copy that an event or the policy asks for.
    CopyResult(CopyResult),
    DeleteResult(DeletionResult),
    /// The step of a drill that this run took.
    DrillResult(Box<DrillResult>),
    /// The drill instances in a destination after this run. Only of policies with drills.
    DrillInstances(DrillInstances),
    /// How well a source is covered in a destination.
    Coverage(Coverage),
    /// What the copies in a destination hold. Only of dry runs.
    Storage(DestinationStorage),
    TagFailed(TagFailure),
    /// A firewall has too many rules for the tags of a copy.
    FirewallNotStored(FirewallNotStored),
    /// A Region, or one source in it, could not be read.
    RegionUnread(ReadFailure),
    /// A copy does not count, because something about it is wrong.
    CopyIgnored(IgnoredCopy),
    /// A rule of the policy selects nothing. Probably a name or tag is misspelt.
    SelectsNothing(IdleRule),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum Outcome {
    /// Lightsail accepted the copy.
    Started,
    /// The copy exists and is available.
    Exists,
    /// The copy exists and is in progress.
    Pending,
    /// A dry run: it would be done.
    Planned,
    /// A policy run leaves it to the next one.
    Deferred,
    /// The snapshot was deleted, or was gone already.
    Deleted,
    Failed,
}

impl Outcome {
    /// How a copy or deletion of a policy run ends after this error: it waits for the next run, or it
    /// needs a person.
    pub fn in_policy_run(error: &ApiError) -> Self {
        match error.kind {
            // The source or recovery point disappeared during the run.
            ErrorKind::NotFound
            | ErrorKind::TooManyCopies
            | ErrorKind::Throttled
            | ErrorKind::TimedOut
            | ErrorKind::NoTime => Self::Deferred,
            _ => Self::Failed,
        }
    }
}

#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
pub struct CopyResult {
    #[serde(flatten)]
    pub copy: SnapshotCopy,
    pub outcome: Outcome,
    pub operations: Vec<Operation>,
    pub error: Option<Box<ApiError>>,
    /// The copy's place in its event. The answer has the copies in this order.
    #[serde(skip)]
    pub position: usize,
}

impl CopyResult {
    pub fn new(copy: SnapshotCopy, outcome: Outcome) -> Self {
        Self {
            copy,
            outcome,
            operations: Vec::new(),
            error: None,
            position: 0,
        }
    }

    pub fn failed(copy: SnapshotCopy, error: ApiError) -> Self {
        Self {
            operations: error.details.operations.clone(),
            error: Some(Box::new(error)),
            ..Self::new(copy, Outcome::Failed)
        }
    }
}

#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
pub struct DeletionResult {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    #[serde(flatten)]
    pub source: ResourceId,
    #[serde(rename = "restoreDate")]
    pub date: Date,
    #[serde(rename = "targetSnapshotName")]
    pub name: SnapshotName,
    pub outcome: Outcome,
    pub operations: Vec<Operation>,
    pub error: Option<Box<ApiError>>,
}

/// A Region that could not be read, or one source in it.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
pub struct ReadFailure {
    pub region: Region,
    pub operation: &'static str,
    /// The source that was queried, if it was one.
    #[serde(rename = "sourceResourceName")]
    pub source: Option<Arc<str>>,
    pub error: ApiError,
}

#[derive(Debug, Clone, Serialize)]
pub struct TagFailure {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    #[serde(rename = "targetSnapshotName")]
    pub name: SnapshotName,
    pub error: ApiError,
    /// Whether a person has to act. Otherwise a later run may set the tag.
    #[serde(skip)]
    pub is_failure: bool,
}

/// A copy without the firewall of its instance, because that has too many rules.
#[derive(Debug, Clone, Serialize)]
pub struct FirewallNotStored {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    #[serde(rename = "targetSnapshotName")]
    pub name: SnapshotName,
    pub reason: &'static str,
}

/// A copy that does not count, because something about it is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IgnoredCopy {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    #[serde(rename = "targetSnapshotName")]
    pub name: SnapshotName,
    pub reason: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct IdleRule {
    /// Its path in the policy: `sources[0]`.
    pub rule: String,
}

/// The number of some copies, and the bounds of what they hold. Lightsail bills only what changed
/// between the copies of a source, which it does not report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Size {
    pub copies: usize,
    /// The newest copy of each source, in gigabytes.
    pub at_least_gb: u64,
    /// All copies in full, in gigabytes.
    pub at_most_gb: u64,
}

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

/// What the copies in a destination hold, and what a dry run would add.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationStorage {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    #[serde(flatten)]
    pub storage: Storage,
    #[serde(skip)]
    pub transfer: Transfer,
}

#[derive(Debug, Clone, Serialize)]
pub struct DrillInstances {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    /// Those that the run found or started.
    pub instances: usize,
}
