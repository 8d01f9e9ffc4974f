//! One attempt of everything first, then what failed again, for as long as there is time.

use std::collections::VecDeque;
use std::future::pending;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};

use crate::deadline::Share;
use crate::lightsail::{Attempts, CALLS_AT_ONCE, Lightsail, Until};
use crate::model::failure::ApiError;

/// Items that need an attempt.
pub struct Rounds<T>(VecDeque<Item<T>>);

struct Item<T> {
    item: T,
    /// Those that failed.
    attempts: Attempts,
    /// When another attempt may be made.
    due: Instant,
}

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Rounds<T> {
    pub fn add(&mut self, items: impl IntoIterator<Item = T>) {
        self.0.extend(items.into_iter().map(|item| Item {
            item,
            attempts: Attempts::default(),
            due: Instant::now(),
        }));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes one attempt of each item in their order, at most [`CALLS_AT_ONCE`] at once, and passes
    /// the results to `done`. An item whose error may pass stays for the next round. While the round
    /// waits for attempts that hang, items that failed are tried again.
    pub async fn attempt_all<R>(
        &mut self,
        lightsail: &Lightsail,
        time: Share,
        attempt: impl AsyncFn(&T, Until) -> Result<R, ApiError>,
        mut done: impl FnMut(T, Result<R, ApiError>),
    ) {
        let attempt = async |item: Item<T>, is_first: bool| {
            let until = if is_first { time.end } else { time.retries };
            let result = attempt(&item.item, Until::once(until)).await;
            (item, result, is_first)
        };
        let mut queue = std::mem::take(&mut self.0);
        let (mut running, mut first) = (FuturesUnordered::new(), 0);
        loop {
            while running.len() < CALLS_AT_ONCE
                && let Some(item) = queue.pop_front()
            {
                first += 1;
                running.push(attempt(item, true));
            }
            let is_free = first > 0 && running.len() < CALLS_AT_ONCE;
            let due = match is_free {
                true => self.next_due().filter(|due| *due < time.retries),
                false => None,
            };
            let ended = tokio::select! {
                biased;
                ended = running.next() => ended,
                again = self.take_due(due) => {
                    running.extend(again.map(|item| attempt(item, false)));
                    continue;
                }
            };
            let Some((mut item, result, is_first)) = ended else {
                return;
            };
            first -= usize::from(is_first);
            match result {
                Ok(result) => done(item.item, Ok(result)),
                Err(error) => match item.attempts.failed(error) {
                    true => {
                        item.due = Instant::now() + lightsail.pause_before(item.attempts.count());
                        self.0.push_back(item);
                    }
                    false => item.fail(&mut done),
                },
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.0.iter().map(|item| item.due).min()
    }

    /// Waits until the item is due that is due at this time. `None`: for ever.
    async fn take_due(&mut self, due: Option<Instant>) -> Option<Item<T>> {
        match due {
            Some(due) => sleep_until(due).await,
            None => pending().await,
        }
        let index = self.0.iter().position(|item| Some(item.due) == due)?;
        self.0.remove(index)
    }

    /// Ends all items with their last errors, unless there is time for the next round.
    pub fn end_at<R>(
        &mut self,
        deadline: Instant,
        next: Instant,
        mut done: impl FnMut(T, Result<R, ApiError>),
    ) {
        if next >= deadline {
            for item in std::mem::take(&mut self.0) {
                item.fail(&mut done);
            }
        }
    }
}

impl<T> Item<T> {
    fn fail<R>(self, done: &mut impl FnMut(T, Result<R, ApiError>)) {
        if let Some(error) = self.attempts.into_error() {
            done(self.item, Err(error));
        }
    }
}

/// Makes attempts of all items in rounds, until all are done or their time is over.
pub async fn rounds<T, R>(
    lightsail: &Lightsail,
    items: Vec<T>,
    time: Share,
    attempt: impl AsyncFn(&T, Until) -> Result<R, ApiError>,
    mut done: impl FnMut(T, Result<R, ApiError>),
) {
    let mut rounds = Rounds::default();
    rounds.add(items);
    let mut this_round = time;
    for round in 1.. {
        rounds
            .attempt_all(lightsail, this_round, &attempt, &mut done)
            .await;
        this_round.end = time.retries;
        let next = Instant::now() + lightsail.pause_before(round);
        rounds.end_at(time.retries, next, &mut done);
        if rounds.is_empty() {
            return;
        }
        sleep_until(next).await;
    }
}
