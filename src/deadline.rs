//! Lambda's deadline, and when each phase of the work ends.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// When the phases of an invocation end. A phase that ends early leaves its time to the next ones.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub lists: Share,
    /// The end of drills whose time is over.
    pub ended_drills: Instant,
    /// All reading of a policy run.
    pub observe: Share,
    /// Calls of CopySnapshot.
    pub copies: Instant,
    /// Look-ups after lost answers and of names in use.
    pub look_ups: Instant,
    /// How long to look for the owner of a name in use that Lightsail does not show yet.
    pub owner_wait: Duration,
    pub tags: Instant,
    pub deletions: Instant,
    pub all: Instant,
}

/// The time of reads that all later phases wait for.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// The end of retries: they take no time from the first attempts of later phases.
    pub retries: Instant,
    pub end: Instant,
}

/// A policy run looks again in the next run. Meanwhile, other phases wait.
const POLICY_OWNER_WAIT: Duration = Duration::from_secs(5);

/// How long a step of several calls may take that other steps of its phase wait for.
const STEP: Duration = Duration::from_secs(10);

impl From<Instant> for Share {
    fn from(end: Instant) -> Self {
        Self { retries: end, end }
    }
}

impl Deadline {
    /// For an event's copies, which may take `time`.
    pub fn for_copies(time: Duration) -> Self {
        let now = Instant::now();
        let look_up = (time / 4).min(Duration::from_secs(3));
        let all = now + time;
        let reads = Share::from(all);
        Self {
            lists: reads,
            ended_drills: all,
            observe: reads,
            copies: now + (time - look_up),
            look_ups: all,
            owner_wait: time,
            tags: all,
            deletions: all,
            all,
        }
    }

    /// For a policy run, which may take `time`. Lists stop at six sixteenths, so that a Region without
    /// an answer leaves time for the others.
    pub fn for_policy(time: Duration) -> Self {
        let now = Instant::now();
        let sixteenths = |share| now + time * share / 16;
        let reads = |retries, end| Share {
            retries: sixteenths(retries),
            end: sixteenths(end),
        };
        Self {
            lists: reads(3, 6),
            ended_drills: sixteenths(7),
            observe: reads(5, 9),
            copies: sixteenths(12),
            look_ups: sixteenths(13),
            owner_wait: POLICY_OWNER_WAIT,
            tags: sixteenths(14),
            deletions: sixteenths(15),
            all: sixteenths(16),
        }
    }

    /// The end of a step of several calls in the phase that ends at `phase`.
    pub fn step(phase: Instant) -> Instant {
        phase.min(Instant::now() + STEP)
    }
}

/// Deadlines below this one (a day after the Unix epoch) are durations. `cargo lambda watch` sends
/// 600,000 for every invocation, which means ten minutes.
const FIRST_INSTANT_MS: u64 = 24 * 60 * 60 * 1000;

/// Lambda's limit. A later deadline comes from a wrong clock.
const MAX_TIME: Duration = Duration::from_secs(15 * 60);

/// How long work may take, so that the answer leaves before Lambda's deadline (milliseconds since
/// the Unix epoch): the time left, less a tenth of it, at least 150 ms and at most 2 s.
pub fn time_to_work(deadline_ms: u64, now: SystemTime) -> Duration {
    let left_ms = if deadline_ms < FIRST_INSTANT_MS {
        deadline_ms
    } else {
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        let now_ms = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
        deadline_ms.saturating_sub(now_ms)
    };
    let left = Duration::from_millis(left_ms).min(MAX_TIME);
    let to_answer = (left / 10).clamp(Duration::from_millis(150), Duration::from_secs(2));
    left.saturating_sub(to_answer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_MS: u64 = 1_795_400_000_000;

    fn time_until(deadline_ms: u64) -> Duration {
        time_to_work(
            deadline_ms,
            SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS),
        )
    }

    #[test]
    fn time_is_left_to_answer() {
        for (left_ms, work_ms) in [
            (60_000, 58_000),
            (20_000, 18_000),
            (3_000, 2_700),
            (1_000, 850),
            (150, 0),
            (0, 0),
        ] {
            let work = Duration::from_millis(work_ms);
            assert_eq!(time_until(NOW_MS + left_ms), work, "{left_ms} ms left");
        }
        assert_eq!(time_until(NOW_MS - 1), Duration::ZERO);
    }

    #[test]
    fn no_deadline_is_too_far_away() {
        let longest = MAX_TIME - Duration::from_secs(2);
        for deadline_ms in [
            NOW_MS + 900_000,
            NOW_MS + 86_400_000,
            u64::MAX - 1,
            u64::MAX,
        ] {
            assert_eq!(time_until(deadline_ms), longest);
        }
        assert_eq!(time_until(FIRST_INSTANT_MS), Duration::ZERO);
        let before_time = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(time_to_work(u64::MAX, before_time), longest);
    }

    #[test]
    fn a_deadline_that_is_a_length_of_time_is_taken_for_one() {
        assert_eq!(time_until(600_000), Duration::from_secs(598));
        assert_eq!(time_until(0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn work_is_over_before_the_deadline(left_ms in 1u64..900_000) {
            prop_assert!(time_until(NOW_MS + left_ms) < Duration::from_millis(left_ms));
        }
    }
}
