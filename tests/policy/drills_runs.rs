//! Runs with drills: from the start of an instance to the verdict.

use std::net::TcpListener;
use std::time::Duration;

use http::StatusCode;
use jiff::{Timestamp, ToSpan};
use lightsail_emulator::{AutoSnapshotStatus, Emulator, Fault, Instance, Operation};
use lightsail_snapshot_copier::{DRILL_STARTED_TAG, DRILLED_TAG, parse_policy};
use serde_json::{Value, json};

use crate::in_process::{InProcess, Invocation, days_ago};

/// One instance with a copy in us-east-1, and this in us-east-1 besides.
fn world(members: &Value) -> Value {
    let yesterday = days_ago(1);
    let copy = |name: &str| {
        json!({ "name": format!("{name}-us-west-2-{yesterday}"), "fromInstanceName": name,
            "fromBundleId": "nano_3_0", "sizeInGb": 20, "isFromAutoSnapshot": true,
            "tags": { "snapshot-copier:source": format!("us-west-2/{name}"),
                      "snapshot-copier:recovery-point": yesterday } })
    };
    let instance = |name: &str| json!({ "name": name, "autoSnapshots": [ { "date": yesterday } ] });
    let mut world = json!({
        "startSeconds": 60, "deletionSeconds": 60, "newPublicIpAddress": "127.0.0.1",
        "regions": {
            "us-west-2": { "instances": [ instance("web"), instance("web-2") ] },
            "us-east-1": { "instanceSnapshots": [ copy("web"), copy("web-2") ] } } });
    let region = world["regions"]["us-east-1"].as_object_mut().unwrap();
    region.extend(members.as_object().unwrap().clone());
    world
}

/// A drill instance of `web` in the emulator's JSON.
fn existing(hours_old: i64) -> Value {
    existing_of("web", hours_old)
}

fn existing_of(source: &str, hours_old: i64) -> Value {
    let created_at = Timestamp::now() - hours_old.hours();
    json!({ "name": format!("drill-{source}-{}", days_ago(1)), "createdAt": created_at.to_string(),
        "publicIpAddress": "127.0.0.1", "state": "running",
        "tags": { "snapshot-copier:drill": format!("us-west-2/{source}"),
                  "snapshot-copier:drill-expires": (created_at + 4.hours()).to_string() } })
}

