//! What fails or hangs never takes the place of the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lightsail_emulator::world::InstanceSnapshot;
use lightsail_emulator::{Call, Fault, Operation, Region, SnapshotState, StatusCode, Tags};
use serde_json::{Value, json};
use tokio::time::Instant;

use test_support::in_process::{InProcess, Invocation, days_ago, row, seven_hours_ago};

const A_MINUTE: Duration = Duration::from_secs(60);

/// Sources in us-west-2: `bad-00` and so on, which go first, and `good-00` and so on. Each has copies of
/// yesterday and of the day before in us-east-1, of which the policy keeps the newest two.
struct Fleet {
    bad: usize,
    good: usize,
    slots: usize,
}

impl Fleet {
    fn new(bad: usize, good: usize) -> Self {
        Self {
            bad,
            good,
            slots: 200,
        }
    }

    fn names(prefix: &str, count: usize) -> BTreeSet<String> {
        (0..count).map(|n| format!("{prefix}-{n:02}")).collect()
    }

    fn function(&self) -> InProcess {
        let names = Self::names("bad", self.bad);
        let names: Vec<String> = names
            .into_iter()
            .chain(Self::names("good", self.good))
            .collect();
        let source =
            |name: &String| json!({ "name": name, "autoSnapshots": [ { "date": "today" } ] });
        let copies = |name: &String| [1, 2, 3].map(|days| copy(name, &days_ago(days)));
        let world = json!({ "copySeconds": 3600, "copyLimit": 1000, "regions": {
            "us-west-2": { "instances": names.iter().map(source).collect::<Vec<_>>() },
            "us-east-1": { "instanceSnapshots": names.iter().flat_map(copies).collect::<Vec<_>>() },
        } });
        let policy = json!({
            "sources": [{ "region": "us-west-2" }], "destinations": ["us-east-1"],
            "retention": { "keepLast": 2 }, "maxCopiesInProgress": self.slots,
        });
        InProcess::new(&world.to_string(), Some(&policy.to_string()))
    }

    /// Checks that every good source was copied, tagged and pruned.
    #[track_caller]
    fn check_good(&self, function: &InProcess, what: &str) {
        let good = Self::names("good", self.good);
        assert_eq!(copied(function, "good"), good, "{what}: copied");
        let with_tags = |name: &&String| {
            let copy = function.snapshot("us-east-1", &target(name, 0)).unwrap();
            copy.tags.contains_key("snapshot-copier:source")
        };
        let tagged: BTreeSet<String> = good.iter().filter(with_tags).cloned().collect();
        assert_eq!(tagged, good, "{what}: tagged");
        let is_pruned = |name: &&String| function.snapshot("us-east-1", &target(name, 3)).is_none();
        let pruned: BTreeSet<String> = good.iter().filter(is_pruned).cloned().collect();
        assert_eq!(pruned, good, "{what}: pruned");
    }
}

fn target(source: &str, days: i64) -> String {
    format!("{source}-us-west-2-{}", days_ago(days))
}

fn copy(source: &str, date: &str) -> Value {
    json!({
        "name": format!("{source}-us-west-2-{date}"),
        "fromInstanceName": source,
        "fromInstanceArn": arn(source),
        "isFromAutoSnapshot": true,
        "tags": tags(source, date),
    })
}

fn arn(source: &str) -> String {
    format!("arn:aws:lightsail:us-west-2:123456789012:Instance/{source}")
}

fn tags(source: &str, date: &str) -> Tags {
    let tags = [
        ("snapshot-copier:source", format!("us-west-2/{source}")),
        ("snapshot-copier:recovery-point", date.to_owned()),
    ];
    tags.map(|(key, value)| (key.to_owned(), value)).into()
}

/// The sources with this prefix of which there is a copy of today.
fn copied(function: &InProcess, prefix: &str) -> BTreeSet<String> {
    let suffix = format!("-us-west-2-{}", days_ago(0));
    let snapshots = function.emulator.snapshots(Region::UsEast1);
    let sources = snapshots
        .iter()
        .filter_map(|copy| copy.name.strip_suffix(&suffix));
    sources
        .filter(|source| source.starts_with(prefix))
        .map(str::to_owned)
        .collect()
}

