//! Drills: which copies are restored for a trial, and how a trial ends.

use std::net::TcpListener;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lightsail_emulator::{Fault, InstanceView, Operation};
use lightsail_snapshot_copier::{
    DRILLED_TAG, DrillInstance, DrillPlan, DrillStep, InstanceState, ResourceId, Snapshot,
    SnapshotState,
};
use serde_json::{Value, json};

use crate::fake_account::{FakeAccount, copy, date, instance, noon, region};
use crate::in_process::{InProcess, Invocation, days_ago};

const TODAY: &str = "2026-11-22";
const YESTERDAY: &str = "2026-11-21";

fn account(drills: &str) -> FakeAccount {
    FakeAccount::empty(&format!(
        r#"{{ "sources": [ {{ "region": "us-west-2", "names": ["web*", "db"] }} ], "destinations": ["us-east-1"],
              "drills": {drills} }}"#
    ))
}

fn web() -> ResourceId {
    instance("us-west-2", "web")
}

fn available(source: &ResourceId, day: &str) -> Snapshot {
    copy(source, date(day), SnapshotState::Available)
}

fn drilled(source: &ResourceId, day: &str, verdict: &str) -> Snapshot {
    let mut copy = available(source, day);
    copy.tags.insert(DRILLED_TAG.to_owned(), verdict.to_owned());
    copy
}

/// A drill instance that was created some minutes before noon and may live for four hours.
fn drill_instance(source: &ResourceId, day: &str, minutes_ago: i64) -> DrillInstance {
    let created_at = noon() - SignedDuration::from_mins(minutes_ago);
    DrillInstance {
        source: source.clone(),
        name: format!("drill-{}-{day}", source.name),
        created_at: Some(created_at),
        expires_at: Some(created_at + SignedDuration::from_hours(4)),
        state: InstanceState::Running,
        address: Some("192.0.2.1".to_owned()),
    }
}

fn plan_of(account: &FakeAccount) -> DrillPlan {
    account.steps("us-east-1").drills
}

/// The names of the instances that may start, in order.
fn due(account: &FakeAccount) -> Vec<String> {
    let due = plan_of(account).due.into_iter();
    due.map(|drill| drill.instance).collect()
}

/// The next step of the only drill in progress.
fn step(account: &FakeAccount, drill: DrillInstance) -> Option<DrillStep> {
    let mut account = account.clone();
    account
        .drill_instances
        .insert(region("us-east-1"), vec![drill]);
    let mut steps = plan_of(&account).in_progress.into_iter();
    steps.next().map(|drill| drill.step)
}

#[test]
fn the_source_with_the_oldest_drill_is_first_and_never_drilled_ones_before() {
    let [web, web2, db] = ["web", "web-2", "db"].map(|name| instance("us-west-2", name));
    let base = account(r#"{ "names": ["*"], "everyDays": 10 }"#);
    let account = [&web, &web2, &db]
        .into_iter()
        .fold(base, |account, source| account.with(source, &[TODAY]))
        .there("us-east-1", available(&web, TODAY))
        .there(
            "us-east-1",
            drilled(&web, "2026-11-01", "2026-11-02 passed 7m"),
        )
        .there(
            "us-east-1",
            drilled(&web2, "2026-11-01", "2026-11-01 failed 240m"),
        )
        .there("us-east-1", available(&db, YESTERDAY));
    assert_eq!(
        due(&account),
        [
            "drill-db-2026-11-21",
            "drill-web-2-2026-11-01",
            "drill-web-2026-11-22"
        ]
    );
    assert_eq!(plan_of(&account).slots, 1);
    let first = plan_of(&account).due.remove(0);
    assert_eq!(first.snapshot.as_deref(), Some("db-us-west-2-2026-11-21"));
    let bundle = Some("nano_3_0".to_owned());
    assert_eq!(first.step, DrillStep::Start { bundle });
}

#[test]
fn a_source_is_due_so_many_days_after_its_last_drill() {
    for (every_days, is_due) in [(1, true), (5, true), (6, false), (365, false)] {
        let account = account(&format!(
            r#"{{ "names": ["web"], "everyDays": {every_days} }}"#
        ))
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), TODAY))
        .there(
            "us-east-1",
            drilled(&web(), "2026-11-10", "2026-11-17 failed 9m"),
        );
        assert_eq!(!due(&account).is_empty(), is_due, "{every_days}");
    }
}

