//! How copies and deletions end.

use serde::Serialize;
use strum::IntoStaticStr;

use super::check::CheckResult;
use crate::model::copy::SnapshotCopy;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::operation::Operation;
use crate::model::region::Region;
use crate::model::resource::ResourceId;
use crate::model::verdict::Verdict;
use crate::plan::{Coverage, ExistingCopy, IgnoredCopy};

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

/// The result of one copy.
#[derive(Debug)]
pub struct CopyResult {
    /// The copy.
    pub copy: SnapshotCopy,
    /// How it ended.
    pub outcome: Outcome,
    /// What Lightsail returned.
    pub operations: Vec<Operation>,
    /// Why it failed or was deferred.
    pub error: Option<ApiError>,
}

impl CopyResult {
    /// A result without Operations.
    pub fn new(copy: SnapshotCopy, outcome: Outcome) -> Self {
        Self {
            copy,
            outcome,
            operations: Vec::new(),
            error: None,
        }
    }

    /// A failed copy.
    pub fn failed(copy: SnapshotCopy, error: ApiError) -> Self {
        Self {
            copy,
            outcome: Outcome::Failed,
            operations: error.operations.clone(),
            error: Some(error),
        }
    }
}

/// The result of one deletion.
#[derive(Debug)]
pub struct DeletionResult {
    /// The snapshot's Region.
    pub region: Region,
    /// The snapshot.
    pub copy: ExistingCopy,
    /// How it ended.
    pub outcome: Outcome,
    /// What Lightsail returned.
    pub operations: Vec<Operation>,
    /// Why it failed or was deferred.
    pub error: Option<ApiError>,
}

/// A Region that could not be read, or one source in it.
#[derive(Debug)]
pub struct ReadFailure {
    /// The Region.
    pub region: Region,
    /// The API operation that failed.
    pub operation: &'static str,
    /// The source that was queried, if it was one.
    pub source: Option<String>,
    /// Why it failed.
    pub error: ApiError,
}

/// A copy that could not be tagged.
#[derive(Debug)]
pub struct TagFailure {
    /// The copy's Region.
    pub region: Region,
    /// The copy's name.
    pub name: String,
    /// Why.
    pub error: ApiError,
}

impl TagFailure {
    /// Whether every later run would fail too. A copy that is gone needs no tags.
    pub fn is_final(&self) -> bool {
        !self.error.retryable() && self.error.kind != ErrorKind::NotFound
    }
}

/// How the step of a drill ends that a run takes.
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
#[derive(Debug)]
pub struct DrillResult {
    /// The instance whose copy is restored.
    pub source: ResourceId,
    /// The copy's Region.
    pub destination: Region,
    /// The copy's name. `None` if it is not known.
    pub snapshot: Option<String>,
    /// The name of the drill instance.
    pub instance: String,
    /// How the step ended.
    pub outcome: DrillOutcome,
    /// From the creation of the instance to this run, if it was checked or a verdict was due.
    pub minutes: Option<u64>,
    /// The last round of checks.
    pub checks: Vec<CheckResult>,
    /// The verdict, if it was recorded.
    pub verdict: Option<Verdict>,
    /// Why the drill failed, does not start or does not go on.
    pub error: Option<ApiError>,
}

/// Something that a run did or found, reported when it happens.
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// A copy ended.
    Copy(&'a CopyResult),
    /// A deletion ended.
    Deletion(&'a DeletionResult),
    /// A Region could not be read.
    ReadFailed(&'a ReadFailure),
    /// A rule of the policy selects nothing.
    RuleSelectsNothing {
        /// Its path: `sources[0]`.
        rule: &'a str,
    },
    /// The coverage of a source.
    Coverage(&'a Coverage),
    /// A copy could not be tagged.
    TagFailed(&'a TagFailure),
    /// A copy does not count.
    CopyIgnored(&'a IgnoredCopy),
    /// A drill took a step.
    Drill(&'a DrillResult),
}

/// What a run did and found.
#[derive(Debug, Default)]
pub struct RunResults {
    /// What could not be read.
    pub read_failures: Vec<ReadFailure>,
    /// The coverage of each selected instance and disk.
    pub coverage: Vec<Coverage>,
    /// The result of each copy that the policy wants.
    pub copies: Vec<CopyResult>,
    /// The result of each deletion.
    pub deletions: Vec<DeletionResult>,
    /// The copies that could not be tagged.
    pub tag_failures: Vec<TagFailure>,
    /// The paths of the rules in the policy that select nothing.
    pub rules_selecting_nothing: Vec<String>,
    /// The drills. `None` if the policy has none.
    pub drills: Option<Vec<DrillResult>>,
    /// The number of drill instances that the run found or started.
    pub drill_instances: usize,
}
