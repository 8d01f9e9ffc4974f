//! Responses of Lightsail or of a proxy in front of it: how the SDK decodes them and how the
//! function handles them.
//!
//! An input is lines of text. The first is one letter, the call to make (`run`). Each other line is
//! a response: HTTP status, headers and body, separated by tabs.
//!
//! ```text
//! c
//! 503
//! 200⇥x-amzn-requestid: 1|content-type: application/x-amz-json-1.1⇥{"operations": []}
//! ```
//!
//! Instead of a status there may be `io` (the connection breaks), `timeout` (connecting fails) or
//! `hang` (no response). After the last response, it is repeated.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_lightsail::config::http::{HttpRequest, HttpResponse};
use aws_sdk_lightsail::config::{BehaviorVersion, Credentials};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use lightsail_snapshot_copier::{
    ApiError, CopyResult, CopySource, Deadline, Lightsail, NameOrigin, Operation, Outcome, Region,
    ResourceKind, Response, Retry, RunResults, Snapshot, SnapshotCopy, SnapshotName, SnapshotState,
    failure_message, preview, start,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Makes a call and answers it with the responses in these bytes.
pub fn check(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let Some([letter]) = lines.next() else {
        return;
    };
    let answers: Vec<Given> = lines.filter_map(Given::read).take(16).collect();
    if answers.is_empty() {
        return;
    }
    // The clock is paused, so retries wait without real time passing.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(run(
        *letter,
        &Arc::new(Wire {
            answers,
            requests: Mutex::default(),
        }),
    ));
}

const TIME: Duration = Duration::from_secs(20);
const ANSWER_TIME: Duration = Duration::from_millis(100);

/// The upper limit of calls within `TIME`. Pauses between attempts grow to seconds.
const MOST_CALLS: usize = 50;

async fn run(letter: u8, wire: &Arc<Wire>) {
    let lightsail = Lightsail::new(config(wire), 0);
    let region = "us-east-1".parse::<Region>().unwrap();
    let started = Instant::now();
    let deadline = started + TIME;
    let instance = ResourceKind::Instance;
    let disk = ResourceKind::Disk;
    match letter {
        b'c' => match lightsail.copy_snapshot(&dated(), deadline).await {
            Ok(operations) => wire.check_operations(&operations),
            Err(failure) => wire.check_failed_change(&failure),
        },
        b'm' => wire.check_copy(start(&lightsail, dated(), Deadline::for_copies(TIME)).await),
        b'M' => wire.check_copy(start(&lightsail, manual(), Deadline::for_copies(TIME)).await),
        b'l' => wire.check_copy(preview(&lightsail, dated(), Deadline::for_copies(TIME)).await),
        b'L' => wire.check_copy(preview(&lightsail, manual(), Deadline::for_copies(TIME)).await),
        b'f' => match lightsail.find_snapshot(region, "web-1", deadline).await {
            Ok(Some(snapshot)) => wire.check_snapshot(&snapshot),
            Ok(None) => wire.check_not_found(),
            Err(failure) => wire.check_failure(&failure),
        },
        b'p' => match lightsail.auto_snapshots(region, "web", deadline).await {
            Ok(_) if wire.is_unclear() => {}
            Ok(points) => {
                assert!(wire.last_list("autoSnapshots").is_some() || wire.last().has_request_id());
                assert!(points.len() <= wire.items("autoSnapshots").len());
            }
            Err(failure) => wire.check_failure(&failure),
        },
        b'i' | b'd' => {
            let (kind, list) = match letter {
                b'i' => (instance, "instances"),
                _ => (disk, "disks"),
            };
            match lightsail.resources(region, kind, deadline).await {
                Ok(resources) => {
                    let names = resources.into_iter().map(|resource| resource.name);
                    wire.check_list(list, &names.collect::<Vec<_>>());
                }
                Err(failure) => wire.check_failure(&failure),
            }
        }
        b's' | b'S' => {
            let (kind, list) = match letter {
                b's' => (instance, "instanceSnapshots"),
                _ => (disk, "diskSnapshots"),
            };
            let mut names = Vec::new();
            let each = |snapshot: Snapshot| names.push(snapshot.name);
            match lightsail.snapshots(region, kind, deadline, each).await {
                Ok(()) => wire.check_list(list, &names),
                Err(failure) => wire.check_failure(&failure),
            }
        }
        b't' => {
            let tags = [(
                "snapshot-copier:source".to_owned(),
                "us-west-2/web".to_owned(),
            )];
            match lightsail
                .tag_snapshot(region, "web-1", &tags, deadline)
                .await
            {
                Ok(()) => assert!(wire.last_list("operations").is_some() || wire.is_unclear()),
                Err(failure) => wire.check_failed_change(&failure),
            }
        }
        b'x' | b'X' => {
            let (kind, tries) = if letter == b'x' {
                (instance, Retry::UntilDeadline)
            } else {
                (disk, Retry::Never)
            };
            match lightsail
                .delete_snapshot(region, kind, "web-1", tries, deadline)
                .await
            {
                Ok(operations) if wire.last_is_an_error() => assert_eq!(operations, []),
                Ok(operations) => wire.check_operations(&operations),
                Err(failure) => wire.check_failed_change(&failure),
            }
        }
        _ => return,
    }
    // tokio's timers round up to milliseconds.
    assert!(started.elapsed() <= TIME + Duration::from_millis(5));
    let calls = wire.requests.lock().unwrap().len();
    assert!((1..=MOST_CALLS).contains(&calls), "{calls} calls");
    assert_eq!(lightsail.take_calls(), calls as u64);
}