#[test]
fn what_cannot_be_drilled_is_not_due() {
    let base = || account(r#"{ "names": ["web"] }"#);
    let there = |snapshot| base().with(&web(), &[TODAY]).there("us-east-1", snapshot);
    assert_eq!(due(&there(available(&web(), TODAY))).len(), 1);
    for state in [SnapshotState::Pending, SnapshotState::Error] {
        assert!(due(&there(copy(&web(), date(TODAY), state))).is_empty());
    }
    // Another name, a deleted source, a disk.
    let db = instance("us-west-2", "db");
    let account = base()
        .with(&db, &[TODAY])
        .there("us-east-1", available(&db, TODAY))
        .there("us-east-1", available(&web(), TODAY))
        .with(&crate::fake_account::disk("us-west-2", "web"), &[TODAY]);
    assert!(due(&account).is_empty());
    // The copy of a predecessor with the same name.
    let mut account = there(available(&web(), YESTERDAY));
    let resource = account.resources.get_mut(&web()).unwrap();
    resource.created_at = Some(noon() - SignedDuration::from_hours(1));
    assert!(due(&account).is_empty());
}

#[test]
fn a_copy_with_attached_disks_is_not_drillable() {
    let with_disk = Snapshot {
        attached_disks: vec!["data".to_owned()],
        ..available(&web(), TODAY)
    };
    let account = account(r#"{ "names": ["web"] }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", with_disk);
    assert_eq!(plan_of(&account).due[0].step, DrillStep::NotDrillable);
}

#[test]
fn drill_instances_take_slots_and_their_sources_wait() {
    let web2 = instance("us-west-2", "web-2");
    let mut account = account(r#"{ "names": ["*"], "atOnce": 3 }"#)
        .with(&web(), &[TODAY])
        .with(&web2, &[TODAY])
        .there("us-east-1", available(&web(), TODAY))
        .there("us-east-1", available(&web2, TODAY));
    // One of them belongs to another policy.
    let other = instance("eu-west-3", "other");
    let drills = vec![
        drill_instance(&web(), YESTERDAY, 10),
        drill_instance(&other, TODAY, 10),
    ];
    account.drill_instances.insert(region("us-east-1"), drills);
    let plan = plan_of(&account);
    assert_eq!((plan.slots, plan.instances), (1, 2));
    assert_eq!(due(&account), ["drill-web-2-2026-11-22"]);
    assert_eq!(plan.in_progress.len(), 1);
}

#[test]
fn each_drill_has_one_next_step() {
    let account = account(r#"{ "names": ["web"], "maxHours": 4 }"#)
        .with(&web(), &[TODAY])
        .there("us-east-1", available(&web(), TODAY));
    let in_state = |state, minutes| DrillInstance {
        state,
        ..drill_instance(&web(), TODAY, minutes)
    };
    let check = |minutes, is_last| DrillStep::Check {
        address: Some("192.0.2.1".to_owned()),
        minutes,
        is_last,
    };
    for (state, minutes, expected) in [
        (InstanceState::Pending, 10, DrillStep::Wait),
        (InstanceState::Running, 10, check(10, false)),
        (InstanceState::Running, 239, check(239, false)),
        (InstanceState::Running, 240, check(240, true)),
        (InstanceState::Running, 9999, check(9999, true)),
        (InstanceState::Stopped, 10, DrillStep::Wait),
        (
            InstanceState::Pending,
            240,
            DrillStep::Fail { minutes: 240 },
        ),
        (
            InstanceState::Stopped,
            241,
            DrillStep::Fail { minutes: 241 },
        ),
        (InstanceState::Ending, 10, DrillStep::Wait),
        (InstanceState::Ending, 999, DrillStep::Wait),
    ] {
        assert_eq!(step(&account, in_state(state, minutes)), Some(expected));
    }
}

#[test]
fn an_instance_is_deleted_once_its_verdict_is_recorded() {
    let base = account(r#"{ "names": ["web"], "everyDays": 1 }"#).with(&web(), &[TODAY]);
    let deleted = DrillStep::Delete {
        is_cancelled: false,
    };
    for (verdict, is_recorded) in [
        ("2026-11-22 passed 7m", true),
        ("2026-11-22 failed 7m", true),
        // The copy's drill before this one.
        ("2026-11-21 passed 7m", false),
        ("nonsense", false),
    ] {
        let account = base
            .clone()
            .there("us-east-1", drilled(&web(), TODAY, verdict));
        let step = step(&account, drill_instance(&web(), TODAY, 10));
        assert_eq!(step == Some(deleted.clone()), is_recorded, "{verdict}");
    }
}

#[test]
fn a_drill_that_nobody_wants_is_deleted_at_once_and_another_policys_when_it_expires() {
    let cancelled = Some(DrillStep::Delete { is_cancelled: true });
    let other = instance("eu-west-3", "web");
    for names in ["[]", r#"["db"]"#] {
        let account = account(&format!(r#"{{ "names": {names} }}"#)).with(&web(), &[TODAY]);
        assert_eq!(step(&account, drill_instance(&web(), TODAY, 1)), cancelled);
        assert_eq!(step(&account, drill_instance(&other, TODAY, 239)), None);
        assert_eq!(
            step(&account, drill_instance(&other, TODAY, 241)),
            cancelled
        );
    }
    let account = account(r#"{ "names": ["web"] }"#);
    // A tag that was changed by hand does not keep an instance for ever, nor does a missing one.
    for expires_at in ["2062-01-01T00:00:00Z".parse().ok(), None] {
        let with_age = |minutes| DrillInstance {
            expires_at,
            ..drill_instance(&other, TODAY, minutes)
        };
        assert_eq!(step(&account, with_age(24 * 60 - 1)), None);
        assert_eq!(step(&account, with_age(24 * 60)), cancelled);
    }
}

/// One instance with a copy in us-east-1, and this in us-east-1 besides.
fn world(members: &Value) -> Value {
    let (today, yesterday) = (days_ago(0), days_ago(1));
    let copy = |name: &str| {
        json!({ "name": format!("{name}-us-west-2-{yesterday}"), "fromInstanceName": name,
            "fromBundleId": "nano_3_0", "sizeInGb": 20, "isFromAutoSnapshot": true,
            "tags": { "snapshot-copier:source": format!("us-west-2/{name}"),
                      "snapshot-copier:recovery-point": yesterday } })
    };
    let instance = |name: &str| json!({ "name": name, "autoSnapshots": [ { "date": yesterday } ] });
    let _ = today;
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
    let created_at = Timestamp::now() - hours_old.hours();
    json!({ "name": format!("drill-web-{}", days_ago(1)), "createdAt": created_at.to_string(),
        "publicIpAddress": "127.0.0.1", "state": "running",
        "tags": { "snapshot-copier:drill": "us-west-2/web",
                  "snapshot-copier:drill-expires": (created_at + 4.hours()).to_string() } })
}

fn policy(drills: &Value) -> String {
    json!({ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"], "drills": drills }).to_string()
}

fn in_process(members: &Value, drills: &Value) -> InProcess {
    InProcess::new(&world(members).to_string(), Some(&policy(drills)))
}

fn instances(function: &InProcess) -> Vec<InstanceView> {
    function.emulator.instances("us-east-1".parse().unwrap())
}

/// The verdict on the copy of `web`.
fn verdict(function: &InProcess) -> Option<String> {
    let name = format!("web-us-west-2-{}", days_ago(1));
    let copy = function.snapshot("us-east-1", &name).unwrap();
    copy.tags.get(DRILLED_TAG).cloned()
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
            refusal("NotFoundException", "No."),
            "inconclusive",
            Some("started"),
        ),
        (
            refusal("InvalidInputException", quota),
            "inconclusive",
            None,
        ),
        (refusal("AccessDeniedException", "No."), "failed", None),
        (Fault::throttled(), "inconclusive", None),
        (Fault::LoseAnswer, "inconclusive", None),
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
    }
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
    for (drills, expected) in [
        (json!({ "names": ["web"] }), "waiting"),
        (json!({ "names": [] }), "planned"),
    ] {
        let function = in_process(&json!({ "instances": [ existing(5) ] }), &drills);
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
async fn a_name_that_matches_no_instance_is_warned_of() {
    let function = in_process(&json!({}), &json!({ "names": ["web", "wbe-*"] }));
    let run = function.run().await;
    let lines = run.lines("selects_nothing");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["fields"]["rule"], "drills.names[1]");
}
