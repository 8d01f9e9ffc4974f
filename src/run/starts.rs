//! Starts copies in one destination: one attempt of each, then what failed again.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep, sleep_until};

use super::destination::Destination;
use super::owner::find_owner;
use super::recorder::Recorder;
use super::rounds::rounds;
use crate::deadline::Deadline;
use crate::lightsail::{Attempts, CALLS_AT_ONCE, Lightsail, Until};
use crate::model::copy::SnapshotCopy;
use crate::model::event::{CopyResult, Event, Outcome};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::operation::Operation;
use crate::model::snapshot_name::SnapshotName;
use crate::plan::{CopyState, ExistingCopy, owner_not_found};

/// After this time, a look-up finds a copy whose answer was lost, if it has started.
const VISIBLE_AFTER: Duration = Duration::from_secs(5);

/// A copy to start.
pub struct Start {
    pub copy: SnapshotCopy,
    pub position: usize,
    /// The failed copy to delete first. `None`: there is none, or it is deleted.
    pub failed: Option<ExistingCopy>,
    replaces: bool,
    attempts: Attempts,
    /// Whether it holds one of the destination's slots.
    has_slot: bool,
    /// When its last answer was lost.
    lost_at: Option<Instant>,
}

impl Start {
    /// `failed` is the failed copy that this one replaces.
    pub fn new(copy: SnapshotCopy, position: usize, failed: Option<ExistingCopy>) -> Self {
        Self {
            copy,
            position,
            replaces: failed.is_some(),
            failed,
            attempts: Attempts::default(),
            has_slot: false,
            lost_at: None,
        }
    }
}

/// How an attempt to start a copy ended.
enum Attempt {
    Started(Vec<Operation>),
    /// A snapshot has the name: the copy itself or, as an error, something else.
    Owned(Result<CopyState, ApiError>),
    /// The name is in use. Its owner is looked up after all other copies.
    NameInUse(ApiError),
    /// The copy did not start.
    Failed(ApiError),
    /// Nobody knows whether the copy started, so it keeps its slot.
    Lost(ApiError),
    /// The failed copy that this one replaces could not be deleted.
    NotCleared(ApiError),
}

/// Starts copies in one destination.
pub struct Starts<'a> {
    lightsail: &'a Lightsail,
    recorder: &'a Recorder<'a>,
    deadline: Deadline,
    /// The destination of a policy run. `None`: an event asks for the copies, and what could not be
    /// done has failed.
    policy: Option<&'a Destination<'a>>,
    /// How many more copies may start.
    slots: usize,
    queue: VecDeque<Start>,
    again: VecDeque<Start>,
    in_use: Vec<(Start, ApiError)>,
    /// Copies that no further attempt can help.
    ended: Vec<Start>,
    /// Lightsail's refusal of a copy beyond its limit of copies in progress. It would refuse all later
    /// ones of this run too.
    limit: Option<ApiError>,
    owner_until: Option<Instant>,
    /// The names of the copies that exist now.
    existing: BTreeSet<SnapshotName>,
}

impl<'a> Starts<'a> {
    /// The copies of an event.
    pub fn for_event(
        lightsail: &'a Lightsail,
        recorder: &'a Recorder<'a>,
        deadline: Deadline,
        copies: Vec<Start>,
    ) -> Self {
        Self {
            lightsail,
            recorder,
            deadline,
            policy: None,
            slots: usize::MAX,
            queue: copies.into(),
            again: VecDeque::new(),
            in_use: Vec::new(),
            ended: Vec::new(),
            limit: None,
            owner_until: None,
            existing: BTreeSet::new(),
        }
    }

    /// The copies that a policy wants in a destination, at most as many as there are slots.
    pub fn for_policy(to: &'a Destination<'a>, copies: Vec<Start>, slots: usize) -> Self {
        let run = to.run;
        Self {
            policy: Some(to),
            slots,
            ..Self::for_event(run.lightsail, run.recorder, run.deadline, copies)
        }
    }

    /// Starts the copies, and records each result. Returns the names of those that exist now.
    pub async fn run(mut self) -> BTreeSet<SnapshotName> {
        for round in 1.. {
            self.attempt_all().await;
            self.look_up_names_in_use().await;
            if !self.queue.is_empty() {
                if !self.free_slots_of_lost_copies().await {
                    break;
                }
                continue;
            }
            let pause = self.lightsail.pause_before(round);
            if self.again.is_empty() || Instant::now() + pause >= self.deadline.copies {
                break;
            }
            sleep(pause).await;
            self.queue = std::mem::take(&mut self.again);
        }
        self.end().await;
        self.existing
    }

