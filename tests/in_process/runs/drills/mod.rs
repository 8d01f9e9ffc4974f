//! Runs with drills: from the start of an instance to the verdict.

use std::net::TcpListener;
use std::time::Duration;

use http::StatusCode;
use jiff::{Timestamp, ToSpan};
use lightsail_emulator::{AutoSnapshotStatus, Emulator, Fault, Instance, Operation};
use lightsail_snapshot_copier::{DRILL_STARTED_TAG, DRILLED_TAG, parse_policy};
use serde_json::{Value, json};

use test_support::in_process::{InProcess, Invocation, days_ago};

mod failures;
mod overlap;

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
async fn an_instance_is_created_in_the_first_zone_or_in_a_if_the_zones_cannot_be_read() {
    let zones = json!({ "zones": "bc" });
    for (fault, zone, outcome) in [
        (Fault::None, "us-east-1b", "started"),
        (
            refusal("AccessDeniedException", "no"),
            "us-east-1a",
            "failed",
        ),
    ] {
        let function = in_process(&zones, &json!({ "names": ["*"], "atOnce": 2 }));
        function
            .emulator
            .fault_next(Operation::GetRegions, 1, fault);
        let run = function.run().await;
        let name = |name: &str| self::outcome(name, outcome);
        assert_eq!(outcomes(&run), [name("drill-web-D"), name("drill-web-2-D")]);
        let created = run.calls_of("us-east-1", "CreateInstancesFromSnapshot");
        let in_zone = |call: &&Value| call["availabilityZone"] == zone;
        assert!(
            created.len() == 2 && created.iter().all(in_zone),
            "{created:?}"
        );
        assert_eq!(run.calls_of("us-east-1", "GetRegions").len(), 1);
    }
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
async fn two_policies_leave_each_others_drills_alone() {
    let policy = |name: &str| {
        json!({ "sources": [ { "region": "us-west-2", "names": [name] } ], "destinations": ["us-east-1"],
            "drills": { "names": ["*"], "checks": [ { "port": 1 } ] } })
        .to_string()
    };
    let mut function = in_process(
        // Both have expired; each policy sees its own first, or the other one.
        &json!({ "instances": [ existing(5), existing_of("web-2", 5) ] }),
        &json!({ "names": [] }),
    );
    for (name, other) in [("web", "web-2"), ("web-2", "web")] {
        function.function.policy = Some(parse_policy(&policy(name)));
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
    let time = test_support::in_process::A_QUARTER_OF_AN_HOUR;
    let (a, b) = tokio::join!(function.serve("{}", time), function.serve("{}", time));
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(instances(&function).len(), 1);
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
async fn a_drill_name_that_matches_no_instance_is_a_warning() {
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
