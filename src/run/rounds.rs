//! One attempt of everything first, then what failed again, for as long as there is time.

use std::collections::VecDeque;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep};

use crate::lightsail::{Attempts, CALLS_AT_ONCE, Lightsail};
use crate::model::failure::ApiError;

/// Makes attempts of all `items` in their order, at most [`CALLS_AT_ONCE`] at once, and passes each
/// result to `done`. An item whose error may pass is tried again in a later round, so it takes no
/// place from the items that nobody has tried yet. Ends when all items are done, or with a last error
/// of each at the deadline.
pub async fn rounds<T, R>(
    lightsail: &Lightsail,
    items: Vec<T>,
    deadline: Instant,
    attempt: impl AsyncFn(&T) -> Result<R, ApiError>,
    mut done: impl FnMut(T, Result<R, ApiError>),
) {
    let attempt = &attempt;
    let mut queue: VecDeque<(T, Attempts)> = items
        .into_iter()
        .map(|item| (item, Attempts::default()))
        .collect();
    let mut round = 1;
    loop {
        let mut again = VecDeque::new();
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
                break;
            };
            match result {
                Ok(result) => done(item, Ok(result)),
                Err(error) => match attempts.failed(error) {
                    true => again.push_back((item, attempts)),
                    false => fail(item, attempts, &mut done),
                },
            }
        }
        let pause = lightsail.pause_before(round);
        if again.is_empty() || Instant::now() + pause >= deadline {
            for (item, attempts) in again {
                fail(item, attempts, &mut done);
            }
            return;
        }
        sleep(pause).await;
        queue = again;
        round += 1;
    }
}

fn fail<T, R>(item: T, attempts: Attempts, done: &mut impl FnMut(T, Result<R, ApiError>)) {
    if let Some(error) = attempts.into_error() {
        done(item, Err(error));
    }
}