/// 26 minutes after the creation of the corpus's snapshots.
const EVENT_TIME: &str = "2019-09-27T20:08:45Z";

fn dated() -> SnapshotCopy {
    SnapshotCopy {
        source_region: "us-west-2".parse::<Region>().unwrap(),
        source: CopySource::Dated {
            resource: "web".to_owned(),
            date: jiff::civil::date(2026, 11, 22),
        },
        destination: "us-east-1".parse::<Region>().unwrap(),
        target: "web-1".parse::<SnapshotName>().unwrap(),
        name_origin: NameOrigin::Requested {
            event_time: EVENT_TIME.parse().unwrap(),
        },
    }
}

fn manual() -> SnapshotCopy {
    SnapshotCopy {
        source: CopySource::Manual {
            snapshot: "by-hand".to_owned(),
        },
        ..dated()
    }
}

/// One response.
#[derive(Debug)]
enum Given {
    Answer {
        status: u16,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    },
    ConnectionBreaks,
    NoConnection,
    Nothing,
}

impl Given {
    fn read(line: &[u8]) -> Option<Self> {
        let mut parts = line.splitn(3, |byte| *byte == b'\t');
        let status = std::str::from_utf8(parts.next()?).ok()?;
        match status {
            "io" => return Some(Self::ConnectionBreaks),
            "timeout" => return Some(Self::NoConnection),
            "hang" => return Some(Self::Nothing),
            _ => {}
        }
        // The HTTP client does not pass on informational responses (1xx).
        let status = status
            .parse()
            .ok()
            .filter(|status| (200..1000).contains(status))?;
        let headers = parts.next().unwrap_or_default().split(|byte| *byte == b'|');
        let header = |header: &[u8]| {
            let colon = header.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8(header[..colon].to_vec()).ok()?;
            Some((name, header[colon + 1..].trim_ascii().to_vec()))
        };
        Some(Self::Answer {
            status,
            headers: headers.filter_map(header).collect(),
            body: parts.next().unwrap_or_default().to_vec(),
        })
    }

