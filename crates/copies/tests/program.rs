//! The program against the emulator.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

use std::io::Write;
use std::process::{Command, Stdio};

use lightsail_emulator::{
    ACCESS_KEY_ID, Emulator, Fault, InstanceState, Operation, Port, Region, SECRET_ACCESS_KEY,
    StatusCode, World,
};
use serde_json::{Value, json};

const EAST: Region = Region::UsEast1;
const SERVERS: usize = 50;

/// A copy of an instance in us-west-2.
fn copy(name: &str, date: &str) -> Value {
    json!({ "name": format!("{name}-us-west-2-{date}"), "fromInstanceName": name, "tags": {
        "snapshot-copier:source": format!("us-west-2/{name}"),
        "snapshot-copier:recovery-point": date,
        "snapshot-copier:ports": "tcp:22@lightsail-connect tcp:80 tcp:443" } })
}

fn world(regions: Value) -> Emulator {
    let world = json!({ "startSeconds": 1, "regions": regions });
    Emulator::new(World::from_json(&world.to_string()).unwrap())
}

struct Run {
    status: i32,
    out: String,
    err: String,
}

/// Runs the program without a terminal. Every AWS service is the emulator, so that nothing leaves
/// this machine.
async fn run_with(emulator: &Emulator, input: &'static str, arguments: &[&str]) -> Run {
    let running = emulator.clone().start().await.unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lightsail-copies"));
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("AWS_ENDPOINT_URL", running.url())
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_PROFILE")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    println!("$ lightsail-copies {}", arguments.join(" "));
    let done = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        // The program may end without reading it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let done = done.await.unwrap();
    let run = Run {
        status: done.status.code().unwrap(),
        out: String::from_utf8(done.stdout).unwrap(),
        err: String::from_utf8(done.stderr).unwrap(),
    };
    println!("{}{}exit status {}\n", run.out, run.err, run.status);
    run
}

async fn run(emulator: &Emulator, arguments: &[&str]) -> Run {
    run_with(emulator, "", arguments).await
}

async fn restore(emulator: &Emulator, arguments: &[&str]) -> Run {
    run(
        emulator,
        &[&["restore", "--region=us-east-1"], arguments].concat(),
    )
    .await
}

/// The lines of a table that have this cell first.
fn rows<'a>(text: &'a str, action: &str) -> Vec<&'a str> {
    let is_row = |line: &&str| line.split_whitespace().next() == Some(action);
    text.lines().filter(is_row).collect()
}

/// Fifty copies of servers in us-west-2. Two servers exist already, and the bundle of one is retired.
fn fifty() -> Emulator {
    let snapshots = (1..=SERVERS).map(|number| {
        let mut copy = copy(&format!("Shop-{number:02}"), "2026-11-22");
        copy["fromBundleId"] = json!(if number == 7 {
            "small_2_0"
        } else {
            "small_3_0"
        });
        let disk = json!([{ "name": "Data-09", "path": "/dev/xvdf", "sizeInGb": 64 }]);
        copy["fromAttachedDisks"] = if number == 9 { disk } else { json!([]) };
        copy
    });
    let disk = json!({ "name": "Solo-us-west-2-2026-11-22", "fromDiskName": "Solo", "sizeInGb": 32,
        "tags": { "snapshot-copier:source": "us-west-2/Solo",
                  "snapshot-copier:recovery-point": "2026-11-22" } });
    world(json!({ "us-east-1": {
        "instances": [{ "name": "Shop-01" }, { "name": "Shop-02" }],
        "instanceSnapshots": snapshots.collect::<Vec<_>>(), "diskSnapshots": [disk] } }))
}

