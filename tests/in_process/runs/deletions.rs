//! What runs delete, and what stops them.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_copy_that_ended_in_error_is_deleted_and_made_again() {
    // A copy that has just failed waits.
    let function = with_web(&[], "");
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, Fault::CopyFails);
    assert_eq!(function.run().await.answer()["summary"]["started"], 1);
    function.pass(100);
    let name = name_of_web(0);
    assert_eq!(function.names("us-east-1", Error), [name.as_str()]);
    let run = function.run().await;
    assert_eq!(run.changes(), [""; 0]);
    assert_eq!(run.answer()["summary"]["deferred"], 1);
    assert_eq!(run.rows("coverage", &["status"]), [["unprotected"]]);

    let errored = errored_copy_of_web(&days_ago(0));
    let function = with_web(&[errored], "");

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
    let function = with_web(&[errored], "");
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
    let function = with_web(&[errored], "");
    function
        .emulator
        .fault_next(Operation::TagResource, 1, denied());
    let run = function.run().await;
    assert_eq!(run.error().0, "CopyFailed");
    assert_eq!(run.changes(), ["us-east-1 TagResource"]);
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
    let snapshots = [&copies[..], &[console(1), console(2)]].concat();
    let function = with_web(&snapshots, r#", "retention": { "keepLast": 2 }"#);
    let run = function.run().await;
    assert_eq!(
        run.rows("copies", &["targetSnapshotName", "outcome"]),
        [[name_of_web(0), "started".to_owned()]]
    );
    assert_eq!(
        run.rows("deletions", &["snapshotName", "outcome"]),
        [[name_of_web(3), "deleted".to_owned()]]
    );
    let newest = &run.rows("coverage", &["newestRecoveryPoint"])[0][0];
    assert_eq!(*newest, days_ago(1), "today's copy is still in progress");
    assert_eq!(
        function.names("us-east-1", Available),
        [
            "web-1-1".to_owned(),
            "web-1-2".to_owned(),
            name_of_web(2),
            name_of_web(1)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn retention_deletes_what_it_does_not_keep_and_nothing_else() {
    // Made in the console, from a server that was restored from a copy: it inherited both tags.
    let mut by_hand = copy_of_web(&days_ago(9));
    by_hand["name"] = json!("web-before-the-sale");
    let mut snapshots = [0, 1, 2, 400]
        .map(|days| copy_of_web(&days_ago(days)))
        .to_vec();
    snapshots.push(by_hand);
    snapshots.push(json!({ "name": "somebody-elses", "tags": { "backup": "dr" } }));
    let retention = r#", "retention": { "keepLast": 2, "keepYearly": 1 }"#;
    let function = with_web(&snapshots, retention);
    let run = function.run().await;
    let deleted = [2, 400].map(name_of_web);
    let members = ["region", "snapshotName", "outcome", "error"];
    let mut rows = run.rows("deletions", &members);
    rows.sort();
    let mut expected = deleted
        .each_ref()
        .map(|name| ["us-east-1", name, "deleted", "-"]);
    expected.sort();
    assert_eq!(rows, expected);
    assert_eq!(run.answer()["summary"]["deleted"], 2);
    assert_eq!(
        function.names("us-east-1", Available),
        [
            "somebody-elses".to_owned(),
            "web-before-the-sale".to_owned(),
            name_of_web(1),
            name_of_web(0)
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
    let function = with_web(
        &[
            copy_of_web(&days_ago(0)),
            copy_of_web(&days_ago(1)),
            copy_of_web(&days_ago(2)),
        ],
        KEEP_ONE,
    );
    function
        .emulator
        .fault_next(Operation::DeleteInstanceSnapshot, 1, denied());
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    let refused = name_of_web(1);
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
    let function = with_web(&[copy_of_web(&today)], "");
    let emulator = &function.emulator;
    let old_list = list_before_it_was_made_again(&today);
    emulator.fault_next(Operation::GetInstanceSnapshots, 1, old_list.clone());
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
    assert_eq!(function.names("us-east-1", Available), [name_of_web(0)]);
    // Nor if looking at it once more says nothing.
    emulator.fault_next(Operation::GetInstanceSnapshots, 1, old_list);
    emulator.fault_next(Operation::GetInstanceSnapshot, 1, nothing());
    function.run().await;
    assert_eq!(function.names("us-east-1", Available), [name_of_web(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_copy_whose_deletion_has_no_answer_waits_for_the_next_run() {
    let errored = errored_copy_of_web(&days_ago(0));
    let function = with_web(&[errored], "");
    // It may still come, when the name is that of a new copy.
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

#[tokio::test(start_paused = true)]
async fn a_failed_copy_whose_deletion_answers_500_is_deleted_and_made_again_in_the_same_run() {
    let errored = errored_copy_of_web(&days_ago(0));
    let delete = Operation::DeleteInstanceSnapshot;
    for (operation, fault) in [
        (delete, Fault::internal()),
        // The look-up right before.
        (Operation::GetInstanceSnapshot, Fault::Drop),
    ] {
        let function = with_web(std::slice::from_ref(&errored), "");
        function.emulator.fault_next(operation, 2, fault);
        let run = function.run().await;
        assert_eq!(run.rows("copies", &["outcome"]), [["started"]]);
        assert_eq!(run.rows("deletions", &["outcome"]), [["deleted"]]);
    }

    let function = with_web(&[errored], "");
    function
        .emulator
        .fault_always_in(Region::UsEast1, delete, Fault::internal());
    let run = function.run().await;
    let (_, message) = run.error();
    assert_eq!(message.lines().count(), 2, "{message}");
    assert_eq!(function.names("us-east-1", Error), [name_of_web(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_copy_stays_if_its_region_is_not_read_or_the_newest_copy_is_gone() {
    let copies = [errored_copy_of_web(&days_ago(0)), copy_of_web(&days_ago(1))];
    let function = with_web(&copies, "");
    let fault = Fault::internal();
    function
        .emulator
        .fault_always_in(Region::UsWest2, Operation::GetDisks, fault);
    let run = function.run().await;
    assert_eq!(run.changes(), [""; 0]);
    let line = &run.lines("copy_result")[0]["fields"];
    assert_eq!(line["outcome"], "deferred");
    let expected = "is started again by a run that reads all of us-west-2";
    let message = line["errorMessage"].as_str().unwrap();
    assert!(message.ends_with(expected), "{message}");

    let function = with_web(&copies, "");
    function
        .emulator
        .hide_snapshot(Region::UsEast1, &name_of_web(1), 100);
    let run = function.run().await;
    assert_eq!(run.changes(), [""; 0]);
    let line = &run.lines("delete_result")[0]["fields"];
    assert_eq!(line["errorCode"], "NewestCopyMissing");
    assert_eq!(function.names("us-east-1", Error), [name_of_web(0)]);
}

/// A lost answer to a call before CopySnapshot says nothing about the copy.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_before_a_copy_makes_no_foreign_name_its_own() {
    let mut errored = errored_copy_of_web(&days_ago(0));
    errored["tags"] = json!({});
    for (operation, fault) in [
        (Operation::TagResource, Fault::LoseAnswer),
        (Operation::DeleteInstanceSnapshot, Fault::internal()),
    ] {
        let function = with_web(std::slice::from_ref(&errored), "");
        let mut first = Some(fault);
        function.emulator.on_call(move |call: &Call| {
            if call.operation == Operation::CopySnapshot {
                let message = "Some names are already in use: web";
                return Fault::error(StatusCode::BAD_REQUEST, "InvalidInputException", message);
            }
            let fault = first.take_if(|_| call.operation == operation);
            fault.unwrap_or(Fault::None)
        });
        let run = function.run().await;
        let line = &run.lines("copy_result")[0]["fields"];
        assert_eq!(line["outcome"], "failed", "{operation}");
        assert_eq!(line["errorCode"], "NameInUse", "{operation}");
        // The tags were set by the second attempt.
        assert_eq!(run.error().1.lines().count(), 1, "{operation}");
    }
}

/// An answer that says that all went well, and nothing else.
fn nothing() -> Fault {
    well("{}".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_deletion_or_tagging_that_is_not_confirmed_is_not_done() {
    let errored = errored_copy_of_web(&days_ago(0));
    let function = with_web(&[errored], "");
    let emulator = &function.emulator;
    emulator.fault_next(Operation::DeleteInstanceSnapshot, 9, nothing());
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    let expected = "the answer to DeleteInstanceSnapshot has no operations";
    assert!(message.contains(expected), "{message}");

    let untagged = untagged_copy_of_web(&days_ago(0));
    let function = with_web(&[untagged], "");
    let emulator = &function.emulator;
    emulator.fault_always_in(Region::UsEast1, Operation::TagResource, nothing());
    let run = function.run().await;
    let log = json!(run.log).to_string();
    assert!(
        log.contains("the answer to TagResource has no operations"),
        "{log}"
    );
    emulator.clear_faults_in(Region::UsEast1);
    assert_eq!(function.run().await.changes(), ["us-east-1 TagResource"; 2]);
}

#[tokio::test(start_paused = true)]
async fn copies_of_a_source_that_is_gone_are_pruned_to_the_retention() {
    let function = with_web(
        &[copy_of_web(&days_ago(1)), copy_of_web(&days_ago(2))],
        KEEP_ONE,
    );
    function
        .emulator
        .remove_instance(Region::UsWest2, "web")
        .unwrap();
    let run = function.run().await;
    assert_eq!(run.changes(), ["us-east-1 DeleteInstanceSnapshot"]);
    assert_eq!(run.answer()["coverage"], json!([]));
    assert_eq!(function.names("us-east-1", Available), [name_of_web(1)]);
    // The last one stays for ever.
    assert_eq!(function.run().await.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn if_the_newest_copy_disappears_the_others_stay() {
    let function = with_copies(4);
    function
        .emulator
        .hide_snapshot(Region::UsEast1, &name_of_web(0), 100);
    let run = function.run().await;
    assert_eq!(run.changes(), [""; 0]);
    let answer = run.answer();
    assert_eq!(answer["summary"]["deferred"], 3);
    for deletion in answer["deletions"].as_array().unwrap() {
        assert_eq!(deletion["outcome"], "deferred");
        assert_eq!(deletion["error"]["code"], "NewestCopyMissing");
    }
}

/// The newest copy is available when the copies are listed, and another state is found right before
/// the deletions.
#[tokio::test(start_paused = true)]
async fn if_the_newest_copy_is_not_available_any_more_the_others_stay() {
    for state in ["pending", "error", "unknown"] {
        let function = with_copies(4);
        let newest = json!({ "instanceSnapshot": {
            "name": name_of_web(0), "state": state, "fromInstanceName": "web",
        } });
        function.emulator.fault_always_in(
            Region::UsEast1,
            Operation::GetInstanceSnapshot,
            Fault::answer(
                StatusCode::OK,
                "application/x-amz-json-1.1",
                newest.to_string(),
            ),
        );
        let run = function.run().await;
        assert_eq!(run.changes(), [""; 0], "{state}");
        for deletion in run.rows("deletions", &["outcome", "error"]) {
            assert_eq!(deletion[0], "deferred", "{state}");
            assert!(deletion[1].contains("NewestCopyMissing"), "{deletion:?}");
        }
        assert_eq!(run.answer()["summary"]["deferred"], 3, "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mass_deletion_needs_permission_and_a_dry_run_reports_it() {
    let function = with_copies(6);
    let dry = function.invoke(r#"{ "dryRun": true }"#).await;
    let deletions = dry.answer()["deletions"].as_array().unwrap();
    assert_eq!(deletions.len(), 5);
    for deletion in deletions {
        let found = (&deletion["outcome"], &deletion["error"]["code"]);
        assert_eq!(found, (&json!("failed"), &json!("MassDeletion")));
    }
    assert_eq!(dry.answer()["summary"]["failed"], 5);
    let run = function.invoke("{}").await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    assert_eq!(message.lines().count(), 5, "{message}");
    assert!(message.contains("MassDeletion") && message.contains("allowMassDeletion"));
    for run in [&dry, &run] {
        assert_eq!(run.changes(), [""; 0]);
    }
    let allowed = function
        .invoke(r#"{ "dryRun": true, "allowMassDeletion": true }"#)
        .await;
    assert_eq!(allowed.answer()["deletions"].as_array().unwrap().len(), 5);
    let allowed = function.invoke(r#"{ "allowMassDeletion": true }"#).await;
    assert_eq!(allowed.answer()["summary"]["deleted"], 5);
}

#[tokio::test(start_paused = true)]
async fn throttled_deletions_count_as_deferred() {
    let function = with_copies(3);
    function.emulator.fault_always_in(
        Region::UsEast1,
        Operation::DeleteInstanceSnapshot,
        Fault::throttled(),
    );
    let run = function.invoke_for("{}", Duration::from_secs(60)).await;
    assert_eq!(run.answer()["summary"]["deferred"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_or_tag_whose_operation_failed_fails() {
    let function = with_copies(3);
    let failed = || Fault::operation_fails("InternalError", "no");
    function
        .emulator
        .fault_always_in(Region::UsEast1, Operation::DeleteInstanceSnapshot, failed());
    let run = function.run().await;
    let (error_type, message) = run.error();
    assert_eq!(error_type, "CopyFailed");
    assert!(
        message.contains("deletion of") && message.contains("InternalError"),
        "{message}"
    );
    let [first, _] = run.lines("delete_result")[..] else {
        panic!("{:?}", run.log)
    };
    let members = [
        "outcome",
        "operationStatus",
        "operationType",
        "errorDetails",
    ];
    assert_eq!(
        row(&first["fields"], &members),
        ["failed", "Failed", "DeleteInstanceSnapshot", "no"]
    );
    assert_eq!(function.names("us-east-1", Available).len(), 3);

    let function = with_web(&[], "");
    function
        .emulator
        .fault_next(Operation::TagResource, 1, failed());
    let run = function.run().await;
    let [line] = run.lines("tag_failed")[..] else {
        panic!("{:?}", run.log)
    };
    assert_eq!(line["fields"]["errorCode"], "InternalError");
}
