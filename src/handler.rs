//! One invocation, from payload to answer.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, LambdaInvocation};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::deadline::{Deadline, time_to_work};
use crate::event::{self, Event, Frequency, Job, ValidationErrors};
use crate::lightsail::Lightsail;
use crate::logging::Log;
use crate::model::event::Event as RunEvent;
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::notify::Notify;
use crate::plan::MassDeletion;
use crate::report::{self, Mail, Response};
use crate::run::{self, Mode, Recorder};

/// The time to log and answer one copy: 10 µs of a whole processor, on the share that Lambda gives
/// with little memory.
const REPORT_TIME: Duration = Duration::from_micros(100);

/// How long it may take to send a report.
const TIME_TO_SEND: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Run(Box<Response>),
    Report { report: ReportAnswer },
}

#[derive(Debug, Serialize)]
pub struct ReportAnswer {
    #[serde(flatten)]
    mail: Mail,
    sent: bool,
}

impl Answer {
    fn response(&self) -> Option<&Response> {
        match self {
            Self::Run(response) => Some(response),
            Self::Report { .. } => None,
        }
    }
}

/// Serves invocations. Its fields stay the same from one to the next.
#[derive(Debug)]
pub struct Handler {
    pub lightsail: Lightsail,
    /// The Region that the function runs in. `None` if Lightsail does not have it.
    pub region: Option<Region>,
    /// The function's name in AWS, or `local`: the dimension of its metrics.
    pub function_name: String,
    /// The deployed policy, or its errors. `None` if none is deployed.
    pub policy: Option<Result<Policy, ValidationErrors>>,
    pub log: Log,
    pub notify: Notify,
}

/// Why an invocation ends in a function error. The variant's name is the `errorType`.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum InvocationError {
    #[error("{0}")]
    InvalidEvent(ValidationErrors),
    /// The event needs the deployed policy, and that has errors.
    #[error("{0}")]
    InvalidPolicy(ValidationErrors),
    /// The event needs the deployed policy, and none is deployed.
    #[error("the event asks for a run of the deployed policy, but COPY_POLICY is not set")]
    NoPolicy,
    /// A copy or deletion failed, or a Region could not be read. Everything else was done.
    #[error("{0}")]
    CopyFailed(String),
    #[error("{0}")]
    DrillFailed(String),
    #[error("{0}")]
    ReportFailed(String),
}

