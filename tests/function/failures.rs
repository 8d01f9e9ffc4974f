//! Failures of Lightsail and of the network: the outcome of each, and whether the call is retried.
//! None makes a second copy or reports a false failure.

use std::time::Duration;

use futures_util::future::join_all;
use lightsail_emulator::{Fault, Operation, Region, SnapshotState, StatusCode, World, world};
use local_lambda::Invocation;
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome, dated, world, world_of_instant_copies};

use crate::BINARY;

/// Long enough for a few retries.
const SHORT: Duration = Duration::from_secs(4);

fn refusal(status: u16, code: &str, message: &str) -> Fault {
    Fault::error(StatusCode::from_u16(status).unwrap(), code, message)
}

fn page(status: u16, content_type: &str, body: &str) -> Fault {
    Fault::answer(
        StatusCode::from_u16(status).unwrap(),
        content_type,
        body.to_owned(),
    )
}

/// The log line of a failed copy. Checks that the error message agrees with it.
fn failed_line(invocation: &Invocation, target: &str) -> Value {
    let line = invocation.line_of(target);
    assert_eq!(line["outcome"], "failed", "{line:#}");
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed");
    let code = line["errorCode"].as_str().unwrap();
    let expected = format!("as {target}: {code}: ");
    assert!(
        message.lines().any(|line| line.contains(&expected)),
        "{expected}: {message}"
    );
    line
}

/// Refusals that are not retried: status, code, and whether the failure is `retryable`.
const REFUSALS: &[(u16, &str, bool)] = &[
    // CopySnapshot's page.
    (400, "AccessDeniedException", false),
    (400, "AccountSetupInProgressException", true),
    (400, "InvalidInputException", false),
    (400, "NotFoundException", false),
    (400, "OperationFailureException", false),
    (400, "UnauthenticatedException", false),
    // The SDK's model has one more.
    (400, "RegionSetupInProgressException", true),
    // Errors common to all AWS services.
    (400, "IncompleteSignature", false),
    (400, "InvalidSignatureException", false),
    (400, "MissingAuthenticationTokenException", false),
    (400, "NotAuthorized", false),
    (400, "OptInRequired", false),
    (400, "UnrecognizedClientException", false),
    (400, "ValidationError", false),
    (403, "AccessDeniedException", false),
    (403, "InvalidClientTokenId", false),
    (404, "UnknownOperationException", false),
    (413, "RequestEntityTooLargeException", false),
    (400, "ACodeThatNobodyHasHeardOf", false),
];

#[tokio::test]
async fn a_refusal_fails_with_lightsails_code_and_is_not_retried() {
    let mut deployed = Deployed::new(BINARY).await;
    for (status, code, retryable) in REFUSALS {
        let fault = refusal(*status, code, "No, and this is why.");
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1, fault);
        let invocation = deployed.send(&dated("x1", "us-east-1")).await;
        let line = failed_line(&invocation, "x1");
        assert_eq!(line["errorCode"], *code);
        let message = line["errorMessage"].as_str().unwrap();
        assert!(message.starts_with("No, and this is why."), "{message}");
        assert_eq!(line["retryable"], *retryable, "{code}");
        assert_eq!(deployed.emulator.take_calls().len(), 1, "{code}");
    }
    deployed.still_serves().await;
}

/// Refusals of a signature whose time is too far off.
const OUT_OF_DATE: &[(u16, &str)] = &[
    (400, "ExpiredTokenException"),
    (400, "ExpiredToken"),
    (400, "RequestExpired"),
    (403, "RequestTimeTooSkewed"),
];

#[tokio::test]
async fn a_request_refused_for_clock_skew_is_signed_again_once() {
    let mut deployed = Deployed::new(BINARY).await;
    for (status, code) in OUT_OF_DATE {
        let fault = refusal(*status, code, "Too late.");
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 2, fault);
        let invocation = deployed.send(&dated("x1", "us-east-1")).await;
        let line = failed_line(&invocation, "x1");
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!(code), &json!(true))
        );
        assert_eq!(deployed.emulator.take_calls().len(), 2, "{code}");
    }
    deployed.still_serves().await;
}