fn policy(drills: &Value) -> String {
    json!({ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"], "drills": drills }).to_string()
}

fn in_process(members: &Value, drills: &Value) -> InProcess {
    InProcess::new(&world(members).to_string(), Some(&policy(drills)))
}

fn instances(function: &InProcess) -> Vec<Instance> {
    function.emulator.instances("us-east-1".parse().unwrap())
}

/// A tag of the copy of `web`.
fn tag(function: &InProcess, key: &str) -> Option<String> {
    let name = format!("web-us-west-2-{}", days_ago(1));
    let copy = function.snapshot("us-east-1", &name).unwrap();
    copy.tags.get(key).cloned()
}

fn verdict(function: &InProcess) -> Option<String> {
    tag(function, DRILLED_TAG)
}

/// The time of the mark on the copy of `web`. `None`: no drill of it is in progress.
fn mark(function: &InProcess) -> Option<Timestamp> {
    tag(function, DRILL_STARTED_TAG)?.parse().ok()
}

/// Lets tags with this key fail.
fn refuse_tag(function: &InProcess, key: &'static str, fault: Fault) {
    function.emulator.on_call(move |call| {
        let tags = call.body["tags"].as_array();
        let is_refused = call.operation == Operation::TagResource
            && tags.is_some_and(|tags| tags.iter().any(|tag| tag["key"] == key));
        match is_refused {
            true => fault.clone(),
            false => Fault::None,
        }
    });
}

/// Instance and outcome of each drill.
fn outcomes(run: &Invocation) -> Vec<(String, String)> {
    let lines = run.lines("drill_result").into_iter();
    let text = |line: &Value, name: &str| line["fields"][name].as_str().unwrap().to_owned();
    lines
        .map(|line| {
            let instance = text(line, "instanceName");
            let instance = instance.replace(&days_ago(1), "D");
            (instance, text(line, "outcome"))
        })
        .collect()
}

fn outcome(instance: &str, outcome: &str) -> (String, String) {
    (instance.to_owned(), outcome.to_owned())
}

fn refusal(code: &str, message: &str) -> Fault {
    Fault::error(StatusCode::BAD_REQUEST, code, message)
}

#[tokio::test(start_paused = true)]
async fn a_drill_goes_from_start_to_verdict_and_leaves_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let function = in_process(
        &json!({}),
        &json!({ "names": ["web"], "checks": [ { "port": port } ] }),
    );
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "started")]);
    let created = instances(&function);
    assert_eq!(created.len(), 1);
    assert_eq!(created[0].bundle_id, "nano_3_0");
    assert!(mark(&function).is_some());
    let calls = run.calls.iter().map(|call| call.operation);
    let changes: Vec<_> = calls
        .filter(|call| !call.as_str().starts_with("Get"))
        .collect();
    let create = Operation::CreateInstancesFromSnapshot;
    assert_eq!(changes, [Operation::TagResource, create]);
    assert_eq!(created[0].tags["snapshot-copier:drill"], "us-west-2/web");
    let expires: Timestamp = created[0].tags["snapshot-copier:drill-expires"]
        .parse()
        .unwrap();
    let left = expires.duration_since(Timestamp::now());
    assert!((235..=240).contains(&left.as_mins()), "{left}");
    assert_eq!(
        run.calls_of("us-east-1", "CreateInstancesFromSnapshot")[0]["availabilityZone"],
        "us-east-1a"
    );

    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "waiting")]);
    assert!(run.changes().is_empty());

    function.pass(61);
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "passed")]);
    assert_eq!(
        run.changes(),
        ["us-east-1 DeleteInstance", "us-east-1 TagResource"]
    );
    let entry = &run.answer()["drills"][0];
    assert_eq!(entry["sourceRegion"], "us-west-2");
    assert_eq!(entry["sourceResourceName"], "web");
    assert_eq!(entry["destinationRegion"], "us-east-1");
    assert_eq!(
        entry["snapshotName"],
        format!("web-us-west-2-{}", days_ago(1))
    );
    assert_eq!(entry["checks"], json!([{ "port": port, "passed": true }]));
    assert_eq!(entry["minutes"], 0);
    let text = format!("{} passed 0m", days_ago(0));
    assert_eq!(verdict(&function), Some(text));
    assert_eq!(mark(&function), None);
    let deletion = &run.calls_of("us-east-1", "DeleteInstance")[0];
    assert_eq!(deletion["forceDeleteAddOns"], true);
    let last = json!({ "date": days_ago(0), "outcome": "passed", "minutes": 0 });
    assert_eq!(run.answer()["coverage"][0]["lastDrill"], last);
    assert_eq!(run.answer()["coverage"][1].get("lastDrill"), None);

    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "waiting")]);
    function.pass(61);
    let run = function.run().await;
    assert_eq!(run.answer()["drills"], json!([]));
    assert!(instances(&function).is_empty());
    assert_eq!(run.answer()["coverage"][0]["lastDrill"], last);
}

