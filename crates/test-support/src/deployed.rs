//! The real binary under the local Lambda, with an emulator on a port.

use std::time::Duration;

use lightsail_emulator::{
    ACCESS_KEY_ID, Call, Emulator, Operation, Region, Running, SECRET_ACCESS_KEY, World,
};
use local_lambda::{Ending, Invocation, LocalFunction, Settings};
use serde_json::{Value, json};

/// The function's timeout where a test is not about time.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// A session token as Lambda sets it. The emulator accepts any.
pub const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLETOKEN";

/// Instances and disks with automatic snapshots, and manual snapshots. They include the sources of
/// the sample requests on CopySnapshot's page. Copies stay `pending`.
const WORLD: &str = r#"{
    "copySeconds": 3600,
    "regions": {
        "us-west-2": {
            "instances": [
                { "name": "WordPress-1", "tags": { "backup": "dr" }, "autoSnapshots": [
                    { "date": "2019-09-24" }, { "date": "2019-09-25" }, { "date": "2019-09-26", "status": "Failed" } ] },
                { "name": "shop.example.com", "autoSnapshots": [ { "date": "2019-09-25" } ] },
                { "name": "Bare-1" } ],
            "disks": [
                { "name": "Data-1", "tags": { "backup": "dr" }, "autoSnapshots": [ { "date": "2019-09-25" } ] } ],
            "instanceSnapshots": [
                { "name": "WordPress-1-1569608575", "fromInstanceName": "WordPress-1" } ],
            "diskSnapshots": [
                { "name": "Data-1-1569608600", "fromDiskName": "Data-1" } ]
        },
        "eu-central-1": {
            "instances": [ { "name": "WordPress-1", "autoSnapshots": [ { "date": "2019-09-25" } ] } ]
        },
        "us-east-1": { "instances": [ { "name": "Standby-1" } ] }
    }
}"#;

/// The emulated resources that most tests start from.
pub fn world() -> World {
    World::from_json(WORLD).unwrap()
}

/// The same resources; copies are available at once.
pub fn world_of_instant_copies() -> World {
    World {
        copy_time: Default::default(),
        ..world()
    }
}

/// A running function and the emulator that it calls.
pub struct Deployed {
    /// The process of the binary.
    pub function: LocalFunction,
    /// The emulator that it calls, unless the test serves another endpoint.
    pub emulator: Emulator,
    _running: Option<Running>,
}

impl Deployed {
    /// Starts the function in us-east-1, without a policy.
    pub async fn new(binary: &str) -> Self {
        Self::with(binary, world(), &[]).await
    }

    /// Starts it with these resources and additional environment variables.
    pub async fn with(binary: &str, world: World, variables: &[(&str, &str)]) -> Self {
        let emulator = Emulator::new(world);
        let running = emulator.clone().start().await.unwrap();
        let function = function(binary, &running.url(), variables).await;
        Self {
            function,
            emulator,
            _running: Some(running),
        }
    }

    /// Starts it with an endpoint that is not the emulator's.
    pub async fn at(binary: &str, url: &str) -> Self {
        Self::served(binary, url, Emulator::new(world()), &[]).await
    }

    /// Starts it with an endpoint that the caller serves, and additional environment variables.
    pub async fn served(
        binary: &str,
        url: &str,
        emulator: Emulator,
        variables: &[(&str, &str)],
    ) -> Self {
        Self {
            function: function(binary, url, variables).await,
            emulator,
            _running: None,
        }
    }

    /// Sends an event.
    pub async fn send(&mut self, event: &Value) -> Invocation {
        self.function.invoke(event.to_string(), TIMEOUT).await
    }

    /// Sends an event and returns the answer. Fails the test if there is none.
    pub async fn answer(&mut self, event: &Value) -> Value {
        self.send(event).await.answer()
    }

    /// Sends an event with one copy and returns that copy's result.
    pub async fn copy(&mut self, event: &Value) -> Value {
        let answer = self.answer(event).await;
        let copies = answer["copies"].as_array().unwrap();
        assert_eq!(copies.len(), 1, "{answer:#}");
        copies[0].clone()
    }

