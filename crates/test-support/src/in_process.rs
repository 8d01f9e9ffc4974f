//! The function's library and an emulator in one process, without a socket. A test sends a payload
//! and gets the answer, the log lines and the calls. With a paused clock, waiting takes no time.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_sdk_lightsail::config::http::{HttpRequest, HttpResponse};
use aws_sdk_lightsail::config::{BehaviorVersion, Builder, Credentials};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lambda_runtime::{Context, LambdaEvent};
use lightsail_emulator::{
    ACCESS_KEY_ID, Call, Emulator, SECRET_ACCESS_KEY, Snapshot, SnapshotState, World,
};
use lightsail_snapshot_copier::{
    Handler, Lightsail, Notify, Payload, logging, parse_policy, utc_date,
};
use serde_json::Value;
use tracing_subscriber::filter::LevelFilter;

/// Lambda's longest time-out.
pub const A_QUARTER_OF_AN_HOUR: Duration = Duration::from_secs(900);

pub struct InProcess {
    pub emulator: Emulator,
    pub function: Handler,
    /// How far the emulator's clock is ahead, in milliseconds.
    ahead: Arc<AtomicI64>,
    log: Log,
}

/// The result of an invocation.
#[derive(Debug)]
pub struct Invocation {
    /// The answer, or the function error's type and message.
    pub result: Result<Value, (String, String)>,
    /// The log lines.
    pub log: Vec<Value>,
    /// The calls that reached Lightsail.
    pub calls: Vec<Call>,
}

impl InProcess {
    /// Takes the emulated resources in the emulator's JSON, and the deployed policy.
    pub fn new(world: &str, policy: Option<&str>) -> Self {
        let world = World::from_json(world).unwrap_or_else(|error| panic!("{error}"));
        Self::of(world, policy)
    }

    /// In us-east-1, with these emulated resources and the deployed policy.
    pub fn of(world: World, policy: Option<&str>) -> Self {
        stay_within_a_day();
        let ahead = Arc::new(AtomicI64::new(0));
        let hand = Arc::clone(&ahead);
        let emulator = Emulator::with_clock(world, move || {
            Timestamp::now() + SignedDuration::from_millis(hand.load(Ordering::Relaxed))
        });
        let log = Log::default();
        let function = Handler {
            function_name: "local".to_owned(),
            lightsail: Lightsail::new(config(&emulator), 0),
            region: "us-east-1".parse().ok(),
            policy: policy.map(parse_policy),
            notify: Notify::nobody(),
            log: {
                let log = log.clone();
                logging::Log::new(LevelFilter::INFO, move |line| log.add(line))
            },
        };
        Self {
            emulator,
            function,
            ahead,
            log,
        }
    }

    /// Lets this many seconds pass for Lightsail. Signatures stay valid for five minutes.
    pub fn pass(&self, seconds: i64) {
        self.ahead.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// An invocation with this payload, as the schedule makes one.
    pub async fn invoke(&self, payload: &str) -> Invocation {
        self.invoke_for(payload, A_QUARTER_OF_AN_HOUR).await
    }

    /// An invocation with this event.
    pub async fn send(&self, event: &Value) -> Invocation {
        self.invoke(&event.to_string()).await
    }

    /// A run of the deployed policy.
    pub async fn run(&self) -> Invocation {
        self.invoke("{}").await
    }

    /// The same with this much time until Lambda's deadline.
    pub async fn invoke_for(&self, payload: &str, time: Duration) -> Invocation {
        self.emulator.take_calls();
        self.log.take();
        let result = self.serve(payload, time).await;
        Invocation {
            result,
            log: self.log.take(),
            calls: self.emulator.take_calls(),
        }
    }

    /// Only the answer; for two at once, whose calls and lines nobody can tell apart.
    pub async fn serve(&self, payload: &str, time: Duration) -> Result<Value, (String, String)> {
        let deadline = SystemTime::now() + time;
        let since_epoch = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let mut context = Context::default();
        context.request_id = "4b6a0b6e-0000-4000-8000-000000000001".to_owned();
        context.deadline = since_epoch.as_millis() as u64;
        let payload: Payload = serde_json::from_value(payload.into()).unwrap();
        self.function
            .handle(LambdaEvent::new(payload, context))
            .await
            .map(|answer| serde_json::to_value(answer).unwrap())
            .map_err(|error| (error.error_type().to_owned(), error.to_string()))
    }

    pub fn snapshot(&self, region: &str, name: &str) -> Option<Snapshot> {
        self.emulator.snapshot(region.parse().unwrap(), name)
    }

    /// The names of a Region's snapshots that are in this state.
    pub fn names(&self, region: &str, state: SnapshotState) -> Vec<String> {
        let snapshots = self.emulator.snapshots(region.parse().unwrap());
        let in_state = snapshots.into_iter().filter(|s| s.state == state);
        in_state.map(|snapshot| snapshot.name).collect()
    }
}

impl Invocation {
    /// The answer of an invocation that went through.
    #[track_caller]
    pub fn answer(&self) -> &Value {
        match &self.result {
            Ok(answer) => answer,
            Err((error_type, message)) => panic!("{error_type}: {message}"),
        }
    }

