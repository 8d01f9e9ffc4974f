//! Applies a plan in all destinations at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use jiff::civil::Date;
use tokio::sync::SemaphorePermit;

use super::copy::start;
use super::outcome::{CopyResult, DeletionResult, Outcome, RunEvent, RunResults};
use super::slots::CopySlots;
use crate::deadline::Deadline;
use crate::lightsail::{CALLS_AT_ONCE, Lightsail, Retry};
use crate::model::copy::SnapshotCopy;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::operation::Operation;
use crate::model::region::Region;
use crate::model::resource::{ResourceId, SnapshotState};
use crate::plan::{CopyStep, DestinationPlan, ExistingCopy, PlannedCopy, copy_tags};

/// Applies a plan, and reports each step to `report` when it ends. A dry run makes no call.
pub async fn apply(
    lightsail: &Lightsail,
    plan: BTreeMap<Region, DestinationPlan>,
    dry_run: bool,
    deadline: Deadline,
    report: impl Fn(RunEvent<'_>),
) -> RunResults {
    let report = &report;
    let destinations = plan.into_iter().map(|(region, plan)| async move {
        let run = DestinationRun {
            lightsail,
            region,
            dry_run,
            deadline,
            report,
            slots: CopySlots::new(plan.slots),
            limit: Mutex::new(None),
            deletions: Mutex::default(),
        };
        run.apply(plan).await
    });
    let mut all = RunResults::default();
    for results in join_all(destinations).await {
        all.copies.extend(results.copies);
        all.deletions.extend(results.deletions);
    }
    all
}

/// A plan while it is applied in one destination.
struct DestinationRun<'a, R> {
    lightsail: &'a Lightsail,
    region: Region,
    dry_run: bool,
    deadline: Deadline,
    report: &'a R,
    slots: CopySlots,
    /// Lightsail's refusal of a copy beyond its limit of copies in progress. It would refuse all
    /// later ones of this run too.
    limit: Mutex<Option<ApiError>>,
    deletions: Mutex<Vec<DeletionResult>>,
}

/// A copy that needs its tags.
struct Untagged {
    source: ResourceId,
    date: Date,
    name: String,
}