/// Throttling responses of AWS services.
const THROTTLINGS: &[(u16, &str)] = &[
    (400, "ThrottlingException"),
    (400, "Throttling"),
    (400, "ThrottledException"),
    (400, "RequestThrottled"),
    (400, "RequestThrottledException"),
    (400, "RequestLimitExceeded"),
    (400, "TooManyRequestsException"),
    (400, "ProvisionedThroughputExceededException"),
    (400, "BandwidthLimitExceeded"),
    (400, "PriorRequestNotComplete"),
    (400, "EC2ThrottledException"),
    (400, "TransactionInProgressException"),
    (429, "ThrottlingException"),
    (429, "TooManyRequests"),
    (503, "SlowDown"),
    (503, "RequestLimitExceeded"),
];

/// Faults of the service.
const SERVICE_FAULTS: &[(u16, &str)] = &[
    (500, "ServiceException"),
    (500, "InternalFailure"),
    (500, "InternalServerError"),
    (502, "BadGateway"),
    (503, "ServiceUnavailable"),
    (504, "GatewayTimeout"),
];

#[tokio::test]
async fn throttling_and_service_faults_are_retried_until_they_pass() {
    let cases = THROTTLINGS.iter().chain(SERVICE_FAULTS);
    let cases = cases.map(|(status, code)| async move {
        let mut deployed = Deployed::new(BINARY).await;
        let fault = refusal(*status, code, "Later.");
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 2, fault);
        let copy = deployed.copy(&dated("x1", "us-east-1")).await;
        assert_eq!(copy["outcome"], "started", "{code}");
        assert_eq!(
            deployed.calls_of(Operation::CopySnapshot).len(),
            3,
            "{code}"
        );
        assert_eq!(deployed.names_in(Region::UsEast1), ["x1"]);
    });
    join_all(cases).await;
}

#[tokio::test]
async fn permanent_throttling_fails_at_the_deadline() {
    let cases: Vec<_> = THROTTLINGS.iter().chain(SERVICE_FAULTS).copied().collect();
    // A few for each Region, because calls to one Region wait for each other. us-west-1 has no endpoint.
    let regions = Region::ALL.iter();
    let regions: Vec<_> = regions
        .filter(|region| **region != Region::UsWest1)
        .collect();
    assert!(cases.len() <= 3 * regions.len());
    let target = |index: usize| format!("case-{index}");
    let requests: Vec<_> = (0..cases.len())
        .map(|index| {
            let region = regions[index % regions.len()];
            dated(&target(index), region.as_str())
        })
        .collect();
    let mut deployed = Deployed::new(BINARY).await;
    let of_call = cases.clone();
    deployed.emulator.on_call(move |call| {
        if call.operation != Operation::CopySnapshot {
            return Fault::None;
        }
        let name = call.body["targetSnapshotName"].as_str().unwrap();
        let index: usize = name.strip_prefix("case-").unwrap().parse().unwrap();
        let (status, code) = of_call[index];
        refusal(status, code, "Later.")
    });
    let event = json!({ "copies": requests }).to_string();
    let invocation = deployed.function.invoke(event, SHORT).await;
    for (index, (status, code)) in cases.iter().enumerate() {
        let line = failed_line(&invocation, &target(index));
        assert_eq!(line["errorCode"], *code, "{status}");
        assert_eq!(line["retryable"], true, "{status} {code}");
        let calls = deployed.calls_of(Operation::CopySnapshot);
        let attempts = calls
            .iter()
            .filter(|call| call.body["targetSnapshotName"] == target(index));
        assert!(attempts.count() >= 3, "{status} {code}");
    }
    assert_eq!(invocation.error().1.lines().count(), cases.len());
    deployed.emulator.on_call(|_| Fault::None);
    deployed.still_serves().await;
}

/// EC2's message when a destination has reached its limit of copies in progress.
const LIMIT: &str =
    "Too many snapshot copies in progress. The limit is 5 for this destination region.";

