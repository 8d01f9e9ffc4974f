//! Attempts of calls, and retries until a deadline.
//!
//! The SDK's retries are off, because this function needs three things that they lack: retries for
//! as long as the deadline allows and no longer, the service's last answer instead of a bare
//! timeout, and jitter that a simulation can seed and replay.
//!
//! A call holds one of the Region's [`CALLS_AT_ONCE`](super::CALLS_AT_ONCE) places only during an
//! attempt, never during a pause.

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

use super::client::Lightsail;
use crate::deadline::Share;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;

/// How long one attempt may take. Lightsail answers within two seconds.
const ATTEMPT: Duration = Duration::from_secs(10);

/// The pause before the first retry. It doubles for each further one up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How often, and how long since its first failure, a call without an answer is retried at least.
/// Throttled calls and faults of the service are retried until the deadline.
const UNANSWERED_ATTEMPTS: u32 = 5;
const UNANSWERED_TIME: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The operation's name in the API.
    pub(super) operation: &'static str,
    pub(super) region: Region,
    until: Until,
}

impl Call {
    pub fn new(operation: &'static str, region: Region, until: impl Into<Until>) -> Self {
        Self {
            operation,
            region,
            until: until.into(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Until {
    deadline: Instant,
    /// Until when an error that may pass is retried.
    retries: Option<Instant>,
}

impl Until {
    /// After one attempt, or at the deadline.
    pub fn once(deadline: Instant) -> Self {
        Self {
            deadline,
            retries: None,
        }
    }
}

impl From<Instant> for Until {
    fn from(deadline: Instant) -> Self {
        Self {
            deadline,
            retries: Some(deadline),
        }
    }
}

impl From<Share> for Until {
    fn from(Share { retries, end }: Share) -> Self {
        Self {
            deadline: end,
            retries: Some(retries),
        }
    }
}

/// The failed attempts of a call, or of a step of several calls.
#[derive(Debug, Default)]
pub struct Attempts {
    count: u32,
    first_failed_at: Option<Instant>,
    /// Boxed, because a run of a large fleet holds tens of thousands.
    last: Option<Box<ApiError>>,
    may_have_happened: bool,
}

impl Attempts {
    /// Adds a failed attempt. Returns whether another one may help.
    pub fn failed(&mut self, error: ApiError) -> bool {
        self.count += 1;
        self.may_have_happened |= error.may_have_happened;
        let first = *self.first_failed_at.get_or_insert_with(Instant::now);
        let may_help = match error.kind {
            ErrorKind::Throttled | ErrorKind::ServiceFault => true,
            ErrorKind::NoAnswer | ErrorKind::TimedOut => {
                self.count < UNANSWERED_ATTEMPTS || first.elapsed() < UNANSWERED_TIME
            }
            _ => false,
        };
        match &mut self.last {
            // The service's last answer says more than a timeout.
            Some(last) if error.kind == ErrorKind::NoTime => last.kind = error.kind,
            last => {
                let answered = last.take().and_then(|last| last.details.request_id);
                let error = last.insert(Box::new(error));
                let request_id = &mut error.details.request_id;
                *request_id = request_id.take().or(answered);
            }
        }
        may_help
    }

    /// Adds why no further attempt is made.
    pub fn ended(&mut self, why: ApiError) {
        let message = match &self.last {
            Some(last) => format!("{}; the last attempt: {last}", why.message),
            None => why.message,
        };
        self.failed(ApiError { message, ..why });
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether one of them may have had its effect.
    pub fn may_have_happened(&self) -> bool {
        self.may_have_happened
    }

    /// The error of all of them. `None` without any.
    pub fn into_error(self) -> Option<ApiError> {
        let may_have_happened = self.may_have_happened;
        self.last.map(|last| ApiError {
            may_have_happened,
            ..*last
        })
    }
}

impl Lightsail {
    /// Makes a call until it has a final answer, or the deadline leaves no time for more.
    pub async fn call<T, E, F>(
        &self,
        mut call: Call,
        send: impl Fn(&Client) -> F,
    ) -> Result<T, ApiError>
    where
        E: Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut attempts = Attempts::default();
        let mut signed_again = false;
        loop {
            let error = match self.attempt(call, &send).await {
                Ok(answer) => return Ok(answer),
                // Once: with new credentials, or with the service's time, which the SDK takes from
                // the refusal.
                Err(error) if error.kind == ErrorKind::Expired && !signed_again => {
                    signed_again = true;
                    continue;
                }
                Err(error) => error,
            };
            let may_help = attempts.failed(error);
            let pause = self.pause_before(attempts.count);
            let retries = call.until.retries;
            let deadline = retries.filter(|end| may_help && Instant::now() + pause < *end);
            let Some(deadline) = deadline else {
                let error = attempts.into_error();
                return Err(error.unwrap_or_else(|| call.no_time()));
            };
            sleep(pause).await;
            call.until.deadline = deadline;
        }
    }

    async fn attempt<T, E, F>(&self, call: Call, send: impl Fn(&Client) -> F) -> Result<T, ApiError>
    where
        E: Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let endpoint = self.endpoint(call.region);
        let deadline = call.until.deadline;
        let Ok(Ok(_place)) = timeout_at(deadline, endpoint.calls.acquire()).await else {
            return Err(call.no_time());
        };
        let started = Instant::now();
        if started >= deadline {
            return Err(call.no_time());
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let until = deadline.min(started + ATTEMPT);
        let error = match timeout_at(until, pin!(send(&endpoint.client))).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => call.failed(&error),
            Err(_elapsed) => call.unanswered(
                started.elapsed(),
                match until == deadline {
                    true => ErrorKind::NoTime,
                    false => ErrorKind::TimedOut,
                },
            ),
        };
        match error.kind {
            ErrorKind::Throttled => _ = self.throttles.fetch_add(1, Ordering::Relaxed),
            // If only the clock was wrong, loading them again does no harm.
            ErrorKind::Expired => self.credentials.clear(),
            _ => {}
        }
        debug!(
            event = "attempt_failed",
            operation = call.operation,
            region = call.region.as_str(),
            errorCode = error.code.as_ref(),
            errorMessage = error.message,
            durationMs = started.elapsed().as_millis() as u64,
        );
        Err(error)
    }

    /// The pause after the given failed attempt: the doubled pause, less up to half of it at
    /// random, so that callers that were refused together do not return together.
    pub fn pause_before(&self, attempt: u32) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        doubled.min(MAX_PAUSE).mul_f64(0.5 + jitter.f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::failure::Code;

    #[test]
    fn a_timeout_keeps_the_request_id_of_the_answer_before() {
        let mut answered = ApiError::new(ErrorKind::ServiceFault, "ServiceException", "No.");
        answered.details.request_id = Some("7d9f".to_owned());
        let mut attempts = Attempts::default();
        assert!(attempts.failed(answered));
        let timeout = ApiError::new(ErrorKind::TimedOut, Code::Timeout, "No answer.");
        assert!(attempts.failed(timeout));
        let error = attempts.into_error().unwrap();
        assert_eq!(error.code, Code::Timeout);
        assert_eq!(error.details.request_id.as_deref(), Some("7d9f"));
    }

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