#[tokio::test(start_paused = true)]
async fn a_drill_whose_checks_do_not_pass_fails_at_max_hours() {
    // Nothing listens there.
    let checks = json!([ { "port": 1 } ]);
    let drills = json!({ "names": ["web"], "checks": checks });
    let function = in_process(&json!({ "instances": [ existing(3) ] }), &drills);
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "waiting")]);
    assert_eq!(run.answer()["drills"][0]["checks"][0]["passed"], false);
    assert!(run.changes().is_empty());

    let function = in_process(&json!({ "instances": [ existing(5) ] }), &drills);
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "DrillFailed");
    let expected = format!(
        "drill of web from us-west-2 in us-east-1 as drill-web-{}: ChecksFailed: after 300 min: port 1: ",
        days_ago(1)
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "failed")]);
    assert_eq!(run.lines("drill_result")[0]["level"], "ERROR");
    let text = format!("{} failed 300m", days_ago(0));
    assert_eq!(verdict(&function), Some(text));
    function.pass(61);
    assert!(instances(&function).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_check_that_the_deadline_cuts_short_proves_nothing() {
    // Accepts connections and stays silent.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = format!("http://{{ip}}:{port}/");
    let drills = |url: &str| json!({ "names": ["web"], "checks": [ { "url": url } ] });
    for (seconds, url, expected) in [
        (3, silent.as_str(), "inconclusive"),
        (60, silent.as_str(), "failed"),
        // A refused connection proves something at once.
        (3, "http://{ip}:1/", "failed"),
    ] {
        let function = in_process(&json!({ "instances": [ existing(5) ] }), &drills(url));
        let run = function
            .invoke_for("{}", Duration::from_secs(seconds))
            .await;
        assert_eq!(outcomes(&run), [outcome("drill-web-D", expected)]);
        assert_eq!(verdict(&function).is_some(), expected == "failed");
        function.pass(61);
        assert!(instances(&function).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn results_quote_only_the_start_of_long_urls() {
    let url = format!("http://{{ip}}:1/{}", "a".repeat(2_500));
    let drills = json!({ "names": ["web"], "checks": vec![json!({ "url": url }); 1000] });
    for (hours, expected) in [(1, "waiting"), (5, "failed")] {
        let function = in_process(&json!({ "instances": [ existing(hours) ] }), &drills);
        let run = function.run().await;
        assert_eq!(outcomes(&run), [outcome("drill-web-D", expected)]);
        let line = run.lines("drill_result")[0].to_string();
        assert!(line.len() < 500_000, "{} bytes", line.len());
        if let Ok(answer) = &run.result {
            let checks = answer["drills"][0]["checks"].as_array().unwrap();
            assert_eq!(checks.len(), 1000);
            assert!(checks[0]["url"].as_str().unwrap().ends_with("aaa…"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_never_runs_fails_at_max_hours() {
    let mut stopped = existing(5);
    stopped["state"] = "stopped".into();
    let function = in_process(
        &json!({ "instances": [ stopped ] }),
        &json!({ "names": ["web"] }),
    );
    let run = function.run().await;
    assert_eq!(run.error().0, "DrillFailed");
    assert!(run.error().1.contains("NotRunning"), "{}", run.error().1);
    assert!(verdict(&function).unwrap().contains(" failed "));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_cannot_be_recorded_keeps_the_instance_until_max_hours() {
    for (hours, changes) in [
        (1, &["us-east-1 TagResource"][..]),
        (5, &["us-east-1 DeleteInstance", "us-east-1 TagResource"]),
    ] {
        let function = in_process(
            &json!({ "instances": [ existing(hours) ] }),
            &json!({ "names": ["web"] }),
        );
        function.emulator.fault_always_in(
            "us-east-1".parse().unwrap(),
            Operation::TagResource,
            refusal("AccessDeniedException", "no"),
        );
        let run = function.run().await;
        assert_eq!(run.changes(), changes);
        // The refusal is final, so the run fails.
        assert_eq!(run.error().0, "CopyFailed");
        assert!(run.error().1.contains("TagResource of web-"));
        assert_eq!(verdict(&function), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_cannot_be_recorded_does_not_lead_to_another_drill() {
    let function = in_process(
        &json!({ "instances": [ existing(5) ] }),
        &json!({ "names": ["web"] }),
    );
    age_mark(&function, 5);
    refuse_tag(&function, DRILLED_TAG, Fault::internal());
    let run = function.invoke_for("{}", Duration::from_secs(60)).await;
    assert!(
        run.changes()
            .contains(&"us-east-1 DeleteInstance".to_owned())
    );
    function.pass(61);
    for _ in 0..2 {
        let run = function.invoke_for("{}", Duration::from_secs(60)).await;
        assert_eq!(run.error().0, "DrillFailed");
        assert_eq!(outcomes(&run), [outcome("drill-web-D", "failed")]);
        assert!(instances(&function).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_copy_with_the_name_of_the_restored_one_gets_no_verdict() {
    let function = in_process(
        &json!({ "instances": [ existing(1) ], "instanceSnapshots": [] }),
        &json!({ "names": ["web"] }),
    );
    // The copy is gone, and this run makes it again.
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "passed")]);
    assert!(
        run.changes()
            .contains(&"us-east-1 DeleteInstance".to_owned())
    );
    assert_eq!(verdict(&function), None);
    assert_eq!(run.answer()["coverage"][0].get("lastDrill"), None);
}

#[tokio::test(start_paused = true)]
async fn no_names_start_no_drill_and_clean_up() {
    let production = json!({ "name": "drill-hall" });
    let tagged =
        json!({ "name": "production", "tags": { "snapshot-copier:drill": "us-west-2/web" } });
    let function = in_process(
        &json!({ "instances": [ existing(1), production, tagged ] }),
        &json!({ "names": [] }),
    );
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "inconclusive")]);
    let code = &run.answer()["drills"][0]["error"]["code"];
    assert_eq!(*code, "DrillCancelled");
    assert_eq!(run.changes(), ["us-east-1 DeleteInstance"]);
    function.pass(61);
    let names: Vec<_> = instances(&function).into_iter().map(|i| i.name).collect();
    assert_eq!(names, ["drill-hall", "production"]);
    assert_eq!(function.run().await.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_cannot_start_leaves_its_slot_to_the_next_one() {
    let quota = "Sorry, you've reached the maximum number of instances for your account.";
    for (fault, first, second) in [
        (
            Fault::insufficient_capacity(),
            "inconclusive",
            Some("started"),
        ),
        (
            refusal("InvalidInputException", "No."),
            "failed",
            Some("started"),
        ),
        (
            refusal("InvalidInputException", quota),
            "inconclusive",
            None,
        ),
        (refusal("AccessDeniedException", "No."), "failed", None),
        (Fault::throttled(), "started", None),
        (Fault::LoseAnswer, "started", None),
        (Fault::internal(), "started", None),
        (
            Fault::operation_fails("Unexpected", "no capacity"),
            "inconclusive",
            Some("started"),
        ),
    ] {
        let function = in_process(&json!({}), &json!({ "names": ["*"] }));
        let call = Operation::CreateInstancesFromSnapshot;
        function.emulator.fault_next(call, 1, fault.clone());
        let run = function.run().await;
        let expected: Vec<_> = [
            Some(outcome("drill-web-D", first)),
            second.map(|second| outcome("drill-web-2-D", second)),
        ]
        .into_iter()
        .flatten()
        .collect();
        assert_eq!(outcomes(&run), expected, "{fault:?}");
        assert_eq!(run.result.is_err(), first == "failed", "{fault:?}");
        assert!(instances(&function).len() <= 1, "{fault:?}");
        // The next run tries a drill again that did not start, if it has a slot.
        assert_eq!(mark(&function).is_some(), first == "started", "{fault:?}");
        if second.is_none() && first != "started" {
            assert_eq!(run.calls_of("us-east-1", call.as_str()).len(), 1);
            let run = function.run().await;
            let started = outcome("drill-web-D", "started");
            assert_eq!(outcomes(&run), [started], "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_created_if_the_mark_is_refused() {
    let function = in_process(&json!({}), &json!({ "names": ["*"] }));
    refuse_tag(
        &function,
        DRILL_STARTED_TAG,
        refusal("AccessDeniedException", "No."),
    );
    let run = function.run().await;
    // Every other mark would be refused too.
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "failed")]);
    assert_eq!(run.changes(), ["us-east-1 TagResource"]);
    let (error_type, message) = run.error();
    assert_eq!(error_type, "DrillFailed");
    assert!(message.contains("DrillTagging=true"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_never_appears_fails_its_drill_at_max_hours() {
    let function = in_process(&json!({}), &json!({ "names": ["web"] }));
    // Lightsail accepts the call and does nothing, or the run dies before the call.
    let create = Operation::CreateInstancesFromSnapshot;
    let accepted = Fault::answer(
        StatusCode::OK,
        "application/x-amz-json-1.1",
        r#"{"operations":[{"status":"Started"}]}"#,
    );
    function.emulator.fault_next(create, 1, accepted);
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "started")]);
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "waiting")]);
    assert!(run.changes().is_empty());

    age_mark(&function, 4);
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "failed")]);
    assert_eq!(run.error().0, "DrillFailed");
    assert!(run.error().1.contains("NoInstance"), "{}", run.error().1);
    assert_eq!(run.changes(), ["us-east-1 TagResource"]);
    let text = format!("{} failed 240m", days_ago(0));
    assert_eq!(verdict(&function), Some(text));
    // It is said once, and the next drill follows after `everyDays`.
    let run = function.run().await;
    assert_eq!(run.answer()["drills"], json!([]));
}

/// Moves the mark on the copy of `web` to so many hours ago.
fn age_mark(function: &InProcess, hours: i64) {
    let started = Timestamp::now() - hours.hours();
    set_tag(&function.emulator, DRILL_STARTED_TAG, started.to_string());
}

/// Sets a tag of the copy of `web`.
fn set_tag(emulator: &Emulator, key: &str, value: String) {
    let region = "us-east-1".parse().unwrap();
    let copy = format!("web-us-west-2-{}", days_ago(1));
    let mut tags = emulator.snapshot(region, &copy).unwrap().tags;
    tags.insert(key.to_owned(), value);
    emulator.set_tags(region, &copy, tags).unwrap();
}

/// Another run, which sets a tag of the copy of `web` just before this run makes its `nth` call of
/// this operation in us-east-1. That call then ends as `fault` says.
fn another_run_sets(
    function: &InProcess,
    tag: (&'static str, String),
    before: (Operation, usize),
    fault: Fault,
) {
    let emulator = function.emulator.clone();
    let (operation, nth) = before;
    let mut count = 0;
    function.emulator.on_call(move |call| {
        if call.operation != operation || call.region.as_str() != "us-east-1" {
            return Fault::None;
        }
        count += 1;
        if count != nth {
            return Fault::None;
        }
        set_tag(&emulator, tag.0, tag.1.clone());
        fault.clone()
    });
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_another_run_starts_keeps_its_mark() {
    let create = Operation::CreateInstancesFromSnapshot;
    let refused = Fault::insufficient_capacity();
    let waiting = vec![outcome("drill-web-D", "waiting")];
    for (before, fault, expected) in [
        // After the plan, between mark and start, and while this run is refused.
        ((Operation::GetBundles, 1), Fault::None, vec![]),
        ((Operation::GetInstanceSnapshot, 2), Fault::None, vec![]),
        ((create, 1), refused, waiting),
    ] {
        let function = in_process(&json!({}), &json!({ "names": ["web"] }));
        let others = Timestamp::now() - 1.seconds();
        let tag = (DRILL_STARTED_TAG, others.to_string());
        another_run_sets(&function, tag, before, fault);
        let run = function.run().await;
        assert_eq!(outcomes(&run), expected, "{before:?}");
        assert_eq!(mark(&function), Some(others), "{before:?}");
        assert_eq!(instances(&function), [], "{before:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_another_run_has_ended_does_not_fail() {
    let passed = format!("{} passed 7m", days_ago(0));
    for (instances, hours) in [(vec![], 4), (vec![existing(5)], 5)] {
        let function = in_process(
            &json!({ "instances": instances }),
            &json!({ "names": ["web"], "checks": [ { "port": 1 } ] }),
        );
        age_mark(&function, hours);
        // The snapshots of instances were read before.
        let before = (Operation::GetDiskSnapshots, 1);
        another_run_sets(
            &function,
            (DRILLED_TAG, passed.clone()),
            before,
            Fault::None,
        );
        let run = function.run().await;
        let waiting = outcome("drill-web-D", "waiting");
        assert_eq!(outcomes(&run), [waiting], "{instances:?}");
        assert!(run.result.is_ok(), "{instances:?}");
        assert_eq!(verdict(&function), Some(passed.clone()), "{instances:?}");
        function.pass(61);
        assert_eq!(self::instances(&function), [], "{instances:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_policies_leave_each_others_drills_alone() {
    let drills = |name: &str| policy(&json!({ "names": [name], "checks": [ { "port": 1 } ] }));
    let mut function = in_process(
        // Both have expired; each policy sees its own first, or the other one.
        &json!({ "instances": [ existing(5), existing_of("web-2", 5) ] }),
        &json!({ "names": [] }),
    );
    for (name, other) in [("web", "web-2"), ("web-2", "web")] {
        function.function.policy = Some(parse_policy(&drills(name)));
        let run = function.run().await;
        let expected = outcome(&format!("drill-{name}-D"), "failed");
        assert_eq!(outcomes(&run), [expected], "{other} is left alone");
        function.pass(61);
    }
    assert!(instances(&function).is_empty());
    for name in ["web", "web-2"] {
        let copy = format!("{name}-us-west-2-{}", days_ago(1));
        let copy = function.snapshot("us-east-1", &copy).unwrap();
        assert!(copy.tags[DRILLED_TAG].contains("failed"));
    }
}

#[tokio::test(start_paused = true)]
async fn drills_that_have_ended_come_before_copies_and_others_after() {
    let drills = json!({ "names": ["*"], "atOnce": 2, "checks": [ { "port": 1 } ] });
    let function = in_process(&json!({ "instances": [ existing(5) ] }), &drills);
    let region = "us-west-2".parse().unwrap();
    let today = days_ago(0).parse().unwrap();
    let success = AutoSnapshotStatus::Success;
    function
        .emulator
        .add_auto_snapshot(region, "web", today, success)
        .unwrap();
    let run = function.run().await;
    let calls = run.calls.iter().map(|call| call.operation.as_str());
    let changes: Vec<_> = calls.filter(|call| !call.starts_with("Get")).collect();
    let verdict = ["TagResource", "DeleteInstance"];
    let copy = ["CopySnapshot", "TagResource", "TagResource"];
    let start = ["TagResource", "CreateInstancesFromSnapshot"];
    assert_eq!(changes, [&verdict[..], &copy, &start].concat());
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_is_throttled_until_the_deadline_is_inconclusive() {
    let function = in_process(&json!({}), &json!({ "names": ["*"], "atOnce": 2 }));
    let region = "us-east-1".parse().unwrap();
    let call = Operation::CreateInstancesFromSnapshot;
    function
        .emulator
        .fault_always_in(region, call, Fault::throttled());
    let run = function.invoke_for("{}", Duration::from_secs(30)).await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "inconclusive")]);
    assert!(run.calls_of("us-east-1", call.as_str()).len() > 1);
    assert!(run.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_missing_bundle_is_inconclusive() {
    let function = in_process(
        &json!({ "inactiveBundles": ["nano_3_0"] }),
        &json!({ "names": ["*"] }),
    );
    let run = function.run().await;
    let code = &run.answer()["drills"][0]["error"]["code"];
    assert_eq!(*code, "BundleNotAvailable");
    assert_eq!(
        outcomes(&run),
        [
            outcome("drill-web-D", "inconclusive"),
            outcome("drill-web-2-D", "inconclusive")
        ]
    );
    assert!(run.changes().is_empty());
    assert_eq!(run.lines("drill_result")[0]["level"], "WARN");
}

#[tokio::test(start_paused = true)]
async fn a_server_with_the_name_is_not_touched() {
    let name = format!("drill-web-{}", days_ago(1));
    let function = in_process(
        &json!({ "instances": [ { "name": name } ] }),
        &json!({ "names": ["*"] }),
    );
    let run = function.run().await;
    assert_eq!(
        outcomes(&run),
        [
            outcome("drill-web-D", "failed"),
            outcome("drill-web-2-D", "started")
        ]
    );
    assert!(run.error().1.contains("NameInUse"));
    assert_eq!(instances(&function).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_changes_nothing() {
    let dry_run = r#"{ "dryRun": true }"#;
    let function = in_process(&json!({}), &json!({ "names": ["*"] }));
    let run = function.invoke(dry_run).await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "planned")]);
    assert!(run.changes().is_empty());
    for (hours, drills, expected) in [
        (1, json!({ "names": ["web"] }), "waiting"),
        // The instance would be deleted.
        (5, json!({ "names": ["web"] }), "planned"),
        (1, json!({ "names": [] }), "planned"),
    ] {
        let function = in_process(&json!({ "instances": [ existing(hours) ] }), &drills);
        let run = function.invoke(dry_run).await;
        assert_eq!(outcomes(&run), [outcome("drill-web-D", expected)]);
        assert!(run.changes().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_start_no_more_than_allowed() {
    let function = in_process(&json!({}), &json!({ "names": ["*"] }));
    let time = crate::in_process::A_QUARTER_OF_AN_HOUR;
    let (a, b) = tokio::join!(function.serve("{}", time), function.serve("{}", time));
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(instances(&function).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_refused_fails_the_run() {
    let function = in_process(
        &json!({ "instances": [ existing(1) ] }),
        &json!({ "names": ["web"] }),
    );
    let call = Operation::DeleteInstance;
    function
        .emulator
        .fault_next(call, 1, refusal("AccessDeniedException", "no"));
    let run = function.run().await;
    assert_eq!(run.error().0, "DrillFailed");
    // The next run deletes it.
    let run = function.run().await;
    assert_eq!(run.changes(), ["us-east-1 DeleteInstance"]);
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "waiting")]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_drill_says_that_its_instance_could_not_be_deleted() {
    let function = in_process(
        &json!({ "instances": [ existing(5) ] }),
        &json!({ "names": ["web"], "checks": [ { "port": 1 } ] }),
    );
    let call = Operation::DeleteInstance;
    function
        .emulator
        .fault_next(call, 1, refusal("AccessDeniedException", "no"));
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "DrillFailed");
    assert!(message.contains("ChecksFailed: after 300 min"), "{message}");
    let expected = "; DeleteInstance: AccessDeniedException: no";
    assert!(message.ends_with(expected), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_drill_passes_although_its_instance_is_already_being_deleted() {
    let drills = json!({ "names": ["web"] });
    let function = in_process(&json!({ "instances": [ existing(1) ] }), &drills);
    // Lightsail refuses the retry.
    let call = Operation::DeleteInstance;
    function.emulator.fault_next(call, 1, Fault::LoseAnswer);
    let run = function.run().await;
    assert_eq!(run.calls_of("us-east-1", call.as_str()).len(), 2);
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "passed")]);
    assert_eq!(run.answer()["drills"][0].get("error"), None);

    let function = in_process(&json!({ "instances": [ existing(1) ] }), &drills);
    let slow = Fault::None.after(Duration::from_secs(1));
    function
        .emulator
        .fault_next(Operation::TagResource, 2, slow);
    let time = crate::in_process::A_QUARTER_OF_AN_HOUR;
    let (a, b) = tokio::join!(function.serve("{}", time), function.serve("{}", time));
    assert_eq!(a.unwrap()["drills"][0]["outcome"], "passed");
    assert_eq!(b.unwrap()["drills"][0]["outcome"], "passed");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_remains_fails_the_run() {
    let mut old = existing(7);
    old["tags"]["snapshot-copier:drill-expires"] = Value::from("2026-01-01T00:00:00Z");
    let function = in_process(
        &json!({ "instances": [ old ] }),
        &json!({ "names": ["web"] }),
    );
    // The verdict is recorded and the deletion is accepted, and the instance stays.
    let copy = format!("web-us-west-2-{}", days_ago(1));
    let mut tags = function.snapshot("us-east-1", &copy).unwrap().tags;
    tags.insert(DRILLED_TAG.to_owned(), format!("{} passed 7m", days_ago(0)));
    let region = "us-east-1".parse().unwrap();
    function.emulator.set_tags(region, &copy, tags).unwrap();
    let run = function.run().await;
    assert_eq!(run.error().0, "DrillFailed");
    assert!(run.error().1.contains("DrillInstanceRemains"));
}

#[tokio::test(start_paused = true)]
async fn an_instance_does_not_remain_because_runs_are_a_day_apart() {
    let day_old = json!({ "instances": [ existing(24) ] });
    let function = in_process(&day_old, &json!({ "names": [] }));
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "inconclusive")]);
    assert!(run.result.is_ok());

    let function = in_process(&day_old, &json!({ "names": ["web"] }));
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "passed")]);
    // Another run follows before Lightsail has deleted the instance.
    let run = function.run().await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "waiting")]);
    assert!(run.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_drill_instance_is_never_a_source_even_without_drills() {
    let world =
        json!({ "regions": { "us-east-1": { "instances": [ existing(1), { "name": "shop" } ] } } });
    let policy = r#"{ "sources": [ { "region": "us-east-1" } ], "destinations": ["us-west-2"] }"#;
    let function = InProcess::new(&world.to_string(), Some(policy));
    let run = function.run().await;
    let names = run.rows("coverage", &["sourceResourceName"]);
    assert_eq!(names, [["shop"]]);
    assert_eq!(run.answer().get("drills"), None);
}

#[tokio::test(start_paused = true)]
async fn instances_that_cannot_be_read_fail_the_run_and_start_nothing() {
    let function = in_process(&json!({}), &json!({ "names": ["*"] }));
    function.emulator.fault_always_in(
        "us-east-1".parse().unwrap(),
        Operation::GetInstances,
        refusal("AccessDeniedException", "no"),
    );
    let run = function.run().await;
    assert_eq!(run.error().0, "CopyFailed");
    assert!(
        run.error()
            .1
            .contains("us-east-1 could not be read: GetInstances")
    );
    assert!(run.changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn drills_end_even_if_the_copies_cannot_be_read() {
    for (hours, expected) in [
        (1, &[][..]),
        (5, &["us-east-1 DeleteInstance", "us-east-1 TagResource"]),
    ] {
        let function = in_process(
            &json!({ "instances": [ existing(hours) ] }),
            &json!({ "names": ["*"], "atOnce": 5 }),
        );
        function.emulator.fault_always_in(
            "us-east-1".parse().unwrap(),
            Operation::GetInstanceSnapshots,
            refusal("AccessDeniedException", "no"),
        );
        let run = function.run().await;
        assert_eq!(run.error().0, "CopyFailed");
        assert_eq!(run.changes(), expected);
        assert_eq!(verdict(&function).is_some(), hours == 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_matches_no_instance_is_warned_of() {
    let function = in_process(&json!({}), &json!({ "names": ["web", "wbe-*"] }));
    let run = function.run().await;
    let lines = run.lines("selects_nothing");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["fields"]["rule"], "drills.names[1]");
    let message = lines[0]["fields"]["errorMessage"].as_str().unwrap();
    assert!(message.contains("check its spelling and case"), "{message}");
    assert_eq!(
        run.answer()["rulesSelectingNothing"],
        json!(["drills.names[1]"])
    );
}