fn refusal(message: &str) -> Fault {
    Fault::error(
        StatusCode::BAD_REQUEST,
        "OperationFailureException",
        message,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_servers_are_restored_in_two_runs() {
    let emulator = fifty();
    let plan = restore(&emulator, &[]).await;
    assert_eq!(plan.status, 1, "one bundle is not available");
    let problem = "us-west-2/Shop-07: bundle small_2_0 is not available in us-east-1";
    assert!(plan.out.find(problem).unwrap() < plan.out.find("Plan for us-east-1").unwrap());
    assert!(plan.out.contains("--bundle small_2_0=small_3_0"));
    assert!(plan.out.contains("47 instances to create: 564 USD a month"));
    assert_eq!(rows(&plan.out, "create").len(), 48);
    assert_eq!(rows(&plan.out, "skip").len(), 2);
    assert_eq!(emulator.instances(EAST).len(), 2);

    // The call of one creation and the firewall of another server fail.
    let (mut creations, mut firewalls) = (0, 0);
    emulator.on_call(move |call| {
        match call.operation {
            Operation::CreateInstancesFromSnapshot => creations += 1,
            Operation::PutInstancePublicPorts => firewalls += 1,
            _ => return Fault::None,
        }
        match call.operation {
            Operation::CreateInstancesFromSnapshot if creations == 25 => {
                Fault::insufficient_capacity()
            }
            Operation::PutInstancePublicPorts if firewalls == 30 => refusal("Try later."),
            _ => Fault::None,
        }
    });
    let first = restore(&emulator, &["--yes"]).await;
    assert_eq!(first.status, 1);
    assert!(first.err.contains("InsufficientInstanceCapacity"));
    assert!(first.err.contains("use another --zone"));
    assert!(
        first
            .err
            .contains("its firewall was not set, run this again")
    );
    assert_eq!(rows(&first.out, "created").len(), 47);
    assert_eq!(rows(&first.out, "ready").len(), 46);
    assert_eq!(emulator.instances(EAST).len(), 2 + 46);

    // The owner closes a firewall.
    emulator.set_ports(EAST, "Shop-03", Vec::new()).unwrap();
    emulator.take_calls();
    let second = restore(&emulator, &["--yes", "--bundle=small_2_0=small_3_0"]).await;
    assert_eq!(second.status, 0);
    assert!(
        second
            .out
            .contains("aws lightsail attach-disk --region us-east-1 --disk-name Solo")
    );
    let calls = emulator.take_calls();
    let count = |operation| {
        calls
            .iter()
            .filter(|call| call.operation == operation)
            .count()
    };
    assert_eq!(count(Operation::CreateInstancesFromSnapshot), 2);
    assert_eq!(count(Operation::PutInstancePublicPorts), 3);
    assert_eq!(count(Operation::CreateDiskFromSnapshot), 0);
    assert_all_restored(&emulator);

    let third = restore(&emulator, &["--yes"]).await;
    assert_eq!(third.status, 0);
    assert_eq!(rows(&third.out, "done").len(), 49);
    let calls = emulator.take_calls();
    assert!(
        calls
            .iter()
            .all(|call| call.operation.as_str().starts_with("Get"))
    );
}

fn assert_all_restored(emulator: &Emulator) {
    let instances = emulator.instances(EAST);
    assert_eq!(instances.len(), SERVERS);
    for instance in &instances {
        assert_eq!(instance.state, InstanceState::Running);
        let tag = instance.tags.get("snapshot-copier:restored");
        if ["Shop-01", "Shop-02"].contains(&&*instance.name) {
            assert_eq!(tag, None);
            continue;
        }
        assert_eq!(
            tag,
            Some(&format!("{}-us-west-2-2026-11-22", instance.name))
        );
        assert_eq!(instance.tags["snapshot-copier:ports-set"], "true");
        if instance.name == "Shop-03" {
            assert_eq!(instance.ports, []);
            continue;
        }
        let mut ports = instance.ports.clone();
        ports.sort_by_key(|port| port.from_port);
        let ssh = Port {
            cidrs: Vec::new(),
            ipv6_cidrs: Vec::new(),
            cidr_list_aliases: vec!["lightsail-connect".to_owned()],
            ..Port::tcp(22)
        };
        assert_eq!(ports, [ssh, Port::tcp(80), Port::tcp(443)]);
    }
    let disks = emulator.disks(EAST);
    let attached = |disk: &lightsail_emulator::Disk| (disk.name.clone(), disk.attached_to.clone());
    let expected = [
        ("Data-09".to_owned(), Some("Shop-09".to_owned())),
        ("Solo".to_owned(), None),
    ];
    assert_eq!(disks.iter().map(attached).collect::<Vec<_>>(), expected);
    let is_tagged = |tags: &lightsail_emulator::Tags| tags.contains_key("snapshot-copier:restored");
    assert!(disks.iter().all(|disk| is_tagged(&disk.tags)));
}
