//! `scripts/restore.sh` with the real AWS CLI against the emulator. It needs `aws` and `jq` on the path, so
//! `cargo test` leaves it out, and `just restore` runs it.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

use std::process::{Command, Output, Stdio};

use lightsail_emulator::{
    ACCESS_KEY_ID, Emulator, Fault, InstanceState, Operation, Port, Region, SECRET_ACCESS_KEY,
    StatusCode, World,
};
use serde_json::json;

const EAST: Region = Region::UsEast1;
const SERVERS: usize = 50;

/// Fifty copies of servers in us-west-2. Two servers exist already, and the bundle of one is retired.
fn world() -> World {
    let snapshots: Vec<_> = (1..=SERVERS)
        .map(|number| {
            let name = format!("Shop-{number:02}");
            let bundle = if number == 7 {
                "small_2_0"
            } else {
                "small_3_0"
            };
            let disks = if number == 9 {
                json!([{ "name": "Data-09", "path": "/dev/xvdf", "sizeInGb": 64 }])
            } else {
                json!([])
            };
            json!({ "name": format!("{name}-us-west-2-2026-11-22"), "fromInstanceName": name,
                    "fromBundleId": bundle, "fromAttachedDisks": disks, "tags": {
                "snapshot-copier:source": format!("us-west-2/{name}"),
                "snapshot-copier:recovery-point": "2026-11-22",
                "snapshot-copier:ports": "tcp:22@lightsail-connect tcp:80 tcp:443" } })
        })
        .collect();
    let disk = json!({ "name": "Solo-us-west-2-2026-11-22", "fromDiskName": "Solo", "sizeInGb": 32,
        "tags": { "snapshot-copier:source": "us-west-2/Solo",
                  "snapshot-copier:recovery-point": "2026-11-22" } });
    let world = json!({ "startSeconds": 1, "regions": { "us-east-1": {
        "instances": [{ "name": "Shop-01" }, { "name": "Shop-02" }],
        "instanceSnapshots": snapshots, "diskSnapshots": [disk] } } });
    World::from_json(&world.to_string()).unwrap()
}

/// Runs the script without a terminal. Every AWS service is the emulator, so that nothing leaves this machine.
fn restore(url: &str, arguments: &[&str]) -> Output {
    Command::new("scripts/restore.sh")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--region", EAST.as_str()])
        .args(arguments)
        .stdin(Stdio::null())
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_PROFILE")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .output()
        .unwrap()
}