    /// Makes one attempt of each copy in the queue, as long as there are slots.
    async fn attempt_all(&mut self) {
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < CALLS_AT_ONCE
                && let Some(start) = self.next()
            {
                running.push(attempt(self.lightsail, self.deadline, self.policy, start));
            }
            let Some((start, attempt)) = running.next().await else {
                return;
            };
            self.settle(start, attempt);
        }
    }

    /// The next copy to start, with its slot. `None`: there is none, or no slot is free.
    fn next(&mut self) -> Option<Start> {
        if let Some(limit) = self.limit.clone() {
            self.leave_queue(&limit);
        }
        if self.slots == 0 && !self.queue.front()?.has_slot {
            return None;
        }
        let mut start = self.queue.pop_front()?;
        self.slots -= usize::from(!start.has_slot);
        start.has_slot = true;
        Some(start)
    }

    /// Leaves the copies in the queue to the next run.
    fn leave_queue(&mut self, why: &ApiError) {
        for mut start in std::mem::take(&mut self.queue) {
            if start.attempts.is_empty() {
                start.attempts.failed(why.clone());
            }
            self.ended.push(start);
        }
    }

    fn settle(&mut self, mut start: Start, attempt: Attempt) {
        match attempt {
            Attempt::Started(operations) => {
                let result = CopyResult {
                    operations,
                    ..CopyResult::new(start.copy, Outcome::Started)
                };
                self.record(start.position, result);
            }
            Attempt::Owned(owner) => self.settle_owned(start, owner),
            Attempt::NameInUse(error) => {
                if start.lost_at.is_none() {
                    self.free_slot(&mut start);
                }
                self.in_use.push((start, error));
            }
            Attempt::Lost(error) => {
                start.lost_at = Some(Instant::now());
                self.try_again(start, error);
            }
            Attempt::Failed(error) => {
                if start.lost_at.is_none() || error.kind == ErrorKind::ServiceFault {
                    self.free_slot(&mut start);
                }
                if error.kind == ErrorKind::TooManyCopies && self.policy.is_some() {
                    self.limit.get_or_insert_with(|| error.clone());
                }
                self.try_again(start, error);
            }
            Attempt::NotCleared(error) => {
                self.free_slot(&mut start);
                start.attempts.failed(error);
                self.ended.push(start);
            }
        }
    }

    fn try_again(&mut self, mut start: Start, error: ApiError) {
        match start.attempts.failed(error) {
            true => self.again.push_back(start),
            false => self.ended.push(start),
        }
    }

    fn settle_owned(&mut self, mut start: Start, owner: Result<CopyState, ApiError>) {
        let result = match owner {
            Ok(CopyState::InProgress) => CopyResult::new(start.copy, Outcome::Pending),
            Ok(CopyState::Available) => {
                self.free_slot(&mut start);
                CopyResult::new(start.copy, Outcome::Exists)
            }
            Err(error) => {
                self.free_slot(&mut start);
                let replaced = start.replaces && error.kind == ErrorKind::CopyErrored;
                let mut result = self.failed(start.copy, error);
                if replaced {
                    // Lightsail accepted the deletion and has not finished it yet.
                    result.outcome = Outcome::Deferred;
                }
                result
            }
        };
        self.record(start.position, result);
    }

    fn free_slot(&mut self, start: &mut Start) {
        self.slots = self.slots.saturating_add(usize::from(start.has_slot));
        start.has_slot = false;
        start.lost_at = None;
    }

    /// Looks up what has the names in use. All together wait for a name that nobody can see yet.
    async fn look_up_names_in_use(&mut self) {
        if self.in_use.is_empty() {
            return;
        }
        let deadline = self.deadline;
        let until = Instant::now() + deadline.owner_wait;
        let until = *self.owner_until.get_or_insert(until);
        let until = until.min(deadline.look_ups);
        let mut found = Vec::new();
        let look_up = async |(start, refusal): &(Start, ApiError)| {
            let step = Until::once(Deadline::step(deadline.look_ups));
            let owner = find_owner(self.lightsail, &start.copy, step).await?;
            owner.ok_or_else(|| owner_not_found(refusal))
        };
        let in_use = std::mem::take(&mut self.in_use);
        rounds(
            self.lightsail,
            in_use,
            until,
            look_up,
            |(start, _), owner| {
                found.push((start, owner));
            },
        )
        .await;
        for (start, owner) in found {
            let is_unseen = |error: &ApiError| error.kind == ErrorKind::OwnerNotFound;
            match owner {
                Ok(owner) => self.settle_owned(start, owner),
                // The name belongs to the copy that this run started without an answer.
                Err(error) if is_unseen(&error) && self.is_own(&start) => {
                    self.settle_owned(start, Ok(CopyState::InProgress));
                }
                Err(error) if is_unseen(&error) => self.settle_owned(start, Err(error)),
                Err(error) => {
                    let message = format!(
                        "the name is in use, and its owner could not be read: {}",
                        error.message
                    );
                    self.settle_owned(start, Err(ApiError { message, ..error }));
                }
            }
        }
    }

    fn is_own(&self, start: &Start) -> bool {
        self.policy.is_some() && start.attempts.may_have_happened()
    }

    /// Frees the slots of copies that have not started although their answers were lost. Returns
    /// whether a slot is free.
    async fn free_slots_of_lost_copies(&mut self) -> bool {
        let again = std::mem::take(&mut self.again);
        let (lost, again): (VecDeque<Start>, _) =
            again.into_iter().partition(|start| start.has_slot);
        self.again = again;
        let visible_at = lost.iter().filter_map(|start| start.lost_at).max();
        let Some(visible_at) = visible_at.map(|at| at + VISIBLE_AFTER) else {
            return false;
        };
        if visible_at >= self.deadline.copies {
            self.again.extend(lost);
            return false;
        }
        sleep_until(visible_at).await;
        for (mut start, owner) in self.look_up(lost.into()).await {
            match owner {
                Some(owner) => self.settle_owned(start, owner),
                None => {
                    self.free_slot(&mut start);
                    self.again.push_back(start);
                }
            }
        }
        self.slots > 0
    }

    /// Looks up each copy once. `None`: no snapshot has the name, or nobody can tell.
    async fn look_up(
        &self,
        starts: Vec<Start>,
    ) -> Vec<(Start, Option<Result<CopyState, ApiError>>)> {
        let (lightsail, deadline) = (self.lightsail, self.deadline.look_ups);
        let look_ups = futures_util::stream::iter(starts).map(|start| async move {
            let step = Until::once(Deadline::step(deadline));
            let owner = find_owner(lightsail, &start.copy, step).await;
            (start, owner.unwrap_or_default())
        });
        look_ups.buffered(CALLS_AT_ONCE).collect().await
    }

    /// Ends the copies that have no result yet.
    async fn end(&mut self) {
        if let Some(to) = self.policy {
            self.leave_queue(&to.no_slots());
        }
        self.ended.extend(std::mem::take(&mut self.again));
        let ended = std::mem::take(&mut self.ended);
        let (lost, others): (Vec<Start>, Vec<Start>) = ended
            .into_iter()
            .partition(|start| start.attempts.may_have_happened());
        let lost = self.look_up(lost).await;
        let others = others.into_iter().map(|start| (start, None));
        for (start, owner) in others.chain(lost) {
            match (owner, start.attempts.into_error()) {
                (Some(owner), _) => {
                    let start = Start::new(start.copy, start.position, None);
                    self.settle_owned(start, owner);
                }
                (None, Some(error)) => {
                    let result = self.failed(start.copy, error);
                    self.record(start.position, result);
                }
                (None, None) => {}
            }
        }
    }

    /// The result of a copy that could not start.
    fn failed(&self, copy: SnapshotCopy, error: ApiError) -> CopyResult {
        let outcome = match self.policy {
            Some(_) => Outcome::in_policy_run(&error),
            None => Outcome::Failed,
        };
        CopyResult {
            outcome,
            ..CopyResult::failed(copy, error)
        }
    }

    fn record(&mut self, position: usize, result: CopyResult) {
        if !matches!(result.outcome, Outcome::Deferred | Outcome::Failed) {
            self.existing.insert(result.copy.target.clone());
        }
        let result = CopyResult { position, ..result };
        self.recorder.record(Event::CopyResult(result));
    }
}

