//! What runs copy, and what they leave to the next run.

use super::*;

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
    let dry_run = function.invoke(r#"{ "dryRun": true }"#).await;
    let reason = ["a run would start the first copy"];
    assert_eq!(dry_run.rows("coverage", &["reason"]), [reason; 4]);
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
            let ports = tags.get("snapshot-copier:ports").map(String::as_str);
            assert_eq!(ports, (source == "web").then_some("tcp:22 tcp:80 tcp:443"));
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
    let covered = |name, kind, region| {
        [
            "us-west-2",
            name,
            kind,
            region,
            "-",
            "-",
            "pending",
            "this run starts the first copy",
        ]
    };
    assert_eq!(
        run.rows("coverage", &members),
        [
            covered("data", "Disk", "us-east-1"),
            covered("data", "Disk", "eu-west-1"),
            covered("web", "Instance", "us-east-1"),
            covered("web", "Instance", "eu-west-1"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn later_runs_find_copies_pending_and_then_available() {
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

/// A fault of the service or a hanging call may pass, and the other copies take all slots meanwhile.
#[tokio::test(start_paused = true)]
async fn a_copy_that_may_start_later_is_deferred() {
    let world = fleet(3, "");
    for (fault, slots, code) in [
        (Fault::internal(), 2, "MaxCopiesInProgress"),
        (Fault::Drop, 2, "MaxCopiesInProgress"),
        (Fault::Hang, 1000, "Timeout"),
    ] {
        let slots = format!(r#", "maxCopiesInProgress": {slots}"#);
        let function = InProcess::new(&world, Some(&policy(&slots)));
        function.emulator.on_call(move |call: &Call| {
            let is_first = call.body["sourceResourceName"] == "web-001";
            let fails = is_first && call.operation == Operation::CopySnapshot;
            if fails { fault.clone() } else { Fault::None }
        });
        let run = function.run().await;
        assert_eq!(run.answer()["summary"]["started"], 2);
        let copies = run.answer()["copies"].as_array().unwrap().iter();
        let deferred: Vec<_> = copies
            .filter(|copy| copy["outcome"] == "deferred")
            .collect();
        let [copy] = deferred[..] else {
            panic!("{deferred:?}")
        };
        assert_eq!(row(copy, &["sourceResourceName"]), ["web-001"]);
        assert_eq!(copy["error"]["code"], code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_fails_leaves_its_slot_to_the_next() {
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
async fn lightsails_own_limit_defers_the_rest_without_more_calls() {
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

/// Lightsail takes what comes first, so a slow request must not be overtaken.
#[tokio::test(start_paused = true)]
async fn if_lightsail_has_room_for_one_copy_the_worst_covered_source_gets_it() {
    let instance = |name: &str| json!({ "name": name, "autoSnapshots": [ { "date": "today" } ] });
    let of = |name: &str| {
        let yesterday = days_ago(1);
        json!({ "name": format!("{name}-us-west-2-{yesterday}"), "fromInstanceName": name, "tags": {
            "snapshot-copier:source": format!("us-west-2/{name}"),
            "snapshot-copier:recovery-point": yesterday } })
    };
    let (sources, copies) = (
        ["a", "b", "c", "new"].map(instance),
        ["a", "b", "c"].map(of),
    );
    let world = json!({ "copySeconds": 60, "copyLimit": 1, "regions": {
        "us-west-2": { "instances": sources },
        "us-east-1": { "instanceSnapshots": copies } } });
    let function = InProcess::new(&world.to_string(), Some(&policy("")));
    let slow = Fault::None.after(Duration::from_millis(90));
    let call = Operation::CopySnapshot;
    function.emulator.fault_next(call, 1, slow);
    let run = function.run().await;
    assert_eq!(run.answer()["summary"]["deferred"], 3);
    let name = format!("new-us-west-2-{}", days_ago(0));
    assert_eq!(function.names("us-east-1", Pending), [name]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_copy_stays_if_lightsail_has_no_room_for_another() {
    let instance = |name: &str| json!({ "name": name, "autoSnapshots": [ { "date": "today" } ] });
    let sources = ["new-1", "new-2", "web"].map(instance);
    let world = json!({ "copySeconds": 60, "copyLimit": 1, "regions": {
        "us-west-2": { "instances": sources },
        "us-east-1": { "instanceSnapshots": [errored_copy_of_web(&days_ago(0))] } } });
    let function = InProcess::new(&world.to_string(), Some(&policy("")));
    let run = function.run().await;
    let summary = &run.answer()["summary"];
    assert_eq!(
        (&summary["started"], &summary["deferred"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(function.names("us-east-1", Error), [name_of_web(0)]);
    assert!(
        run.calls_of("us-east-1", "DeleteInstanceSnapshot")
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_throttled_until_the_deadline_is_deferred() {
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
async fn a_snapshot_of_something_else_with_the_name_is_not_touched() {
    let name = name_of_web(0);
    let function = with_web(
        &[json!({ "name": name, "fromInstanceName": "other" })],
        r#", "retention": { "keepLast": 1 }"#,
    );
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
async fn a_lost_answer_costs_no_copy() {
    let function = with_web(&[], "");
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, Fault::LoseAnswer);
    let run = function.run().await;
    assert_eq!(run.rows("copies", &["outcome"]), [["pending"]]);
    let name = name_of_web(0);
    assert_eq!(function.snapshot("us-east-1", &name).unwrap().tags.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_do_no_harm() {
    let errored = errored_copy_of_web(&days_ago(0));
    let function = with_web(
        &[
            errored,
            copy_of_web(&days_ago(1)),
            copy_of_web(&days_ago(2)),
        ],
        r#", "retention": { "keepLast": 1 }"#,
    );
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
    let name = |days| name_of_web(days);
    assert_eq!(function.names("us-east-1", Pending), [name(0)]);
    assert_eq!(function.names("us-east-1", Available), [name(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_everything_and_changes_nothing() {
    let errored = errored_copy_of_web(&days_ago(0));
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
    let name = |days| name_of_web(days);
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
async fn a_source_that_disappears_during_the_run_is_deferred() {
    let function = with_web(&[], "");
    function.emulator.fault_next(
        Operation::CopySnapshot,
        1,
        Fault::error(
            StatusCode::BAD_REQUEST,
            "NotFoundException",
            "The Instance does not exist: web",
        ),
    );
    let run = function.run().await;
    assert_eq!(run.rows("copies", &["outcome"]), [["deferred"]]);
}
