//! Failures of Lightsail and of the network: the outcome of each, and whether the call is retried.
//! None makes a second copy or reports a false failure. `lightsail::classify` has the rules case by
//! case.

use std::collections::BTreeMap;
use std::time::Duration;

use lightsail_emulator::{Fault, Operation, Region, SnapshotState, StatusCode, World};
use serde_json::{Value, json};
use test_support::deployed::{dated, world, world_of_instant_copies};
use test_support::in_process::{InProcess, Invocation};
use tokio::time::Instant;

/// Long enough for a few retries.
const SHORT: Duration = Duration::from_secs(20);

fn function() -> InProcess {
    InProcess::of(world(), None)
}

fn refusal(status: u16, code: &str, message: &str) -> Fault {
    Fault::error(StatusCode::from_u16(status).unwrap(), code, message)
}

fn page(status: u16, content_type: &str, body: &str) -> Fault {
    let status = StatusCode::from_u16(status).unwrap();
    Fault::answer(status, content_type, body.to_owned())
}

/// A refusal with a finer `code` beside the exception's name, as Lightsail answers.
fn finer(name: &str, code: &str, message: &str) -> Fault {
    let body = json!({
        "__type": name, "code": code, "message": message,
        "docs": "https://docs.aws.amazon.com/lightsail/", "tip": "Check the name.",
    });
    page(400, "application/x-amz-json-1.1", &body.to_string())
}

fn does_not_exist() -> Fault {
    finer("NotFoundException", "DoesNotExist", "It does not exist.")
}

/// One event with a copy for each case, three in a Region, because calls to one Region wait for each
/// other. The first calls for each copy meet its fault.
async fn each(cases: &[Fault], faults: usize, time: Duration) -> (InProcess, Invocation) {
    let regions = Region::ALL.iter();
    let regions: Vec<_> = regions
        .filter(|region| **region != Region::UsWest1)
        .collect();
    assert!(cases.len() <= 3 * regions.len());
    let request = |index: usize| dated(&target(index), regions[index % regions.len()].as_str());
    let requests: Vec<_> = (0..cases.len()).map(request).collect();
    let function = function();
    let cases = cases.to_vec();
    let mut calls = BTreeMap::new();
    function.emulator.on_call(move |call| {
        if call.operation != Operation::CopySnapshot {
            return Fault::None;
        }
        let name = call.body["targetSnapshotName"].as_str().unwrap();
        let index: usize = name.strip_prefix("case-").unwrap().parse().unwrap();
        let count = calls.entry(index).or_insert(0);
        *count += 1;
        if *count > faults {
            Fault::None
        } else {
            cases[index].clone()
        }
    });
    let event = json!({ "copies": requests }).to_string();
    let run = function.invoke_for(&event, time).await;
    (function, run)
}

fn target(index: usize) -> String {
    format!("case-{index}")
}

/// How often the copy of a case was asked for.
fn attempts(run: &Invocation, index: usize) -> usize {
    let is_it = |call: &&lightsail_emulator::Call| call.body["targetSnapshotName"] == target(index);
    let copies = run.calls.iter().filter(is_it);
    copies
        .filter(|call| call.operation == Operation::CopySnapshot)
        .count()
}

/// Refusals: status, code, whether the failure is `retryable`, and how often the call is made.
const REFUSALS: [(u16, &str, bool, usize); 24] = [
    // CopySnapshot's page.
    (400, "AccessDeniedException", false, 1),
    (400, "AccountSetupInProgressException", true, 1),
    (400, "InvalidInputException", false, 1),
    (400, "NotFoundException", false, 1),
    (400, "OperationFailureException", false, 1),
    (400, "UnauthenticatedException", false, 1),
    // The SDK's model has one more.
    (400, "RegionSetupInProgressException", true, 1),
    // Errors common to all AWS services.
    (400, "IncompleteSignature", false, 1),
    (400, "InvalidSignatureException", false, 1),
    (400, "MissingAuthenticationTokenException", false, 1),
    (400, "NotAuthorized", false, 1),
    (400, "OptInRequired", false, 1),
    (400, "UnrecognizedClientException", false, 1),
    (400, "ValidationError", false, 1),
    (403, "AccessDeniedException", false, 1),
    (403, "InvalidClientTokenId", false, 1),
    (404, "UnknownOperationException", false, 1),
    (413, "RequestEntityTooLargeException", false, 1),
    (400, "ACodeThatNobodyHasHeardOf", false, 1),
    (400, "ResourceLimitExceeded", true, 1),
    // A signature whose time is too far off is made again once.
    (400, "ExpiredTokenException", true, 2),
    (400, "ExpiredToken", true, 2),
    (400, "RequestExpired", true, 2),
    (403, "RequestTimeTooSkewed", true, 2),
];

