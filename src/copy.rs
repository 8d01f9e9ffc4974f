//! One copy: made, looked up where its name is taken or its answer was lost, and never claimed
//! to be there unless what is there is a copy of the same source.

use aws_sdk_lightsail::types::{Operation, OperationStatus};

use crate::lightsail::{Class, Failure, Lightsail, Snapshot, SnapshotState};
use crate::request::{Copy, Source};
use crate::run::Deadline;

/// How a copy or a deletion came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Lightsail accepted it.
    Started,
    /// It is there already, available.
    Exists,
    /// It is there already, still being made.
    Pending,
    /// A dry run: it would be done.
    Planned,
    /// Not in this run of a policy; the next one does it.
    Deferred,
    /// A snapshot was deleted, or was gone already.
    Deleted,
    /// It was not done.
    Failed,
}

impl Outcome {
    /// The outcome's name in answers, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Exists => "exists",
            Self::Pending => "pending",
            Self::Planned => "planned",
            Self::Deferred => "deferred",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
        }
    }
}

/// What became of one copy.
#[derive(Debug)]
pub struct CopyResult {
    /// The copy.
    pub copy: Copy,
    /// How it came out.
    pub outcome: Outcome,
    /// What Lightsail returned.
    pub operations: Vec<Operation>,
    /// Why it failed or was deferred.
    pub error: Option<Failure>,
}

/// Makes one copy.
pub async fn make(lightsail: &Lightsail, copy: Copy, deadline: Deadline) -> CopyResult {
    match lightsail.copy_snapshot(&copy, deadline.copies).await {
        Ok(operations) => started(copy, operations),
        Err(failure) if failure.class == Class::NameTaken => {
            match what_is_there(lightsail, &copy, deadline).await {
                Ok(None) => failed(
                    copy,
                    Failure::found(
                        "NameInUse",
                        format!(
                            "another kind of resource has that name ({})",
                            failure.message
                        ),
                    ),
                ),
                Ok(Some(there)) => taken(copy, there),
                Err(unread) => failed(
                    copy,
                    Failure {
                        message: format!(
                            "the name is in use, and what has it could not be read: {}",
                            unread.message
                        ),
                        ..unread
                    },
                ),
            }
        }
        // The answer was lost or the service failed half-way: the copy may have been started.
        Err(failure) if failure.may_have_happened => {
            match what_is_there(lightsail, &copy, deadline).await {
                Ok(None) | Err(_) => failed(copy, failure),
                Ok(Some(there)) => taken(copy, there),
            }
        }
        Err(failure) => failed(copy, failure),
    }
}

/// What making one copy would come to.
pub async fn look(lightsail: &Lightsail, copy: Copy, deadline: Deadline) -> CopyResult {
    match what_is_there(lightsail, &copy, deadline).await {
        Ok(None) => {}
        Ok(Some(there)) => return taken(copy, there),
        Err(failure) => return failed(copy, failure),
    }
    match lightsail.has_source(&copy, deadline.look_ups).await {
        Ok(true) => CopyResult {
            copy,
            outcome: Outcome::Planned,
            operations: Vec::new(),
            error: None,
        },
        Ok(false) => {
            let message = match &copy.source {
                Source::Manual { snapshot } => {
                    format!("there is no snapshot {snapshot} in {}", copy.source_region)
                }
                Source::Dated { resource, date } => format!(
                    "{resource} in {} has no automatic snapshot of {date} that can be restored",
                    copy.source_region
                ),
                Source::Latest { resource } => format!(
                    "{resource} in {} has no automatic snapshot that can be restored",
                    copy.source_region
                ),
            };
            failed(copy, Failure::found("NotFoundException", message))
        }
        Err(failure) => failed(copy, failure),
    }
}

/// What has the name of a copy in its destination.
enum There {
    /// A copy of the same source.
    Copy(SnapshotState),
    /// Something else; what.
    Other(String),
}