#[tokio::test]
async fn the_limit_of_copies_in_progress_is_recognized_by_its_message_with_any_code() {
    for (status, code, message) in [
        (400, "ResourceLimitExceeded", LIMIT),
        (400, "OperationFailureException", LIMIT),
        (400, "InvalidInputException", LIMIT),
        (400, "ThrottlingException", LIMIT),
        (
            400,
            "NotFoundException",
            "too many snapshot copies in progress",
        ),
        (500, "ServiceException", LIMIT),
    ] {
        let mut deployed = Deployed::new(BINARY).await;
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1, refusal(status, code, message));
        let invocation = deployed.send(&dated("x1", "us-east-1")).await;
        let line = failed_line(&invocation, "x1");
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!(code), &json!(true))
        );
        assert_eq!(line["errorMessage"], message);
        assert_eq!(
            deployed.calls_of(Operation::CopySnapshot).len(),
            1,
            "{code}"
        );
    }
    // The emulator's own limit.
    let mut deployed = Deployed::with(
        BINARY,
        World {
            copy_limit: 2,
            ..world()
        },
        &[],
    )
    .await;
    let requests: Vec<_> = ["x1", "x2", "x3"]
        .iter()
        .map(|name| dated(name, "us-east-1"))
        .collect();
    let invocation = deployed.send(&json!({ "copies": requests })).await;
    let outcomes: Vec<_> = invocation.events("copy_result");
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|line| line["outcome"] == "failed")
        .collect();
    assert_eq!((outcomes.len(), failed.len()), (3, 1));
    assert_eq!(failed[0]["retryable"], true);
    assert_eq!(deployed.names_in(Region::UsEast1).len(), 2);
}

/// Lost responses: the copy was started, but the client cannot know it.
fn lost_answers() -> Vec<(&'static str, Fault)> {
    vec![
        ("the connection is closed", Fault::LoseAnswer),
        (
            "the connection is closed, after a while",
            Fault::LoseAnswer.after(Duration::from_millis(300)),
        ),
        ("the response is garbled", Fault::GarbledAnswer),
    ]
}

#[tokio::test]
async fn a_lost_response_makes_no_second_copy_and_no_false_failure() {
    for (what, fault) in lost_answers() {
        for (world, expected) in [(world(), "pending"), (world_of_instant_copies(), "exists")] {
            let mut deployed = Deployed::with(BINARY, world, &[]).await;
            deployed
                .emulator
                .fault_next(Operation::CopySnapshot, 1, fault.clone());
            let copy = deployed.copy(&dated("x1", "us-east-1")).await;
            assert_eq!(copy["outcome"], expected, "{what}");
            assert_eq!(copy.get("error"), None, "{what}");
            assert_eq!(deployed.names_in(Region::UsEast1), ["x1"], "{what}");
        }
    }
}