#[tokio::test(start_paused = true)]
async fn a_refusal_fails_with_lightsails_code_and_is_not_retried() {
    let faults = REFUSALS.map(|(status, code, ..)| refusal(status, code, "No, and this is why."));
    let (_, run) = each(&faults, usize::MAX, SHORT).await;
    for (index, (status, code, retryable, calls)) in REFUSALS.iter().enumerate() {
        let line = run.failed_line(&target(index));
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!(code), &json!(retryable)),
            "{status}"
        );
        let message = line["errorMessage"].as_str().unwrap();
        assert!(message.starts_with("No, and this is why."), "{message}");
        assert_eq!(attempts(&run, index), *calls, "{status} {code}");
    }
}

/// Throttling responses of AWS services, and faults of the service.
const PASSING: [(u16, &str); 22] = [
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
    (500, "ServiceException"),
    (500, "InternalFailure"),
    (500, "InternalServerError"),
    (502, "BadGateway"),
    (503, "ServiceUnavailable"),
    (504, "GatewayTimeout"),
];

#[tokio::test(start_paused = true)]
async fn throttling_and_service_faults_are_retried_until_they_pass_or_the_deadline() {
    let faults = PASSING.map(|(status, code)| refusal(status, code, "Later."));
    let (_, run) = each(&faults, 2, SHORT).await;
    assert_eq!(run.answer()["summary"]["started"], PASSING.len());
    for (index, case) in PASSING.iter().enumerate() {
        assert_eq!(attempts(&run, index), 3, "{case:?}");
    }
    let (_, run) = each(&faults, usize::MAX, SHORT).await;
    for (index, (status, code)) in PASSING.iter().enumerate() {
        let line = run.failed_line(&target(index));
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!(code), &json!(true)),
            "{status}"
        );
        assert!(attempts(&run, index) >= 3, "{status} {code}");
    }
    assert_eq!(run.error().1.lines().count(), PASSING.len());
}

/// What is no answer of Lightsail's, and the code of a copy that meets nothing else.
fn no_answers() -> [(&'static str, Fault, &'static str); 12] {
    let json = "application/x-amz-json-1.1";
    [
        ("connection closed", Fault::Drop, "ConnectionFailure"),
        (
            "no JSON",
            page(200, "text/html", "<html>Welcome</html>"),
            "ConnectionFailure",
        ),
        (
            "a truncated response",
            page(200, json, "{\"operations\": [ {\"id\""),
            "ConnectionFailure",
        ),
        (
            "an empty response",
            page(200, json, ""),
            "ConnectionFailure",
        ),
        (
            "a response without operations",
            page(200, json, "{}"),
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
            "an error without a body",
            page(503, "text/plain", ""),
            "ConnectionFailure",
        ),
        ("no response", Fault::Hang, "Timeout"),
    ]
}

