//! The tags of copies.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_untagged_copy_of_an_earlier_run_is_tagged() {
    let today = days_ago(0);
    let mut there = copy_of_web(&today);
    there["tags"] = json!({ "owner": "me" });
    let function = with_web(&[there], "");
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
async fn copies_of_a_source_that_is_gone_are_tagged_and_then_pruned() {
    let of_gone = |days| {
        let mut copy = untagged_copy_of_web(&days_ago(days));
        copy["name"] = json!(format!("gone-us-west-2-{}", days_ago(days)));
        copy["fromInstanceName"] = json!("gone");
        copy
    };
    let retention = r#", "retention": { "keepLast": 1 }"#;
    let function = with_web(&[of_gone(1), of_gone(2)], retention);
    let run = function.run().await;
    assert_eq!(
        run.calls_of("us-east-1", "TagResource").len(),
        2 + 2,
        "those of web too"
    );
    let run = function.run().await;
    assert_eq!(run.changes(), ["us-east-1 DeleteInstanceSnapshot"]);
    let name = format!("gone-us-west-2-{}", days_ago(1));
    assert_eq!(function.names("us-east-1", Available), [name]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_refused_while_the_copy_is_available_fails_the_run_and_is_set_by_the_next() {
    let untagged = untagged_copy_of_web(&days_ago(0));
    let function = with_web(&[untagged], "");
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
    let name = name_of_web(0);
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
    let function = with_web(&[], "");
    let busy = Fault::error(
        StatusCode::BAD_REQUEST,
        "OperationFailureException",
        "The snapshot is not ready.",
    );
    let emulator = &function.emulator;
    emulator.fault_next(Operation::TagResource, 1, busy);
    let run = function.run().await;
    assert_eq!(run.rows("copies", &["outcome"]), [["started"]]);
    let levels = |run: &Invocation| {
        let lines = run.lines("tag_failed").into_iter();
        lines.map(|line| line["level"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(levels(&run), ["WARN"]);
    assert_eq!(metric(&run, "Failures"), 0.0);

    // Without permission, no later run can set it.
    let function = with_web(&[], "");
    let emulator = &function.emulator;
    emulator.fault_next(Operation::TagResource, 1, denied());
    let run = function.run().await;
    assert_eq!(levels(&run), ["ERROR"]);
    assert_eq!(metric(&run, "Failures"), 1.0);
    assert_eq!(run.error().0, "CopyFailed");

    // A fault of the service counts too, once the copy has lacked its tags for two hours.
    let mut late = untagged_copy_of_web(&days_ago(0));
    late["createdAt"] = json!(seven_hours_ago());
    let function = with_web(&[late], "");
    let fault = Fault::internal();
    let emulator = &function.emulator;
    emulator.fault_always_in(Region::UsEast1, Operation::TagResource, fault);
    let run = function.invoke_for("{}", Duration::from_secs(60)).await;
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
async fn the_tag_of_a_firewall_that_failed_is_set_by_the_next_run() {
    let mut older = copy_of_web(&days_ago(1));
    older["tags"]["snapshot-copier:ports"] = json!("tcp:22");
    // From before firewalls were stored.
    let oldest = copy_of_web(&days_ago(2));
    let function = with_web(&[older, oldest], "");
    let emulator = function.emulator.clone();
    emulator.on_call(|call| match call.body["tags"][0]["key"].as_str() {
        Some("snapshot-copier:ports") => denied(),
        _ => Fault::None,
    });
    let run = function.run().await;
    assert_eq!(run.lines("tag_failed").len(), 1);
    emulator.on_call(|_| Fault::None);
    assert_eq!(function.run().await.changes(), ["us-east-1 TagResource"]);
    let tags = |days| {
        function
            .snapshot("us-east-1", &name_of_web(days))
            .unwrap()
            .tags
    };
    assert_eq!(tags(0)["snapshot-copier:ports"], "tcp:22 tcp:80 tcp:443");
    assert_eq!(tags(1)["snapshot-copier:ports"], "tcp:22");
    assert!(!tags(2).contains_key("snapshot-copier:ports"));
    assert_eq!(function.run().await.changes(), [""; 0]);
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
        assert_eq!(run.lines("copy_result").len(), 1);
        assert_eq!(
            run.lines("tag_failed").len(),
            usize::from(expected.is_none())
        );
        let name = name_of_web(0);
        let tags = function.snapshot("us-east-1", &name).unwrap().tags;
        assert_eq!(tags["snapshot-copier:source"], "us-west-2/web");
        assert_eq!(tags["snapshot-copier:recovery-point"], days_ago(0));
        let ports = tags.get("snapshot-copier:ports").map(String::as_str);
        assert_eq!(ports, expected);
        let not_stored = run.lines("firewall_not_stored").len();
        assert_eq!(not_stored, usize::from(expected.is_some()));
    }
}
