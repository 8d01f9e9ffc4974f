//! One attempt of everything first, then what failed again, for as long as there is time.

use std::collections::VecDeque;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};

use crate::deadline::Share;
use crate::lightsail::{Attempts, CALLS_AT_ONCE, Lightsail, Until};
use crate::model::failure::ApiError;

/// Items that need an attempt, with the errors of those before.
pub struct Rounds<T>(VecDeque<(T, Attempts)>);

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Rounds<T> {
    pub fn add(&mut self, items: impl IntoIterator<Item = T>) {
        let items = items.into_iter();
        self.0.extend(items.map(|item| (item, Attempts::default())));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes one attempt of each item in their order, at most [`CALLS_AT_ONCE`] at once, and passes
    /// the results to `done`. An item whose error may pass stays for the next round.
    pub async fn attempt_all<R>(
        &mut self,
        attempt: impl AsyncFn(&T) -> Result<R, ApiError>,
        mut done: impl FnMut(T, Result<R, ApiError>),
    ) {
        let attempt = &attempt;
        let mut queue = std::mem::take(&mut self.0);
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < CALLS_AT_ONCE
                && let Some((item, attempts)) = queue.pop_front()
            {
                running.push(async move {
                    let result = attempt(&item).await;
                    (item, attempts, result)
                });
            }
            let Some((item, mut attempts, result)) = running.next().await else {
                return;
            };
            match result {
                Ok(result) => done(item, Ok(result)),
                Err(error) => match attempts.failed(error) {
                    true => self.0.push_back((item, attempts)),
                    false => fail(item, attempts, &mut done),
                },
            }
        }
    }

    /// Ends all items with their last errors, unless there is time for the next round.
    pub fn end_at<R>(
        &mut self,
        deadline: Instant,
        next: Instant,
        mut done: impl FnMut(T, Result<R, ApiError>),
    ) {
        if next >= deadline {
            for (item, attempts) in std::mem::take(&mut self.0) {
                fail(item, attempts, &mut done);
            }
        }
    }
}

fn fail<T, R>(item: T, attempts: Attempts, done: &mut impl FnMut(T, Result<R, ApiError>)) {
    if let Some(error) = attempts.into_error() {
        done(item, Err(error));
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
    let mut deadline = time.end;
    for round in 1.. {
        let until = Until::once(deadline);
        let attempt = async |item: &T| attempt(item, until).await;
        rounds.attempt_all(attempt, &mut done).await;
        deadline = time.retries;
        let next = Instant::now() + lightsail.pause_before(round);
        rounds.end_at(deadline, next, &mut done);
        if rounds.is_empty() {
            return;
        }
        sleep_until(next).await;
    }
}
