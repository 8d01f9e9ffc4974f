//! One invocation, from payload to answer.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, LambdaInvocation};
use serde::{Deserialize, Deserializer};
use tracing::{error, info};

use crate::event::{self, Event, Job};
use crate::lightsail::Lightsail;
use crate::region::Region;
use crate::report::{self, Answer};
use crate::run::{self, Deadline};

/// What stays the same from one invocation to the next.
#[derive(Debug)]
pub struct Function {
    /// Lightsail in every Region.
    pub lightsail: Lightsail,
    /// The Region that the function runs in, where Lightsail has it.
    pub region: Option<Region>,
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
/// called), `NoPolicy` if it asks for a run of a policy and none is deployed, or `CopyFailed` if a
/// copy failed (everything that could be done was done first).
pub async fn serve(
    function: &Function,
    invocation: LambdaEvent<Payload>,
) -> Result<Answer, Diagnostic> {
    let request_id = invocation.context.request_id.as_str();
    let result = answer(function, &invocation.payload, &invocation.context).await;
    match &result {
        Ok(_) => info!(event = "invocation", requestId = request_id),
        Err(diagnostic) => error!(
            event = "invocation",
            requestId = request_id,
            errorType = diagnostic.error_type,
            errorMessage = diagnostic.error_message,
        ),
    }
    result
}

async fn answer(
    function: &Function,
    payload: &Payload,
    context: &Context,
) -> Result<Answer, Diagnostic> {
    let deadline = Deadline::after(time_to_work(context.deadline, SystemTime::now()));
    let Event { job, dry_run } = event::parse(&payload.0, Timestamp::now(), function.region)
        .map_err(|mistakes| function_error("InvalidEvent", mistakes.to_string()))?;
    match job {
        Job::DeployedPolicy => Err(function_error(
            "NoPolicy",
            "the event asks for a run of the deployed policy, and none is deployed".to_owned(),
        )),
        Job::Copies(copies) => {
            let log = |result: &_| report::log_copy(&context.request_id, result);
            let results = run::copies(&function.lightsail, copies, dry_run, deadline, log).await;
            match report::failures(&results) {
                Some(message) => Err(function_error("CopyFailed", message)),
                None => Ok(Answer::new(dry_run, &results)),
            }
        }
    }
}

fn function_error(error_type: &str, error_message: String) -> Diagnostic {
    Diagnostic {
        error_type: error_type.to_owned(),
        error_message,
    }
}

/// How long work may take, so that the answer leaves before Lambda's deadline (milliseconds since
/// the Unix epoch): what is left until then, less a tenth, which is at least 150 ms and at most 2 s.
fn time_to_work(deadline_ms: u64, now: SystemTime) -> Duration {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline_ms);
    let left = deadline.duration_since(now).unwrap_or_default();
    let to_answer = (left / 10).clamp(Duration::from_millis(150), Duration::from_secs(2));
    left.saturating_sub(to_answer)
}
