//! The check, run against the emulator in virtual time.

use lightsail_emulator::{
    CopyArnRegion, CopyCreatedAt, CopyLimitWording, Denial, Fault, OpenFacts, Operation,
    Region as EmulatedRegion, ResourceType,
};

use super::*;

fn options() -> Options {
    let arguments = "--from us-west-2 --to us-east-1 --instance --limit";
    Options::read(arguments.split(' ').map(str::to_owned)).unwrap()
}

/// An account with resources of a person: one has the prefix, another the tag.
fn account(open: OpenFacts) -> Emulator {
    let theirs = format!(
        r#"{{ "regions": {{ "us-east-1": {{
            "instances": [ {{ "name": "web" }} ],
            "disks": [ {{ "name": "{PREFIX}of-theirs" }}, {{ "name": "data", "tags": {{ "{TAG}": "1" }} }} ],
            "diskSnapshots": [ {{ "name": "{PREFIX}data", "fromDiskName": "data" }} ] }} }} }}"#
    );
    let world = World::from_json(&theirs).unwrap();
    emulator(World { open, ..world })
}

fn check(emulator: &Emulator) -> Check {
    let (from, to) = options().regions();
    Check::new(test_support::in_process::config(emulator), from, to)
}

async fn run_to_end(emulator: &Emulator) -> Check {
    let check = check(emulator);
    run(&check, &options(), std::future::pending())
        .await
        .unwrap();
    check
}

fn assert_only_theirs_remain(emulator: &Emulator) {
    let [from, to] = [EmulatedRegion::UsWest2, EmulatedRegion::UsEast1];
    assert_eq!(
        emulator.instances(from).len() + emulator.disks(from).len(),
        0
    );
    assert_eq!(emulator.snapshots(from).len(), 0);
    assert_eq!(emulator.instances(to).len(), 1);
    assert_eq!(emulator.disks(to).len(), 2);
    assert_eq!(emulator.snapshots(to).len(), 1);
}

fn answer(check: &Check, name: &str) -> String {
    let fact = check.facts().into_iter().find(|fact| fact.name == name);
    fact.unwrap_or_else(|| panic!("{name} was not asked"))
        .answer
}

#[tokio::test(start_paused = true)]
async fn facts_are_as_the_account_shows_them() {
    let other = OpenFacts {
        copy_limit_wording: CopyLimitWording::Quota,
        copy_arn_region: CopyArnRegion::Destination,
        copy_created_at: CopyCreatedAt::Source,
        copy_invisible: jiff::SignedDuration::from_secs(4),
        pending_copy_can_be_tagged: false,
        pending_copy_can_be_deleted: false,
        snapshot_in_use_can_be_deleted: false,
        add_ons_block_deletion: false,
        ..OpenFacts::default()
    };
    let (one, two) = (account(OpenFacts::default()), account(other));
    let likely = run_to_end(&one).await;
    let other = run_to_end(&two).await;
    for (name, expected, otherwise) in [
        (
            "the limit of copies in progress",
            "20 of 25 started; 400 OperationFailureException: Too many",
            "quota",
        ),
        (
            "Disk copy: the Region in its source ARN",
            "source",
            "destination",
        ),
        ("Disk copy: createdAt", "its own", "its source's"),
        ("Disk copy: found by look-up number", "1", "5"),
        (
            "Disk copy: tagged while",
            "pending: 200 Succeeded",
            "pending: 400 OperationFailureException",
        ),
        (
            "Disk copy: deleted while",
            "pending: 200 Succeeded",
            "pending: 400 OperationFailureException",
        ),
        (
            "Instance copy: deleted while",
            "pending: 200 Succeeded",
            "pending: 400 OperationFailureException",
        ),
        (
            "Disk: its snapshot deleted while it is",
            "pending: 200 Succeeded",
            "pending: 400",
        ),
        (
            "Instance: its snapshot deleted while it is",
            "pending: 200 Succeeded",
            "pending: 400",
        ),
        (
            "Instance: deleted with an add-on",
            "400 OperationFailureException",
            "200 Succeeded",
        ),
    ] {
        let [first, second] = [&likely, &other].map(|check| answer(check, name));
        assert!(first.contains(expected), "{name}: {first}");
        assert!(second.contains(otherwise), "{name}: {second}");
    }
    assert_only_theirs_remain(&one);
    assert_only_theirs_remain(&two);
}