#[tokio::test]
async fn a_copy_with_a_lost_response_is_found_even_if_its_retries_hang() {
    let cases = lost_answers().into_iter().map(|(what, lost)| async move {
        let mut deployed = Deployed::new(BINARY).await;
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1, lost);
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 100, Fault::Hang);
        let event = dated("x1", "us-east-1").to_string();
        let invocation = deployed.function.invoke(event, SHORT).await;
        let answer = invocation.answer();
        assert_eq!(answer["copies"][0]["outcome"], "pending", "{what}");
        assert_eq!(deployed.names_in(Region::UsEast1), ["x1"], "{what}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn a_copy_in_state_error_does_not_count_as_existing() {
    let world = World {
        copy_time: jiff::SignedDuration::from_millis(100),
        ..world()
    };
    let mut deployed = Deployed::with(BINARY, world, &[]).await;
    deployed
        .emulator
        .fault_next(Operation::CopySnapshot, 1, Fault::CopyFails);
    assert_eq!(
        deployed.copy(&dated("x1", "us-east-1")).await["outcome"],
        "started"
    );
    let state = |deployed: &Deployed| {
        deployed
            .emulator
            .snapshot(Region::UsEast1, "x1")
            .unwrap()
            .state
    };
    while state(&deployed) == SnapshotState::Pending {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let invocation = deployed.send(&dated("x1", "us-east-1")).await;
    let line = failed_line(&invocation, "x1");
    assert_eq!(
        (&line["errorCode"], &line["retryable"]),
        (&json!("CopyErrored"), &json!(false))
    );
}

#[tokio::test]
async fn a_failed_operation_fails_a_copy() {
    // Copies end at once, so the response to CopySnapshot already has the final status.
    let mut deployed = Deployed::with(BINARY, world_of_instant_copies(), &[]).await;
    deployed
        .emulator
        .fault_next(Operation::CopySnapshot, 1, Fault::CopyFails);
    let invocation = deployed.send(&dated("x1", "us-east-1")).await;
    let line = failed_line(&invocation, "x1");
    assert_eq!(
        (&line["errorCode"], &line["operationStatus"]),
        (&json!("CopyErrored"), &json!("Failed"))
    );
}

/// An accepted call whose Operation has failed.
fn failed_operation(operation_type: &str) -> Fault {
    let body = json!({ "operations": [ {
        "id": "0710de23-b848-4146-887d-ec12093c049d", "operationType": operation_type, "status": "Failed",
        "isTerminal": true, "errorCode": "DiskBusy", "errorDetails": "The disk is busy.",
    } ] });
    page(200, "application/x-amz-json-1.1", &body.to_string())
}

#[tokio::test]
async fn a_failed_operation_fails_a_deletion() {
    let tags = |date: &str| {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let source = tag("snapshot-copier:source", "us-west-2/WordPress-1");
        [source, tag("snapshot-copier:recovery-point", date)].into()
    };
    let mut world = world();
    for date in ["2019-09-23", "2019-09-24", "2019-09-25"] {
        let snapshot = world::InstanceSnapshot {
            name: format!("WordPress-1-us-west-2-{date}"),
            from_instance_name: Some("WordPress-1".to_owned()),
            tags: tags(date),
            ..Default::default()
        };
        let region = world.regions.get_mut(&Region::UsEast1).unwrap();
        region.instance_snapshots.push(snapshot);
    }
    let mut deployed = Deployed::with(BINARY, world, &[]).await;
    let before = deployed.names_in(Region::UsEast1);
    let call = Operation::DeleteInstanceSnapshot;
    let fault = failed_operation(call.as_str());
    deployed.emulator.fault_next(call, 10, fault);
    let event = json!({ "policy": {
        "sources": [ { "region": "us-west-2", "names": ["WordPress-1"] } ],
        "destinations": ["us-east-1"], "retention": { "keepLast": 1 },
    } });
    let invocation = deployed.send(&event).await;
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed");
    assert_eq!(message.lines().count(), 2, "{message}");
    let lines = invocation.events("delete_result");
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!(line["outcome"], "failed", "{line:#}");
        assert_eq!(line["operationStatus"], "Failed");
        assert_eq!(line["operationType"], "DeleteInstanceSnapshot");
        assert_eq!(line["errorDetails"], "The disk is busy.");
    }
    assert_eq!(deployed.names_in(Region::UsEast1), before);
}

#[tokio::test]
async fn a_failed_operation_fails_a_tag() {
    let mut deployed = Deployed::new(BINARY).await;
    let call = Operation::TagResource;
    let fault = failed_operation(call.as_str());
    deployed.emulator.fault_next(call, 1, fault);
    let event = json!({ "policy": {
        "sources": [ { "region": "us-west-2", "names": ["WordPress-1"] } ], "destinations": ["us-east-1"],
    } });
    let invocation = deployed.send(&event).await;
    let lines = invocation.events("tag_failed");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["errorCode"], "DiskBusy");
}

#[tokio::test]
async fn calls_without_a_usable_response_are_retried() {
    for (what, fault) in [
        ("connection closed", Fault::Drop),
        ("no JSON", page(200, "text/html", "<html>Welcome</html>")),
        (
            "a truncated response",
            page(
                200,
                "application/x-amz-json-1.1",
                "{\"operations\": [ {\"id\"",
            ),
        ),
        (
            "a proxy's error page",
            page(502, "text/html", "<html>Bad gateway</html>"),
        ),
        ("an error without a body", page(503, "text/plain", "")),
        (
            "a proxy's 429",
            page(429, "text/html", "<html>Slow down</html>"),
        ),
    ] {
        let mut deployed = Deployed::new(BINARY).await;
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1, fault);
        assert_eq!(
            deployed.copy(&dated("x1", "us-east-1")).await["outcome"],
            "started",
            "{what}"
        );
        assert_eq!(deployed.names_in(Region::UsEast1), ["x1"], "{what}");
    }
}

#[tokio::test]
async fn an_empty_response_does_not_count_as_acceptance() {
    for body in ["", "{}", "{\"message\": \"Welcome\"}"] {
        let mut deployed = Deployed::new(BINARY).await;
        let fault = page(200, "application/x-amz-json-1.1", body);
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 9, fault);
        let invocation = deployed.send(&dated("x1", "us-east-1")).await;
        let line = failed_line(&invocation, "x1");
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!("ConnectionFailure"), &json!(true))
        );
    }
}

