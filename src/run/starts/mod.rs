//! Starts copies in one destination: one attempt of each, then what failed again.

mod look_ups;
mod queue;

use std::collections::VecDeque;
use std::mem::take;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::destination::Destination;
use super::recorder::Recorder;
use super::start::{Attempt, Start, attempt};
use crate::deadline::Deadline;
use crate::lightsail::{CALLS_AT_ONCE, Lightsail};
use crate::model::event::{CopyResult, Event, Outcome};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::snapshot_name::SnapshotName;
use crate::plan::{CopyState, owner_not_found};

/// After this time, a look-up finds a copy whose answer was lost, if it has started.
const VISIBLE_AFTER: Duration = Duration::from_secs(5);

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
    /// How many of the first copies have been sent in order.
    in_order: usize,
    /// When the next copy may be sent: after an answer, or after a wait.
    turn: Instant,
    /// Copies for the next round.
    again: Vec<Start>,
    /// Copies whose names are in use, with their errors if nobody finds the owner.
    in_use: Vec<(Start, ApiError)>,
    /// When to give up looking for the owners.
    owner_until: Option<Instant>,
    /// Copies that no further attempt can help.
    ended: Vec<Start>,
    /// How many copies Lightsail has refused for its limit of copies in progress since the last one
    /// that started.
    refusals: usize,
    /// The last of these refusals.
    limit: Option<ApiError>,
    /// The copies that exist, until somebody takes them.
    existing: Vec<SnapshotName>,
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
            in_order: 0,
            turn: Instant::now(),
            again: Vec::new(),
            in_use: Vec::new(),
            owner_until: None,
            ended: Vec::new(),
            refusals: 0,
            limit: None,
            existing: Vec::new(),
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

    /// Starts the copies, and records each result.
    pub async fn run(mut self) {
        for round in 1.. {
            self.attempt_all().await;
            let next = Instant::now() + self.lightsail.pause_before(round);
            if self.end_at(next).await {
                return;
            }
            sleep_until(next).await;
        }
    }

    /// Makes one attempt of each copy without a result, as long as there are slots.
    pub async fn attempt_all(&mut self) {
        let again = self.again.drain(..);
        self.queue.extend(again.map(|start| Start {
            is_extra: false,
            ..start
        }));
        loop {
            self.attempt_queue().await;
            self.look_up_names_in_use().await;
            if self.queue.is_empty() || !self.free_slots_of_lost_copies().await {
                return;
            }
        }
    }

    /// Ends all copies, unless another round at `next` can help. Returns whether it did.
    pub async fn end_at(&mut self, next: Instant) -> bool {
        let has_slot = self.slots > 0 || self.again.iter().any(|start| start.has_slot);
        let is_waiting = !(self.queue.is_empty() && self.again.is_empty());
        let has_time = next < self.deadline.copies;
        let can_start = is_waiting && has_slot && has_time;
        let owner_until = self.owner_until.filter(|_| !self.in_use.is_empty());
        if can_start || owner_until.is_some_and(|until| next < until) {
            return false;
        }
        if let Some(to) = self.policy.filter(|_| has_time && !has_slot) {
            for start in &mut self.again {
                start.attempts.ended(to.no_slots());
            }
        }
        self.end().await;
        true
    }

    /// The copies that exist since the last call.
    pub fn take_existing(&mut self) -> Vec<SnapshotName> {
        take(&mut self.existing)
    }

    /// Makes one attempt of each copy in the queue. While it waits for those that hang, copies that
    /// failed are tried again.
    async fn attempt_queue(&mut self) {
        let (mut running, mut first) = (FuturesUnordered::new(), 0);
        loop {
            while running.len() < CALLS_AT_ONCE
                && self.turn <= Instant::now()
                && let Some(start) = self.next()
            {
                self.turn = self.next_turn();
                first += usize::from(!start.is_extra);
                running.push(attempt(self.lightsail, self.deadline, self.policy, start));
            }
            let due = match first > 0 && running.len() < CALLS_AT_ONCE {
                true => self.next_due(),
                false => None,
            };
            let turn = Some(self.turn).filter(|turn| *turn > Instant::now());
            let wake = due.into_iter().chain(turn).min();
            let (start, attempt) = tokio::select! {
                biased;
                ended = running.next() => match ended {
                    Some(ended) => ended,
                    None => return,
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    let due = due.filter(|due| *due <= Instant::now());
                    let again = self.again.extract_if(.., |start| Some(start.due) == due);
                    self.queue.extend(again.map(|start| Start { is_extra: true, ..start }));
                    continue;
                }
            };
            first -= usize::from(!start.is_extra);
            self.turn = Instant::now();
            self.settle(start, attempt);
        }
    }

    fn settle(&mut self, mut start: Start, attempt: Attempt) {
        match attempt {
            Attempt::Started(operations) => {
                self.refusals = 0;
                self.limit = None;
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
                self.in_use.push((start, owner_not_found(&error)));
            }
            Attempt::Lost(error) => {
                start.lost_at = Some(Instant::now());
                self.try_again(start, error);
            }
            Attempt::Failed(error) => {
                let may_run = start.lost_at.is_some_and(|at| {
                    error.kind != ErrorKind::ServiceFault || at.elapsed() < VISIBLE_AFTER
                });
                if !may_run {
                    self.free_slot(&mut start);
                }
                if error.kind == ErrorKind::TooManyCopies && self.policy.is_some() {
                    self.refusals += 1;
                    self.limit = Some(error.clone());
                }
                self.try_again(start, error);
            }
            Attempt::NotDeleted(error) => {
                self.free_slot(&mut start);
                start.is_undeleted = true;
                // A deletion without an answer may still come, and meet the new copy.
                let may_come = error.may_have_happened && error.kind != ErrorKind::ServiceFault;
                let error = error.before_effect();
                match may_come {
                    true => {
                        start.attempts.failed(error);
                        self.ended.push(start);
                    }
                    false => self.try_again(start, error),
                }
            }
        }
    }

    fn try_again(&mut self, mut start: Start, error: ApiError) {
        start.hangs = error.kind == ErrorKind::TimedOut;
        match start.attempts.failed(error) {
            true => {
                let pause = self.lightsail.pause_before(start.attempts.count());
                start.due = Instant::now() + pause;
                self.again.push(start);
            }
            false => self.ended.push(start),
        }
    }

    fn settle_owned(&mut self, mut start: Start, owner: Result<CopyState, ApiError>) {
        let result = match owner {
            Ok(CopyState::InProgress) => {
                self.slots = self.slots.saturating_sub(usize::from(!start.has_slot));
                CopyResult::new(start.copy, Outcome::Pending)
            }
            Ok(CopyState::Available) => {
                self.free_slot(&mut start);
                CopyResult::new(start.copy, Outcome::Exists)
            }
            Err(error) => {
                self.free_slot(&mut start);
                self.failed(start.copy, start.replaces, error)
            }
        };
        self.record(start.position, result);
    }

    fn free_slot(&mut self, start: &mut Start) {
        self.slots = self.slots.saturating_add(usize::from(start.has_slot));
        start.has_slot = false;
        start.lost_at = None;
    }

    fn record(&mut self, position: usize, result: CopyResult) {
        if !matches!(result.outcome, Outcome::Deferred | Outcome::Failed) {
            self.existing.push(result.copy.target.clone());
        }
        let result = CopyResult { position, ..result };
        self.recorder.record(Event::CopyResult(result));
    }
}