impl InvocationError {
    pub fn error_type(&self) -> &'static str {
        self.into()
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Self {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// The text of a payload. `None`: it is not UTF-8, and so not JSON.
///
/// The runtime answers a payload that is not JSON with an error of its own. So [`Payload::wrap`]
/// turns every payload into a JSON string, or null, and reading that returns the text.
#[derive(Debug, Deserialize)]
pub struct Payload(Option<String>);

impl Payload {
    /// Wraps the payload of an invocation before the runtime reads it.
    pub fn wrap(mut invocation: LambdaInvocation) -> LambdaInvocation {
        let text = str::from_utf8(&invocation.body).ok();
        // A string always serializes.
        invocation.body = serde_json::to_vec(&text).unwrap_or_default().into();
        invocation
    }

    fn event(self, region: Option<Region>) -> Result<Event, ValidationErrors> {
        match self.0 {
            Some(text) => event::parse(text.as_bytes(), Timestamp::now(), region),
            None => Err(ValidationErrors::one(
                "the payload is not JSON: it is not UTF-8",
            )),
        }
    }
}

impl Handler {
    /// Serves one invocation: reads the event, does the work, logs every result.
    ///
    /// # Errors
    ///
    /// See [`InvocationError`].
    pub async fn handle(
        &self,
        invocation: LambdaEvent<Payload>,
    ) -> Result<Answer, InvocationError> {
        let started = Instant::now();
        let LambdaEvent {
            payload, context, ..
        } = invocation;
        let result = self.answer(payload, &context).await;
        report::log_invocation(
            &self.log,
            &context.request_id,
            started.elapsed().as_millis() as u64,
            self.lightsail.take_calls(),
            result
                .as_ref()
                .map(Answer::response)
                .map_err(|error| (error.error_type(), error.to_string())),
        );
        result
    }

    async fn answer(&self, payload: Payload, context: &Context) -> Result<Answer, InvocationError> {
        let event = payload
            .event(self.region)
            .map_err(InvocationError::InvalidEvent)?;
        // After the event is read, because a large one takes time.
        let time = time_to_work(context.deadline, SystemTime::now());
        let dry_run = event.dry_run;
        let mode = Mode {
            dry_run,
            mass_deletion: match event.allow_mass_deletion {
                true => MassDeletion::Allowed,
                false => MassDeletion::Refused,
            },
        };
        let response = match event.job {
            Job::Copies(copies) => {
                let to_report = REPORT_TIME * u32::try_from(copies.len()).unwrap_or(u32::MAX);
                let deadline = Deadline::for_copies(time - to_report.min(time / 2));
                let log =
                    |event: &RunEvent| report::log_event(&self.log, &context.request_id, event);
                let recorder = Recorder::new(&log);
                run::copies(&self.lightsail, copies, dry_run, deadline, &recorder).await;
                let events = recorder.into_events();
                end(dry_run, &events, Response::for_copies)
            }
            Job::Policy(policy) => self.run_policy(&policy, false, mode, time, context).await,
            Job::DeployedPolicy => {
                let policy = self.deployed_policy()?;
                self.run_policy(policy, true, mode, time, context).await
            }
            Job::Report(frequency, at) => {
                return self.report(frequency, at, dry_run, time, context).await;
            }
        };
        response.map(|response| Answer::Run(Box::new(response)))
    }

    fn deployed_policy(&self) -> Result<&Policy, InvocationError> {
        match &self.policy {
            Some(Ok(policy)) => Ok(policy),
            Some(Err(errors)) => Err(InvocationError::InvalidPolicy(errors.clone())),
            None => Err(InvocationError::NoPolicy),
        }
    }

    /// Mails a report of what a run would find, unless this is a dry run. The event was sent `at` this
    /// time.
    async fn report(
        &self,
        frequency: Frequency,
        at: Timestamp,
        dry_run: bool,
        time: Duration,
        context: &Context,
    ) -> Result<Answer, InvocationError> {
        let policy = self.deployed_policy()?;
        let now = Timestamp::now();
        let mode = Mode {
            dry_run: true,
            mass_deletion: MassDeletion::Refused,
        };
        let to_send = (time / 4).min(TIME_TO_SEND);
        let deadline = Deadline::for_policy(time.saturating_sub(to_send));
        let log = |event: &RunEvent| report::log_event(&self.log, &context.request_id, event);
        let events = run::policy(&self.lightsail, policy, now, mode, deadline, &log).await;
        let mail = report::mail(&events);
        let is_due = frequency.is_due(at, mail.attention);
        let sent = match is_due && !dry_run {
            true => self.notify.mail(&mail, to_send).await,
            false => Ok(false),
        };
        let sent = sent.map_err(InvocationError::ReportFailed)?;
        Ok(Answer::Report {
            report: ReportAnswer { mail, sent },
        })
    }

    /// Runs a policy once. Only runs of the deployed policy write metrics, so that a test does not
    /// clear an alarm.
    async fn run_policy(
        &self,
        policy: &Policy,
        is_deployed: bool,
        mode: Mode,
        time: Duration,
        context: &Context,
    ) -> Result<Response, InvocationError> {
        let request_id = context.request_id.as_str();
        let lightsail = &self.lightsail;
        // The clock's time, not the event's: a late event must not make a backup look younger.
        let now = Timestamp::now();
        lightsail.take_throttles();
        let deadline = Deadline::for_policy(time);
        let log = |event: &RunEvent| report::log_event(&self.log, request_id, event);
        let events = run::policy(lightsail, policy, now, mode, deadline, &log).await;
        if is_deployed && !mode.dry_run {
            let throttles = lightsail.take_throttles();
            let name = &self.function_name;
            let record = report::metric_record(name, request_id, now, &events, throttles);
            self.log.write_metrics(&record);
        }
        let response = end(mode.dry_run, &events, Response::for_run)?;
        if is_deployed && !mode.dry_run {
            self.beat(context).await;
        }
        Ok(response)
    }

    /// Sends the heartbeat. Its failure changes nothing.
    async fn beat(&self, context: &Context) {
        let time = time_to_work(context.deadline, SystemTime::now());
        if let Err(error) = self.notify.beat(time).await {
            report::log_heartbeat(&self.log, &context.request_id, &error);
        }
    }
}

/// The answer, or the function error if something failed. A dry run answers whatever it found.
fn end(
    dry_run: bool,
    events: &[RunEvent],
    answer: fn(bool, &[RunEvent]) -> Response,
) -> Result<Response, InvocationError> {
    match report::failure_message(events) {
        Some(message) if !dry_run => Err(match report::only_drills_failed(events) {
            true => InvocationError::DrillFailed(message),
            false => InvocationError::CopyFailed(message),
        }),
        _ => Ok(answer(dry_run, events)),
    }
}