/// Makes one attempt to start a copy. Deletes the failed copy first that it replaces.
async fn attempt(
    lightsail: &Lightsail,
    deadline: Deadline,
    policy: Option<&Destination<'_>>,
    mut start: Start,
) -> (Start, Attempt) {
    if let (Some(to), Some(failed)) = (policy, start.failed.take())
        && let Err(error) = to.clear(failed).await
    {
        return (start, Attempt::NotCleared(error));
    }
    let until = Until::once(deadline.copies);
    let error = match lightsail.copy_snapshot(&start.copy, until).await {
        Ok(operations) => return (start, Attempt::Started(operations)),
        Err(error) => error,
    };
    if error.kind == ErrorKind::NameInUse {
        return (start, Attempt::NameInUse(error));
    }
    if !error.may_have_happened {
        return (start, Attempt::Failed(error));
    }
    // A retry shows whether the copy has started. Until then it keeps its slot, unless the service
    // answered and there is no copy.
    if policy.is_none() || error.kind != ErrorKind::ServiceFault {
        return (start, Attempt::Lost(error));
    }
    let step = Until::once(Deadline::step(deadline.look_ups));
    let attempt = match find_owner(lightsail, &start.copy, step).await {
        Ok(Some(owner)) => Attempt::Owned(owner),
        Ok(None) => Attempt::Failed(error),
        Err(_) => Attempt::Lost(error),
    };
    (start, attempt)
}