#[tokio::test]
async fn a_permanent_fault_fails_with_its_own_code() {
    let json = "application/x-amz-json-1.1";
    let cases = [
        ("connection closed", Fault::Drop, "ConnectionFailure"),
        (
            "no JSON",
            page(200, "text/html", "<html>Welcome</html>"),
            "ConnectionFailure",
        ),
        (
            "a proxy's refusal",
            page(400, "text/html", "<html>Bad request</html>"),
            "ConnectionFailure",
        ),
        (
            "a proxy's login page",
            page(403, "text/html", "<html>Log in</html>"),
            "ConnectionFailure",
        ),
        (
            "a proxy's 429",
            page(429, "text/html", "<html>Slow down</html>"),
            "ConnectionFailure",
        ),
        (
            "a proxy's error page",
            page(502, "text/html", "<html>Bad gateway</html>"),
            "ConnectionFailure",
        ),
        (
            "an error without a code",
            page(500, json, "{}"),
            "ConnectionFailure",
        ),
        (
            "throttling without a code",
            page(429, json, "{}"),
            "ConnectionFailure",
        ),
        ("no response", Fault::Hang, "Timeout"),
    ];
    // Each waits for its deadline, so they run concurrently.
    let cases = cases.map(|(what, fault, code)| async move {
        let mut deployed = Deployed::new(BINARY).await;
        deployed
            .emulator
            .fault_next(Operation::CopySnapshot, 1000, fault);
        let event = dated("x1", "us-east-1").to_string();
        let invocation = deployed.function.invoke(event, SHORT).await;
        let line = failed_line(&invocation, "x1");
        let expected = (&json!(code), &json!(true));
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            expected,
            "{what}: {line:#}"
        );
        assert_eq!(deployed.names_in(Region::UsEast1), [""; 0], "{what}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn a_closed_port_is_a_connection_failure() {
    // No process listens on port 1.
    let mut deployed = Deployed::at(BINARY, "http://127.0.0.1:1").await;
    let event = dated("x1", "us-east-1").to_string();
    let invocation = deployed.function.invoke(event, SHORT).await;
    let line = failed_line(&invocation, "x1");
    assert_eq!(
        (&line["errorCode"], &line["retryable"]),
        (&json!("ConnectionFailure"), &json!(true))
    );
}

#[tokio::test]
async fn an_endpoint_that_resets_connections_is_a_connection_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Closing a socket with unread data sends a reset.
            stream.readable().await.unwrap();
            drop(stream);
        }
    });
    let mut deployed = Deployed::at(BINARY, &url).await;
    let event = dated("x1", "us-east-1").to_string();
    let invocation = deployed.function.invoke(event, SHORT).await;
    let line = failed_line(&invocation, "x1");
    assert_eq!(
        (&line["errorCode"], &line["retryable"]),
        (&json!("ConnectionFailure"), &json!(true))
    );
}

#[tokio::test]
async fn expired_and_wrong_credentials_have_different_codes() {
    for (variable, value, code, retryable) in [
        (
            "AWS_SESSION_TOKEN",
            lightsail_emulator::EXPIRED_SESSION_TOKEN,
            "ExpiredTokenException",
            true,
        ),
        (
            "AWS_ACCESS_KEY_ID",
            "AKIAIOSFODNN7EXAMPLE",
            "UnrecognizedClientException",
            false,
        ),
        (
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI",
            "InvalidSignatureException",
            false,
        ),
    ] {
        let mut deployed = Deployed::with(BINARY, world(), &[(variable, value)]).await;
        let invocation = deployed.send(&dated("x1", "us-east-1")).await;
        let line = failed_line(&invocation, "x1");
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!(code), &json!(retryable))
        );
        assert_eq!(deployed.names_in(Region::UsEast1), [""; 0]);
    }
}

#[tokio::test]
async fn a_name_in_use_that_cannot_be_looked_up_is_a_failure() {
    let cases = [
        (
            refusal(400, "AccessDeniedException", "No."),
            "AccessDeniedException",
            false,
        ),
        (
            refusal(400, "ThrottlingException", "Later."),
            "ThrottlingException",
            true,
        ),
        (Fault::Hang, "Timeout", true),
    ];
    let cases = cases.map(|(fault, code, retryable)| async move {
        let mut deployed = Deployed::new(BINARY).await;
        deployed.copy(&dated("x1", "us-east-1")).await;
        deployed
            .emulator
            .fault_next(Operation::GetInstanceSnapshot, 1000, fault);
        let event = dated("x1", "us-east-1").to_string();
        let invocation = deployed.function.invoke(event, SHORT).await;
        let line = failed_line(&invocation, "x1");
        let expected = (&json!(code), &json!(retryable));
        assert_eq!((&line["errorCode"], &line["retryable"]), expected);
    });
    join_all(cases).await;
}

