//! Deletes copies in one destination.

use tokio::time::Instant;

use super::destination::Destination;
use super::rounds::Rounds;
use crate::lightsail::Until;
use crate::model::event::{DeletionResult, Event, Outcome};
use crate::model::failure::{ApiError, Code, ErrorKind};
use crate::model::operation::Operation;
use crate::model::resource::SnapshotState;
use crate::plan::{ExistingCopy, PlannedDeletion};

/// The Operations of a deletion. `None`: there was nothing to delete any more.
type Deleted = Option<Vec<Operation>>;

impl Destination<'_> {
    /// Records the deletions that are refused, and those that a dry run plans. Returns the others.
    pub fn allowed(&self, deletions: Vec<PlannedDeletion>) -> Vec<PlannedDeletion> {
        let mut allowed = Vec::new();
        for deletion in deletions {
            if deletion.refused {
                let refused = Err(mass_deletion(&deletion.copy));
                self.record_deletion(deletion.copy, &refused);
            } else if self.run.mode.dry_run {
                self.record_planned_deletion(deletion.copy);
            } else {
                allowed.push(deletion);
            }
        }
        allowed
    }

    /// Makes one attempt of each deletion.
    pub async fn delete(&self, deletions: &mut Rounds<PlannedDeletion>) {
        let (lightsail, time) = (self.run.lightsail, self.run.deadline.deletions.into());
        let attempt =
            async |deletion: &PlannedDeletion, until| self.attempt_deletion(deletion, until).await;
        let done =
            |deletion: PlannedDeletion, deleted| self.record_deletion(deletion.copy, &deleted);
        deletions.attempt_all(lightsail, time, attempt, done).await;
    }

    /// Ends the deletions that are left, unless there is time at `next`.
    pub fn end_deletions_at(&self, next: Instant, deletions: &mut Rounds<PlannedDeletion>) {
        let done =
            |deletion: PlannedDeletion, deleted| self.record_deletion(deletion.copy, &deleted);
        deletions.end_at(self.run.deadline.deletions, next, done);
    }

    /// Makes one attempt to delete a copy. The look-ups come right before.
    pub async fn attempt_deletion(
        &self,
        deletion: &PlannedDeletion,
        until: Until,
    ) -> Result<Deleted, ApiError> {
        let is_due = self.is_still_due(deletion, until).await;
        if !is_due.map_err(ApiError::before_effect)? {
            return Ok(None);
        }
        let (kind, name) = (deletion.copy.source.kind, deletion.copy.name.as_str());
        let lightsail = self.run.lightsail;
        let deleted = lightsail.delete_snapshot(self.region, kind, name, until);
        deleted.await.map(Some)
    }

    /// Fails if the newest available copy of the source is gone: then the others must stay.
    ///
    /// Another run at the same time may have replaced a failed copy: its name is then that of a good
    /// one. So a failed copy is looked up again before each attempt. No run replaces what retention
    /// does not keep.
    async fn is_still_due(
        &self,
        deletion: &PlannedDeletion,
        until: Until,
    ) -> Result<bool, ApiError> {
        let (lightsail, region) = (self.run.lightsail, self.region);
        if let Some(newest) = &deletion.newest {
            let found = lightsail.find_snapshot(region, newest.as_str(), until);
            let found = found.await?;
            if found.is_none_or(|found| found.state != SnapshotState::Available) {
                let message =
                    format!("the newest available copy {newest} is gone, so the others stay");
                let code = Code::NewestCopyMissing;
                return Err(ApiError::new(ErrorKind::NotFound, code, message));
            }
        }
        if deletion.copy.state != SnapshotState::Error {
            return Ok(true);
        }
        let name = deletion.copy.name.as_str();
        let found = lightsail.find_snapshot(region, name, until).await?;
        Ok(found.is_none_or(|found| found.state == SnapshotState::Error))
    }

    pub fn record_deletion(&self, copy: ExistingCopy, deleted: &Result<Deleted, ApiError>) {
        let (outcome, operations, error) = match deleted {
            Ok(None) => return,
            Ok(Some(operations)) => (Outcome::Deleted, operations.clone(), None),
            Err(error) => {
                let outcome = Outcome::in_policy_run(error);
                (
                    outcome,
                    error.details.operations.clone(),
                    Some(error.clone()),
                )
            }
        };
        self.record(copy, outcome, operations, error);
    }

    pub fn record_planned_deletion(&self, copy: ExistingCopy) {
        self.record(copy, Outcome::Planned, Vec::new(), None);
    }

    fn record(
        &self,
        copy: ExistingCopy,
        outcome: Outcome,
        operations: Vec<Operation>,
        error: Option<ApiError>,
    ) {
        self.run
            .recorder
            .record(Event::DeleteResult(DeletionResult {
                region: self.region,
                source: copy.source,
                date: copy.date,
                name: copy.name,
                outcome,
                operations,
                error: error.map(Box::new),
            }));
    }
}

/// The error of a deletion that is part of a mass deletion.
fn mass_deletion(copy: &ExistingCopy) -> ApiError {
    let message = format!(
        "retention would delete more than half of the available copies of {}; if that is right, run the policy once with \"allowMassDeletion\": true",
        copy.source.name
    );
    ApiError::found(Code::MassDeletion, message)
}
