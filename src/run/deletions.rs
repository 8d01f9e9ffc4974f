//! Deletes copies in one destination.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};

use super::destination::{Destination, failure_outcome};
use crate::lightsail::{CALLS_AT_ONCE, Retry};
use crate::model::event::{DeletionResult, Event, Outcome};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::operation::Operation;
use crate::model::resource::{ResourceId, SnapshotState};
use crate::plan::{ExistingCopy, PlannedDeletion};

impl Destination<'_> {
    /// Deletes copies, those of each source after each other.
    pub async fn delete_by_source(&self, deletions: impl Iterator<Item = PlannedDeletion>) {
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
        } else if self.run.dry_run {
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
            Some((outcome, error)) => {
                self.add_deletion(deletion.copy, outcome, Vec::new(), Some(error));
            }
            None => {
                self.delete(deletion.copy).await;
            }
        }
    }

    /// Fails if the newest available copy of a source is gone: then the others must stay.
    async fn check_newest(&self, name: &str) -> Result<(), ApiError> {
        let found = self
            .run
            .lightsail
            .find_snapshot(self.region, name, self.run.deadline.all)
            .await?;
        if found.is_some_and(|found| found.state == SnapshotState::Available) {
            return Ok(());
        }
        let message = format!("the newest available copy {name} is gone, so the others stay");
        Err(ApiError::new(
            ErrorKind::NotFound,
            "NewestCopyMissing",
            message,
        ))
    }

    /// Deletes a copy, unless this is a dry run. Returns why it could not.
    pub async fn delete(&self, copy: ExistingCopy) -> Option<ApiError> {
        let (outcome, operations, error) = if self.run.dry_run {
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
        self.add_deletion(copy, outcome, operations, error);
        failure
    }

    fn add_deletion(
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
                error,
            }));
    }

    /// Makes the calls that delete a copy. Returns `None` if there is nothing to delete any more.
    ///
    /// Another run at the same time may have replaced a failed copy: its name is then that of a good
    /// one. So a failed copy is looked up again, and its deletion is not retried. No run replaces
    /// what retention does not keep.
    async fn call_delete(&self, copy: &ExistingCopy) -> Result<Option<Vec<Operation>>, ApiError> {
        let deadline = self.run.deadline.all;
        let mut retry = Retry::UntilDeadline;
        if copy.state == SnapshotState::Error {
            let found = self
                .run
                .lightsail
                .find_snapshot(self.region, &copy.name, deadline)
                .await?;
            if found.is_some_and(|found| found.state != SnapshotState::Error) {
                return Ok(None);
            }
            retry = Retry::Never;
        }
        self.run
            .lightsail
            .delete_snapshot(self.region, copy.source.kind, &copy.name, retry, deadline)
            .await
            .map(Some)
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