#[tokio::test(start_paused = true)]
async fn calls_without_a_usable_response_are_retried_until_the_deadline() {
    let faults = no_answers().map(|(_, fault, _)| fault);
    let (_, run) = each(&faults, 1, Duration::from_secs(60)).await;
    assert_eq!(run.answer()["summary"]["started"], faults.len());
    let (function, run) = each(&faults, usize::MAX, SHORT).await;
    for (index, (what, _, code)) in no_answers().iter().enumerate() {
        let line = run.failed_line(&target(index));
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!(code), &json!(true)),
            "{what}"
        );
        assert!(attempts(&run, index) >= 2, "{what}");
    }
    for region in Region::ALL {
        assert!(
            function
                .emulator
                .snapshots(*region)
                .iter()
                .all(|copy| !copy.name.starts_with("case"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_copies_in_progress_is_recognised_by_its_message_with_any_code() {
    let limit = "Too many snapshot copies in progress. The limit is 5 for this destination region.";
    let codes = [
        (400, "ResourceLimitExceeded"),
        (400, "InvalidInputException"),
        (400, "ThrottlingException"),
        (400, "NotFoundException"),
        (500, "ServiceException"),
    ];
    let (_, run) = each(
        &codes.map(|(status, code)| refusal(status, code, limit)),
        1,
        SHORT,
    )
    .await;
    for (index, (_, code)) in codes.iter().enumerate() {
        let line = run.failed_line(&target(index));
        assert_eq!(
            (&line["errorCode"], &line["retryable"]),
            (&json!(code), &json!(true))
        );
        assert_eq!(line["errorMessage"], limit);
        assert_eq!(attempts(&run, index), 1, "{code}");
    }
    // The emulator's own limit.
    let function = InProcess::of(
        World {
            copy_limit: 2,
            ..world()
        },
        None,
    );
    let requests = ["x1", "x2", "x3"].map(|name| dated(name, "us-east-1"));
    let run = function.send(&json!({ "copies": requests })).await;
    let mut lines = run.lines("copy_result");
    lines.retain(|line| line["fields"]["outcome"] == "failed");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["fields"]["retryable"], true);
    assert_eq!(function.names("us-east-1", SnapshotState::Pending).len(), 2);
}

/// Lost responses: the copy was started, but the client cannot know it.
fn lost_answers() -> [Fault; 3] {
    [
        Fault::LoseAnswer,
        Fault::LoseAnswer.after(Duration::from_millis(300)),
        Fault::GarbledAnswer,
    ]
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_makes_no_second_copy_and_no_false_failure() {
    for fault in lost_answers() {
        for (world, expected) in [(world(), "pending"), (world_of_instant_copies(), "exists")] {
            let function = InProcess::of(world, None);
            function
                .emulator
                .fault_next(Operation::CopySnapshot, 1, fault.clone());
            let run = function.send(&dated("x1", "us-east-1")).await;
            assert_eq!(run.copy()["outcome"], expected, "{fault:?}");
            assert_eq!(run.copy().get("error"), None, "{fault:?}");
            assert_eq!(
                function.emulator.snapshots(Region::UsEast1).len(),
                1,
                "{fault:?}"
            );
        }
        // It is found even if its retries hang.
        let function = function();
        function
            .emulator
            .fault_next(Operation::CopySnapshot, 1, fault.clone());
        function
            .emulator
            .fault_next(Operation::CopySnapshot, 100, Fault::Hang);
        let event = dated("x1", "us-east-1").to_string();
        let run = function.invoke_for(&event, SHORT).await;
        assert_eq!(run.copy()["outcome"], "pending", "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_and_then_a_name_in_use_is_this_copy() {
    let function = function();
    let emulator = &function.emulator;
    emulator.fault_next(Operation::CopySnapshot, 1, Fault::LoseAnswer);
    let name_exists = finer(
        "InvalidInputException",
        "NameExists",
        "Some names are already in use: x1",
    );
    emulator.fault_next(Operation::CopySnapshot, 1, name_exists);
    // Lightsail does not show the copy yet.
    for operation in [Operation::GetInstanceSnapshot, Operation::GetDiskSnapshot] {
        emulator.fault_next(operation, 2, does_not_exist());
    }
    let run = function.send(&dated("x1", "us-east-1")).await;
    assert_eq!(run.copy()["outcome"], "pending");
    assert_eq!(emulator.snapshots(Region::UsEast1).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_in_state_error_does_not_count_as_existing() {
    let function = InProcess::of(
        World {
            copy_time: jiff::SignedDuration::from_secs(60),
            ..world()
        },
        None,
    );
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, Fault::CopyFails);
    let run = function.send(&dated("x1", "us-east-1")).await;
    assert_eq!(run.copy()["outcome"], "started");
    function.pass(100);
    let run = function.send(&dated("x1", "us-east-1")).await;
    let line = run.failed_line("x1");
    assert_eq!(
        (&line["errorCode"], &line["retryable"]),
        (&json!("CopyErrored"), &json!(false))
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_operation_fails_a_copy() {
    // Copies end at once, so the response to CopySnapshot already has the final status.
    let function = InProcess::of(world_of_instant_copies(), None);
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, Fault::CopyFails);
    let run = function.send(&dated("x1", "us-east-1")).await;
    let line = run.failed_line("x1");
    assert_eq!(
        (&line["errorCode"], &line["operationStatus"]),
        (&json!("CopyErrored"), &json!("Failed"))
    );
}

#[tokio::test(start_paused = true)]
async fn one_failure_does_not_prevent_other_copies() {
    let function = function();
    let missing = json!({
        "sourceRegion": "eu-west-3", "sourceSnapshotName": "Missing-1", "destinationRegions": ["us-east-1", "eu-west-1"],
    });
    let refused = refusal(400, "AccessDeniedException", "First.\nSecond.\r\nThird.");
    let (region, copy) = (Region::ApSouth1, Operation::CopySnapshot);
    function.emulator.fault_next_in(region, copy, 1, refused);
    let copies = [
        dated("x1", "us-east-1"),
        missing,
        dated("x2", "ap-south-1"),
        dated("x3", "eu-west-1"),
    ];
    let run = function.send(&json!({ "copies": copies })).await;
    assert_eq!(run.error().0, "CopyFailed");
    // One line per failure: what, from where, to where, code, message.
    let not_found = "NotFoundException: The snapshot does not exist: Missing-1";
    assert_eq!(
        run.error().1.lines().collect::<Vec<_>>(),
        [
            format!("CopySnapshot of Missing-1 from eu-west-3 to us-east-1 as Missing-1-eu-west-3: {not_found}"),
            format!("CopySnapshot of Missing-1 from eu-west-3 to eu-west-1 as Missing-1-eu-west-3: {not_found}"),
            "CopySnapshot of WordPress-1 from us-west-2 to ap-south-1 as x2: AccessDeniedException: First. Second. Third.".to_owned(),
        ]
    );
    for (region, name) in [("us-east-1", "x1"), ("eu-west-1", "x3")] {
        assert_eq!(function.names(region, SnapshotState::Pending), [name]);
    }
    let lines = run.lines("copy_result");
    assert_eq!(lines.len(), 5);
    let failed = lines.iter().filter(|line| line["level"] == "ERROR");
    assert_eq!(failed.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn log_and_answer_have_what_lightsail_said() {
    let function = function();
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, does_not_exist());
    let policy = json!({ "policy": {
        "sources": [ { "region": "us-west-2", "names": ["WordPress-1"] } ], "destinations": ["us-east-1"],
    } });
    // The source was deleted during the run.
    let run = function.send(&policy).await;
    assert_eq!(run.copy()["outcome"], "deferred");
    let error = &run.copy()["error"];
    let request_id = error["requestId"].as_str().unwrap();
    assert_eq!(
        *error,
        json!({
            "code": "NotFoundException", "message": "It does not exist.", "retryable": false,
            "reason": "DoesNotExist", "tip": "Check the name.", "requestId": request_id,
        })
    );
    let line = run.line_of("WordPress-1-us-west-2-2019-09-25");
    for (key, value) in [
        ("errorCode", "NotFoundException"),
        ("errorReason", "DoesNotExist"),
        ("errorTip", "Check the name."),
        ("awsRequestId", request_id),
    ] {
        assert_eq!(line[key], value, "{line:#}");
    }
    assert_ne!(line["requestId"], request_id);
}

/// AWS sends the canonical form of the request, with the session token, when a signature is wrong.
#[tokio::test(start_paused = true)]
async fn a_refused_signature_leaves_no_token_in_log_and_answer() {
    let function = function();
    let message = "The request signature we calculated does not match the signature you provided.\n\n\
        The Canonical String for this request should have been\n'POST\n/\n\n\
        host:lightsail.us-east-1.amazonaws.com\nx-amz-security-token:SECRET-TOKEN\n'";
    let fault = refusal(403, "InvalidSignatureException", message);
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, fault);
    let copy = json!({ "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "destinationRegion": "us-east-1" });
    let run = function.send(&copy).await;
    let (_, message) = run.error();
    assert!(message.contains("the signature you provided."), "{message}");
    let all = format!("{message} {}", json!(run.log));
    assert!(!all.contains("SECRET-TOKEN"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_plans_a_copy_whose_name_is_free() {
    let function = function();
    function.emulator.on_call(|call| {
        let names = ["instanceSnapshotName", "diskSnapshotName"].map(|name| &call.body[name]);
        if names.contains(&&json!("x1")) {
            does_not_exist()
        } else {
            Fault::None
        }
    });
    for (field, name) in [
        ("sourceResourceName", "WordPress-1"),
        ("sourceSnapshotName", "WordPress-1-1569608575"),
    ] {
        let event: Value = json!({ "dryRun": true, "sourceRegion": "us-west-2", field: name, "targetSnapshotName": "x1" });
        assert_eq!(
            function.send(&event).await.copy()["outcome"],
            "planned",
            "{event}"
        );
    }
}

/// A disk whose copy of 2019-09-25 failed, and older copies, of which one goes while the run works.
fn disk_copies() -> World {
    let copies = [
        ("20", "available"),
        ("21", "available"),
        ("22", "available"),
        ("23", "available"),
        ("25", "error"),
    ];
    let copies = copies.map(|(day, state)| {
        let date = format!("2019-09-{day}");
        json!({
            "name": format!("Data-1-us-west-2-{date}"), "fromDiskName": "Data-1", "state": state,
            "createdAt": format!("{date}T06:00:00Z"),
            "tags": { "snapshot-copier:source": "us-west-2/Data-1", "snapshot-copier:recovery-point": date },
        })
    });
    let world = json!({ "copySeconds": 0, "regions": {
        "us-west-2": { "disks": [ { "name": "Data-1", "autoSnapshots": [ { "date": "2019-09-25" } ] } ] },
        "us-east-1": { "diskSnapshots": copies } } });
    World::from_json(&world.to_string()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_disks_copies_are_pruned_and_replaced() {
    let gone = "Data-1-us-west-2-2019-09-20";
    let policy = r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"], "retention": { "keepLast": 1 } }"#;
    let function = InProcess::of(disk_copies(), Some(policy));
    function.emulator.on_call(move |call| match call.operation {
        Operation::GetInstanceSnapshot => does_not_exist(),
        Operation::DeleteDiskSnapshot if call.body["diskSnapshotName"] == gone => does_not_exist(),
        _ => Fault::None,
    });
    let run = function.run().await;
    let summary = &run.answer()["summary"];
    let counts =
        ["started", "deferred", "failed", "deleted"].map(|outcome| summary[outcome].as_u64());
    assert_eq!(counts, [1, 0, 0, 4].map(Some), "{summary}");
    let mut left = function.names("us-east-1", SnapshotState::Available);
    left.retain(|name| name != gone);
    left.sort();
    assert_eq!(
        left,
        ["23", "25"].map(|day| format!("Data-1-us-west-2-2019-09-{day}"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_enabled_says_how_to_enable_it() {
    let policy = r#"{ "sources": [ { "region": "us-west-2", "names": ["WordPress-1"] } ], "destinations": ["us-east-1", "ap-southeast-3"] }"#;
    let function = InProcess::of(world(), Some(policy));
    function.emulator.on_call(|call| {
        if call.region != Region::ApSoutheast3 {
            return Fault::None;
        }
        let message = "The security token included in the request is invalid.";
        finer("UnrecognizedClientException", "UnrecognizedClient", message)
    });
    let run = function.run().await;
    let message = run.error().1;
    assert_eq!(message.lines().count(), 1, "{message}");
    let remedy = "aws account enable-region --region-name ap-southeast-3";
    assert!(message.contains(remedy), "{message}");
    assert_eq!(function.names("us-east-1", SnapshotState::Pending).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_eight_seconds_fails_nothing() {
    let function = function();
    let start = Instant::now();
    function.emulator.on_call(move |_| {
        let is_down = start.elapsed() < Duration::from_secs(8);
        if is_down { Fault::Drop } else { Fault::None }
    });
    let event = dated("x1", "us-east-1").to_string();
    let run = function.invoke_for(&event, Duration::from_secs(60)).await;
    assert_eq!(run.answer()["summary"]["started"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_region_without_an_endpoint_is_named_in_the_message() {
    let function = function();
    function.emulator.on_call(|_| Fault::Drop);
    let event = dated("x1", "us-west-1").to_string();
    let run = function.invoke_for(&event, SHORT).await;
    let line = run.failed_line("x1");
    assert_eq!(line["errorCode"], "ConnectionFailure");
    let message = line["errorMessage"].as_str().unwrap();
    let expected = "Lightsail has no endpoint in us-west-1: ";
    assert!(message.starts_with(expected), "{message}");
    // It never will have one in this run.
    assert_eq!(line["retryable"], false);
    assert_eq!(run.calls_of("us-west-1", "CopySnapshot").len(), 1);
}
