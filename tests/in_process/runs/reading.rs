//! Regions and sources that cannot be read, and a service that hangs.

use super::*;

/// Its instance may cover it.
#[tokio::test(start_paused = true)]
async fn a_disk_whose_instance_could_not_be_read_has_no_coverage() {
    let world = r#"{ "regions": { "us-west-2": {
        "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ],
        "disks": [ { "name": "attached", "attachedTo": "web" }, { "name": "own" } ] } } }"#;
    let function = InProcess::new(world, Some(&policy("")));
    let call = Operation::GetInstances;
    function
        .emulator
        .fault_always_in(Region::UsWest2, call, denied());
    let run = function.run().await;
    let covered = run.lines("coverage").into_iter();
    let covered: Vec<_> = covered
        .map(|line| row(&line["fields"], &["sourceResourceName", "status"]).join(" "))
        .collect();
    assert_eq!(covered, ["own unprotected"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_region_that_cannot_be_read_stops_nothing_else() {
    let function = two_regions();
    function
        .emulator
        .fault_always_in(Region::UsWest2, Operation::GetInstances, denied());
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
async fn a_region_that_always_fails_leaves_time_for_the_others() {
    let function = two_regions();
    function
        .emulator
        .fault_always_in(Region::UsWest2, Operation::GetInstances, Fault::internal());
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
    function
        .emulator
        .fault_always_in(Region::UsEast1, Operation::GetDiskSnapshots, denied());
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
    // The sources' coverage in us-east-1 is still reported.
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
async fn a_dry_run_reports_what_it_could_not_read() {
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
async fn a_run_ends_in_time_although_copies_hang() {
    let function = InProcess::new(SHOP, Some(EVERYTHING));
    function
        .emulator
        .fault_always_in(Region::UsEast1, Operation::CopySnapshot, Fault::Hang);
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
        function
            .emulator
            .fault_always_in(region, operation, Fault::Hang);
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
async fn a_run_ends_in_time_whatever_hangs() {
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
