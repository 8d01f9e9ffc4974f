//! Runs of a policy, from the payload to what is in Lightsail afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use lightsail_emulator::SnapshotState::{Available, Error, Pending};
use lightsail_emulator::{Call, Fault, Operation, Region, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use test_support::in_process::{InProcess, Invocation, days_ago, row, seven_hours_ago};

/// One instance and one disk in us-west-2; of the disk, there is no automatic snapshot of today yet.
const SHOP: &str = r#"{ "copySeconds": 60, "regions": { "us-west-2": {
    "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" }, { "date": "today-1" } ] } ],
    "disks": [ { "name": "data", "autoSnapshots": [ { "date": "today-1" } ] } ] } } }"#;

const EVERYTHING: &str =
    r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "eu-west-1"] }"#;

/// All of us-west-2 to us-east-1, with these members besides.
fn policy(members: &str) -> String {
    format!(
        r#"{{ "sources": [ {{ "region": "us-west-2" }} ], "destinations": ["us-east-1"] {members} }}"#
    )
}

/// The instances `web-001` and so on in us-west-2, each with an automatic snapshot of today.
fn fleet(size: usize, members: &str) -> String {
    let instance =
        |n| json!({ "name": format!("web-{n:03}"), "autoSnapshots": [ { "date": "today" } ] });
    let instances: Vec<Value> = (1..=size).map(instance).collect();
    format!(
        r#"{{ "copySeconds": 60, {members} "regions": {{ "us-west-2": {{ "instances": {} }} }} }}"#,
        json!(instances)
    )
}

/// A copy of `web` in us-west-2, as a world's JSON has it.
fn copy_of_web(date: &str) -> Value {
    json!({
        "name": format!("web-us-west-2-{date}"),
        "fromInstanceName": "web",
        "fromInstanceArn": "arn:aws:lightsail:us-west-2:123456789012:Instance/web",
        "isFromAutoSnapshot": true,
        "tags": {
            "snapshot-copier:source": "us-west-2/web",
            "snapshot-copier:recovery-point": date,
        },
    })
}

/// `web` with an automatic snapshot of today, and these snapshots in us-east-1.
fn web_with(snapshots: &[Value]) -> String {
    json!({ "copySeconds": 60, "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
        "us-east-1": { "instanceSnapshots": snapshots },
    } })
    .to_string()
}

fn denied() -> Fault {
    Fault::error(
        StatusCode::FORBIDDEN,
        "AccessDeniedException",
        "You are not authorized to perform this operation.",
    )
}

/// Only the calls that list: what a run with nothing to do makes.
const LISTS: [&str; 6] = [
    "eu-west-1 GetDiskSnapshots",
    "eu-west-1 GetInstanceSnapshots",
    "us-east-1 GetDiskSnapshots",
    "us-east-1 GetInstanceSnapshots",
    "us-west-2 GetDisks",
    "us-west-2 GetInstances",
];

