//! Applies a plan in all destinations at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::SemaphorePermit;

use super::copy::start;
use super::drill::DrillRun;
use super::outcome::{CopyResult, DeletionResult, Outcome, RunEvent, RunResults, TagFailure};
use super::slots::CopySlots;
use crate::deadline::Deadline;
use crate::lightsail::{CALLS_AT_ONCE, Lightsail, Retry};
use crate::model::copy::SnapshotCopy;
use crate::model::drill::Drills;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::operation::Operation;
use crate::model::region::Region;
use crate::model::resource::{ResourceId, SnapshotState};
use crate::model::snapshot_name::SnapshotName;
use crate::plan::{
    CopyStep, DestinationPlan, ExistingCopy, PlannedCopy, PlannedDeletion, copy_tags,
};

/// The tags with the firewalls of instances.
type PortsTags = BTreeMap<ResourceId, Vec<(String, String)>>;

/// What all destinations of a run have in common.
pub struct RunContext<'a> {
    pub ports: &'a PortsTags,
    pub drills: Option<&'a Drills>,
    pub now: Timestamp,
    pub dry_run: bool,
}

/// Applies a plan, and reports each step to `report` when it ends. A dry run makes no call.
pub async fn apply(
    lightsail: &Lightsail,
    plan: BTreeMap<Region, DestinationPlan>,
    context: &RunContext<'_>,
    deadline: Deadline,
    report: impl Fn(RunEvent<'_>),
) -> RunResults {
    let report = &report;
    let destinations = plan.into_iter().map(|(region, mut plan)| async move {
        let drills = std::mem::take(&mut plan.drills);
        let run = DestinationRun {
            lightsail,
            region,
            ports: context.ports,
            dry_run: context.dry_run,
            deadline,
            report,
            slots: CopySlots::new(plan.slots),
            limit: Mutex::new(None),
            deletions: Mutex::default(),
            tag_failures: Mutex::default(),
        };
        let mut results = run.apply(plan).await;
        if let Some(policy) = context.drills {
            let run = DrillRun {
                lightsail,
                region,
                drills: policy,
                now: context.now,
                dry_run: context.dry_run,
                deadline,
                report,
            };
            let drilled = run.apply(drills).await;
            results.drills = Some(drilled.drills);
            results.drill_instances = drilled.instances;
            results.tag_failures.extend(drilled.tag_failures);
        }
        results
    });
    let mut all = RunResults {
        drills: context.drills.map(|_| Vec::new()),
        ..RunResults::default()
    };
    for results in join_all(destinations).await {
        all.copies.extend(results.copies);
        all.deletions.extend(results.deletions);
        all.tag_failures.extend(results.tag_failures);
        all.drill_instances += results.drill_instances;
        if let (Some(all), Some(drills)) = (&mut all.drills, results.drills) {
            all.extend(drills);
        }
    }
    all
}

/// A plan while it is applied in one destination.
struct DestinationRun<'a, R> {
    lightsail: &'a Lightsail,
    region: Region,
    ports: &'a PortsTags,
    dry_run: bool,
    deadline: Deadline,
    report: &'a R,
    slots: CopySlots,
    /// Lightsail's refusal of a copy beyond its limit of copies in progress. It would refuse all
    /// later ones of this run too.
    limit: Mutex<Option<ApiError>>,
    deletions: Mutex<Vec<DeletionResult>>,
    tag_failures: Mutex<Vec<TagFailure>>,
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
        let started: BTreeSet<&SnapshotName> = copies
            .iter()
            .filter(|result| !matches!(result.outcome, Outcome::Deferred | Outcome::Failed))
            .map(|result| &result.copy.target)
            .collect();
        let deletions = plan.deletions.into_iter();
        let deletions = deletions.filter(|deletion| {
            let after = deletion.after.as_ref();
            after.is_none_or(|copy| started.contains(copy))
        });
        self.delete_by_source(deletions).await;
        let deletions = self.deletions.into_inner();
        let tag_failures = self.tag_failures.into_inner();
        RunResults {
            copies,
            deletions: deletions.unwrap_or_else(PoisonError::into_inner),
            tag_failures: tag_failures.unwrap_or_else(PoisonError::into_inner),
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
            CopyStep::Wait { reason, .. } => {
                return (deferred(copy, waiting(reason)), None);
            }
            CopyStep::NameInUse(owner) => {
                let message = format!("{} in {} is {owner}", copy.target, copy.destination);
                let error = ApiError::found("NameInUse", message);
                return (CopyResult::failed(copy, error), None);
            }
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
            self.region
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
            self.tag(&failed.source, failed.date, &failed.name).await?;
        }
        match self.delete(failed).await {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn tag(&self, source: &ResourceId, date: Date, name: &str) -> Result<(), ApiError> {
        let ports = self.ports.get(source).into_iter().flatten().cloned();
        let tags: Vec<_> = copy_tags(source, date).into_iter().chain(ports).collect();
        let deadline = self.deadline.all;
        let tagged = self
            .lightsail
            .tag_snapshot(self.region, name, &tags, deadline)
            .await;
        tagged.inspect_err(|error| {
            let failure = TagFailure {
                region: self.region,
                name: name.to_owned(),
                error: error.clone(),
            };
            (self.report)(RunEvent::TagFailed(&failure));
            let failures = self.tag_failures.lock();
            failures
                .unwrap_or_else(PoisonError::into_inner)
                .push(failure);
        })
    }

    /// Deletes copies, those of each source after each other.
    async fn delete_by_source(&self, deletions: impl Iterator<Item = PlannedDeletion>) {
        let mut by_source: BTreeMap<ResourceId, Vec<PlannedDeletion>> = BTreeMap::new();
        for deletion in deletions {
            let source = deletion.copy.source.clone();
            by_source.entry(source).or_default().push(deletion);
        }
        stream::iter(by_source.into_values())
            .for_each_concurrent(CALLS_AT_ONCE, |deletions| async {
                for deletion in deletions {
                    self.delete_planned(deletion).await;
                }
            })
            .await;
    }

    /// Deletes a copy if that is allowed and the source's newest copy still exists.
    async fn delete_planned(&self, deletion: PlannedDeletion) {
        let obstacle = if deletion.refused {
            Some((Outcome::Failed, mass_deletion(&deletion.copy)))
        } else if self.dry_run {
            None
        } else {
            match &deletion.newest {
                Some(newest) => {
                    let exists = self.check_newest(newest).await;
                    exists.err().map(|error| (failure_outcome(&error), error))
                }
                None => None,
            }
        };
        match obstacle {
            Some((outcome, error)) => self.add_deletion(DeletionResult {
                region: self.region,
                copy: deletion.copy,
                outcome,
                operations: Vec::new(),
                error: Some(error),
            }),
            None => {
                self.delete(deletion.copy).await;
            }
        }
    }

    /// Fails if the newest available copy of a source is gone: then the others must stay.
    async fn check_newest(&self, name: &str) -> Result<(), ApiError> {
        let found = self
            .lightsail
            .find_snapshot(self.region, name, self.deadline.all)
            .await?;
        if found.is_some_and(|found| found.state == SnapshotState::Available) {
            return Ok(());
        }
        Err(ApiError {
            code: "NewestCopyMissing".to_owned(),
            message: format!("the newest available copy {name} is gone, so the others stay"),
            kind: ErrorKind::NotFound,
            may_have_happened: false,
            operations: Vec::new(),
        })
    }

    fn add_deletion(&self, result: DeletionResult) {
        (self.report)(RunEvent::Deletion(&result));
        let deletions = self.deletions.lock();
        deletions
            .unwrap_or_else(PoisonError::into_inner)
            .push(result);
    }

    /// Deletes a copy, unless this is a dry run. Returns why it could not.
    async fn delete(&self, copy: ExistingCopy) -> Option<ApiError> {
        let (outcome, operations, error) = if self.dry_run {
            (Outcome::Planned, Vec::new(), None)
        } else {
            match self.call_delete(&copy).await {
                Ok(Some(operations)) => (Outcome::Deleted, operations, None),
                Ok(None) => return None,
                Err(error) => (
                    failure_outcome(&error),
                    error.operations.clone(),
                    Some(error),
                ),
            }
        };
        let failure = error.clone();
        self.add_deletion(DeletionResult {
            region: self.region,
            copy,
            outcome,
            operations,
            error,
        });
        failure
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

/// The error of a copy that a later run starts.
fn waiting(message: String) -> ApiError {
    ApiError {
        code: "CopyErrored".to_owned(),
        message,
        kind: ErrorKind::NotYet,
        may_have_happened: false,
        operations: Vec::new(),
    }
}

/// The error of a deletion that is part of a mass deletion.
fn mass_deletion(copy: &ExistingCopy) -> ApiError {
    let message = format!(
        "retention would delete more than half of the available copies of {}; if that is right, run the policy once with \"allowMassDeletion\": true",
        copy.source.name
    );
    ApiError::found("MassDeletion", message)
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
        // The source or recovery point disappeared during the run.
        ErrorKind::NotFound
        | ErrorKind::TooManyCopies
        | ErrorKind::Throttled
        | ErrorKind::NoTime => Outcome::Deferred,
        _ => Outcome::Failed,
    }
}