    /// The type and message of one that did not.
    #[track_caller]
    pub fn error(&self) -> (&str, &str) {
        match &self.result {
            Ok(answer) => panic!("it went through: {answer:#}"),
            Err((error_type, message)) => (error_type, message),
        }
    }

    /// The only copy of the answer.
    #[track_caller]
    pub fn copy(&self) -> &Value {
        let copies = self.answer()["copies"].as_array().unwrap();
        assert_eq!(copies.len(), 1, "{copies:#?}");
        &copies[0]
    }

    /// The fields of the only `copy_result` line for this target.
    #[track_caller]
    pub fn line_of(&self, target: &str) -> &Value {
        let mut lines = self.lines("copy_result");
        lines.retain(|line| line["fields"]["targetSnapshotName"] == target);
        assert_eq!(lines.len(), 1, "{target}: {lines:#?}");
        &lines[0]["fields"]
    }

    /// The fields of the `copy_result` line of a copy that failed. Checks that the function error
    /// says the same.
    #[track_caller]
    pub fn failed_line(&self, target: &str) -> &Value {
        let line = self.line_of(target);
        assert_eq!(line["outcome"], "failed", "{line:#}");
        let (error_type, message) = self.error();
        assert_eq!(error_type, "CopyFailed");
        let expected = format!("as {target}: {}: ", line["errorCode"].as_str().unwrap());
        let mut lines = message.lines();
        assert!(lines.any(|line| line.contains(&expected)), "{message}");
        line
    }

    /// What was called, as `us-east-1 CopySnapshot`, in the order of the alphabet.
    pub fn operations(&self) -> Vec<String> {
        let operation = |call: &Call| format!("{} {}", call.region, call.operation.as_str());
        let mut operations: Vec<String> = self.calls.iter().map(operation).collect();
        operations.sort();
        operations
    }

    /// The calls of one operation to one Region, in the order in which they came.
    pub fn calls_of(&self, region: &str, operation: &str) -> Vec<&Value> {
        let is_it =
            |call: &&Call| call.region.as_str() == region && call.operation.as_str() == operation;
        self.calls
            .iter()
            .filter(is_it)
            .map(|call| &call.body)
            .collect()
    }

    /// The calls that change something.
    pub fn changes(&self) -> Vec<String> {
        let mut operations = self.operations();
        operations.retain(|operation| !operation.contains(" Get"));
        operations
    }

    /// The members of one list of the answer, a row for each of its entries.
    #[track_caller]
    pub fn rows(&self, list: &str, members: &[&str]) -> Vec<Vec<String>> {
        let entries = self.answer()[list].as_array().unwrap();
        entries.iter().map(|entry| row(entry, members)).collect()
    }

    /// The log lines of one event.
    pub fn lines(&self, event: &str) -> Vec<&Value> {
        let is_it = |line: &&Value| line["fields"]["event"] == event;
        self.log.iter().filter(is_it).collect()
    }
}

/// These members of an object, `-` for what is not there.
pub fn row(entry: &Value, members: &[&str]) -> Vec<String> {
    let member = |name: &&str| match &entry[*name] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    members.iter().map(member).collect()
}

/// The date that was this many days ago, UTC.
pub fn days_ago(days: i64) -> String {
    (utc_date(Timestamp::now()) - days.days()).to_string()
}

/// A time seven hours ago in RFC 3339. A copy that failed then is started again.
pub fn seven_hours_ago() -> String {
    (Timestamp::now() - 7.hours()).to_string()
}

/// Waits for midnight, UTC, where it is near: the function goes by the clock, and a test that
/// speaks of today means one day.
pub fn stay_within_a_day() {
    let now = Timestamp::now();
    let soon = now + 30.seconds();
    if utc_date(soon) != utc_date(now) {
        std::thread::sleep(Duration::from_secs(30));
    }
}

/// Where the log lines of a test go.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Value>>>);

impl Log {
    fn add(&self, line: &str) {
        let line = serde_json::from_str(line).unwrap();
        self.0.lock().unwrap().push(line);
    }

    /// The lines since the last call.
    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A client configuration that sends every request to this emulator.
pub fn config(emulator: &Emulator) -> Builder {
    let connector = SharedHttpConnector::new(EmulatorConnector(emulator.clone()));
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "tests");
    aws_sdk_lightsail::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url("http://lightsail.in.process")
        .credentials_provider(credentials)
        .http_client(http_client_fn(move |_, _| connector.clone()))
}

struct EmulatorConnector(Emulator);

impl fmt::Debug for EmulatorConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmulatorConnector")
    }
}

impl HttpConnector for EmulatorConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let emulator = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .expect("the SDK makes valid requests");
            let request = request
                .map(|body| Bytes::copy_from_slice(body.bytes().expect("bodies are in memory")));
            let answer = emulator.call(request).await;
            let answer = answer.map_err(|dropped| ConnectorError::io(dropped.into()))?;
            let answer = answer.map(SdkBody::from);
            Ok(HttpResponse::try_from(answer).expect("the emulator's answers are valid"))
        })
    }
}
