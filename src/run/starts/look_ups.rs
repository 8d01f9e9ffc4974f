//! Looks up what has the names of copies, where an attempt to start them did not say. Ends the copies
//! that no further attempt can help.

use futures_util::stream::{StreamExt, iter};
use tokio::time::{Instant, sleep_until};

use super::{Starts, VISIBLE_AFTER, take};
use crate::deadline::Deadline;
use crate::lightsail::{CALLS_AT_ONCE, Until};
use crate::model::copy::SnapshotCopy;
use crate::model::event::{CopyResult, Outcome};
use crate::model::failure::{ApiError, ErrorKind};
use crate::plan::CopyState;
use crate::run::owner::find_owner;
use crate::run::start::Start;

/// What has a copy's name, or why nobody could tell.
type Owner = Result<Option<Result<CopyState, ApiError>>, ApiError>;

impl Starts<'_> {
    /// Looks up once what has the names in use.
    pub(super) async fn look_up_names_in_use(&mut self) {
        if self.in_use.is_empty() {
            return;
        }
        let until = Instant::now() + self.deadline.owner_wait;
        let until = until.min(self.deadline.look_ups);
        self.owner_until.get_or_insert(until);
        let (starts, errors): (Vec<_>, Vec<_>) = take(&mut self.in_use).into_iter().unzip();
        let owners = self
            .look_up(starts, self.deadline.look_ups, Until::once)
            .await;
        for ((mut start, owner), error) in owners.into_iter().zip(errors) {
            match owner {
                Ok(Some(owner)) => self.settle_owned(start, owner),
                Ok(None) => {
                    start.is_unseen = true;
                    self.in_use.push((start, error));
                }
                // An earlier look-up says more than the deadline.
                Err(unread) if unread.kind == ErrorKind::NoTime && start.is_unseen => {
                    self.in_use.push((start, error));
                }
                Err(error) => {
                    let message = format!(
                        "the name is in use, and its owner could not be read: {}",
                        error.message
                    );
                    let error = ApiError { message, ..error };
                    match error.retryable() {
                        true => self.in_use.push((start, error)),
                        false => self.settle_unseen(start, error),
                    }
                }
            }
        }
    }

    /// The owner of the name was not found. If an answer to this copy was lost, it is this copy.
    pub(super) fn settle_unseen(&mut self, start: Start, error: ApiError) {
        let is_own = self.policy.is_some() && start.attempts.may_have_happened();
        let owner = match is_own {
            true => Ok(CopyState::InProgress),
            false => Err(error),
        };
        self.settle_owned(start, owner);
    }

    /// Frees the slots of copies that have not started although their answers were lost. Returns
    /// whether a slot is free.
    pub(super) async fn free_slots_of_lost_copies(&mut self) -> bool {
        let lost = self.again.extract_if(.., |start| start.has_slot);
        let lost: Vec<_> = lost.collect();
        let visible_at = lost.iter().filter_map(|start| start.lost_at).max();
        let Some(visible_at) = visible_at.map(|at| at + VISIBLE_AFTER) else {
            return false;
        };
        if visible_at >= self.deadline.copies {
            self.again.extend(lost);
            return false;
        }
        sleep_until(visible_at).await;
        for (mut start, owner) in self
            .look_up(lost, self.deadline.look_ups, Until::once)
            .await
        {
            match owner {
                Ok(Some(owner)) => self.settle_owned(start, owner),
                Ok(None) => {
                    self.free_slot(&mut start);
                    self.again.push(start);
                }
                Err(_) => self.again.push(start),
            }
        }
        self.slots > 0
    }

    /// Ends the copies that have no result yet.
    pub(super) async fn end(&mut self) {
        if let Some(to) = self.policy {
            let left = take(&mut self.queue);
            self.leave(left, &to.no_slots());
        }
        for (start, error) in take(&mut self.in_use) {
            self.settle_unseen(start, error);
        }
        self.ended.append(&mut self.again);
        let ended = take(&mut self.ended).into_iter();
        let (lost, others): (Vec<_>, Vec<_>) =
            ended.partition(|start| start.attempts.may_have_happened());
        // Tags and deletions may have used up the time of look-ups. No other round repeats these.
        let lost = self.look_up(lost, self.deadline.all, Until::from).await;
        let others = others.into_iter().map(|start| (start, Ok(None)));
        for (start, owner) in others.chain(lost) {
            if let Ok(Some(owner)) = owner {
                self.settle_owned(start, owner);
            } else if let Some(error) = start.attempts.into_error() {
                if let (Some(to), Some(failed), true) =
                    (self.policy, start.failed, start.is_undeleted)
                {
                    to.record_deletion(failed.copy, &Err(error.clone()));
                }
                let result = self.failed(start.copy, start.replaces, error);
                self.record(start.position, result);
            }
        }
    }

    /// The result of a copy that could not start.
    pub(super) fn failed(&self, copy: SnapshotCopy, replaces: bool, error: ApiError) -> CopyResult {
        let outcome = match self.policy {
            // Lightsail accepted the deletion of the failed copy and has not finished it yet.
            Some(_) if replaces && error.kind == ErrorKind::CopyErrored => Outcome::Deferred,
            Some(_) => Outcome::in_policy_run(&error),
            None => Outcome::Failed,
        };
        CopyResult {
            outcome,
            ..CopyResult::failed(copy, error)
        }
    }

    /// Looks up each copy. `None`: no snapshot has the name.
    pub(super) async fn look_up(
        &self,
        starts: Vec<Start>,
        deadline: Instant,
        until: fn(Instant) -> Until,
    ) -> Vec<(Start, Owner)> {
        let look_ups = iter(starts).map(|start| async move {
            let step = until(Deadline::step(deadline));
            let owner = find_owner(self.lightsail, &start.copy, step).await;
            (start, owner)
        });
        look_ups.buffered(CALLS_AT_ONCE).collect().await
    }
}
