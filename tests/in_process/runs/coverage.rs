//! What runs say about sources and rules.

use super::*;

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
async fn a_rule_region_or_name_that_selects_nothing_is_a_warning() {
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
async fn what_was_not_read_completely_is_not_said_to_select_nothing() {
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
async fn a_large_fleets_answer_stays_small_and_its_log_is_whole() {
    const SIZE: usize = 250;
    let policy = EVERYTHING.replace(
        "\"destinations",
        "\"maxCopiesInProgress\": 500, \"destinations",
    );
    let function = InProcess::new(&fleet(SIZE, "\"copyLimit\": 500,"), Some(&policy));
    function.emulator.on_call(|call: &Call| {
        // One copy is refused, and one source has no automatic snapshots.
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

#[tokio::test(start_paused = true)]
async fn a_first_copy_that_lightsail_refuses_is_unprotected() {
    let world = json!({ "copyLimit": 0, "regions": {
        "us-west-2": { "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] } ] },
    } });
    let function = InProcess::new(&world.to_string(), Some(&policy("")));
    let run = function.run().await;
    assert_eq!(run.rows("copies", &["outcome"]), [["deferred"]]);
    assert_eq!(run.rows("coverage", &["status"]), [["unprotected"]]);
}

#[tokio::test(start_paused = true)]
async fn a_first_copy_that_gets_the_slot_of_a_refused_one_is_pending() {
    let source = |name: &str| json!({ "name": name, "autoSnapshots": [ { "date": "today" } ] });
    let world = json!({ "regions": {
        "us-west-2": { "instances": [source("a-refused"), source("web")] },
    } });
    let policy = r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1"],
        "maxCopiesInProgress": 1 }"#;
    let function = InProcess::new(&world.to_string(), Some(policy));
    let refused = Fault::error(
        StatusCode::BAD_REQUEST,
        "NotFoundException",
        "The Instance does not exist: a-refused",
    );
    function
        .emulator
        .fault_next(Operation::CopySnapshot, 1, refused);
    let run = function.run().await;
    assert_eq!(
        run.rows("copies", &["outcome"]),
        [["deferred"], ["started"]]
    );
    let coverage = run.rows("coverage", &["sourceResourceName", "status"]);
    assert_eq!(coverage, [["a-refused", "unprotected"], ["web", "pending"]]);
}
