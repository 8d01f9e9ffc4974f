//! Carries copies out: the only place that changes anything in AWS.

use futures_util::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lightsail::types::{Operation, OperationStatus};
use tokio::time::Instant;

use crate::lightsail::{CALLS_AT_ONCE, Class, Failure, Lightsail, Snapshot, SnapshotState};
use crate::request::{Copy, Source};

/// How a copy came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Lightsail accepted it.
    Started,
    /// It is there already, available.
    Exists,
    /// It is there already, still being made.
    Pending,
    /// A dry run: it would be started.
    Planned,
    /// It was not made.
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
    /// Why it failed.
    pub error: Option<Failure>,
}

/// The time that work has, and the part of it that is kept for finding out what became of calls
/// whose answer was lost.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// When the last call of CopySnapshot is given up.
    copies: Instant,
    /// When everything is given up.
    all: Instant,
}

impl Deadline {
    /// All work is to be over `after` this long.
    pub fn after(time: Duration) -> Self {
        let now = Instant::now();
        let look_up = (time / 4).min(Duration::from_secs(3));
        Self {
            copies: now + (time - look_up),
            all: now + time,
        }
    }
}

/// Makes all copies, at most [`CALLS_AT_ONCE`] at once in a destination, and tells `finished` of
/// each as it comes out. The results are in the order of `copies`. A dry run only looks.
pub async fn copies(
    lightsail: &Lightsail,
    copies: Vec<Copy>,
    dry_run: bool,
    deadline: Deadline,
    mut finished: impl FnMut(&CopyResult),
) -> Vec<CopyResult> {
    let mut by_destination: BTreeMap<_, Vec<(usize, Copy)>> = BTreeMap::new();
    for (index, copy) in copies.into_iter().enumerate() {
        let of_destination = by_destination.entry(copy.destination).or_default();
        of_destination.push((index, copy));
    }
    let streams = by_destination.into_values().map(|copies| {
        stream::iter(copies)
            .map(|(index, copy)| async move {
                let result = if dry_run {
                    look(lightsail, copy, deadline).await
                } else {
                    make(lightsail, copy, deadline).await
                };
                (index, result)
            })
            .buffer_unordered(CALLS_AT_ONCE)
    });
    let mut all = stream::select_all(streams);
    let mut results = BTreeMap::new();
    while let Some((index, result)) = all.next().await {
        finished(&result);
        results.insert(index, result);
    }
    results.into_values().collect()
}

/// Makes one copy.
async fn make(lightsail: &Lightsail, copy: Copy, deadline: Deadline) -> CopyResult {
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
async fn look(lightsail: &Lightsail, copy: Copy, deadline: Deadline) -> CopyResult {
    match what_is_there(lightsail, &copy, deadline).await {
        Ok(None) => {}
        Ok(Some(there)) => return taken(copy, there),
        Err(failure) => return failed(copy, failure),
    }
    match lightsail.has_source(&copy, deadline.all).await {
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
        .find_snapshot(copy.destination, copy.target.as_str(), deadline.all)
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let origin = match &copy.source {
        Source::Manual { snapshot } => {
            // A copy of a manual snapshot names the snapshot's own origin, not the snapshot.
            let source = lightsail
                .find_snapshot(copy.source_region, snapshot, deadline.all)
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
