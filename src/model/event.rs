//! What a run does and finds. Answer, function error, log lines and metrics are folds over a list of
//! these events.

use std::fmt;

use jiff::civil::Date;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_with::skip_serializing_none;
use strum::{EnumTryAs, IntoStaticStr};

use super::Excerpt;
use super::copy::SnapshotCopy;
use super::coverage::Coverage;
use super::drill::Check;
use super::failure::{ApiError, ErrorKind};
use super::operation::Operation;
use super::region::Region;
use super::resource::ResourceId;
use super::storage::{Storage, Transfer};
use super::verdict::Verdict;

/// Something that happened in a run. Its JSON has the keys of the answer; a log line has the same
/// keys, with operations and errors flattened.
#[derive(Debug, Clone, Serialize, EnumTryAs)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A copy that an event or the policy asks for.
    CopyResult(CopyResult),
    /// A deletion that the policy asks for.
    DeleteResult(DeletionResult),
    /// The step of a drill that this run took.
    DrillResult(DrillResult),
    /// The drill instances in a destination after this run. Only of policies with drills.
    DrillInstances(DrillInstances),
    /// How well a source is covered in a destination.
    Coverage(Coverage),
    /// What the copies in a destination hold. Only of dry runs.
    Storage(DestinationStorage),
    /// A copy could not be tagged.
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

/// How a copy or a deletion ends.
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
    /// It was not done.
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
            | ErrorKind::NoTime => Self::Deferred,
            _ => Self::Failed,
        }
    }
}

/// The result of one copy.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
pub struct CopyResult {
    #[serde(flatten)]
    pub copy: SnapshotCopy,
    pub outcome: Outcome,
    /// What Lightsail returned.
    pub operations: Vec<Operation>,
    /// Why it failed or was deferred.
    pub error: Option<ApiError>,
    /// The copy's place in its event. The answer has the copies in this order.
    #[serde(skip)]
    pub position: usize,
}

impl CopyResult {
    /// A result without Operations.
    pub fn new(copy: SnapshotCopy, outcome: Outcome) -> Self {
        Self {
            copy,
            outcome,
            operations: Vec::new(),
            error: None,
            position: 0,
        }
    }

    /// A failed copy.
    pub fn failed(copy: SnapshotCopy, error: ApiError) -> Self {
        Self {
            operations: error.details.operations.clone(),
            error: Some(error),
            ..Self::new(copy, Outcome::Failed)
        }
    }
}

/// The result of one deletion.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
pub struct DeletionResult {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    /// What the deleted snapshot is a copy of.
    #[serde(flatten)]
    pub source: ResourceId,
    /// The date of its recovery point.
    #[serde(rename = "restoreDate")]
    pub date: Date,
    #[serde(rename = "targetSnapshotName")]
    pub name: String,
    pub outcome: Outcome,
    /// What Lightsail returned.
    pub operations: Vec<Operation>,
    /// Why it failed or was deferred.
    pub error: Option<ApiError>,
}

/// A Region that could not be read, or one source in it.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
pub struct ReadFailure {
    pub region: Region,
    /// The API operation that failed.
    pub operation: &'static str,
    /// The source that was queried, if it was one.
    #[serde(rename = "sourceResourceName")]
    pub source: Option<String>,
    pub error: ApiError,
}

/// A copy that could not be tagged.
#[derive(Debug, Clone, Serialize)]
pub struct TagFailure {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    #[serde(rename = "targetSnapshotName")]
    pub name: String,
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
    pub name: String,
    pub reason: &'static str,
}

/// A copy that does not count, because something about it is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IgnoredCopy {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    #[serde(rename = "targetSnapshotName")]
    pub name: String,
    /// What is wrong.
    pub reason: String,
}

/// A rule that selects nothing.
#[derive(Debug, Clone, Serialize)]
pub struct IdleRule {
    /// Its path in the policy: `sources[0]`.
    pub rule: String,
}

/// How this run's step of a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum DrillOutcome {
    /// Lightsail accepted the instance.
    Started,
    /// A later run takes the next step.
    Waiting,
    /// The instance passed all checks.
    Passed,
    /// It did not in time, or a person is needed.
    Failed,
    /// The drill could not prove anything.
    Inconclusive,
    /// The copy contains attached disks.
    NotDrillable,
    /// A dry run: it would be started, or its instance deleted.
    Planned,
}

/// The step of a drill that a run took.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
pub struct DrillResult {
    /// The instance whose copy is restored.
    #[serde(flatten)]
    pub source: ResourceId,
    #[serde(rename = "destinationRegion")]
    pub destination: Region,
    /// The copy's name. `None` if it is not known.
    #[serde(rename = "snapshotName")]
    pub snapshot: Option<String>,
    /// The name of the drill instance.
    #[serde(rename = "instanceName")]
    pub instance: String,
    pub outcome: DrillOutcome,
    /// From the creation of the instance to this run, if it was checked or a verdict was due.
    pub minutes: Option<u64>,
    /// The last round of checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// The verdict, if it was recorded.
    #[serde(skip)]
    pub verdict: Option<Verdict>,
    /// Why the drill failed, does not start or does not go on.
    pub error: Option<ApiError>,
}

/// A check of a restored instance, and whether it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// What the instance had to answer.
    pub check: Check,
    /// What was wrong. `None`: the check passed.
    pub error: Option<String>,
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.check {
            Check::Port(port) => write!(f, "port {port}")?,
            Check::Http(check) => write!(f, "{}", Excerpt(&check.url))?,
        }
        write!(f, ": {}", self.error.as_deref().unwrap_or("passed"))
    }
}

impl Serialize for CheckResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.check {
            Check::Port(port) => map.serialize_entry("port", port)?,
            Check::Http(check) => map.serialize_entry("url", &Excerpt(&check.url).to_string())?,
        }
        map.serialize_entry("passed", &self.error.is_none())?;
        if let Some(message) = &self.error {
            map.serialize_entry("message", message)?;
        }
        map.end()
    }
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

/// The number of drill instances in a destination.
#[derive(Debug, Clone, Serialize)]
pub struct DrillInstances {
    #[serde(rename = "destinationRegion")]
    pub region: Region,
    /// Those that the run found or started.
    pub instances: usize,
}