#[tokio::test]
async fn a_copy_that_is_not_visible_yet_is_looked_up_again() {
    let not_found = || refusal(400, "NotFoundException", "The snapshot does not exist: x1");
    for (world, expected) in [(world(), "pending"), (world_of_instant_copies(), "exists")] {
        let mut deployed = Deployed::with(BINARY, world, &[]).await;
        deployed.copy(&dated("x1", "us-east-1")).await;
        let call = Operation::GetInstanceSnapshot;
        deployed.emulator.fault_next(call, 3, not_found());
        let copy = deployed.copy(&dated("x1", "us-east-1")).await;
        assert_eq!(copy["outcome"], expected);
        assert_eq!(deployed.calls_of(call).len(), 4);
        assert_eq!(deployed.calls_of(Operation::CopySnapshot).len(), 2);
    }
}

#[tokio::test]
async fn a_lookup_that_reaches_the_deadline_fails_as_name_in_use() {
    let mut deployed = Deployed::new(BINARY).await;
    deployed.copy(&dated("x1", "us-east-1")).await;
    let not_found = refusal(400, "NotFoundException", "The snapshot does not exist: x1");
    let call = Operation::GetInstanceSnapshot;
    deployed.emulator.fault_next(call, 2, not_found);
    deployed.emulator.fault_next(call, 1000, Fault::Hang);
    let event = dated("x1", "us-east-1").to_string();
    let invocation = deployed.function.invoke(event, SHORT).await;
    let line = failed_line(&invocation, "x1");
    let expected = (&json!("NameInUse"), &json!(true));
    assert_eq!((&line["errorCode"], &line["retryable"]), expected);
}

#[tokio::test]
async fn one_failure_does_not_prevent_other_copies() {
    let mut deployed = Deployed::new(BINARY).await;
    let missing = json!({
        "sourceRegion": "eu-west-3", "sourceSnapshotName": "Missing-1", "destinationRegions": ["us-east-1", "eu-west-1"],
    });
    deployed.emulator.fault_next_in(
        Region::ApSouth1,
        Operation::CopySnapshot,
        1,
        refusal(400, "AccessDeniedException", "Not in this Region."),
    );
    let invocation = deployed
        .send(&json!({ "copies": [
            dated("x1", "us-east-1"), missing, dated("x2", "ap-south-1"), dated("x3", "eu-west-1"),
        ] }))
        .await;
    let (error_type, message) = invocation.error();
    assert_eq!(error_type, "CopyFailed");
    // One line per failure: what, from where, to where, code, message.
    let not_found = "NotFoundException: The snapshot does not exist: Missing-1";
    assert_eq!(
        message.lines().collect::<Vec<_>>(),
        [
            format!("CopySnapshot of Missing-1 from eu-west-3 to us-east-1 as Missing-1-eu-west-3: {not_found}"),
            format!("CopySnapshot of Missing-1 from eu-west-3 to eu-west-1 as Missing-1-eu-west-3: {not_found}"),
            "CopySnapshot of WordPress-1 from us-west-2 to ap-south-1 as x2: AccessDeniedException: Not in this Region.".to_owned(),
        ]
    );
    assert_eq!(deployed.names_in(Region::UsEast1), ["x1"]);
    assert_eq!(deployed.names_in(Region::EuWest1), ["x3"]);
    let mut outcomes: Vec<_> = invocation
        .events("copy_result")
        .iter()
        .map(|line| line["outcome"].as_str().unwrap().to_owned())
        .collect();
    outcomes.sort();
    assert_eq!(
        outcomes,
        ["failed", "failed", "failed", "started", "started"]
    );
    deployed.still_serves().await;
}

#[tokio::test]
async fn a_multi_line_error_message_is_one_line_in_the_function_error() {
    let mut deployed = Deployed::new(BINARY).await;
    let fault = refusal(400, "InvalidInputException", "First.\nSecond.\r\nThird.");
    deployed
        .emulator
        .fault_next(Operation::CopySnapshot, 1, fault);
    let invocation = deployed.send(&dated("x1", "us-east-1")).await;
    let (_, message) = invocation.error();
    assert_eq!(message.lines().count(), 1, "{message}");
}