#[tokio::test(start_paused = true)]
async fn a_create_with_tags_can_be_refused() {
    let emulator = account(OpenFacts::default());
    emulator.set_denied(vec![Denial {
        operation: Operation::TagResource,
        resource_type: Some(ResourceType::Instance),
    }]);
    let check = run_to_end(&emulator).await;
    let answer = answer(&check, "Instance: created with tags");
    assert!(answer.starts_with("400 AccessDeniedException"), "{answer}");
    assert_only_theirs_remain(&emulator);
}

/// Also in the middle of a call, and while a new copy is not in the lists.
#[tokio::test(start_paused = true)]
async fn an_interruption_leaves_nothing_behind() {
    for calls in [12, 24, 40, 60, 90] {
        let open = OpenFacts {
            copy_invisible: jiff::SignedDuration::from_secs(20),
            pending_copy_can_be_deleted: false,
            ..OpenFacts::default()
        };
        let emulator = account(open);
        emulator.on_call(|_| Fault::None.after(Duration::from_millis(100)));
        let stop = async {
            while emulator.call_count() < calls {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        let ended = run(&check(&emulator), &options(), stop).await;
        assert_eq!(ended.unwrap_err().to_string(), "interrupted");
        assert_only_theirs_remain(&emulator);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_run_removes_what_a_killed_one_left() {
    let emulator = account(OpenFacts::default());
    let killed = check(&emulator);
    let options = options();
    let asked = facts::ask(&killed, &options);
    let asked = tokio::time::timeout(std::time::Duration::from_secs(15), asked).await;
    assert!(asked.is_err(), "it was not killed");
    assert!(!emulator.disks(EmulatedRegion::UsWest2).is_empty());
    run_to_end(&emulator).await;
    assert_only_theirs_remain(&emulator);
}

#[tokio::test(start_paused = true)]
async fn the_report_does_not_identify_the_account() {
    let emulator = account(OpenFacts::default());
    let denial = Denial {
        operation: Operation::AttachDisk,
        resource_type: None,
    };
    emulator.set_denied(vec![denial]);
    let check = run_to_end(&emulator).await;
    let request = json!({ "diskName": "d", "instanceName": "i", "diskPath": "/dev/xvdf" });
    check.call(check.to, "AttachDisk", request).await;
    let report = report(&check, &check);
    assert!(report.contains("\"publicIpAddress\": \"ADDRESS\""));
    assert!(report.contains("PRINCIPAL is not authorized"));
    for secret in [
        "123456789012",
        "user/emulator",
        "198.51.100.10",
        "of-theirs",
        "\"web\"",
    ] {
        assert!(!report.contains(secret), "{secret}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_made_is_removed_after_a_lost_answer_and_a_panic() {
    let region = EmulatedRegion::UsEast1;
    let lost = account(OpenFacts::default());
    lost.fault_next_in(
        region,
        Operation::CreateDiskFromSnapshot,
        3,
        Fault::LoseAnswer,
    );
    let panics = account(OpenFacts::default());
    panics.on_call(|call| match call.operation {
        Operation::CreateDiskFromSnapshot => panic!("as the test wants"),
        _ => Fault::None,
    });
    for (emulator, expected) in [
        (lost, "CreateDiskFromSnapshot in us-east-1"),
        (panics, "the check panicked"),
    ] {
        let check = check(&emulator);
        let ended = run(&check, &options(), std::future::pending()).await;
        let error = ended.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_only_theirs_remain(&emulator);
    }
}
