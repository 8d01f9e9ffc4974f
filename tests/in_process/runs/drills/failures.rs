//! Drills of which a step fails, is refused or leaves something behind.

use super::*;

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
        (
            refusal("AccessDeniedException", "No."),
            "failed",
            Some("started"),
        ),
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
async fn a_name_that_another_kind_of_resource_has_fails_the_drill_and_clears_its_mark() {
    let name = format!("drill-web-{}", days_ago(1));
    let function = in_process(
        &json!({ "disks": [ { "name": name } ] }),
        &json!({ "names": ["*"] }),
    );
    let run = function.run().await;
    let expected = [
        outcome("drill-web-D", "failed"),
        outcome("drill-web-2-D", "started"),
    ];
    assert_eq!(outcomes(&run), expected);
    assert!(run.error().1.contains("NameInUse"), "{}", run.error().1);
    assert_eq!(mark(&function), None);
    assert_eq!(instances(&function).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_service_that_created_nothing_clears_the_mark() {
    let no_capacity = Fault::error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "ServiceException",
        "Insufficient capacity in this Availability Zone.",
    );
    for fault in [no_capacity, Fault::internal()] {
        let function = in_process(&json!({}), &json!({ "names": ["web"] }));
        let region = "us-east-1".parse().unwrap();
        let call = Operation::CreateInstancesFromSnapshot;
        function.emulator.fault_always_in(region, call, fault);
        let run = function.run().await;
        assert_eq!(outcomes(&run), [outcome("drill-web-D", "inconclusive")]);
        assert!(run.result.is_ok());
        assert_eq!(mark(&function), None);
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
    let failed = ["drill-web-D", "drill-web-2-D"].map(|drill| outcome(drill, "failed"));
    assert_eq!(outcomes(&run), failed);
    assert_eq!(run.changes(), ["us-east-1 TagResource"; 2]);
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
    let run = function.invoke(r#"{ "dryRun": true }"#).await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "failed")]);
    assert!(run.changes().is_empty());
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

#[tokio::test(start_paused = true)]
async fn a_drill_that_is_throttled_until_the_deadline_is_inconclusive() {
    let function = in_process(&json!({}), &json!({ "names": ["*"], "atOnce": 2 }));
    let region = "us-east-1".parse().unwrap();
    let call = Operation::CreateInstancesFromSnapshot;
    function
        .emulator
        .fault_always_in(region, call, Fault::throttled());
    let run = function.invoke_for("{}", Duration::from_secs(30)).await;
    let inconclusive = ["drill-web-D", "drill-web-2-D"].map(|name| outcome(name, "inconclusive"));
    assert_eq!(outcomes(&run), inconclusive);
    assert!(run.calls_of("us-east-1", call.as_str()).len() > 2);
    assert!(run.result.is_ok());
}

/// Its instance may still appear, and would be one more than the policy allows.
#[tokio::test(start_paused = true)]
async fn a_drill_whose_creation_has_no_answer_keeps_its_slot() {
    for (fault, started) in [(Fault::internal(), 1), (Fault::Hang, 0)] {
        let function = in_process(&json!({}), &json!({ "names": ["*"], "atOnce": 1 }));
        let broken = format!("web-us-west-2-{}", days_ago(1));
        let answer = fault.clone();
        function.emulator.on_call(
            move |call| match call.body["instanceSnapshotName"] == *broken {
                true if call.operation == Operation::CreateInstancesFromSnapshot => answer.clone(),
                _ => Fault::None,
            },
        );
        function.invoke_for("{}", Duration::from_secs(30)).await;
        assert_eq!(instances(&function).len(), started, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_fails_or_hangs_leaves_its_turn_to_the_next() {
    for fault in [Fault::internal(), Fault::throttled(), Fault::Hang] {
        for operation in [
            Operation::TagResource,
            Operation::CreateInstancesFromSnapshot,
        ] {
            let what = format!("{operation:?} {fault:?}");
            let function = in_process(&json!({}), &json!({ "names": ["*"], "atOnce": 2 }));
            let (broken, fault) = (format!("web-us-west-2-{}", days_ago(1)), fault.clone());
            function.emulator.on_call(move |call| {
                let mut names = ["resourceName", "instanceSnapshotName"].into_iter();
                let is_broken = names.any(|name| call.body[name] == *broken);
                match call.operation == operation && is_broken {
                    true => fault.clone(),
                    false => Fault::None,
                }
            });
            let run = function.invoke_for("{}", Duration::from_secs(30)).await;
            let expected = [
                outcome("drill-web-D", "inconclusive"),
                outcome("drill-web-2-D", "started"),
            ];
            assert_eq!(outcomes(&run), expected, "{what}");
        }
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
async fn bundles_that_hang_until_the_deadline_are_a_warning() {
    let function = in_process(&json!({}), &json!({ "names": ["web"] }));
    function
        .emulator
        .fault_next(Operation::GetBundles, 9, Fault::Hang);
    let run = function.invoke_for("{}", Duration::from_secs(25)).await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "inconclusive")]);
    assert_eq!(run.lines("drill_result")[0]["level"], "WARN");
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
    let (error_type, message) = run.error();
    assert_eq!(error_type, "DrillFailed");
    let expected = "all checks passed, but the instance could not be deleted: no";
    assert!(message.ends_with(expected), "{message}");
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
    let time = test_support::in_process::A_QUARTER_OF_AN_HOUR;
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
    // A dry run, which the report is, says the same and changes nothing.
    let run = function.invoke(r#"{ "dryRun": true }"#).await;
    assert_eq!(outcomes(&run), [outcome("drill-web-D", "failed")]);
    let error = &run.answer()["drills"][0]["error"];
    assert_eq!(error["code"], "DrillInstanceRemains");
    assert!(run.changes().is_empty());
    let report = function.invoke(r#"{ "report": "weekly" }"#).await;
    let text = report.answer()["report"]["text"].to_string();
    assert!(text.contains("DrillInstanceRemains"), "{text}");
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