    /// All calls of this operation since the start.
    pub fn calls_of(&self, operation: Operation) -> Vec<Call> {
        let mut calls = self.emulator.calls();
        calls.retain(|call| call.operation == operation);
        calls
    }

    /// The names of a Region's manual snapshots.
    pub fn names_in(&self, region: Region) -> Vec<String> {
        let snapshots = self.emulator.snapshots(region);
        snapshots
            .into_iter()
            .map(|snapshot| snapshot.name)
            .collect()
    }

    /// Asserts that the same process still serves events.
    pub async fn still_serves(&mut self) {
        let process = self.function.process_id();
        assert!(process.is_some());
        let event = json!({
            "dryRun": true, "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1",
        });
        assert_eq!(self.copy(&event).await["outcome"], "planned");
        assert_eq!(self.function.process_id(), process);
    }
}

async fn function(binary: &str, url: &str, variables: &[(&str, &str)]) -> LocalFunction {
    let mut settings = Settings::default()
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .variable("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .variable("AWS_SESSION_TOKEN", SESSION_TOKEN)
        .variable("AWS_ENDPOINT_URL_LIGHTSAIL", url);
    for (name, value) in variables {
        settings = settings.variable(name, value);
    }
    LocalFunction::spawn(binary, settings).await.unwrap()
}

/// Accessors for tests. Each fails the test if the invocation ended otherwise.
pub trait Outcome {
    /// The answer.
    fn answer(&self) -> Value;
    /// The function error's type and message.
    fn error(&self) -> (&str, &str);
    /// The log lines. Each must be a JSON object.
    fn lines(&self) -> Vec<Value>;
    /// The fields of the log lines with this `event`.
    fn events(&self, event: &str) -> Vec<Value>;
    /// The fields of the only `copy_result` line for this target.
    fn line_of(&self, target: &str) -> Value;
}

impl Outcome for Invocation {
    fn answer(&self) -> Value {
        match &self.ending {
            Ending::Answer(answer) => answer.clone(),
            other => panic!("{other:#?}"),
        }
    }

    fn error(&self) -> (&str, &str) {
        match &self.ending {
            Ending::Error {
                error_type,
                error_message,
            } => (error_type, error_message),
            other => panic!("{other:#?}"),
        }
    }

    fn lines(&self) -> Vec<Value> {
        let parse = |line: &String| -> Value {
            let value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert!(matches!(value, Value::Object(_)), "{line}");
            value
        };
        self.log.iter().map(parse).collect()
    }

    fn events(&self, event: &str) -> Vec<Value> {
        let mut fields: Vec<_> = self
            .lines()
            .into_iter()
            .map(|l| l["fields"].clone())
            .collect();
        fields.retain(|fields| fields["event"] == event);
        fields
    }

    fn line_of(&self, target: &str) -> Value {
        let mut lines = self.events("copy_result");
        lines.retain(|fields| fields["targetSnapshotName"] == target);
        assert_eq!(lines.len(), 1, "{target}: {lines:#?}");
        lines.remove(0)
    }
}

/// A copy of the automatic snapshot of 2019-09-25 of WordPress-1.
pub fn dated(target: &str, destination: &str) -> Value {
    json!({
        "sourceRegion": "us-west-2",
        "sourceResourceName": "WordPress-1",
        "restoreDate": "2019-09-25",
        "targetSnapshotName": target,
        "destinationRegion": destination,
    })
}

/// The sample requests on CopySnapshot's page.
pub fn sample_requests() -> [Value; 2] {
    [
        json!({
            "sourceResourceName": "WordPress-1",
            "restoreDate": "2019-09-25",
            "targetSnapshotName": "CopiedAutoSnapshot-2019-09-25",
            "sourceRegion": "us-west-2",
        }),
        json!({
            "sourceSnapshotName": "WordPress-1-1569608575",
            "targetSnapshotName": "CopiedManualSnapshot-2019-09-25",
            "sourceRegion": "us-west-2",
        }),
    ]
}
