//! One destination while a plan is applied there: what its copies, tags, deletions and drills share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::recorder::Recorder;
use crate::deadline::Deadline;
use crate::lightsail::Lightsail;
use crate::model::drill::Drills;
use crate::model::event::{Event, Outcome, TagFailure};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;
use crate::model::resource::ResourceId;
use crate::model::tags::copy_tags;

/// The tags with the firewalls of instances.
pub type PortsTags = BTreeMap<ResourceId, Vec<(String, String)>>;

/// What all destinations of a run have in common.
pub struct RunContext<'a> {
    pub lightsail: &'a Lightsail,
    pub ports: PortsTags,
    pub drills: Option<&'a Drills>,
    pub now: Timestamp,
    pub dry_run: bool,
    pub deadline: Deadline,
    pub recorder: &'a Recorder<'a>,
}

/// A destination.
pub struct Destination<'a> {
    pub run: &'a RunContext<'a>,
    pub region: Region,
}

impl Destination<'_> {
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
        self.run.recorder.record(Event::TagFailed(TagFailure {
            region: self.region,
            name: name.to_owned(),
            error: error.clone(),
        }));
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