/// What a call is about: a source, or a copy.
fn subject(call: &Call) -> &str {
    let members = [
        "sourceResourceName",
        "resourceName",
        "instanceSnapshotName",
        "diskSnapshotName",
    ];
    let mut found = members.iter().filter_map(|name| call.body[*name].as_str());
    found.next().unwrap_or_default()
}

/// Each call of these operations about a bad source has this fault.
fn break_bad(function: &InProcess, faults: &[(Operation, Fault)]) {
    let faults = faults.to_vec();
    function.emulator.on_call(move |call: &Call| {
        let mut faults = faults.iter();
        let fault = faults.find(|(operation, _)| *operation == call.operation);
        match fault {
            Some((_, fault)) if subject(call).starts_with("bad") => fault.clone(),
            _ => Fault::None,
        }
    });
}

async fn run(function: &InProcess, time: Duration) -> (Invocation, Duration) {
    let before = Instant::now();
    let run = function.invoke_for("{}", time).await;
    let took = before.elapsed();
    assert!(took < time, "it took {took:?}");
    (run, took)
}

/// The outcomes of deletions, tags and copies of bad sources do not matter: what fails for them
/// leaves all others done.
#[tokio::test(start_paused = true)]
async fn sources_that_fail_or_hang_do_not_hold_up_others() {
    use Operation::{CopySnapshot, DeleteInstanceSnapshot, GetAutoSnapshots, TagResource};
    let everything = [
        CopySnapshot,
        GetAutoSnapshots,
        TagResource,
        DeleteInstanceSnapshot,
    ];
    for operation in everything {
        for (fault, bad) in [
            (Fault::internal(), 24),
            (Fault::Hang, 16),
            (Fault::None.after(Duration::from_secs(9)), 8),
        ] {
            let what = format!("{bad} × {operation:?} {fault:?}");
            let fleet = Fleet::new(bad, 12);
            let function = fleet.function();
            break_bad(&function, &[(operation, fault)]);
            run(&function, A_MINUTE).await;
            fleet.check_good(&function, &what);
        }
    }
}

