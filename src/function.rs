//! One invocation, from payload to answer.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, LambdaInvocation};
use serde::{Deserialize, Deserializer};

use crate::event::{self, Event, Job};
use crate::fields::Mistakes;
use crate::lightsail::Lightsail;
use crate::policy::Policy;
use crate::region::Region;
use crate::report::{self, Answer};
use crate::run::{self, Deadline, Done, RunResults};
use crate::{logging, metrics};

/// What stays the same from one invocation to the next.
#[derive(Debug)]
pub struct Function {
    /// Lightsail in every Region.
    pub lightsail: Lightsail,
    /// The Region that the function runs in, where Lightsail has it.
    pub region: Option<Region>,
    /// The deployed policy, if there is one, or all that is wrong with it.
    pub policy: Option<Result<Policy, Mistakes>>,
}

/// A payload, whatever bytes it is.
///
/// The runtime answers a payload that is not JSON by itself, with an error of its own making. So
/// [`Payload::wrap`] makes every payload a JSON string, one character a byte, and reading that
/// string gives the bytes back.
#[derive(Debug)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// Wraps the payload of an invocation before the runtime reads it.
    pub fn wrap(mut invocation: LambdaInvocation) -> LambdaInvocation {
        let text: String = invocation.body.iter().copied().map(char::from).collect();
        // A string always becomes JSON.
        invocation.body = serde_json::to_vec(&text).unwrap_or_default().into();
        invocation
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(
            text.chars().filter_map(|c| u8::try_from(c).ok()).collect(),
        ))
    }
}

/// Serves one invocation: reads the event, does the work, logs every result.
///
/// # Errors
///
/// A function error, whose type is `InvalidEvent` if the payload is not understood (nothing was
/// called), `NoPolicy` or `InvalidPolicy` if it asks for a run of the deployed policy and there is
/// none or none that can be read, or `CopyFailed` if a copy or a deletion failed or a Region could
/// not be read (everything that could be done was done first).
pub async fn serve(
    function: &Function,
    invocation: LambdaEvent<Payload>,
) -> Result<Answer, Diagnostic> {
    let started = Instant::now();
    let request_id = invocation.context.request_id.as_str();
    let result = answer(function, &invocation.payload, &invocation.context).await;
    report::log_invocation(
        request_id,
        started.elapsed().as_millis() as u64,
        function.lightsail.take_calls(),
        result
            .as_ref()
            .map_err(|error| (error.error_type.as_str(), error.error_message.as_str())),
    );
    result
}

async fn answer(
    function: &Function,
    payload: &Payload,
    context: &Context,
) -> Result<Answer, Diagnostic> {
    let time = time_to_work(context.deadline, SystemTime::now());
    let Event { job, dry_run } = event::parse(&payload.0, Timestamp::now(), function.region)
        .map_err(|mistakes| function_error("InvalidEvent", mistakes.to_string()))?;
    match job {
        Job::Copies(copies) => {
            let deadline = Deadline::of_copies(time);
            let log = |done: Done<'_>| report::log(&context.request_id, done);
            let copies = run::copies(&function.lightsail, copies, dry_run, deadline, log).await;
            let results = RunResults {
                copies,
                ..RunResults::default()
            };
            match report::failures(&results) {
                Some(message) => Err(function_error("CopyFailed", message)),
                None => Ok(Answer::of_copies(dry_run, &results)),
            }
        }
        Job::Policy(policy) => run_policy(function, &policy, dry_run, time, context).await,
        Job::DeployedPolicy => match &function.policy {
            Some(Ok(policy)) => run_policy(function, policy, dry_run, time, context).await,
            Some(Err(mistakes)) => Err(function_error("InvalidPolicy", mistakes.to_string())),
            None => Err(function_error(
                "NoPolicy",
                "the event asks for a run of the deployed policy, and none is deployed (COPY_POLICY is not set)".to_owned(),
            )),
        },
    }
}

/// One run of a policy, and what it came to.
async fn run_policy(
    function: &Function,
    policy: &Policy,
    dry_run: bool,
    time: Duration,
    context: &Context,
) -> Result<Answer, Diagnostic> {
    let request_id = context.request_id.as_str();
    let lightsail = &function.lightsail;
    // Ages and the current day go by the clock, not by the event's time: an event that comes late
    // must not make a backup look younger than it is.
    let now = Timestamp::now();
    lightsail.take_throttles();
    let deadline = Deadline::of_policy(time);
    let log = |done: Done<'_>| report::log(request_id, done);
    let run = run::policy(lightsail, policy, now, dry_run, deadline, log).await;
    if !dry_run {
        let throttles = lightsail.take_throttles();
        let records = metrics::records(request_id, now, &policy.destinations, &run, throttles);
        logging::write_lines(&records);
    }
    match report::failures(&run) {
        Some(message) => Err(function_error("CopyFailed", message)),
        None => Ok(Answer::of_run(dry_run, &run)),
    }
}

fn function_error(error_type: &str, error_message: String) -> Diagnostic {
    Diagnostic {
        error_type: error_type.to_owned(),
        error_message,
    }
}

/// Deadlines below this one, a day after the Unix epoch, are lengths of time. `cargo lambda watch`
/// says 600,000 for every invocation, meaning ten minutes.
const FIRST_INSTANT_MS: u64 = 24 * 60 * 60 * 1000;

/// The longest that Lambda lets a function work. A deadline beyond it comes from a clock that is
/// wrong, and would let a call be tried again until Lambda ends the process.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How long work may take, so that the answer leaves before Lambda's deadline (milliseconds since
/// the Unix epoch): what is left until then, less a tenth, which is at least 150 ms and at most 2 s.
fn time_to_work(deadline_ms: u64, now: SystemTime) -> Duration {
    let left_ms = if deadline_ms < FIRST_INSTANT_MS {
        deadline_ms
    } else {
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        let now_ms = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
        deadline_ms.saturating_sub(now_ms)
    };
    let left = Duration::from_millis(left_ms).min(LONGEST);
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
        let longest = LONGEST - Duration::from_secs(2);
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
