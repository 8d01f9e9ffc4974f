//! Which copy is sent next, and when.

use std::collections::VecDeque;
use std::mem::take;
use std::time::Duration;

use tokio::time::Instant;

use super::Starts;
use crate::lightsail::CALLS_AT_ONCE;
use crate::model::failure::ApiError;
use crate::run::start::Start;

/// How long one of the first copies waits for the answer to the copy before it. Lightsail may have room
/// for only some, and takes them as they come.
const IN_ORDER: Duration = Duration::from_millis(100);

impl Starts<'_> {
    /// When the next copy that failed can be tried again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let again = self.again.iter();
        // One that hangs again would hold up the next round.
        let again = again.filter(|start| !start.hangs);
        let can_start = again.filter(|start| start.has_slot || self.slots > 0);
        let due = can_start.map(|start| start.due).min();
        due.filter(|due| *due < self.deadline.copies)
    }

    /// When the copy after one that is sent now may be sent without its answer.
    pub(super) fn next_turn(&mut self) -> Instant {
        let now = Instant::now();
        if self.policy.is_none() || self.in_order == CALLS_AT_ONCE {
            return now;
        }
        self.in_order += 1;
        let left = self.deadline.copies.saturating_duration_since(now);
        now + IN_ORDER.min(left / 50)
    }

    /// The next copy to start, with its slot. `None`: there is none, or no slot is free.
    pub(super) fn next(&mut self) -> Option<Start> {
        if let Some(limit) = self.limit.clone() {
            // After so many refusals, all others would be refused too. A failed copy is not deleted if
            // Lightsail has no room for the new one.
            let is_full = self.refusals >= CALLS_AT_ONCE;
            let is_left = |start: &Start| is_full || start.failed.is_some();
            let (left, others) = take(&mut self.queue).into_iter().partition(is_left);
            self.queue = others;
            self.leave(left, &limit);
        }
        let index = match self.slots {
            0 => self.queue.iter().position(|start| start.has_slot)?,
            _ => 0,
        };
        let mut start = self.queue.remove(index)?;
        self.slots -= usize::from(!start.has_slot);
        start.has_slot = true;
        Some(start)
    }

    /// Leaves copies to the next run.
    pub(super) fn leave(&mut self, starts: VecDeque<Start>, why: &ApiError) {
        for mut start in starts {
            start.attempts.ended(why.clone());
            self.ended.push(start);
        }
    }
}