    /// The result that the HTTP client would return.
    fn response(&self) -> Result<HttpResponse, ConnectorError> {
        match self {
            Self::ConnectionBreaks => Err(ConnectorError::io("connection reset".into())),
            Self::NoConnection => Err(ConnectorError::timeout("connect timeout".into())),
            Self::Nothing => unreachable!("a hanging call has no response"),
            Self::Answer {
                status,
                headers,
                body,
            } => {
                let mut response = http::Response::new(SdkBody::from(body.clone()));
                *response.status_mut() = http::StatusCode::from_u16(*status).unwrap();
                for (name, value) in headers {
                    if let Ok(name) = http::HeaderName::try_from(name)
                        && let Ok(value) = http::HeaderValue::from_bytes(value)
                    {
                        response.headers_mut().append(name, value);
                    }
                }
                HttpResponse::try_from(response)
                    .map_err(|error| ConnectorError::other(error.into(), None))
            }
        }
    }

    /// Whether it has a request ID, as every response of an AWS service does.
    fn has_request_id(&self) -> bool {
        let Self::Answer { headers, .. } = self else {
            return false;
        };
        let names = ["x-amzn-requestid", "x-amz-request-id"];
        headers
            .iter()
            .any(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str()))
    }

    /// The body of a 2xx response, if it is JSON. The SDK reads an empty body as an empty object. It
    /// accepts control characters in strings, and invalid UTF-8 in members that it does not read.
    fn accepted(&self) -> Option<Value> {
        match self {
            Self::Answer {
                status: 200..300,
                body,
                ..
            } if body.trim_ascii().is_empty() => Some(json!({})),
            Self::Answer {
                status: 200..300,
                body,
                ..
            } => {
                let spaced: Vec<u8> = body.iter().map(|byte| *byte.max(&b' ')).collect();
                serde_json::from_str(&String::from_utf8_lossy(&spaced)).ok()
            }
            _ => None,
        }
    }

    /// Whether the body looks like a JSON object but is not valid. The SDK's parser is less strict,
    /// for example about numbers, and may accept it.
    fn is_nearly_accepted(&self) -> bool {
        let object = |body: &[u8]| body.trim_ascii_start().starts_with(b"{");
        let done = matches!(self, Self::Answer { status: 200..300, body, .. } if object(body));
        done && self.accepted().is_none()
    }
}

fn has_failed(operation: &Operation) -> bool {
    operation.status.as_deref() == Some("Failed")
}

/// The text with spaces instead of control characters; empty if absent.
fn plain(text: Option<&str>) -> String {
    text.unwrap_or_default().replace(|c: char| c < ' ', " ")
}

/// The responses to give, and the requests so far.
#[derive(Debug)]
struct Wire {
    answers: Vec<Given>,
    requests: Mutex<Vec<Request>>,
}

#[derive(Debug, Clone)]
struct Request {
    operation: String,
    page_token: Option<String>,
}

#[derive(Debug)]
struct Connector(Arc<Wire>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let request = Request {
            operation: target.rsplit('.').next().unwrap().to_owned(),
            page_token: body["pageToken"].as_str().map(str::to_owned),
        };
        let index = {
            let mut requests = self.0.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let wire = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            sleep(ANSWER_TIME).await;
            match wire.given(index) {
                Given::Nothing => pending().await,
                given => given.response(),
            }
        })
    }
}

