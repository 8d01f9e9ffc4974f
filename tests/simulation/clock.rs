//! Virtual time for the SDK, the emulator and the simulation.

use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use jiff::Timestamp;
use tokio::time::Instant;

/// Virtual time: a date, and what tokio's paused clock has moved on since.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    at: Timestamp,
}

impl Clock {
    /// A clock that shows `at` now.
    pub fn at(at: Timestamp) -> Self {
        Self {
            started: Instant::now(),
            at,
        }
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        self.at + self.started.elapsed()
    }

    /// Lets time pass until it shows `time`.
    pub async fn wait_until(&self, time: Timestamp) {
        let wait = Duration::try_from(time.duration_since(self.now())).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        Clock::now(self).into()
    }
}
