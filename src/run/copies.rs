//! Starts the copies of a plan in one destination.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures_util::stream::{self, StreamExt};
use jiff::civil::Date;
use tokio::sync::SemaphorePermit;

use super::copy::start;
use super::destination::{Destination, failure_outcome};
use super::slots::CopySlots;
use crate::lightsail::CALLS_AT_ONCE;
use crate::model::copy::SnapshotCopy;
use crate::model::event::{CopyResult, Event, Outcome};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::resource::ResourceId;
use crate::model::snapshot_name::SnapshotName;
use crate::plan::{CopyStep, ExistingCopy, PlannedCopy};

/// A copy that needs its tags.
pub struct Untagged {
    pub source: ResourceId,
    pub date: Date,
    pub name: String,
}

/// The copies of one destination while they are started.
pub struct Copies<'a> {
    to: &'a Destination<'a>,
    slots: CopySlots,
    /// Lightsail's refusal of a copy beyond its limit of copies in progress. It would refuse all
    /// later ones of this run too.
    limit: Mutex<Option<ApiError>>,
}

impl<'a> Copies<'a> {
    /// May start as many copies as there are slots.
    pub fn new(to: &'a Destination<'a>, slots: usize) -> Self {
        Self {
            to,
            slots: CopySlots::new(slots),
            limit: Mutex::new(None),
        }
    }

    /// Takes the steps of the plan. Returns the names of the copies that exist now, and what the tags
    /// of the new ones need.
    pub async fn apply(
        &self,
        planned: Vec<PlannedCopy>,
    ) -> (BTreeSet<SnapshotName>, Vec<Untagged>) {
        let mut existing = BTreeSet::new();
        let mut untagged = Vec::new();
        let mut results = stream::iter(planned)
            .map(|planned| self.copy(planned))
            .buffer_unordered(CALLS_AT_ONCE);
        while let Some((result, new)) = results.next().await {
            if !matches!(result.outcome, Outcome::Deferred | Outcome::Failed) {
                existing.insert(result.copy.target.clone());
            }
            self.to.run.recorder.record(Event::CopyResult(result));
            untagged.extend(new);
        }
        (existing, untagged)
    }

    /// Takes one step of the plan. A new copy comes back with what its tags need.
    async fn copy(&self, planned: PlannedCopy) -> (CopyResult, Option<Untagged>) {
        let (source, date) = (planned.source, planned.date);
        let result = match to_start(planned.copy, planned.step) {
            Ok((copy, failed)) => self.start_in_slot(copy, failed).await,
            Err(result) => return (*result, None),
        };
        let exists = matches!(
            result.outcome,
            Outcome::Started | Outcome::Exists | Outcome::Pending
        );
        let untagged = exists.then(|| Untagged {
            source,
            date,
            name: result.copy.target.to_string(),
        });
        (result, untagged)
    }

    /// Starts a copy if there is a slot for it. Deletes the failed copy first that it replaces.
    async fn start_in_slot(&self, copy: SnapshotCopy, failed: Option<ExistingCopy>) -> CopyResult {
        let Some(slot) = self.slots.acquire().await else {
            return deferred(copy, self.no_slots());
        };
        if self.to.run.dry_run {
            self.slots.consume(slot);
            if let Some(failed) = failed {
                self.to.delete(failed).await;
            }
            return CopyResult::new(copy, Outcome::Planned);
        }
        if let Some(limit) = self.limit() {
            return deferred(copy, limit);
        }
        let replaces = failed.is_some();
        if let Some(failed) = failed
            && let Err(error) = self.clear(failed).await
        {
            return CopyResult {
                outcome: failure_outcome(&error),
                ..CopyResult::failed(copy, error)
            };
        }
        self.start(copy, replaces, slot).await
    }

    /// Starts a copy. Uses up its slot if the copy may be in progress.
    async fn start(
        &self,
        copy: SnapshotCopy,
        replaces: bool,
        slot: SemaphorePermit<'_>,
    ) -> CopyResult {
        let mut result = start(self.to.run.lightsail, copy, self.to.run.deadline).await;
        if let Some(error) = &result.error
            && result.outcome == Outcome::Failed
        {
            result.outcome = failure_outcome(error);
            if replaces && error.code == "CopyErrored" && error.operations.is_empty() {
                // Lightsail accepted the deletion and has not finished it yet.
                result.outcome = Outcome::Deferred;
            }
            if error.kind == ErrorKind::TooManyCopies {
                let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
                limit.get_or_insert_with(|| error.clone());
            }
        }
        let may_be_in_progress = match &result.error {
            Some(error) => error.may_have_happened,
            None => result.outcome != Outcome::Exists,
        };
        if may_be_in_progress {
            self.slots.consume(slot);
        }
        result
    }

    fn no_slots(&self) -> ApiError {
        let message = format!(
            "as many copies are in progress in {} as the policy's maxCopiesInProgress allows",
            self.to.region
        );
        ApiError::new(ErrorKind::TooManyCopies, "MaxCopiesInProgress", message)
    }

    fn limit(&self) -> Option<ApiError> {
        let limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit.clone()
    }

    /// Deletes a failed copy before it is started again. Sets its tags first if they are missing,
    /// because only tagged snapshots are deleted.
    async fn clear(&self, failed: ExistingCopy) -> Result<(), ApiError> {
        if !failed.tagged {
            self.to
                .tag(&failed.source, failed.date, &failed.name)
                .await?;
        }
        match self.to.delete(failed).await {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// The copy to start, with the failed copy that it replaces. Otherwise the result of a copy that
/// this run does not start.
fn to_start(
    copy: SnapshotCopy,
    step: CopyStep,
) -> Result<(SnapshotCopy, Option<ExistingCopy>), Box<CopyResult>> {
    Err(Box::new(match step {
        CopyStep::Start => return Ok((copy, None)),
        CopyStep::Replace(failed) => return Ok((copy, Some(failed))),
        CopyStep::Exists => CopyResult::new(copy, Outcome::Exists),
        CopyStep::Pending => CopyResult::new(copy, Outcome::Pending),
        CopyStep::Wait { reason, .. } => deferred(copy, waiting(reason)),
        CopyStep::NameInUse(owner) => {
            let message = format!("{} in {} is {owner}", copy.target, copy.destination);
            CopyResult::failed(copy, ApiError::found("NameInUse", message))
        }
    }))
}

/// The error of a copy that a later run starts.
fn waiting(message: String) -> ApiError {
    ApiError::new(ErrorKind::NotYet, "CopyErrored", message)
}

fn deferred(copy: SnapshotCopy, error: ApiError) -> CopyResult {
    CopyResult {
        error: Some(error),
        ..CopyResult::new(copy, Outcome::Deferred)
    }
}