/// Retries of one step leave the time that one attempt of each later step takes.
#[tokio::test(start_paused = true)]
async fn every_step_is_tried_once_before_any_is_tried_again() {
    use Operation::{CopySnapshot, DeleteInstanceSnapshot, GetAutoSnapshots, TagResource};
    for (first, second) in [
        (GetAutoSnapshots, CopySnapshot),
        (GetAutoSnapshots, TagResource),
        (CopySnapshot, TagResource),
        (CopySnapshot, DeleteInstanceSnapshot),
        (TagResource, DeleteInstanceSnapshot),
    ] {
        for fault in [Fault::internal(), Fault::Hang] {
            let what = format!("{first:?} {fault:?}, then {second:?} hangs");
            let fleet = Fleet::new(16, 12);
            let function = fleet.function();
            // Half of the bad sources fail in one step, half of them in the other.
            function.emulator.on_call(move |call: &Call| {
                let source = subject(call).get(..6).unwrap_or_default();
                let is_even = source.as_bytes().last().is_some_and(|digit| digit % 2 == 0);
                match source.starts_with("bad") {
                    true if call.operation == first && is_even => fault.clone(),
                    true if call.operation == second && !is_even => Fault::Hang,
                    _ => Fault::None,
                }
            });
            run(&function, A_MINUTE).await;
            fleet.check_good(&function, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sixteen_hanging_sources_among_a_hundred_cost_half_a_minute() {
    let fleet = Fleet::new(16, 84);
    let function = fleet.function();
    break_bad(&function, &[(Operation::CopySnapshot, Fault::Hang)]);
    for time in [A_MINUTE, Duration::from_secs(300)] {
        let (_, took) = run(&function, time).await;
        println!("16 hanging sources among 100 in {time:?}: {took:?}");
        fleet.check_good(&function, "16 among 100");
    }
    // At most five attempts of ten seconds each, eight at once.
    let (_, took) = run(&function, Duration::from_secs(900)).await;
    assert!(took < Duration::from_secs(120), "{took:?}");
}

/// A call that hangs does not keep those that failed from their next attempts.
#[tokio::test(start_paused = true)]
async fn one_hanging_call_costs_the_others_no_attempt() {
    for operation in [
        Operation::GetAutoSnapshots,
        Operation::CopySnapshot,
        Operation::TagResource,
        Operation::DeleteInstanceSnapshot,
    ] {
        let fleet = Fleet::new(1, 9);
        let function = fleet.function();
        let mut failed: BTreeMap<String, usize> = BTreeMap::new();
        function.emulator.on_call(move |call: &Call| {
            if call.operation != operation {
                return Fault::None;
            }
            if subject(call).starts_with("bad") {
                return Fault::Hang;
            }
            let count = failed.entry(subject(call).to_owned()).or_default();
            *count += 1;
            if *count <= 3 {
                Fault::throttled()
            } else {
                Fault::None
            }
        });
        run(&function, Duration::from_secs(40)).await;
        fleet.check_good(&function, &format!("{operation:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn one_hanging_copy_of_an_event_costs_the_others_no_attempt() {
    for dry_run in [false, true] {
        let function = Fleet::new(1, 1).function();
        let mut throttled = 0;
        function
            .emulator
            .on_call(move |call: &Call| match call.operation {
                Operation::CopySnapshot | Operation::GetAutoSnapshots => {
                    throttled += usize::from(subject(call).starts_with("good"));
                    match subject(call).starts_with("good") {
                        true if throttled > 4 => Fault::None,
                        true => Fault::throttled(),
                        false => Fault::Hang,
                    }
                }
                _ => Fault::None,
            });
        let copy = |source: &str| {
            json!({ "sourceRegion": "us-west-2", "sourceResourceName": source,
                "destinationRegion": "us-east-1" })
        };
        let event = json!({ "dryRun": dry_run, "copies": [copy("bad-00"), copy("good-00")] });
        let run = function
            .invoke_for(&event.to_string(), Duration::from_secs(20))
            .await;
        let results = run.lines("copy_result").into_iter();
        let results: BTreeSet<_> = results
            .map(|line| row(&line["fields"], &["sourceResourceName", "outcome"]).join(" "))
            .collect();
        let good = if dry_run { "planned" } else { "started" };
        let expected = ["bad-00 failed".to_owned(), format!("good-00 {good}")];
        assert_eq!(results, expected.into());
    }
}

/// A slot is not held for what did not start: not during pauses, and after a lost answer only until
/// a look-up shows that there is no copy.
#[tokio::test(start_paused = true)]
async fn sources_that_fail_or_hang_hold_no_slot() {
    for (fault, bad) in [
        (Fault::internal(), 24),
        (Fault::throttled(), 24),
        (Fault::Drop, 24),
        (Fault::Hang, 8),
        (Fault::Hang, 24),
    ] {
        let what = format!("{bad} × {fault:?}");
        let fleet = Fleet {
            slots: 20,
            ..Fleet::new(bad, 12)
        };
        let function = fleet.function();
        break_bad(&function, &[(Operation::CopySnapshot, fault)]);
        run(&function, A_MINUTE).await;
        fleet.check_good(&function, &what);
    }
}

/// Every other copy starts, but its answer is lost. It takes its slot all the same.
#[tokio::test(start_paused = true)]
async fn lost_answers_do_not_exceed_the_slots() {
    for (invisible, second) in [
        (0, Fault::None),
        (0, Fault::internal()),
        (3, Fault::internal()),
    ] {
        let what = format!("invisible for {invisible} s, then {second:?}");
        let fleet = Fleet {
            slots: 5,
            ..Fleet::new(9, 0)
        };
        let function = fleet.function();
        lose_first_answers(&function, Duration::from_secs(invisible), second);
        let (run, _) = run(&function, A_MINUTE).await;
        let copied = copied(&function, "bad");
        assert_eq!(copied.len(), 5, "{what}: {copied:?}");
        let summary = &run.answer()["summary"];
        assert_eq!(
            (&summary["pending"], &summary["deferred"]),
            (&json!(5), &json!(4)),
            "{what}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_look_up_after_lost_answers_frees_no_slot_and_fails_no_copy() {
    let fleet = Fleet {
        slots: 2,
        ..Fleet::new(3, 0)
    };
    let function = fleet.function();
    let copy = target("bad-00", 0);
    // Only a look-up soon after another one has an answer.
    let mut last: Option<Instant> = None;
    function
        .emulator
        .on_call(move |call: &Call| match (call.operation, subject(call)) {
            (Operation::CopySnapshot, "bad-00") => Fault::LoseAnswer,
            (Operation::CopySnapshot, "bad-01") => Fault::Drop,
            (Operation::GetInstanceSnapshot, name) if name == copy => {
                let last = last.replace(Instant::now());
                match last.is_some_and(|last| last.elapsed() < Duration::from_millis(500)) {
                    true => Fault::None,
                    false => Fault::internal(),
                }
            }
            _ => Fault::None,
        });
    let (run, _) = run(&function, A_MINUTE).await;
    let started = ["bad-00", "bad-02"].map(str::to_owned);
    assert_eq!(copied(&function, "bad"), started.into());
    let mut rows = run.rows("copies", &["sourceResourceName", "outcome"]);
    rows.sort();
    // The second one has not started, and others took its slot.
    let outcomes = [
        ["bad-00", "pending"],
        ["bad-01", "deferred"],
        ["bad-02", "started"],
    ];
    assert_eq!(rows, outcomes);
}

/// Of every other source, the first answer of CopySnapshot is lost, and the second call has this fault.
/// Look-ups do not find the copy for a while. The calls of the others are throttled at first.
fn lose_first_answers(function: &InProcess, invisible: Duration, second: Fault) {
    let mut calls = BTreeMap::<String, (Instant, u32)>::new();
    function.emulator.on_call(move |call: &Call| {
        let name = match call.operation {
            Operation::CopySnapshot => &call.body["targetSnapshotName"],
            Operation::GetInstanceSnapshot => &call.body["instanceSnapshotName"],
            _ => return Fault::None,
        };
        let name = name.as_str().unwrap_or_default().to_owned();
        if call.operation == Operation::GetInstanceSnapshot {
            let started = calls.get(&name).map(|(at, _)| *at);
            return match started.is_some_and(|at| at.elapsed() < invisible) {
                true => not_found(),
                false => Fault::None,
            };
        }
        let (_, count) = calls.entry(name).or_insert((Instant::now(), 0));
        *count += 1;
        let is_even = (subject(call).bytes().last()).is_some_and(|digit| digit % 2 == 0);
        match count {
            1 if is_even => Fault::LoseAnswer,
            1 => Fault::throttled(),
            2 => second.clone(),
            _ => Fault::None,
        }
    });
}

fn not_found() -> Fault {
    let message = "The InstanceSnapshot does not exist.";
    Fault::error(StatusCode::NOT_FOUND, "NotFoundException", message)
}

/// Nobody else can have taken the name: the call of this run started the copy.
#[tokio::test(start_paused = true)]
async fn an_invisible_owner_after_a_lost_answer_is_the_copy_itself() {
    for look_up in [not_found(), Fault::internal(), Fault::Hang] {
        let fleet = Fleet::new(1, 1);
        let function = fleet.function();
        let mut answers = 0;
        let unseen = look_up.clone();
        function.emulator.on_call(move |call: &Call| {
            let is_bad = subject(call).starts_with("bad");
            match call.operation {
                Operation::CopySnapshot if is_bad => {
                    answers += 1;
                    match answers {
                        1 => Fault::LoseAnswer,
                        _ => Fault::None,
                    }
                }
                Operation::GetInstanceSnapshot if subject(call) == target("bad-00", 0) => {
                    unseen.clone()
                }
                _ => Fault::None,
            }
        });
        let (run, _) = run(&function, A_MINUTE).await;
        let mut rows = run.rows("copies", &["sourceResourceName", "outcome"]);
        rows.sort();
        let expected = [["bad-00", "pending"], ["good-00", "started"]];
        assert_eq!(rows, expected, "{look_up:?}");
        let copy = function
            .snapshot("us-east-1", &target("bad-00", 0))
            .unwrap();
        assert!(copy.tags.contains_key("snapshot-copier:source"));
    }
}

/// Lightsail throttles the deletion of a failed copy: the next round deletes it, and makes it again.
#[tokio::test(start_paused = true)]
async fn a_throttled_deletion_of_a_failed_copy_is_repeated() {
    let function = Fleet::new(0, 1).function();
    let name = target("good-00", 0);
    let failed = InstanceSnapshot {
        name: name.clone(),
        from_instance_name: Some("good-00".to_owned()),
        state: SnapshotState::Error,
        created_at: Some(seven_hours_ago().parse().unwrap()),
        tags: tags("good-00", &days_ago(0)),
        ..InstanceSnapshot::default()
    };
    function
        .emulator
        .add_instance_snapshot(Region::UsEast1, &failed)
        .unwrap();
    function
        .emulator
        .fault_next(Operation::DeleteInstanceSnapshot, 2, Fault::throttled());
    let (run, _) = run(&function, A_MINUTE).await;
    assert_eq!(run.rows("copies", &["outcome"]), [["started"]]);
    let of_copy = |row: &&Vec<String>| row[0] == name;
    let rows = run.rows("deletions", &["snapshotName", "outcome"]);
    let rows: Vec<_> = rows.iter().filter(of_copy).collect();
    assert_eq!(rows, [&[name.clone(), "deleted".to_owned()]]);
}

/// The sources of two Regions, and of one of them a list that nobody can read.
#[tokio::test(start_paused = true)]
async fn lists_that_cannot_be_read_delay_no_other_region() {
    let source = |name: String| json!({ "name": name, "autoSnapshots": [ { "date": "today" } ] });
    let sources: Vec<Value> = (0..30).map(|n| source(format!("web-{n:02}"))).collect();
    let world = json!({ "copySeconds": 3600, "copyLimit": 1000, "regions": {
        "us-west-2": { "instances": sources }, "eu-central-1": { "instances": [source("shop".to_owned())] },
    } });
    let policy = json!({
        "sources": [{ "regions": ["us-west-2", "eu-central-1"] }],
        "destinations": ["us-east-1", "eu-west-1"], "maxCopiesInProgress": 100,
    });
    for (region, operation) in [
        (Region::EuCentral1, Operation::GetInstances),
        (Region::EuCentral1, Operation::GetDisks),
        (Region::EuWest1, Operation::GetInstanceSnapshots),
        (Region::EuWest1, Operation::GetDiskSnapshots),
    ] {
        for fault in [Fault::internal(), Fault::Hang] {
            let what = format!("{region} {operation:?} {fault:?}");
            let function = InProcess::new(&world.to_string(), Some(&policy.to_string()));
            function.emulator.fault_always_in(region, operation, fault);
            // Eight copies hang besides.
            function.emulator.on_call(|call: &Call| {
                let is_copy = call.operation == Operation::CopySnapshot;
                match is_copy && subject(call) < "web-08" && subject(call) != "shop" {
                    true => Fault::Hang,
                    false => Fault::None,
                }
            });
            let (run, _) = run(&function, A_MINUTE).await;
            assert_eq!(run.error().0, "CopyFailed", "{what}");
            let copies = function.emulator.snapshots(Region::UsEast1).into_iter();
            let copies = copies.filter(|copy| copy.name.starts_with("web"));
            assert_eq!(copies.count(), 22, "{what}");
        }
    }
}

/// The copies of an event: `bad-00` and so on, then `good-00` and so on.
async fn copy_event(
    bad: usize,
    good: usize,
    fault: impl FnMut(&Call) -> Fault + Send + 'static,
) -> Vec<Vec<String>> {
    let function = Fleet::new(bad, good).function();
    function.emulator.on_call(fault);
    let names = Fleet::names("bad", bad).into_iter();
    let names = names.chain(Fleet::names("good", good));
    let copies: Vec<Value> = names
        .map(|name| json!({ "sourceRegion": "us-west-2", "sourceResourceName": name }))
        .collect();
    let before = Instant::now();
    let event = json!({ "copies": copies }).to_string();
    let run = function.invoke_for(&event, A_MINUTE).await;
    assert!(before.elapsed() < A_MINUTE);
    let lines = run.lines("copy_result").into_iter();
    let members = ["sourceResourceName", "outcome"];
    lines.map(|line| row(&line["fields"], &members)).collect()
}

fn of(rows: &[Vec<String>], prefix: &str, outcome: &str) -> usize {
    let rows = rows.iter();
    rows.filter(|row| row[0].starts_with(prefix) && row[1] == outcome)
        .count()
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_fails_or_hangs_does_not_hold_up_others_of_its_event() {
    for (fault, bad) in [
        (Fault::internal(), 16),
        (Fault::throttled(), 16),
        (Fault::Hang, 1),
        (Fault::Hang, 16),
    ] {
        let what = format!("{bad} × {fault:?}");
        let rows = copy_event(bad, 19, move |call: &Call| {
            match call.operation == Operation::CopySnapshot && subject(call).starts_with("bad") {
                true => fault.clone(),
                false => Fault::None,
            }
        });
        let rows = rows.await;
        assert_eq!(of(&rows, "good", "started"), 19, "{what}: {rows:?}");
        assert_eq!(of(&rows, "bad", "failed"), bad, "{what}: {rows:?}");
    }
}

/// Looking for the owner of a name takes until the deadline, if nobody has it. Other copies are tried
/// again meanwhile.
#[tokio::test(start_paused = true)]
async fn an_invisible_owner_of_a_name_does_not_delay_other_copies() {
    let mut failures = 0;
    let rows = copy_event(1, 3, move |call: &Call| match call.operation {
        Operation::CopySnapshot if subject(call) == "bad-00" => Fault::error(
            StatusCode::BAD_REQUEST,
            "InvalidInputException",
            "Some names are already in use: bad-00",
        ),
        Operation::CopySnapshot if subject(call) == "good-00" && failures < 3 => {
            failures += 1;
            Fault::throttled()
        }
        _ => Fault::None,
    });
    let rows = rows.await;
    assert_eq!(of(&rows, "good", "started"), 3, "{rows:?}");
    assert_eq!(of(&rows, "bad", "failed"), 1, "{rows:?}");
}

/// A refusal that only a few sources get is no limit for the others.
#[tokio::test(start_paused = true)]
async fn a_limit_that_few_sources_meet_defers_no_other() {
    let fleet = Fleet::new(7, 30);
    let function = fleet.function();
    let refused = Fault::error(
        StatusCode::BAD_REQUEST,
        "InvalidInputException",
        "The disk is larger than the maximum.",
    );
    break_bad(&function, &[(Operation::CopySnapshot, refused)]);
    let (run, _) = run(&function, A_MINUTE).await;
    fleet.check_good(&function, "7 refused");
    assert_eq!(run.answer()["summary"]["deferred"], 7);
}

/// Sources with many copies that nobody can delete or tag have one attempt of each before them.
#[tokio::test(start_paused = true)]
async fn a_backlog_of_one_source_does_not_hold_up_others() {
    for operation in [Operation::DeleteInstanceSnapshot, Operation::TagResource] {
        let fleet = Fleet::new(8, 12);
        let function = fleet.function();
        for source in Fleet::names("bad", fleet.bad) {
            for days in 4..12 {
                let tags = match operation {
                    Operation::TagResource => Tags::new(),
                    _ => tags(&source, &days_ago(days)),
                };
                let copy = InstanceSnapshot {
                    name: target(&source, days),
                    from_instance_name: Some(source.clone()),
                    from_instance_arn: Some(arn(&source)),
                    tags,
                    ..InstanceSnapshot::default()
                };
                function
                    .emulator
                    .add_instance_snapshot(Region::UsEast1, &copy)
                    .unwrap();
            }
        }
        break_bad(&function, &[(operation, Fault::Hang)]);
        function
            .invoke_for(r#"{ "allowMassDeletion": true }"#, A_MINUTE)
            .await;
        fleet.check_good(&function, operation.as_str());
    }
}