impl<R: Fn(RunEvent<'_>)> DestinationRun<'_, R> {
    async fn apply(self, plan: DestinationPlan) -> RunResults {
        let mut copies = Vec::with_capacity(plan.copies.len());
        let untagged = plan.tags.into_iter().map(|copy| Untagged {
            source: copy.source,
            date: copy.date,
            name: copy.name,
        });
        let mut untagged: Vec<Untagged> = untagged.collect();
        let mut results = stream::iter(plan.copies)
            .map(|planned| self.copy(planned))
            .buffer_unordered(CALLS_AT_ONCE);
        while let Some((result, new)) = results.next().await {
            (self.report)(RunEvent::Copy(&result));
            copies.push(result);
            untagged.extend(new);
        }
        drop(results);
        if !self.dry_run {
            stream::iter(untagged)
                .for_each_concurrent(CALLS_AT_ONCE, |copy| async {
                    let copy = copy;
                    // The next run sets a missing tag.
                    let _ = self.tag(&copy.source, copy.date, &copy.name).await;
                })
                .await;
        }
        stream::iter(plan.deletions)
            .for_each_concurrent(CALLS_AT_ONCE, |copy| async {
                self.delete(copy).await;
            })
            .await;
        let deletions = self.deletions.into_inner();
        RunResults {
            copies,
            deletions: deletions.unwrap_or_else(PoisonError::into_inner),
            ..RunResults::default()
        }
    }

    /// Takes one step of the plan. A new copy comes back with what its tags need.
    async fn copy(&self, planned: PlannedCopy) -> (CopyResult, Option<Untagged>) {
        let PlannedCopy {
            source,
            date,
            copy,
            step,
        } = planned;
        let failed_copy = match step {
            CopyStep::Exists => return (CopyResult::new(copy, Outcome::Exists), None),
            CopyStep::Pending => return (CopyResult::new(copy, Outcome::Pending), None),
            CopyStep::Start => None,
            CopyStep::Replace(failed) => Some(failed),
        };
        let Some(slot) = self.slots.acquire().await else {
            return (deferred(copy, self.no_slots()), None);
        };
        if self.dry_run {
            self.slots.consume(slot);
            if let Some(failed) = failed_copy {
                self.delete(failed).await;
            }
            return (CopyResult::new(copy, Outcome::Planned), None);
        }
        if let Some(limit) = self.limit() {
            return (deferred(copy, limit), None);
        }
        let replaces = failed_copy.is_some();
        if let Some(failed) = failed_copy
            && let Err(error) = self.clear(failed).await
        {
            let outcome = failure_outcome(&error);
            let result = CopyResult {
                outcome,
                ..CopyResult::failed(copy, error)
            };
            return (result, None);
        }
        let result = self.start(copy, replaces, slot).await;
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

    /// Starts a copy. Uses up its slot if the copy may be in progress.
    async fn start(
        &self,
        copy: SnapshotCopy,
        replaces: bool,
        slot: SemaphorePermit<'_>,
    ) -> CopyResult {
        let mut result = start(self.lightsail, copy, self.deadline).await;
        if let Some(error) = &result.error
            && result.outcome == Outcome::Failed
        {
            result.outcome = failure_outcome(error);
            if replaces && error.code == "CopyErrored" {
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
        ApiError {
            code: "MaxCopiesInProgress".to_owned(),
            message: format!(
                "as many copies are in progress in {} as the policy's maxCopiesInProgress allows",
                self.region
            ),
            kind: ErrorKind::TooManyCopies,
            may_have_happened: false,
        }
    }

    fn limit(&self) -> Option<ApiError> {
        let limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit.clone()
    }

    /// Deletes a failed copy before it is started again. Sets its tags first if they are missing,
    /// because only tagged snapshots are deleted.
    async fn clear(&self, failed: ExistingCopy) -> Result<(), ApiError> {
        if !failed.tagged {
            self.tag(&failed.source, failed.date, &failed.name).await?;
        }
        match self.delete(failed).await {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn tag(&self, source: &ResourceId, date: Date, name: &str) -> Result<(), ApiError> {
        let tags = copy_tags(source, date);
        let deadline = self.deadline.all;
        let tagged = self
            .lightsail
            .tag_snapshot(self.region, name, &tags, deadline)
            .await;
        if let Err(error) = &tagged {
            (self.report)(RunEvent::TagFailed {
                region: self.region,
                name,
                error,
            });
        }
        tagged
    }

    /// Deletes a copy, unless this is a dry run. Returns why it could not.
    async fn delete(&self, copy: ExistingCopy) -> Option<ApiError> {
        let (outcome, operations, error) = if self.dry_run {
            (Outcome::Planned, Vec::new(), None)
        } else {
            match self.call_delete(&copy).await {
                Ok(Some(operations)) => (Outcome::Deleted, operations, None),
                Ok(None) => return None,
                Err(error) => (failure_outcome(&error), Vec::new(), Some(error)),
            }
        };
        let result = DeletionResult {
            region: self.region,
            copy,
            outcome,
            operations,
            error,
        };
        (self.report)(RunEvent::Deletion(&result));
        let error = result.error.clone();
        let deletions = self.deletions.lock();
        deletions
            .unwrap_or_else(PoisonError::into_inner)
            .push(result);
        error
    }

    /// Makes the calls that delete a copy. Returns `None` if there is nothing to delete any more.
    ///
    /// Another run at the same time may have replaced a failed copy: its name is then that of a good
    /// one. So a failed copy is looked up again, and its deletion is not retried. No run replaces
    /// what retention does not keep.
    async fn call_delete(&self, copy: &ExistingCopy) -> Result<Option<Vec<Operation>>, ApiError> {
        let deadline = self.deadline.all;
        let mut retry = Retry::UntilDeadline;
        if copy.state == SnapshotState::Error {
            let found = self
                .lightsail
                .find_snapshot(self.region, &copy.name, deadline)
                .await?;
            if found.is_some_and(|found| found.state != SnapshotState::Error) {
                return Ok(None);
            }
            retry = Retry::Never;
        }
        self.lightsail
            .delete_snapshot(self.region, copy.source.kind, &copy.name, retry, deadline)
            .await
            .map(Some)
    }
}

fn deferred(copy: SnapshotCopy, error: ApiError) -> CopyResult {
    CopyResult {
        error: Some(error),
        ..CopyResult::new(copy, Outcome::Deferred)
    }
}

/// Whether a failure in a policy run waits for the next run, or needs a person.
fn failure_outcome(error: &ApiError) -> Outcome {
    match error.kind {
        ErrorKind::TooManyCopies | ErrorKind::Throttled | ErrorKind::NoTime => Outcome::Deferred,
        _ => Outcome::Failed,
    }
}