async fn run(url: &str, arguments: &'static [&'static str]) -> (i32, String) {
    let url = url.to_owned();
    let done = tokio::task::spawn_blocking(move || restore(&url, arguments))
        .await
        .unwrap();
    let text =
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    println!("$ restore.sh {}\n{text}", arguments.join(" "));
    (done.status.code().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_servers_are_restored_in_two_runs() {
    let emulator = Emulator::new(world());
    let running = emulator.clone().start().await.unwrap();
    let url = running.url();

    let (status, plan) = run(&url, &[]).await;
    assert_eq!(status, 1, "one bundle is not available");
    let problem = plan
        .find("Shop-07: bundle small_2_0 is not available")
        .unwrap();
    assert!(problem < plan.find("Plan for us-east-1").unwrap());
    assert!(
        plan.contains("47 instances to create: 564 USD a month"),
        "{plan}"
    );
    assert_eq!(emulator.instances(EAST).len(), 2);

    // The call of one creation and the firewall of another server fail.
    let refusal = || {
        Fault::error(
            StatusCode::BAD_REQUEST,
            "OperationFailureException",
            "Try later.",
        )
    };
    let (mut creations, mut firewalls) = (0, 0);
    emulator.on_call(move |call| match call.operation {
        Operation::CreateInstancesFromSnapshot => {
            creations += 1;
            if creations == 25 {
                Fault::insufficient_capacity()
            } else {
                Fault::None
            }
        }
        Operation::PutInstancePublicPorts => {
            firewalls += 1;
            if firewalls == 30 {
                refusal()
            } else {
                Fault::None
            }
        }
        _ => Fault::None,
    });
    let (status, first) = run(&url, &["--yes"]).await;
    assert_eq!(status, 1);
    assert!(first.contains("InsufficientInstanceCapacity"), "{first}");
    assert_eq!(emulator.instances(EAST).len(), 2 + 46);

    // The owner closes a firewall.
    emulator.set_ports(EAST, "Shop-03", Vec::new()).unwrap();
    emulator.take_calls();
    let (status, second) = run(&url, &["--yes", "--bundle=small_2_0=small_3_0"]).await;
    assert_eq!(status, 0, "{second}");
    let attach =
        "aws lightsail attach-disk --region us-east-1 --disk-name Solo --instance-name NAME";
    assert!(second.contains(attach), "{second}");
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

    let instances = emulator.instances(EAST);
    assert_eq!(instances.len(), SERVERS);
    for instance in &instances {
        assert_eq!(instance.state, InstanceState::Running);
        let tag = instance.tags.get("snapshot-copier:restored");
        if ["Shop-01", "Shop-02"].contains(&&*instance.name) {
            assert_eq!(tag, None);
            continue;
        }
        let snapshot = format!("{}-us-west-2-2026-11-22", instance.name);
        assert_eq!(tag, Some(&snapshot));
        let set = instance.tags.get("snapshot-copier:ports-set");
        assert_eq!(set.map(String::as_str), Some("true"));
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
    let names: Vec<_> = disks
        .iter()
        .map(|disk| (&*disk.name, disk.attached_to.as_deref()))
        .collect();
    assert_eq!(names, [("Data-09", Some("Shop-09")), ("Solo", None)]);
    assert!(
        disks
            .iter()
            .all(|disk| disk.tags.contains_key("snapshot-copier:restored"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_needs_an_answer() {
    let world = r#"{ "startSeconds": 0, "regions": {
        "us-west-2": { "instances": [{ "name": "Shop" }] },
        "us-east-1": { "instanceSnapshots": [ { "name": "Shop-us-west-2-2026-11-22",
            "fromInstanceName": "Shop" }, { "name": "Shop-us-west-2-2026-11-20", "fromInstanceName": "Shop" } ] } } }"#;
    let emulator = Emulator::new(World::from_json(world).unwrap());
    let running = emulator.clone().start().await.unwrap();
    let (status, text) = run(&running.url(), &["--yes", "--suffix", "-new"]).await;
    assert_eq!(status, 1, "nobody answered");
    assert!(
        text.contains("These originals still run: us-west-2/Shop\nCreate second servers? [y/N]"),
        "{text}"
    );
    assert!(!text.contains("waiting"), "{text}");
    assert!(!text.contains("Restored in"), "{text}");
    assert_eq!(emulator.instances(EAST), []);

    emulator.remove_instance(Region::UsWest2, "Shop").unwrap();
    let (status, _) = run(
        &running.url(),
        &["--yes", "--as-of", "2026-11-21", "--suffix", "-clean"],
    )
    .await;
    assert_eq!(status, 0);
    let found = &emulator.instances(EAST)[0];
    assert_eq!(found.name, "Shop-clean");
    assert_eq!(
        found.tags["snapshot-copier:restored"],
        "Shop-us-west-2-2026-11-20"
    );

    let cases: [(&'static [&'static str], _, _); 5] = [
        (&["--as-of", "2026-02-30"], 2, "--as-of needs a date"),
        (&["--unknown", "x"], 2, "unknown option: --unknown"),
        (
            &["--name", "us-west-2/Shop-[1"],
            2,
            "--name is not a valid glob: us-west-2/Shop-[1",
        ),
        (&["--name", "Nothing"], 1, "no copy of Nothing in us-east-1"),
        (
            &["--zone", "us-east-1x"],
            1,
            "us-east-1x is not an available zone",
        ),
    ];
    for (arguments, expected, message) in cases {
        let (status, text) = run(&running.url(), arguments).await;
        assert_eq!(status, expected, "{arguments:?}");
        assert!(text.contains(message), "{text}");
    }
}

/// Sources in two Regions have the name, and the firewall of the first restore fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_not_taken_for_another_one() {
    const WEST: &str = "--name=us-west-2/WordPress-1";
    let copy = |region: &str, date: &str| {
        json!({ "name": format!("WordPress-1-{region}-{date}"), "fromInstanceName": "WordPress-1",
                "tags": { "snapshot-copier:source": format!("{region}/WordPress-1"),
                          "snapshot-copier:recovery-point": date,
                          "snapshot-copier:ports": "tcp:443" } })
    };
    let world = json!({ "startSeconds": 0, "regions": { "us-east-1": { "instanceSnapshots": [
        copy("us-west-2", "2026-11-18"),
        copy("us-west-2", "2026-11-22"),
        copy("eu-west-1", "2026-11-22"),
        { "name": "WordPress-1-1569608575", "fromInstanceName": "WordPress-1" },
        { "name": "nightly", "fromInstanceName": "Blog" },
    ] } } });
    let emulator = Emulator::new(World::from_json(&world.to_string()).unwrap());
    let running = emulator.clone().start().await.unwrap();
    let url = running.url();
    let mut refused = false;
    emulator.on_call(move |call| {
        if call.operation == Operation::PutInstancePublicPorts && !refused {
            refused = true;
            return Fault::error(
                StatusCode::BAD_REQUEST,
                "OperationFailureException",
                "Try later.",
            );
        }
        Fault::None
    });

    let (status, text) = run(&url, &[WEST, "--as-of=2026-11-18", "--yes"]).await;
    assert_eq!(status, 1, "the firewall was refused");
    assert!(text.contains("created WordPress-1"), "{text}");
    assert!(
        text.contains(
            "1 other snapshot of WordPress-1 is not restored by this script: WordPress-1-1569608575"
        ),
        "{text}"
    );
    let expect = async |arguments: &'static [&'static str], problems: &[&str]| {
        emulator.take_calls();
        let (status, text) = run(&url, arguments).await;
        assert_eq!(status, 1);
        for problem in problems {
            assert!(text.contains(problem), "{text}");
        }
        let calls = emulator.take_calls();
        assert!(
            calls
                .iter()
                .all(|call| call.operation.as_str().starts_with("Get"))
        );
    };
    expect(
        &["--name=WordPress-1", "--name=Blog"],
        &[
            "several sources have this name; restore one at a time, and all but one with a --suffix",
            "no copy of Blog in us-east-1",
            "2 other snapshots of Blog, WordPress-1 are not restored by this script: \
             WordPress-1-1569608575, nightly",
        ],
    )
    .await;
    expect(
        &["--name=eu-west-1/WordPress-1", "--yes"],
        &["the name WordPress-1 is taken by the restore of us-west-2/WordPress-1; use --suffix"],
    )
    .await;
    expect(
        &[WEST, "--as-of=2026-11-22", "--yes"],
        &[
            "WordPress-1 was made from WordPress-1-us-west-2-2026-11-18, not from \
             WordPress-1-us-west-2-2026-11-22; use another --suffix",
        ],
    )
    .await;

    let (status, text) = run(&url, &[WEST, "--yes"]).await;
    assert_eq!(status, 0, "a newer copy does not stop the restore");
    assert!(
        text.contains("finish WordPress-1  2026-11-18 WordPress-1-us-west-2-2026-11-18"),
        "{text}"
    );
    assert!(text.contains("a newer copy is of 2026-11-22"), "{text}");
    let instances = emulator.instances(EAST);
    assert_eq!(instances.len(), 1);
    assert_eq!(instances[0].ports, [Port::tcp(443)]);
}
