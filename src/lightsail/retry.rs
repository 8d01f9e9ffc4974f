//! Retries until the deadline.
//!
//! The SDK's retries are off, because this function needs three things that they lack: retries for
//! as long as the deadline allows and no longer, the service's last answer instead of a bare
//! timeout, and jitter that a simulation can seed and replay.

use std::error::Error;
use std::pin::pin;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_lightsail::Client;
use aws_sdk_lightsail::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::classify::{EXPIRED_CREDENTIALS, classify, no_time, unanswered};
use super::client::Lightsail;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;

/// How long one attempt may take. Lightsail answers within two seconds.
const ATTEMPT: Duration = Duration::from_secs(10);

/// The pause before the first retry. It doubles for each further one up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The attempts of a call that gets no answer. Throttled calls and faults of the service are
/// retried until the deadline.
const UNANSWERED_ATTEMPTS: u32 = 5;

/// One call of the API.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The operation's name in the API.
    pub operation: &'static str,
    /// The Region that receives the call.
    pub region: Region,
    /// When to give up.
    pub deadline: Instant,
    /// Whether to retry.
    pub retry: Retry,
}

impl Call {
    /// A call that is retried until the deadline.
    pub fn new(operation: &'static str, region: Region, deadline: Instant) -> Self {
        Self {
            operation,
            region,
            deadline,
            retry: Retry::UntilDeadline,
        }
    }
}

/// Whether a call is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No: a retry could mean something else by then.
    Never,
    /// Until the deadline, if the error may pass.
    UntilDeadline,
}

/// What the attempts of a call have in common.
#[derive(Default)]
struct Attempts {
    count: u32,
    last: Option<ApiError>,
    may_have_happened: bool,
    signed_again: bool,
}

impl Lightsail {
    /// Makes a call until it has a final answer, or the deadline leaves no time for more.
    pub(super) async fn call<T, E, F>(
        &self,
        call: Call,
        send: impl Fn(&Client) -> F,
    ) -> Result<T, ApiError>
    where
        E: Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let endpoint = self.endpoint(call.region);
        let Ok(Ok(_permit)) = timeout_at(call.deadline, endpoint.calls.acquire()).await else {
            return Err(no_time(call.operation, call.region));
        };
        let mut attempts = Attempts::default();
        loop {
            let started = Instant::now();
            if started >= call.deadline {
                let last = attempts.last;
                return Err(last.unwrap_or_else(|| no_time(call.operation, call.region)));
            }
            attempts.count += 1;
            self.calls.fetch_add(1, Ordering::Relaxed);
            let until = call.deadline.min(started + ATTEMPT);
            let mut error = match timeout_at(until, pin!(send(&endpoint.client))).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => classify(call.operation, call.region, &error),
                Err(_elapsed) => attempts.timed_out(started, until == call.deadline),
            };
            attempts.may_have_happened |= error.may_have_happened;
            error.may_have_happened = attempts.may_have_happened;
            self.count(&error);
            log_attempt(call, &attempts, started, &error);
            let pause = self.pause_before(attempts.count);
            let again = call.retry == Retry::UntilDeadline && attempts.may_help(&error);
            if !again || Instant::now() + pause >= call.deadline {
                return Err(error);
            }
            attempts.last = Some(error);
            sleep(pause).await;
        }
    }

    /// Acts on what an error says about later calls.
    fn count(&self, error: &ApiError) {
        if error.kind == ErrorKind::Throttled {
            self.throttles.fetch_add(1, Ordering::Relaxed);
        }
        if EXPIRED_CREDENTIALS.contains(&error.code.as_str()) {
            self.credentials.clear();
        }
    }

    /// The pause after the given failed attempt: the doubled pause, less up to half of it at
    /// random, so that callers that were refused together do not return together.
    pub(super) fn pause_before(&self, attempt: u32) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        doubled.min(MAX_PAUSE).mul_f64(0.5 + jitter.f64() / 2.0)
    }
}

impl Attempts {
    /// The error of an attempt that got no answer.
    fn timed_out(&mut self, started: Instant, at_deadline: bool) -> ApiError {
        match self.last.take() {
            // The service's last answer says more than a timeout.
            Some(last) if at_deadline => ApiError {
                kind: ErrorKind::NoTime,
                may_have_happened: true,
                ..last
            },
            _ if at_deadline => unanswered(started.elapsed(), ErrorKind::NoTime),
            _ => unanswered(started.elapsed(), ErrorKind::NoAnswer),
        }
    }

    /// Whether another attempt may succeed.
    fn may_help(&mut self, error: &ApiError) -> bool {
        match error.kind {
            ErrorKind::Throttled | ErrorKind::ServiceFault => true,
            ErrorKind::NoAnswer => self.count < UNANSWERED_ATTEMPTS,
            // Once: with new credentials, or with the service's time, which the SDK takes from the
            // refusal.
            ErrorKind::Expired => !std::mem::replace(&mut self.signed_again, true),
            _ => false,
        }
    }
}

fn log_attempt(call: Call, attempts: &Attempts, started: Instant, error: &ApiError) {
    debug!(
        event = "attempt_failed",
        operation = call.operation,
        region = call.region.as_str(),
        attempt = attempts.count,
        errorCode = error.code,
        errorMessage = error.message,
        durationMs = started.elapsed().as_millis() as u64,
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_grow_to_a_longest_and_are_jittered(attempt in 1u32..1000, seed in any::<u64>()) {
            let config = aws_sdk_lightsail::Config::builder().behavior_version_latest();
            let pause = Lightsail::new(config, seed).pause_before(attempt);
            let whole = (FIRST_PAUSE * 2u32.saturating_pow(attempt.min(20) - 1)).min(MAX_PAUSE);
            prop_assert!(whole / 2 <= pause && pause <= whole, "{attempt}: {pause:?}");
        }
    }
}