fn config(wire: &Arc<Wire>) -> aws_sdk_lightsail::config::Builder {
    let connector = SharedHttpConnector::new(Connector(Arc::clone(wire)));
    aws_sdk_lightsail::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url("http://lightsail.in.process")
        .credentials_provider(Credentials::new("key", "secret", None, None, "fuzzing"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
}

impl Wire {
    /// The response to the request with this index.
    fn given(&self, index: usize) -> &Given {
        &self.answers[index.min(self.answers.len() - 1)]
    }

    /// All requests, each with its response.
    fn exchanges(&self) -> Vec<(Request, &Given)> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .cloned()
            .enumerate()
            .map(|(index, request)| (request, self.given(index)))
            .collect()
    }

    fn last(&self) -> &Given {
        self.given(self.requests.lock().unwrap().len() - 1)
    }

    fn last_is_an_error(&self) -> bool {
        matches!(self.last(), Given::Answer { status, .. } if !(200..300).contains(status))
    }

    /// The list with this name in the last response, if that is a 2xx response.
    fn last_list(&self, name: &str) -> Option<Vec<Value>> {
        Some(self.last().accepted()?.get(name)?.as_array()?.clone())
    }

    /// The items of all pages.
    fn items(&self, list: &str) -> Vec<Value> {
        let pages = self
            .exchanges()
            .into_iter()
            .filter_map(|(_, given)| given.accepted());
        let lists = pages.filter_map(|page| page.get(list)?.as_array().cloned());
        lists.flatten().filter(|item| !item.is_null()).collect()
    }

    /// Whether a response may or may not be valid for the SDK. Then nothing more is checked.
    fn is_unclear(&self) -> bool {
        self.exchanges()
            .iter()
            .any(|(_, given)| given.is_nearly_accepted())
    }

    /// The call succeeded: the Operations are those of the response, and none failed.
    fn check_operations(&self, operations: &[Operation]) {
        self.check_returned(operations);
        assert!(!operations.iter().any(has_failed));
    }

    /// The Operations are those of the last response.
    fn check_returned(&self, operations: &[Operation]) {
        if self.is_unclear() {
            return;
        }
        let said = self.last_list("operations").expect("operations");
        let said: Vec<_> = said.iter().filter(|item| !item.is_null()).collect();
        assert_eq!(said.len(), operations.len());
        for (said, operation) in said.iter().zip(operations) {
            assert_eq!(plain(said["id"].as_str()), plain(operation.id.as_deref()));
        }
    }

    fn check_snapshot(&self, snapshot: &Snapshot) {
        if self.is_unclear() {
            return;
        }
        let body = self.last().accepted().expect("a snapshot");
        let (member, from, ready): (_, _, &[_]) = match snapshot.kind {
            ResourceKind::Instance => ("instanceSnapshot", "fromInstanceName", &["available"]),
            ResourceKind::Disk => ("diskSnapshot", "fromDiskName", &["available", "completed"]),
        };
        let said = &body[member];
        assert!(said.is_object());
        assert_eq!(plain(said["name"].as_str()), plain(Some(&snapshot.name)));
        if said[from].is_string() {
            assert_eq!(plain(said[from].as_str()), plain(snapshot.from.as_deref()));
        }
        let is_ready = said["state"]
            .as_str()
            .is_some_and(|state| ready.contains(&state));
        assert_eq!(snapshot.state == SnapshotState::Available, is_ready);
    }

    /// Lightsail reported the snapshot as missing, both as an instance's and as a disk's.
    fn check_not_found(&self) {
        for operation in ["GetInstanceSnapshot", "GetDiskSnapshot"] {
            let exchanges = self.exchanges();
            let last = exchanges
                .iter()
                .rfind(|(request, _)| request.operation == operation);
            let (_, given) = last.expect(operation);
            assert!(
                matches!(given, Given::Answer { status: 300.., .. }),
                "{operation}: {given:?}"
            );
        }
    }

    /// Each page was requested once, with the token of the page before it, and no item is missing.
    fn check_list(&self, list: &str, names: &[String]) {
        if self.is_unclear() {
            return;
        }
        let mut said = Vec::new();
        let mut tokens = BTreeSet::new();
        let exchanges = self.exchanges();
        for (index, (request, given)) in exchanges.iter().enumerate() {
            let next = exchanges
                .get(index + 1)
                .map(|(request, _)| &request.page_token);
            if next == Some(&request.page_token) {
                // The page could not be read and was requested again.
                continue;
            }
            let page = given.accepted().expect("a page");
            let token = plain(page["nextPageToken"].as_str());
            assert_eq!(plain(next.and_then(Option::as_deref)), token);
            assert!(tokens.insert(&request.page_token), "{token} twice");
            // A response that is not from AWS must not count as an empty Region.
            assert!(page[list].is_array() || given.has_request_id(), "{given:?}");
            let items = page[list]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|item| !item.is_null());
            said.extend(items.map(|item| plain(item["name"].as_str())));
        }
        let names: Vec<_> = names.iter().map(|name| plain(Some(name))).collect();
        assert_eq!(said, names);
    }

    fn check_failure(&self, failure: &ApiError) {
        assert!(
            !failure.code.is_empty() && !failure.message.is_empty(),
            "{failure:?}"
        );
    }

    /// A failed change has the Operations of an accepted call, or says whether it may have taken
    /// effect.
    fn check_failed_change(&self, failure: &ApiError) {
        self.check_failure(failure);
        if !failure.operations.is_empty() {
            self.check_returned(&failure.operations);
            assert!(failure.operations.iter().any(has_failed));
            return;
        }
        let exchanges = self.exchanges();
        let mut given = exchanges.iter().map(|(_, given)| given);
        let unclear = given.any(|given| match given {
            Given::ConnectionBreaks | Given::Nothing => true,
            Given::Answer { status, .. } => (200..300).contains(status),
            Given::NoConnection => false,
        });
        assert!(failure.may_have_happened || !unclear, "{failure:?}");
    }

    fn check_copy(&self, result: CopyResult) {
        let failed = result.outcome == Outcome::Failed;
        match result.outcome {
            Outcome::Started => self.check_operations(&result.operations),
            Outcome::Exists | Outcome::Pending | Outcome::Planned if self.is_unclear() => {}
            Outcome::Exists => assert!(self.has_copy(&result.copy, &["available", "completed"])),
            Outcome::Pending => assert!(self.has_copy(&result.copy, &[])),
            Outcome::Planned => self.check_planned(&result.copy),
            Outcome::Failed => self.check_failure(result.error.as_ref().expect("an error")),
            other => panic!("{other:?}"),
        }
        assert_eq!(result.error.is_some(), failed);
        assert_eq!(result.operations.iter().any(has_failed), {
            let error = result.error.as_ref();
            error.is_some_and(|error| !error.operations.is_empty())
        });
        let results = RunResults {
            copies: vec![result],
            ..RunResults::default()
        };
        let answer = Response::for_copies(false, &results);
        assert!(serde_json::to_vec(&answer).unwrap().len() <= 200_000);
        let message = failure_message(&results);
        assert_eq!(message.is_some(), failed);
        assert!(message.is_none_or(|message| message.lines().count() == 1));
    }

    /// Whether a response has a snapshot that is a copy of the same source, in one of these states. An
    /// empty list allows any state.
    fn has_copy(&self, copy: &SnapshotCopy, states: &[&str]) -> bool {
        let snapshots = self.exchanges().into_iter().filter_map(|(request, given)| {
            let member = match request.operation.as_str() {
                "GetInstanceSnapshot" => "instanceSnapshot",
                "GetDiskSnapshot" => "diskSnapshot",
                _ => return None,
            };
            Some(given.accepted()?[member].clone())
        });
        let origins = ["fromInstanceName", "fromDiskName"];
        snapshots.into_iter().any(|snapshot| {
            let is_from = |name: &str| origins.iter().any(|origin| snapshot[origin] == name);
            let same_source = match &copy.source {
                // Without tags, only its age tells that it is not the copy of an earlier event.
                CopySource::Dated { resource, .. } => {
                    let is_tagged = snapshot["tags"].is_array();
                    let created_at = snapshot["createdAt"].as_f64().unwrap_or_default();
                    let oldest =
                        EVENT_TIME.parse::<jiff::Timestamp>().unwrap().as_second() - 6 * 3600;
                    is_tagged || (is_from(resource) && created_at >= oldest as f64)
                }
                // It names the origin of the source snapshot.
                _ => snapshot.is_object(),
            };
            let state = snapshot["state"].as_str().unwrap_or_default();
            same_source && (states.is_empty() || states.contains(&state))
        })
    }

    /// The dry run changed nothing and found the source.
    fn check_planned(&self, copy: &SnapshotCopy) {
        let changes = |(request, _): &(Request, _)| request.operation == "CopySnapshot";
        assert!(!self.exchanges().iter().any(changes));
        if let CopySource::Dated { date, .. } = &copy.source {
            let is_it = |point: &Value| {
                point["date"] == date.to_string().as_str() && point["status"] == "Success"
            };
            assert!(self.items("autoSnapshots").iter().any(is_it));
        }
    }
}
