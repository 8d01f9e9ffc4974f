//! One destination while a plan is applied there: what its copies, tags, deletions and drills share.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;

use super::outcome::{DeletionResult, Outcome, RunEvent, TagFailure};
use crate::deadline::Deadline;
use crate::lightsail::Lightsail;
use crate::model::drill::Drills;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;
use crate::model::resource::ResourceId;
use crate::model::tags::copy_tags;

/// The tags with the firewalls of instances.
pub type PortsTags = BTreeMap<ResourceId, Vec<(String, String)>>;

/// What all destinations of a run have in common.
pub struct RunContext<'a, R> {
    pub lightsail: &'a Lightsail,
    pub ports: PortsTags,
    pub drills: Option<&'a Drills>,
    pub now: Timestamp,
    pub dry_run: bool,
    pub deadline: Deadline,
    pub report: R,
}

/// A destination.
pub struct Destination<'a, R> {
    pub run: &'a RunContext<'a, R>,
    pub region: Region,
    pub deletions: Mutex<Vec<DeletionResult>>,
    pub tag_failures: Mutex<Vec<TagFailure>>,
}

impl<'a, R: Fn(RunEvent<'_>)> Destination<'a, R> {
    pub fn new(run: &'a RunContext<'a, R>, region: Region) -> Self {
        Self {
            run,
            region,
            deletions: Mutex::default(),
            tag_failures: Mutex::default(),
        }
    }

    /// Sets the tags of a copy. A failure is reported, because the next run sets a missing tag.
    pub async fn tag(&self, source: &ResourceId, date: Date, name: &str) -> Result<(), ApiError> {
        let ports = self.run.ports.get(source).into_iter().flatten().cloned();
        let tags: Vec<_> = copy_tags(source, date).into_iter().chain(ports).collect();
        let deadline = self.run.deadline.all;
        let tagged = self
            .run
            .lightsail
            .tag_snapshot(self.region, name, &tags, deadline)
            .await;
        tagged.inspect_err(|error| self.add_tag_failure(name, error))
    }

    pub fn add_tag_failure(&self, name: &str, error: &ApiError) {
        let failure = TagFailure {
            region: self.region,
            name: name.to_owned(),
            error: error.clone(),
        };
        (self.run.report)(RunEvent::TagFailed(&failure));
        let failures = self.tag_failures.lock();
        failures
            .unwrap_or_else(PoisonError::into_inner)
            .push(failure);
    }

    pub fn add_deletion(&self, result: DeletionResult) {
        (self.run.report)(RunEvent::Deletion(&result));
        let deletions = self.deletions.lock();
        deletions
            .unwrap_or_else(PoisonError::into_inner)
            .push(result);
    }
}

/// Whether a failure in a policy run waits for the next run, or needs a person.
pub fn failure_outcome(error: &ApiError) -> Outcome {
    match error.kind {
        // The source or recovery point disappeared during the run.
        ErrorKind::NotFound
        | ErrorKind::TooManyCopies
        | ErrorKind::Throttled
        | ErrorKind::NoTime => Outcome::Deferred,
        _ => Outcome::Failed,
    }
}