/// These calls and those that list, in the order of the alphabet.
fn lists_and(calls: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = LISTS.iter().chain(calls).map(ToString::to_string).collect();
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn the_first_run_copies_and_tags() {
    let function = InProcess::new(SHOP, Some(EVERYTHING));
    let run = function.run().await;
    let (today, yesterday) = (days_ago(0), days_ago(1));
    assert_eq!(
        run.operations(),
        lists_and(&[
            "us-west-2 GetAutoSnapshots",
            "us-west-2 GetAutoSnapshots",
            "us-east-1 CopySnapshot",
            "us-east-1 CopySnapshot",
            "us-east-1 TagResource",
            "us-east-1 TagResource",
            "us-east-1 TagResource",
            "eu-west-1 CopySnapshot",
            "eu-west-1 CopySnapshot",
            "eu-west-1 TagResource",
            "eu-west-1 TagResource",
            "eu-west-1 TagResource",
        ])
    );
    for region in ["us-east-1", "eu-west-1"] {
        let mut bodies = run.calls_of(region, "CopySnapshot");
        bodies.sort_by_key(|body| body["sourceResourceName"].to_string());
        assert_eq!(
            bodies,
            [
                &json!({
                    "sourceRegion": "us-west-2", "sourceResourceName": "data", "restoreDate": yesterday,
                    "targetSnapshotName": format!("data-us-west-2-{yesterday}"),
                }),
                &json!({
                    "sourceRegion": "us-west-2", "sourceResourceName": "web", "restoreDate": today,
                    "targetSnapshotName": format!("web-us-west-2-{today}"),
                }),
            ]
        );
        for (source, date) in [("web", &today), ("data", &yesterday)] {
            let copy = function.snapshot(region, &format!("{source}-us-west-2-{date}"));
            let tags = copy.unwrap().tags;
            // Copies of instances also carry the firewall.
            assert_eq!(tags.len(), if source == "web" { 3 } else { 2 });
            assert_eq!(
                tags["snapshot-copier:source"],
                format!("us-west-2/{source}")
            );
            assert_eq!(tags["snapshot-copier:recovery-point"], *date);
        }
    }
    let answer = run.answer();
    assert_eq!(answer["dryRun"], false);
    assert_eq!(
        answer["summary"],
        json!({ "started": 4, "exists": 0, "pending": 0, "planned": 0, "deferred": 0, "failed": 0, "deleted": 0 })
    );
    let copies: BTreeSet<_> = run
        .rows(
            "copies",
            &["destinationRegion", "targetSnapshotName", "outcome"],
        )
        .into_iter()
        .collect();
    let expected = ["eu-west-1", "us-east-1"].into_iter().flat_map(|region| {
        [("data", &yesterday), ("web", &today)].map(|(source, date)| {
            let name = format!("{source}-us-west-2-{date}");
            vec![region.to_owned(), name, "started".to_owned()]
        })
    });
    assert_eq!(copies, expected.collect());
    for copy in answer["copies"].as_array().unwrap() {
        assert_eq!(copy["operations"][0]["operationType"], "CopySnapshot");
        assert_eq!(copy["error"], Value::Null);
    }
    assert_eq!(answer["deletions"], json!([]));
    assert_eq!(answer["omitted"], Value::Null);
    let members = [
        "sourceRegion",
        "sourceResourceName",
        "resourceType",
        "destinationRegion",
        "newestRecoveryPoint",
        "recoveryPointAgeHours",
        "status",
        "reason",
    ];
    assert_eq!(
        run.rows("coverage", &members),
        [
            [
                "us-west-2",
                "data",
                "Disk",
                "us-east-1",
                "-",
                "-",
                "pending",
                "this run starts the first copy"
            ],
            [
                "us-west-2",
                "data",
                "Disk",
                "eu-west-1",
                "-",
                "-",
                "pending",
                "this run starts the first copy"
            ],
            [
                "us-west-2",
                "web",
                "Instance",
                "us-east-1",
                "-",
                "-",
                "pending",
                "this run starts the first copy"
            ],
            [
                "us-west-2",
                "web",
                "Instance",
                "eu-west-1",
                "-",
                "-",
                "pending",
                "this run starts the first copy"
            ],
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_next_run_finds_everything_on_its_way_and_then_there() {
    let function = InProcess::new(SHOP, Some(EVERYTHING));
    function.run().await;

    let run = function.run().await;
    // `web` has its copies of today, so only `data` is asked for something newer.
    assert_eq!(run.operations(), lists_and(&["us-west-2 GetAutoSnapshots"]));
    assert_eq!(
        run.calls_of("us-west-2", "GetAutoSnapshots"),
        [&json!({ "resourceName": "data" })]
    );
    assert_eq!(run.answer()["summary"]["pending"], 4);
    assert_eq!(run.answer()["summary"]["started"], 0);

    function.pass(100);
    let run = function.run().await;
    assert_eq!(run.operations(), lists_and(&["us-west-2 GetAutoSnapshots"]));
    assert_eq!(run.answer()["summary"]["exists"], 4);
    let statuses = run.rows("coverage", &["newestRecoveryPoint", "status"]);
    let (today, yesterday) = (days_ago(0), days_ago(1));
    assert_eq!(
        statuses,
        [
            [yesterday.as_str(), "protected"],
            [yesterday.as_str(), "protected"],
            [today.as_str(), "protected"],
            [today.as_str(), "protected"],
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_with_nothing_to_do_only_lists() {
    let world = SHOP.replace(r#""today-1" } ] } ] }"#, r#""today" } ] } ] }"#);
    let function = InProcess::new(&world, Some(EVERYTHING));
    assert_eq!(function.run().await.answer()["summary"]["started"], 4);
    function.pass(100);
    for _ in 0..2 {
        let run = function.run().await;
        assert_eq!(run.operations(), LISTS);
        assert_eq!(run.answer()["summary"]["exists"], 4);
    }
}

#[tokio::test(start_paused = true)]
async fn regions_and_kinds_that_no_rule_names_are_not_read() {
    let policy = r#"{ "sources": [ { "region": "us-west-2", "types": ["Disk"] } ], "destinations": ["us-east-1"] }"#;
    let function = InProcess::new(SHOP, Some(policy));
    let run = function.run().await;
    assert_eq!(
        run.operations(),
        [
            "us-east-1 CopySnapshot",
            "us-east-1 GetDiskSnapshots",
            "us-east-1 GetInstanceSnapshots",
            "us-east-1 TagResource",
            "us-west-2 GetAutoSnapshots",
            "us-west-2 GetDisks",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_every_list_are_read() {
    let function = InProcess::new(&fleet(5, r#""pageSize": 2,"#), Some(EVERYTHING));
    let run = function.run().await;
    assert_eq!(run.calls_of("us-west-2", "GetInstances").len(), 3);
    assert_eq!(run.answer()["summary"]["started"], 10);
    function.pass(100);
    let run = function.run().await;
    assert_eq!(run.calls_of("us-east-1", "GetInstanceSnapshots").len(), 3);
    assert_eq!(run.answer()["summary"]["exists"], 10);
    assert_eq!(run.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn backfill_starts_with_the_oldest() {
    let world = r#"{ "copySeconds": 60, "regions": { "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [
        { "date": "today" }, { "date": "today-1" }, { "date": "today-2", "status": "Failed" }, { "date": "today-3" } ] } ] } } }"#;
    let function = InProcess::new(world, Some(&policy(r#", "backfill": true"#)));
    let run = function.run().await;
    let dates: Vec<&Value> = run
        .calls_of("us-east-1", "CopySnapshot")
        .into_iter()
        .map(|body| &body["restoreDate"])
        .collect();
    assert_eq!(dates, [&days_ago(3), &days_ago(1), &days_ago(0)]);
    assert_eq!(run.answer()["summary"]["started"], 3);
}

#[tokio::test(start_paused = true)]
async fn copies_of_others_count_against_the_limit() {
    let world = json!({ "copySeconds": 60, "regions": {
        "us-west-2": { "instances": [
            { "name": "a", "autoSnapshots": [ { "date": "today" } ] },
            { "name": "b", "autoSnapshots": [ { "date": "today" } ] } ] },
        "us-east-1": {
            "instanceSnapshots": [ { "name": "by-hand-1", "state": "pending" } ],
            "diskSnapshots": [ { "name": "by-hand-2", "state": "pending" } ] } } })
    .to_string();
    let function = InProcess::new(&world, Some(&policy(r#", "maxCopiesInProgress": 3"#)));
    let run = function.run().await;
    assert_eq!(run.calls_of("us-east-1", "CopySnapshot").len(), 1);
    let today = days_ago(0);
    let members = ["targetSnapshotName", "outcome"];
    let mut rows = run.rows("copies", &members);
    rows.sort();
    assert_eq!(
        rows,
        [
            [format!("a-us-west-2-{today}"), "started".to_owned()],
            [format!("b-us-west-2-{today}"), "deferred".to_owned()],
        ]
    );
    // The next run has room for none.
    let run = function.run().await;
    assert_eq!(run.changes(), [""; 0]);
    assert_eq!(run.answer()["summary"]["deferred"], 1);
    // And says so, as a warning.
    let deferred: Vec<_> = run
        .lines("copy_result")
        .into_iter()
        .filter(|line| line["fields"]["outcome"] == "deferred")
        .collect();
    assert_eq!(deferred.len(), 1);
    assert_eq!(deferred[0]["level"], "WARN");
    assert_eq!(deferred[0]["fields"]["errorCode"], "MaxCopiesInProgress");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_fails_leaves_its_room_to_the_next() {
    // The worst covered go first, and these two fail, run after run.
    let instance = |name: &str| json!({ "name": name, "autoSnapshots": [ { "date": "today" } ] });
    let instances = ["a", "b", "c", "d", "e"].map(instance);
    let world =
        json!({ "copySeconds": 60, "regions": { "us-west-2": { "instances": instances } } });
    let world = world.to_string();
    let function = InProcess::new(&world, Some(&policy(r#", "maxCopiesInProgress": 2"#)));
    function.emulator.on_call(|call: &Call| {
        let name = call.body["sourceResourceName"].as_str();
        if call.operation == Operation::CopySnapshot && matches!(name, Some("a" | "b")) {
            denied()
        } else {
            Fault::None
        }
    });
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    assert_eq!(message.lines().count(), 2, "{message}");
    let today = days_ago(0);
    let started = ["c", "d"].map(|name| format!("{name}-us-west-2-{today}"));
    assert_eq!(function.names("us-east-1", Pending), started);
    let outcomes: BTreeSet<_> = run
        .lines("copy_result")
        .into_iter()
        .map(|line| row(&line["fields"], &["sourceResourceName", "outcome"]).join(" "))
        .collect();
    let expected = [
        "a failed",
        "b failed",
        "c started",
        "d started",
        "e deferred",
    ];
    assert_eq!(outcomes, expected.map(str::to_owned).into());
    // There is no room for a third, and none is asked for.
    assert_eq!(run.calls_of("us-east-1", "CopySnapshot").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_services_own_limit_defers_the_rest_without_asking_on() {
    let world = fleet(30, r#""copyLimit": 1,"#);
    let function = InProcess::new(&world, Some(&policy(r#", "maxCopiesInProgress": 100"#)));
    let run = function.run().await;
    assert_eq!(run.answer()["summary"]["started"], 1);
    assert_eq!(run.answer()["summary"]["deferred"], 29);
    // After eight refusals without a copy that started, only those in flight are refused too. The
    // others are not tried.
    let tried = run.calls_of("us-east-1", "CopySnapshot").len();
    assert!(tried < 1 + 8 + 8, "{tried} calls");
    for copy in run.answer()["copies"].as_array().unwrap() {
        if copy["outcome"] == "deferred" {
            let message = copy["error"]["message"].as_str().unwrap();
            assert!(
                message.contains("Too many snapshot copies in progress"),
                "{message}"
            );
            assert_eq!(copy["error"]["retryable"], true);
        }
    }
    // The next run goes on.
    function.pass(100);
    let run = function.run().await;
    assert_eq!(run.answer()["summary"]["exists"], 1);
    assert_eq!(run.answer()["summary"]["started"], 1);
    assert_eq!(function.names("us-east-1", Available).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_throttled_to_the_end_is_deferred() {
    let function = InProcess::new(SHOP, Some(EVERYTHING));
    function.emulator.on_call(|call: &Call| {
        let throttled = call.operation == Operation::CopySnapshot && call.region == Region::UsEast1;
        if throttled {
            Fault::throttled()
        } else {
            Fault::None
        }
    });
    let run = function.invoke_for("{}", Duration::from_secs(30)).await;
    let summary = &run.answer()["summary"];
    assert_eq!(
        (&summary["started"], &summary["deferred"]),
        (&json!(2), &json!(2))
    );
    for copy in run.answer()["copies"].as_array().unwrap() {
        if copy["outcome"] == "deferred" {
            assert_eq!(copy["destinationRegion"], "us-east-1");
            assert_eq!(copy["error"]["code"], "ThrottlingException");
        }
    }
    // It was tried more than once.
    assert!(run.calls_of("us-east-1", "CopySnapshot").len() > 4);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_ended_in_error_is_deleted_and_made_again() {
    // A copy that has just failed waits.
    let function = InProcess::new(&web_with(&[]), Some(&policy("")));
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, Fault::CopyFails);
    assert_eq!(function.run().await.answer()["summary"]["started"], 1);
    function.pass(100);
    let name = format!("web-us-west-2-{}", days_ago(0));
    assert_eq!(function.names("us-east-1", Error), [name.as_str()]);
    let run = function.run().await;
    assert_eq!(run.changes(), [""; 0]);
    assert_eq!(run.answer()["summary"]["deferred"], 1);
    assert_eq!(run.rows("coverage", &["status"]), [["unprotected"]]);

    let mut errored = copy_of_web(&days_ago(0));
    errored["state"] = json!("error");
    errored["createdAt"] = json!(seven_hours_ago());
    let function = InProcess::new(&web_with(&[errored]), Some(&policy("")));

    let run = function.run().await;
    assert_eq!(
        run.changes(),
        [
            "us-east-1 CopySnapshot",
            "us-east-1 DeleteInstanceSnapshot",
            "us-east-1 TagResource",
            "us-east-1 TagResource",
        ]
    );
    assert_eq!(
        run.rows("deletions", &["region", "snapshotName", "outcome"]),
        [["us-east-1", name.as_str(), "deleted"]]
    );
    assert_eq!(run.answer()["summary"]["started"], 1);
    assert_eq!(run.answer()["summary"]["deleted"], 1);
    function.pass(100);
    assert_eq!(function.names("us-east-1", Available), [name.as_str()]);
    assert_eq!(function.run().await.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_errored_copy_without_tags_is_tagged_before_it_is_deleted() {
    let today = days_ago(0);
    let mut errored = copy_of_web(&today);
    errored["tags"] = json!({});
    errored["state"] = json!("error");
    errored["createdAt"] = json!(seven_hours_ago());
    let function = InProcess::new(&web_with(&[errored]), Some(&policy("")));
    let run = function.run().await;
    let order: Vec<&str> = run
        .calls
        .iter()
        .map(|call| call.operation.as_str())
        .filter(|operation| !operation.starts_with("Get"))
        .collect();
    assert_eq!(
        order,
        [
            "TagResource",
            "DeleteInstanceSnapshot",
            "CopySnapshot",
            "TagResource",
            "TagResource",
        ]
    );
    // Where it cannot be tagged, it is not deleted.
    let mut errored = copy_of_web(&today);
    errored["tags"] = json!({});
    errored["state"] = json!("error");
    errored["createdAt"] = json!(seven_hours_ago());
    let function = InProcess::new(&web_with(&[errored]), Some(&policy("")));
    function
        .emulator
        .fault_next(Operation::TagResource, 1, denied());
    let run = function.run().await;
    assert_eq!(run.error().0, "CopyFailed");
    assert_eq!(run.changes(), ["us-east-1 TagResource"]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_lost_its_run_before_it_was_tagged_is_tagged() {
    let today = days_ago(0);
    let mut there = copy_of_web(&today);
    there["tags"] = json!({ "owner": "me" });
    let function = InProcess::new(&web_with(&[there]), Some(&policy("")));
    let run = function.run().await;
    assert_eq!(run.changes(), ["us-east-1 TagResource"; 2]);
    assert_eq!(run.answer()["summary"]["exists"], 1);
    let tags = function
        .snapshot("us-east-1", &format!("web-us-west-2-{today}"))
        .unwrap()
        .tags;
    assert_eq!(tags["snapshot-copier:source"], "us-west-2/web");
    assert_eq!(tags["snapshot-copier:recovery-point"], today);
    assert_eq!(tags["owner"], "me");
    assert_eq!(function.run().await.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn snapshots_made_in_the_console_with_the_tags_of_copies_are_left_alone() {
    let today = days_ago(0);
    let console = |number: u8| {
        let mut snapshot = copy_of_web(&today);
        snapshot["name"] = json!(format!("web-1-{number}"));
        snapshot
    };
    let copies = [1, 2, 3].map(|days| copy_of_web(&days_ago(days)));
    let mut snapshots = copies.to_vec();
    snapshots.extend([console(1), console(2)]);
    let keep_two = policy(r#", "retention": { "keepLast": 2 }"#);
    let function = InProcess::new(&web_with(&snapshots), Some(&keep_two));
    let run = function.run().await;
    let name = |days| format!("web-us-west-2-{}", days_ago(days));
    assert_eq!(
        run.rows("copies", &["targetSnapshotName", "outcome"]),
        [[name(0), "started".to_owned()]]
    );
    assert_eq!(
        run.rows("deletions", &["snapshotName", "outcome"]),
        [[name(3), "deleted".to_owned()]]
    );
    let newest = &run.rows("coverage", &["newestRecoveryPoint"])[0][0];
    assert_eq!(*newest, days_ago(1), "today's copy is still in progress");
    assert_eq!(
        function.names("us-east-1", Available),
        ["web-1-1".to_owned(), "web-1-2".to_owned(), name(2), name(1)]
    );
}

#[tokio::test(start_paused = true)]
async fn retention_deletes_what_it_does_not_keep_and_nothing_else() {
    let (today, yesterday) = (days_ago(0), days_ago(1));
    // Made in the console, from a server that was restored from a copy: it inherited both tags.
    let mut by_hand = copy_of_web(&days_ago(9));
    by_hand["name"] = json!("web-before-the-sale");
    let world = web_with(&[
        copy_of_web(&today),
        copy_of_web(&yesterday),
        copy_of_web(&days_ago(2)),
        copy_of_web(&days_ago(400)),
        by_hand,
        json!({ "name": "somebody-elses", "tags": { "backup": "dr" } }),
    ]);
    let retention = r#", "retention": { "keepLast": 2, "keepYearly": 1 }"#;
    let function = InProcess::new(&world, Some(&policy(retention)));
    let run = function.run().await;
    let deleted = [days_ago(2), days_ago(400)].map(|date| format!("web-us-west-2-{date}"));
    let mut rows = run.rows("deletions", &["region", "snapshotName", "outcome", "error"]);
    rows.sort();
    let mut expected = deleted.clone().map(|name| {
        vec![
            "us-east-1".to_owned(),
            name,
            "deleted".to_owned(),
            "-".to_owned(),
        ]
    });
    expected.sort();
    assert_eq!(rows, expected);
    assert_eq!(run.answer()["summary"]["deleted"], 2);
    assert_eq!(
        function.names("us-east-1", Available),
        [
            "somebody-elses".to_owned(),
            "web-before-the-sale".to_owned(),
            format!("web-us-west-2-{yesterday}"),
            format!("web-us-west-2-{today}"),
        ]
    );
    let lines = run.lines("delete_result");
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!(line["level"], "INFO");
        let fields = &line["fields"];
        let name = fields["targetSnapshotName"].as_str().unwrap();
        assert!(deleted.iter().any(|deleted| deleted == name), "{name}");
        assert_eq!(
            row(
                fields,
                &[
                    "outcome",
                    "sourceRegion",
                    "sourceResourceName",
                    "destinationRegion",
                    "operationType",
                    "resourceName",
                    "resourceType",
                    "locationRegion",
                    "requestId",
                ]
            ),
            [
                "deleted",
                "us-west-2",
                "web",
                "us-east-1",
                "DeleteInstanceSnapshot",
                name,
                "InstanceSnapshot",
                "us-east-1",
                "4b6a0b6e-0000-4000-8000-000000000001",
            ]
        );
        for member in [
            "operationId",
            "operationStatus",
            "isTerminal",
            "createdAt",
            "statusChangedAt",
        ] {
            assert_ne!(fields[member], Value::Null, "{member}");
        }
    }
    assert_eq!(function.run().await.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_refused_fails_and_the_others_are_done() {
    let world = web_with(&[
        copy_of_web(&days_ago(0)),
        copy_of_web(&days_ago(1)),
        copy_of_web(&days_ago(2)),
    ]);
    let function = InProcess::new(&world, Some(&policy(r#", "retention": { "keepLast": 1 }"#)));
    function
        .emulator
        .fault_next(Operation::DeleteInstanceSnapshot, 1, denied());
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    let refused = format!("web-us-west-2-{}", days_ago(1));
    assert_eq!(
        message,
        format!(
            "deletion of {refused} in us-east-1: AccessDeniedException: You are not authorized to perform this operation."
        )
    );
    assert_eq!(function.names("us-east-1", Available).len(), 2);
    let lines = run.lines("delete_result");
    let failed: Vec<_> = lines
        .iter()
        .filter(|line| line["level"] == "ERROR")
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["fields"]["errorCode"], "AccessDeniedException");
    assert_eq!(failed[0]["fields"]["targetSnapshotName"], json!(refused));
}

#[tokio::test(start_paused = true)]
async fn a_tag_refused_while_the_copy_is_available_fails_the_run_and_is_set_by_the_next() {
    let mut untagged = copy_of_web(&days_ago(0));
    untagged["tags"] = json!({});
    let function = InProcess::new(&web_with(&[untagged]), Some(&policy("")));
    function
        .emulator
        .fault_next(Operation::TagResource, 1, denied());
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    assert!(
        message.starts_with("TagResource of web-us-west-2-"),
        "{message}"
    );
    let name = format!("web-us-west-2-{}", days_ago(0));
    let [line] = run.lines("tag_failed")[..] else {
        panic!("{:?}", run.log)
    };
    assert_eq!(line["level"], "ERROR");
    assert_eq!(
        row(
            &line["fields"],
            &["destinationRegion", "targetSnapshotName", "errorCode"]
        ),
        ["us-east-1", name.as_str(), "AccessDeniedException"]
    );
    assert!(
        function
            .snapshot("us-east-1", &name)
            .unwrap()
            .tags
            .is_empty()
    );

    let run = function.run().await;
    assert_eq!(run.changes(), ["us-east-1 TagResource"; 2]);
    assert_eq!(function.snapshot("us-east-1", &name).unwrap().tags.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_tag_refused_while_the_copy_is_pending_is_a_warning_for_two_hours() {
    let function = InProcess::new(&web_with(&[]), Some(&policy("")));
    let refuse = || {
        function
            .emulator
            .fault_next(Operation::TagResource, 9, denied())
    };
    refuse();
    let run = function.run().await;
    assert_eq!(run.rows("copies", &["outcome"]), [["started"]]);
    let levels = |run: &Invocation| {
        let lines = run.lines("tag_failed").into_iter();
        lines.map(|line| line["level"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(levels(&run), ["WARN"]);
    assert_eq!(metric(&run, "Failures"), 0.0);

    // A fault of the service counts too, once the copy has lacked its tags for two hours.
    let mut late = copy_of_web(&days_ago(0));
    late["tags"] = json!({});
    late["createdAt"] = json!(seven_hours_ago());
    let function = InProcess::new(&web_with(&[late]), Some(&policy("")));
    let us_east_1 = "us-east-1".parse().unwrap();
    let fault = Fault::internal();
    let emulator = &function.emulator;
    emulator.fault_always_in(us_east_1, Operation::TagResource, fault);
    let run = function.run().await;
    assert_eq!(levels(&run), ["ERROR"]);
    assert_eq!(metric(&run, "Failures"), 1.0);
    assert_eq!(run.error().0, "CopyFailed");
}

/// The value of a metric that a run wrote.
fn metric(run: &Invocation, name: &str) -> f64 {
    let records = run.log.iter().filter(|line| line.get("_aws").is_some());
    let values: Vec<f64> = records.filter_map(|record| record[name].as_f64()).collect();
    assert_eq!(values.len(), 1);
    values[0]
}

#[tokio::test(start_paused = true)]
async fn a_firewall_never_keeps_a_copy_from_its_two_tags() {
    let range = |n: usize| format!("2001:db8:0000:0000:0000:0000:{n:04x}:0000/112");
    let ranges: Vec<String> = (0..10).map(range).collect();
    let rule = |port: usize| json!({ "fromPort": port, "ipv6Cidrs": ranges });
    let many: Vec<Value> = (1000..1060).map(rule).collect();
    for (ports, fault, expected) in [
        (json!(many), None, Some("-")),
        (json!([rule(1000)]), Some(denied()), None),
    ] {
        let world = json!({ "copySeconds": 60, "regions": { "us-west-2": { "instances": [
            { "name": "web", "ports": ports, "autoSnapshots": [ { "date": "today" } ] },
        ] } } });
        let function = InProcess::new(&world.to_string(), Some(&policy("")));
        function.emulator.on_call(move |call| {
            let is_firewall = call.body["tags"][0]["key"] == "snapshot-copier:ports";
            let fault = fault.clone().filter(|_| is_firewall);
            fault.unwrap_or(Fault::None)
        });
        let run = function.run().await;
        assert_eq!(run.rows("copies", &["outcome"]), [["started"]]);
        let name = format!("web-us-west-2-{}", days_ago(0));
        let tags = function.snapshot("us-east-1", &name).unwrap().tags;
        assert_eq!(tags["snapshot-copier:source"], "us-west-2/web");
        assert_eq!(tags["snapshot-copier:recovery-point"], days_ago(0));
        let ports = tags.get("snapshot-copier:ports").map(String::as_str);
        assert_eq!(ports, expected);
        let not_stored = run.lines("firewall_not_stored").len();
        assert_eq!(not_stored, usize::from(expected.is_some()));
    }
}

/// Two source Regions, with one copy too many of each source in us-east-1.
fn two_regions() -> InProcess {
    let mut of_shop = [days_ago(0), days_ago(1)].map(|date| copy_of_web(&date));
    for copy in &mut of_shop {
        let date = copy["tags"]["snapshot-copier:recovery-point"].clone();
        let date = date.as_str().unwrap();
        *copy = json!({
            "name": format!("shop-eu-central-1-{date}"),
            "fromInstanceName": "shop",
            "tags": {
                "snapshot-copier:source": "eu-central-1/shop",
                "snapshot-copier:recovery-point": date,
            },
        });
    }
    let mut snapshots = of_shop.to_vec();
    snapshots.extend([days_ago(0), days_ago(1)].map(|date| copy_of_web(&date)));
    let world = json!({ "copySeconds": 60, "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
        "eu-central-1": { "instances": [ { "name": "shop", "autoSnapshots": [ { "date": "today" } ] } ] },
        "us-east-1": { "instanceSnapshots": snapshots } } })
    .to_string();
    InProcess::new(
        &world,
        Some(
            r#"{ "sources": [ { "region": "us-west-2", "types": ["Instance"] }, { "region": "eu-central-1", "types": ["Instance"] } ],
                 "destinations": ["us-east-1", "eu-west-1"], "retention": { "keepLast": 1 } }"#,
        ),
    )
}

/// Every call of an operation in a Region comes to this.
fn always(function: &InProcess, region: Region, operation: Operation, fault: Fault) {
    function.emulator.on_call(move |call: &Call| {
        if call.region == region && call.operation == operation {
            fault.clone()
        } else {
            Fault::None
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_source_region_that_cannot_be_read_stops_nothing_else() {
    let function = two_regions();
    always(
        &function,
        Region::UsWest2,
        Operation::GetInstances,
        denied(),
    );
    let run = function.run().await;
    assert_eq!(
        run.error(),
        (
            "CopyFailed",
            "us-west-2 could not be read: GetInstances: AccessDeniedException: You are not authorized to perform this operation."
        )
    );
    // The other Region's source was copied, and its copies pruned; those of `web` were not.
    assert_eq!(
        run.changes(),
        [
            "eu-west-1 CopySnapshot",
            "eu-west-1 TagResource",
            "eu-west-1 TagResource",
            "us-east-1 DeleteInstanceSnapshot"
        ]
    );
    assert_eq!(
        run.calls_of("us-east-1", "DeleteInstanceSnapshot"),
        [&json!({ "instanceSnapshotName": format!("shop-eu-central-1-{}", days_ago(1)) })]
    );
    let [line] = run.lines("region_unread")[..] else {
        panic!("{:?}", run.log)
    };
    assert_eq!(line["level"], "ERROR");
    assert_eq!(
        row(&line["fields"], &["region", "operation", "errorCode"]),
        ["us-west-2", "GetInstances", "AccessDeniedException"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_region_that_faults_to_the_end_leaves_time_for_the_others() {
    let function = two_regions();
    always(
        &function,
        Region::UsWest2,
        Operation::GetInstances,
        Fault::internal(),
    );
    let run = function.invoke_for("{}", Duration::from_secs(60)).await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    assert!(
        message.starts_with("us-west-2 could not be read: GetInstances: ServiceException: "),
        "{message}"
    );
    assert_eq!(run.changes().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_cannot_be_read_is_left_alone() {
    let function = two_regions();
    always(
        &function,
        Region::UsEast1,
        Operation::GetDiskSnapshots,
        denied(),
    );
    let run = function.run().await;
    assert_eq!(
        run.error(),
        (
            "CopyFailed",
            "us-east-1 could not be read: GetDiskSnapshots: AccessDeniedException: You are not authorized to perform this operation."
        )
    );
    assert_eq!(
        run.changes(),
        [
            "eu-west-1 CopySnapshot",
            "eu-west-1 CopySnapshot",
            "eu-west-1 TagResource",
            "eu-west-1 TagResource",
            "eu-west-1 TagResource",
            "eu-west-1 TagResource",
        ]
    );
    // The sources' coverage there is told all the same.
    let there: Vec<_> = run
        .lines("coverage")
        .into_iter()
        .filter(|line| line["fields"]["destinationRegion"] == "us-east-1")
        .map(|line| row(&line["fields"], &["sourceResourceName", "status", "reason"]))
        .collect();
    assert_eq!(
        there,
        [
            ["shop", "unknown", "us-east-1 could not be read"],
            ["web", "unknown", "us-east-1 could not be read"],
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_be_read_keeps_its_copies() {
    let function = two_regions();
    function.emulator.on_call(|call: &Call| {
        if call.operation == Operation::GetAutoSnapshots && call.body["resourceName"] == "web" {
            denied()
        } else {
            Fault::None
        }
    });
    let run = function.run().await;
    assert_eq!(
        run.error(),
        (
            "CopyFailed",
            "us-west-2 could not be read: GetAutoSnapshots of web: AccessDeniedException: You are not authorized to perform this operation."
        )
    );
    assert_eq!(
        run.calls_of("us-east-1", "DeleteInstanceSnapshot"),
        [&json!({ "instanceSnapshotName": format!("shop-eu-central-1-{}", days_ago(1)) })]
    );
    assert_eq!(run.calls_of("eu-west-1", "CopySnapshot").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_deleted_between_two_calls_is_no_failure() {
    let function = InProcess::new(SHOP, Some(EVERYTHING));
    let emulator = function.emulator.clone();
    function.emulator.on_call(move |call: &Call| {
        if call.operation == Operation::GetAutoSnapshots && call.body["resourceName"] == "web" {
            emulator.remove_instance(Region::UsWest2, "web").unwrap();
        }
        Fault::None
    });
    let run = function.run().await;
    assert_eq!(run.answer()["summary"]["started"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_everything_and_changes_nothing() {
    let mut errored = copy_of_web(&days_ago(0));
    errored["state"] = json!("error");
    errored["createdAt"] = json!(seven_hours_ago());
    let mut untagged = copy_of_web(&days_ago(6));
    untagged["tags"] = json!({});
    let world = web_with(&[
        errored,
        copy_of_web(&days_ago(3)),
        copy_of_web(&days_ago(4)),
        copy_of_web(&days_ago(5)),
        untagged,
    ]);
    let deployed = policy(r#", "retention": { "keepLast": 2 }"#);
    let function = InProcess::new(&world, Some(&deployed));
    let before = function.emulator.snapshots(Region::UsEast1);
    let run = function.invoke(r#"{ "dryRun": true }"#).await;
    assert_eq!(run.changes(), [""; 0]);
    assert_eq!(function.emulator.snapshots(Region::UsEast1), before);
    let answer = run.answer();
    assert_eq!(answer["dryRun"], true);
    assert_eq!(
        answer["summary"],
        json!({ "started": 0, "exists": 0, "pending": 0, "planned": 1, "deferred": 0, "failed": 0, "deleted": 0 })
    );
    let name = |days| format!("web-us-west-2-{}", days_ago(days));
    assert_eq!(
        run.rows("copies", &["targetSnapshotName", "outcome"]),
        [[name(0), "planned".to_owned()]]
    );
    // The one that failed makes way for the copy that is made again.
    assert_eq!(
        run.rows("deletions", &["snapshotName", "outcome"]),
        [
            [name(0), "planned".to_owned()],
            [name(5), "planned".to_owned()]
        ]
    );
    assert_eq!(
        run.rows("coverage", &["newestRecoveryPoint", "status", "reason"]),
        [[
            days_ago(3),
            "stale".to_owned(),
            "the last copy ended in state error".to_owned()
        ]]
    );

    // What it showed is what the schedule does.
    let run = function.run().await;
    assert_eq!(run.answer()["summary"]["started"], 1);
    let mut deleted: Vec<_> = run
        .calls_of("us-east-1", "DeleteInstanceSnapshot")
        .into_iter()
        .map(|body| body["instanceSnapshotName"].as_str().unwrap().to_owned())
        .collect();
    deleted.sort();
    assert_eq!(deleted, [name(5), name(0)]);
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_there_is_none_to_run() {
    let function = InProcess::new(SHOP, None);
    for payload in ["{}", "null", r#"{ "dryRun": true }"#] {
        let run = function.invoke(payload).await;
        assert_eq!(run.error().0, "NoPolicy");
        assert!(run.calls.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployed_policy_with_mistakes_fails_its_runs_and_no_others() {
    let function = InProcess::new(
        SHOP,
        Some(r#"{ "sources": [ { "region": "moon" } ], "keepLast": 1 }"#),
    );
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "InvalidPolicy");
    let paths: Vec<_> = message
        .lines()
        .filter_map(|line| Some(line.split_once(": ")?.0))
        .collect();
    assert_eq!(paths, ["sources[0].region", "destinations", "keepLast"]);
    assert!(run.calls.is_empty());
    // A job's own policy, and an event's copies, do not need it.
    let payload = format!(r#"{{ "policy": {EVERYTHING} }}"#);
    let run = function.invoke(&payload).await;
    assert_eq!(run.answer()["summary"]["started"], 4);
    let run = function
        .invoke(r#"{ "sourceRegion": "us-west-2", "sourceResourceName": "web" }"#)
        .await;
    assert_eq!(run.answer()["summary"]["started"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_jobs_policy_stands_in_for_the_deployed_one() {
    let function = InProcess::new(SHOP, Some(EVERYTHING));
    let only_disks = r#"{ "sources": [ { "region": "us-west-2", "types": ["Disk"] } ], "destinations": ["eu-west-1"] }"#;
    let dry = format!(r#"{{ "policy": {only_disks}, "dryRun": true }}"#);
    let run = function.invoke(&dry).await;
    assert_eq!(run.answer()["summary"]["planned"], 1);
    assert_eq!(run.changes(), [""; 0]);
    let run = function
        .invoke(&format!(r#"{{ "policy": {only_disks} }}"#))
        .await;
    assert_eq!(
        run.rows("copies", &["sourceResourceName", "destinationRegion"]),
        [["data", "eu-west-1"]]
    );
    // In a custom event too.
    let event = format!(
        r#"{{ "detail-type": "Copy", "source": "shop", "detail": {{ "policy": {only_disks} }} }}"#
    );
    let run = function.invoke(&event).await;
    assert_eq!(run.answer()["summary"]["pending"], 1);
}

#[tokio::test(start_paused = true)]
async fn schedules_run_the_deployed_policy() {
    let function = InProcess::new(SHOP, Some(EVERYTHING));
    let rule = r#"{ "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "time": "2026-11-22T06:00:00Z", "region": "us-east-1", "resources": [], "detail": {} }"#;
    let run = function.invoke(rule).await;
    assert_eq!(run.answer()["summary"]["started"], 4);
    let scheduler = r#"{ "id": "1", "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "account": "123456789012", "time": "2026-11-22T06:00:00Z", "region": "us-east-1", "resources": [], "detail": "{}" }"#;
    let run = function.invoke(scheduler).await;
    assert_eq!(run.answer()["summary"]["pending"], 4);
}

#[tokio::test(start_paused = true)]
async fn mistakes_in_a_jobs_policy_are_named_by_their_paths() {
    let function = InProcess::new(SHOP, Some(EVERYTHING));
    let run = function
        .invoke(
            r#"{ "dryRun": "yes", "policy": { "sources": [ { "region": "us-west-2", "regions": ["us-east-1"] } ],
                 "destinations": ["us-east-1"], "retention": { "keepLast": -1 } } }"#,
        )
        .await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "InvalidEvent");
    let paths: Vec<_> = message
        .lines()
        .filter_map(|line| Some(line.split_once(": ")?.0))
        .collect();
    assert_eq!(
        paths,
        [
            "dryRun",
            "policy.sources[0].regions",
            "policy.retention.keepLast"
        ]
    );
    assert!(run.calls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_do_no_harm() {
    let mut errored = copy_of_web(&days_ago(0));
    errored["state"] = json!("error");
    errored["createdAt"] = json!(seven_hours_ago());
    let world = web_with(&[
        errored,
        copy_of_web(&days_ago(1)),
        copy_of_web(&days_ago(2)),
    ]);
    let function = InProcess::new(&world, Some(&policy(r#", "retention": { "keepLast": 1 }"#)));
    // Every answer takes a while, so that the two are in step.
    function
        .emulator
        .on_call(|_| Fault::None.after(Duration::from_millis(100)));
    let time = Duration::from_secs(60);
    let (one, other) = tokio::join!(function.serve("{}", time), function.serve("{}", time));
    for answer in [&one, &other] {
        let answer = answer.as_ref().unwrap();
        assert_eq!(answer["summary"]["failed"], 0, "{answer:#}");
    }
    let started = |answer: &Result<Value, _>| {
        let summary = &answer.as_ref().unwrap()["summary"];
        summary["started"].as_u64().unwrap()
    };
    assert_eq!(started(&one) + started(&other), 1);
    let name = |days| format!("web-us-west-2-{}", days_ago(days));
    assert_eq!(function.names("us-east-1", Pending), [name(0)]);
    assert_eq!(function.names("us-east-1", Available), [name(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_is_left_in_time() {
    let function = InProcess::new(SHOP, Some(EVERYTHING));
    always(
        &function,
        Region::UsEast1,
        Operation::CopySnapshot,
        Fault::Hang,
    );
    let time = Duration::from_secs(20);
    let before = Instant::now();
    let run = function.invoke_for("{}", time).await;
    assert!(before.elapsed() < time);
    let mut rows = run.rows("copies", &["destinationRegion", "outcome"]);
    rows.sort();
    assert_eq!(
        rows,
        [
            ["eu-west-1", "started"],
            ["eu-west-1", "started"],
            ["us-east-1", "deferred"],
            ["us-east-1", "deferred"],
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_region_whose_lists_hang_stops_nothing_else() {
    for (region, operation, copied) in [
        (Region::UsEast1, Operation::GetInstanceSnapshots, 2),
        (Region::UsWest2, Operation::GetInstances, 1),
    ] {
        let function = two_regions();
        always(&function, region, operation, Fault::Hang);
        let time = Duration::from_secs(20);
        let before = Instant::now();
        let run = function.invoke_for("{}", time).await;
        assert!(before.elapsed() < time);
        let (error_type, message) = run.error();
        assert_eq!(error_type, "CopyFailed");
        let expected = format!(
            "{region} could not be read: {}: Timeout: ",
            operation.as_str()
        );
        assert!(message.starts_with(&expected), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        // The other destination got its copies, of the sources that were read.
        assert_eq!(function.names("eu-west-1", Pending).len(), copied);
    }
}

#[tokio::test(start_paused = true)]
async fn everything_hanging_ends_in_time() {
    for operation in [
        Operation::GetInstances,
        Operation::GetAutoSnapshots,
        Operation::TagResource,
        Operation::DeleteInstanceSnapshot,
    ] {
        let function = two_regions();
        function.emulator.on_call(move |call: &Call| {
            if call.operation == operation {
                Fault::Hang
            } else {
                Fault::None
            }
        });
        let time = Duration::from_secs(20);
        let before = Instant::now();
        let run = function.invoke_for("{}", time).await;
        assert!(before.elapsed() < time, "{operation:?}");
        if operation == Operation::DeleteInstanceSnapshot {
            let rows = run.rows("deletions", &["outcome"]);
            assert_eq!(rows, [["deferred"], ["deferred"]]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_fleets_answer_stays_small_and_its_log_is_whole() {
    const SIZE: usize = 400;
    let policy = EVERYTHING.replace(
        "\"destinations",
        "\"maxCopiesInProgress\": 500, \"destinations",
    );
    let function = InProcess::new(&fleet(SIZE, "\"copyLimit\": 500,"), Some(&policy));
    function.emulator.on_call(|call: &Call| {
        // One copy is refused for good, and one source has no automatic snapshots.
        if call.body["targetSnapshotName"] == format!("web-003-us-west-2-{}", days_ago(0)) {
            denied()
        } else {
            Fault::None
        }
    });
    function
        .emulator
        .add_instance(
            Region::UsWest2,
            &lightsail_emulator::world::Source::named("zero"),
        )
        .unwrap();
    let run = function.run().await;
    // A function error has a message, not an answer; the log has every line.
    assert_eq!(run.error().0, "CopyFailed");
    assert_eq!(run.error().1.lines().count(), 2);
    assert_eq!(run.lines("copy_result").len(), 2 * SIZE);
    assert_eq!(run.lines("coverage").len(), 2 * (SIZE + 1));

    function.emulator.on_call(|_| Fault::None);
    let run = function.run().await;
    let answer = run.answer();
    let size = answer.to_string().len();
    assert!(size < 200_000, "{size} bytes");
    assert!(
        size > 150_000,
        "{size} bytes: more is left out than has to be"
    );
    let listed = |list: &str| answer[list].as_array().unwrap().len();
    let omitted = |list: &str| answer["omitted"][list].as_u64().unwrap() as usize;
    assert_eq!(listed("copies") + omitted("copies"), 2 * SIZE);
    assert_eq!(listed("coverage") + omitted("coverage"), 2 * (SIZE + 1));
    assert_eq!(omitted("deletions"), 0);
    // What needs attention most is there.
    let unprotected = run
        .rows("coverage", &["sourceResourceName", "status"])
        .into_iter()
        .filter(|row| row[1] == "unprotected")
        .count();
    assert_eq!(unprotected, 2);
    let summary = answer["summary"].as_object().unwrap().values();
    let counted: u64 = summary.map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counted as usize, 2 * SIZE);
    assert_eq!(run.lines("copy_result").len(), 2 * SIZE);
    assert_eq!(run.lines("coverage").len(), 2 * (SIZE + 1));
}

/// What Lightsail answers with a body of that text, and all well.
fn well(body: String) -> Fault {
    Fault::answer(StatusCode::OK, "application/x-amz-json-1.1", body)
}

/// A list from before another run deleted web's failed copy of `date` and made it again.
fn list_before_it_was_made_again(date: &str) -> Fault {
    let list = json!({ "instanceSnapshots": [ {
        "name": format!("web-us-west-2-{date}"), "state": "error", "fromInstanceName": "web",
        "tags": [
            { "key": "snapshot-copier:source", "value": "us-west-2/web" },
            { "key": "snapshot-copier:recovery-point", "value": date },
        ] } ] });
    well(list.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_failed_copy_that_another_run_has_made_again_is_not_deleted() {
    let today = days_ago(0);
    let good = copy_of_web(&today);
    let function = InProcess::new(&web_with(&[good]), Some(&policy("")));
    let name = format!("web-us-west-2-{today}");
    function.emulator.fault_next(
        Operation::GetInstanceSnapshots,
        1,
        list_before_it_was_made_again(&today),
    );
    let run = function.run().await;
    assert_eq!(
        run.changes(),
        [
            "us-east-1 CopySnapshot",
            "us-east-1 TagResource",
            "us-east-1 TagResource"
        ]
    );
    assert_eq!(run.rows("copies", &["outcome"]), [["exists"]]);
    assert_eq!(function.names("us-east-1", Available), [name]);
}

#[tokio::test(start_paused = true)]
async fn the_deletion_of_a_failed_copy_is_said_once() {
    let mut errored = copy_of_web(&days_ago(0));
    errored["state"] = json!("error");
    errored["createdAt"] = json!(seven_hours_ago());
    let function = InProcess::new(&web_with(&[errored]), Some(&policy("")));
    // Lost on the way: said again, it could come when the name is a good copy's.
    function
        .emulator
        .fault_next(Operation::DeleteInstanceSnapshot, 1, Fault::LoseAnswer);
    let run = function.run().await;
    assert_eq!(run.error().0, "CopyFailed");
    assert_eq!(run.changes(), ["us-east-1 DeleteInstanceSnapshot"]);
    // The next run makes the copy.
    assert_eq!(
        function.run().await.rows("copies", &["outcome"]),
        [["started"]]
    );
}

/// An answer that says that all went well, and nothing else.
fn nothing() -> Fault {
    well("{}".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_failed_copy_is_not_deleted_where_looking_at_it_once_more_says_nothing() {
    let today = days_ago(0);
    let function = InProcess::new(&web_with(&[copy_of_web(&today)]), Some(&policy("")));
    let emulator = &function.emulator;
    emulator.fault_next(
        Operation::GetInstanceSnapshots,
        1,
        list_before_it_was_made_again(&today),
    );
    emulator.fault_next(Operation::GetInstanceSnapshot, 1, nothing());
    function.run().await;
    let name = format!("web-us-west-2-{today}");
    assert_eq!(function.names("us-east-1", Available), [name]);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_or_tagging_that_is_not_confirmed_is_not_done() {
    let mut errored = copy_of_web(&days_ago(0));
    errored["state"] = json!("error");
    errored["createdAt"] = json!(seven_hours_ago());
    let function = InProcess::new(&web_with(&[errored]), Some(&policy("")));
    let emulator = &function.emulator;
    emulator.fault_next(Operation::DeleteInstanceSnapshot, 9, nothing());
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    let expected = "the answer to DeleteInstanceSnapshot has no operations";
    assert!(message.contains(expected), "{message}");

    let mut untagged = copy_of_web(&days_ago(0));
    untagged["tags"] = json!({});
    let function = InProcess::new(&web_with(&[untagged]), Some(&policy("")));
    let emulator = &function.emulator;
    // As often as one run tries a call without an answer.
    emulator.fault_next(Operation::TagResource, 5, nothing());
    let run = function.run().await;
    let log = json!(run.log).to_string();
    assert!(
        log.contains("the answer to TagResource has no operations"),
        "{log}"
    );
    assert_eq!(function.run().await.changes(), ["us-east-1 TagResource"; 2]);
}

/// The rules that a run warns of, with these source rules and this fault.
async fn idle_rules(sources: &str, fault: Option<(&str, Operation)>) -> Vec<String> {
    let world = r#"{ "regions": {
        "us-west-2": { "instances": [ { "name": "web" }, { "name": "win", "tags": { "os": "w" } } ] },
        "eu-west-1": { "disks": [ { "name": "data" } ] } } }"#;
    let policy = format!(r#"{{ "destinations": ["us-east-1"], "sources": [{sources}] }}"#);
    let function = InProcess::new(world, Some(&policy));
    if let Some((region, operation)) = fault {
        let refused = Fault::error(StatusCode::BAD_REQUEST, "AccessDeniedException", "no");
        let region = region.parse().unwrap();
        function
            .emulator
            .fault_always_in(region, operation, refused);
    }
    let run = function.run().await;
    let lines = run.lines("selects_nothing");
    assert!(lines.iter().all(|line| line["level"] == "WARN"));
    let rules: Vec<_> = lines
        .iter()
        .map(|line| line["fields"]["rule"].as_str().unwrap().to_owned())
        .collect();
    if fault.is_none() {
        let answer = run.answer();
        let expected = if rules.is_empty() {
            Value::Null
        } else {
            json!(rules)
        };
        assert_eq!(answer["rulesSelectingNothing"], expected);
    }
    rules
}

#[tokio::test(start_paused = true)]
async fn a_rule_a_region_or_a_name_that_selects_nothing_is_warned_of() {
    for (sources, expected) in [
        (
            r#"{ "region": "us-west-2", "names": ["web"] }, { "region": "us-west-2", "names": ["wbe-*"] }"#,
            vec!["sources[1]"],
        ),
        // A rule counts once.
        (
            r#"{ "regions": ["us-west-2", "eu-west-1"], "names": ["wbe", "databse"] }"#,
            vec!["sources[0]"],
        ),
        (
            r#"{ "regions": ["us-west-2", "eu-west-3", "eu-west-1"], "names": ["web", "dtaa", "w*"] }"#,
            vec![
                "sources[0].regions[1]",
                "sources[0].regions[2]",
                "sources[0].names[1]",
            ],
        ),
        (
            r#"{ "regions": ["us-west-2", "eu-west-1"], "names": ["*"] }"#,
            vec![],
        ),
        // By itself: with the rule's types, tags and exceptions.
        (
            r#"{ "regions": ["us-west-2", "eu-west-1"], "types": ["Instance"] }"#,
            vec!["sources[0].regions[1]"],
        ),
        (
            r#"{ "region": "us-west-2", "names": ["web", "win"], "tags": { "os": "*" } }"#,
            vec!["sources[0].names[0]"],
        ),
        (
            r#"{ "region": "us-west-2", "names": ["web", "win"], "exceptNames": ["win*", "none"] }"#,
            vec!["sources[0].names[1]"],
        ),
    ] {
        assert_eq!(idle_rules(sources, None).await, expected, "{sources}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_was_completely_read_is_said_to_select_nothing() {
    for (sources, (region, operation), expected) in [
        // The disks were read, and the first rule looks at nothing else.
        (
            r#"{ "region": "us-west-2", "types": ["Disk"], "names": ["dtaa"] }, { "region": "us-west-2", "names": ["wbe"] }"#,
            ("us-west-2", Operation::GetInstances),
            vec!["sources[0]"],
        ),
        (
            r#"{ "regions": ["us-west-2", "eu-west-1"], "names": ["web", "dtaa"] }"#,
            ("eu-west-1", Operation::GetDisks),
            vec![],
        ),
        (
            r#"{ "regions": ["us-west-2", "eu-west-3", "eu-west-1"], "names": ["web", "dtaa"] }"#,
            ("eu-west-1", Operation::GetInstances),
            vec!["sources[0].regions[1]"],
        ),
    ] {
        let found = idle_rules(sources, Some((region, operation))).await;
        assert_eq!(found, expected, "{sources}");
    }
}

#[tokio::test(start_paused = true)]
async fn coverage_lines_warn_of_what_is_not_protected() {
    let world = r#"{ "copySeconds": 60, "regions": { "us-west-2": { "instances": [
        { "name": "off" },
        { "name": "none-restorable", "autoSnapshots": [ { "date": "today", "status": "Failed" } ] },
        { "name": "old", "autoSnapshots": [ { "date": "today-9" } ] },
        { "name": "new", "autoSnapshots": [ { "date": "today" } ] } ] } } }"#;
    let function = InProcess::new(world, Some(&policy("")));
    function.run().await;
    function.pass(100);
    let run = function.run().await;
    let lines: Vec<_> = run
        .lines("coverage")
        .into_iter()
        .map(|line| {
            let fields = &line["fields"];
            let mut members = row(line, &["level"]);
            members.extend(row(
                fields,
                &[
                    "sourceResourceName",
                    "resourceType",
                    "newestRecoveryPoint",
                    "status",
                    "reason",
                ],
            ));
            assert_eq!(fields["sourceRegion"], "us-west-2");
            assert_eq!(fields["destinationRegion"], "us-east-1");
            let has_age = fields["recoveryPointAgeHours"].is_f64();
            assert_eq!(has_age, fields["newestRecoveryPoint"].is_string());
            members
        })
        .collect();
    let (today, old) = (days_ago(0), days_ago(9));
    let reason = format!("the newest restorable automatic snapshot is of {old}");
    assert_eq!(
        lines,
        [
            ["INFO", "new", "Instance", &today, "protected", "-"],
            [
                "WARN",
                "none-restorable",
                "Instance",
                "-",
                "unprotected",
                "no automatic snapshot is restorable"
            ],
            [
                "WARN",
                "off",
                "Instance",
                "-",
                "unprotected",
                "automatic snapshots are off"
            ],
            ["WARN", "old", "Instance", &old, "stale", &reason],
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_something_else_has_fails_and_is_not_touched() {
    let name = format!("web-us-west-2-{}", days_ago(0));
    let world = web_with(&[json!({ "name": name, "fromInstanceName": "other" })]);
    let function = InProcess::new(&world, Some(&policy(r#", "retention": { "keepLast": 1 }"#)));
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    assert_eq!(
        message,
        format!(
            "CopySnapshot of web from us-west-2 to us-east-1 as {name}: NameInUse: {name} in us-east-1 is a snapshot of the instance other"
        )
    );
    assert_eq!(run.changes(), [""; 0]);
    // A dry run answers the same.
    let dry = function.invoke(r#"{ "dryRun": true }"#).await;
    let [copy] = dry.answer()["copies"].as_array().unwrap().as_slice() else {
        panic!("{:#}", dry.answer())
    };
    assert_eq!(copy["outcome"], "failed");
    assert!(message.ends_with(copy["error"]["message"].as_str().unwrap()));
    assert!(
        function
            .snapshot("us-east-1", &name)
            .unwrap()
            .tags
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_answers_what_it_could_not_read() {
    let world = r#"{ "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
        "eu-west-1": { "disks": [ { "name": "data" } ] } } }"#;
    let policy = r#"{ "destinations": ["us-east-1"], "sources": [ { "regions": ["us-west-2", "eu-west-1"] } ] }"#;
    let function = InProcess::new(world, Some(policy));
    let refused = || Fault::error(StatusCode::BAD_REQUEST, "AccessDeniedException", "no");
    let emulator = &function.emulator;
    emulator.fault_always_in(
        "us-west-2".parse().unwrap(),
        Operation::GetAutoSnapshots,
        refused(),
    );
    emulator.fault_always_in("eu-west-1".parse().unwrap(), Operation::GetDisks, refused());
    assert_eq!(function.run().await.error().0, "CopyFailed");
    let run = function.invoke(r#"{ "dryRun": true }"#).await;
    let mut unread = run.answer()["unread"].as_array().unwrap().clone();
    unread.sort_by_key(|failure| failure["region"].to_string());
    for failure in &mut unread {
        let error = failure["error"].as_object_mut().unwrap();
        assert!(error.remove("requestId").is_some());
    }
    let error = json!({ "code": "AccessDeniedException", "message": "no", "retryable": false });
    assert_eq!(
        unread,
        [
            json!({ "region": "eu-west-1", "operation": "GetDisks", "error": error }),
            json!({
                "region": "us-west-2", "operation": "GetAutoSnapshots",
                "sourceResourceName": "web", "error": error,
            }),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_costs_no_copy() {
    let function = InProcess::new(&web_with(&[]), Some(&policy("")));
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, Fault::LoseAnswer);
    let run = function.run().await;
    assert_eq!(run.rows("copies", &["outcome"]), [["pending"]]);
    let name = format!("web-us-west-2-{}", days_ago(0));
    assert_eq!(function.snapshot("us-east-1", &name).unwrap().tags.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn copies_of_a_source_that_is_gone_are_pruned_to_the_retention() {
    let function = InProcess::new(
        &web_with(&[copy_of_web(&days_ago(1)), copy_of_web(&days_ago(2))]),
        Some(&policy(r#", "retention": { "keepLast": 1 }"#)),
    );
    function
        .emulator
        .remove_instance(Region::UsWest2, "web")
        .unwrap();
    let run = function.run().await;
    assert_eq!(run.changes(), ["us-east-1 DeleteInstanceSnapshot"]);
    assert_eq!(run.answer()["coverage"], json!([]));
    assert_eq!(
        function.names("us-east-1", Available),
        [format!("web-us-west-2-{}", days_ago(1))]
    );
    // The last one stays for ever.
    assert_eq!(function.run().await.changes(), [""; 0]);
}