/// Looks up what has a copy's name, if a snapshot has it.
async fn what_is_there(
    lightsail: &Lightsail,
    copy: &Copy,
    deadline: Deadline,
) -> Result<Option<There>, Failure> {
    let found = lightsail
        .find_snapshot(copy.destination, copy.target.as_str(), deadline.look_ups)
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let origin = match &copy.source {
        Source::Manual { snapshot } => {
            // A copy of a manual snapshot names the snapshot's own origin, not the snapshot.
            let source = lightsail
                .find_snapshot(copy.source_region, snapshot, deadline.look_ups)
                .await?;
            match source {
                Some(source) => Origin {
                    region: source
                        .from_region
                        .unwrap_or_else(|| copy.source_region.as_str().to_owned()),
                    name: source.from,
                },
                None => {
                    return Ok(Some(There::Other(format!(
                        "a snapshot of {}; whether it is a copy of {snapshot} cannot be told, because {snapshot} is not in {} any more",
                        described(&found),
                        copy.source_region
                    ))));
                }
            }
        }
        Source::Dated { resource, .. } | Source::Latest { resource } => Origin {
            region: copy.source_region.as_str().to_owned(),
            name: Some(resource.clone()),
        },
    };
    Ok(Some(if origin.matches(&found) {
        There::Copy(found.state)
    } else {
        There::Other(format!("a snapshot of {}", described(&found)))
    }))
}

/// The instance or disk that a snapshot goes back to.
struct Origin {
    region: String,
    name: Option<String>,
}

impl Origin {
    fn matches(&self, snapshot: &Snapshot) -> bool {
        let same_region = match &snapshot.from_region {
            Some(region) => *region == self.region,
            None => true,
        };
        self.name.is_some() && self.name == snapshot.from && same_region
    }
}

/// Where a snapshot comes from, for a person.
fn described(snapshot: &Snapshot) -> String {
    let name = snapshot.from.as_deref().unwrap_or("unknown origin");
    match &snapshot.from_region {
        Some(region) => format!("{name} in {region}"),
        None => name.to_owned(),
    }
}

/// The result of a copy whose call was accepted. Lightsail can say in the same breath that the
/// copy has failed.
fn started(copy: Copy, operations: Vec<Operation>) -> CopyResult {
    let error = operations
        .iter()
        .find(|operation| operation.status == Some(OperationStatus::Failed))
        .map(|operation| {
            Failure::found(
                "CopyErrored",
                format!(
                    "Lightsail took the copy on and says that it failed: {} {}",
                    operation.error_code.as_deref().unwrap_or("no code"),
                    operation.error_details.as_deref().unwrap_or_default()
                ),
            )
        });
    CopyResult {
        copy,
        outcome: if error.is_some() {
            Outcome::Failed
        } else {
            Outcome::Started
        },
        operations,
        error,
    }
}

/// The result of a copy whose name something has.
fn taken(copy: Copy, there: There) -> CopyResult {
    let (outcome, error) = match there {
        There::Copy(SnapshotState::Available) => (Outcome::Exists, None),
        There::Copy(SnapshotState::Pending) => (Outcome::Pending, None),
        There::Copy(SnapshotState::Error) => (
            Outcome::Failed,
            Some(Failure::found(
                "CopyErrored",
                format!(
                    "the copy {} in {} ended in state error; delete it, and copy again",
                    copy.target, copy.destination
                ),
            )),
        ),
        There::Other(what) => (
            Outcome::Failed,
            Some(Failure::found(
                "NameInUse",
                format!("{} in {} is {what}", copy.target, copy.destination),
            )),
        ),
    };
    CopyResult {
        copy,
        outcome,
        operations: Vec::new(),
        error,
    }
}

fn failed(copy: Copy, error: Failure) -> CopyResult {
    CopyResult {
        copy,
        outcome: Outcome::Failed,
        operations: Vec::new(),
        error: Some(error),
    }
}
