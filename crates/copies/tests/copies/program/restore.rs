//! Restores.

use super::*;

const SERVERS: usize = 50;

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
    world(json!({ "us-east-1": {
        "instances": [{ "name": "Shop-01" }, { "name": "Shop-02" }],
        "instanceSnapshots": snapshots.collect::<Vec<_>>(), "diskSnapshots": [disk_copy("Solo")] } }))
}

/// A copy of a disk in us-west-2.
fn disk_copy(name: &str) -> Value {
    json!({ "name": format!("{name}-us-west-2-2026-11-22"), "fromDiskName": name, "sizeInGb": 32, "tags": {
        "snapshot-copier:source": format!("us-west-2/{name}"),
        "snapshot-copier:recovery-point": "2026-11-22" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_servers_are_restored_in_two_runs() {
    let emulator = fifty();
    let plan = restore(&emulator, &[]).await;
    assert_eq!(plan.status, 1, "one bundle is not available");
    let problem = "us-west-2/Shop-07: bundle small_2_0 is not available in us-east-1";
    assert!(plan.out.find(problem).unwrap() < plan.out.find("Plan for us-east-1").unwrap());
    plan.says("--bundle small_2_0=small_3_0");
    plan.says("47 instances to create: 564 USD a month");
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
    let start = Instant::now();
    let first = restore(&emulator, &["--yes"]).await;
    assert_eq!(first.status, 1);
    // Looking at the servers stops no creation, and no creation stops a look.
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    first.says("InsufficientInstanceCapacity");
    first.says("use another --zone");
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

/// Each disk is in the copy of a server and has a copy of its own. Somebody else's server has the
/// name Shop, and the bundle of Blog is retired.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_restored_server_brings_its_disks() {
    let with_disk = |name: &str, bundle: &str, disk: &str| {
        let mut copy = copy(name, "2026-11-22");
        copy["fromBundleId"] = json!(bundle);
        copy["fromAttachedDisks"] = json!([{ "name": disk, "path": "/dev/xvdf", "sizeInGb": 64 }]);
        copy
    };
    let emulator = world(json!({ "us-east-1": {
        "instances": [{ "name": "Shop" }],
        "instanceSnapshots": [with_disk("Shop", "small_3_0", "Data-1"),
            with_disk("Blog", "small_2_0", "Data-2"), with_disk("Wiki", "small_3_0", "Data-3")],
        "diskSnapshots": [disk_copy("Data-1"), disk_copy("Data-2"), disk_copy("Data-3")] } }));
    let first = restore(&emulator, &["--yes"]).await;
    assert_eq!(first.status, 1, "one bundle is not available");
    first.says("us-west-2/Data-2: it is in the copy of Blog: solve the problem of Blog, or restore the disk alone with --name us-west-2/Data-2");
    assert!(rows(&first.out, "with")[0].contains("Data-3"));
    let disks = || {
        let disks = emulator.disks(EAST).into_iter();
        disks
            .map(|disk| (disk.name, disk.attached_to))
            .collect::<Vec<_>>()
    };
    let own = ("Data-1".to_owned(), None);
    let brought = |disk: &str, by: &str| (disk.to_owned(), Some(by.to_owned()));
    assert_eq!(disks(), [own.clone(), brought("Data-3", "Wiki")]);

    let alone = restore(&emulator, &["--name=us-west-2/Data-2"]).await;
    assert!(rows(&alone.out, "create")[0].contains("disk of 32 GB"));
    let second = restore(&emulator, &["--yes", "--bundle=small_2_0=small_3_0"]).await;
    assert_eq!(second.status, 0);
    assert_eq!(
        disks(),
        [own, brought("Data-2", "Blog"), brought("Data-3", "Wiki")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_needs_a_yes() {
    let emulator = running_original();
    let arguments = ["restore", "--region=us-east-1", "--yes", "--suffix=-new"];
    let question = "These originals still run: us-west-2/Shop. Create second servers? [y/N]";
    for (input, status) in [("", 1), ("n\n", 0), ("\n", 0), ("yes please\n", 0)] {
        let run = run_with(&emulator, input, &[], &arguments).await;
        assert_eq!(run.status, status, "{input:?}");
        run.says(question);
        run.says("Nothing was created.");
        assert_eq!(emulator.instances(EAST), []);
    }
    let run = run_with(&emulator, "y\n", &[], &arguments).await;
    assert_eq!(run.status, 0);
    assert!(!run.out.contains("Nothing was created."));
    assert_eq!(emulator.instances(EAST)[0].name, "Shop-new");

    for (state, status) in [("pending", 1), ("stopping", 0), ("stopped", 0)] {
        let emulator = world(json!({
            "us-west-2": { "instances": [{ "name": "Shop", "state": state }] },
            "us-east-1": { "instanceSnapshots": [copy("Shop", "2026-11-22")] } }));
        let run = restore(&emulator, &["--yes"]).await;
        assert_eq!(run.status, status, "{state}");
        assert_eq!((run.out + &run.err).contains(question), status == 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_is_restored_on_request() {
    let emulator = running_original();
    emulator.remove_instance(Region::UsWest2, "Shop").unwrap();
    let clean = ["--yes", "--as-of=2026-11-21", "--suffix=-clean"];
    assert_eq!(restore(&emulator, &clean).await.status, 0);
    let found = &emulator.instances(EAST)[0];
    assert_eq!(found.name, "Shop-clean");
    assert_eq!(
        found.tags["snapshot-copier:restored"],
        "Shop-us-west-2-2026-11-20"
    );
    let newer = restore(&emulator, &["--as-of=2026-11-22", "--suffix=-clean"]).await;
    assert_eq!(newer.status, 1);
    let problem =
        "Shop-clean was made from Shop-us-west-2-2026-11-20, not from Shop-us-west-2-2026-11-22";
    newer.says(problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_too_small_fails_the_plan() {
    let emulator = running_original();
    let with = async |emulator: &Emulator, url: &str, yes: &[&str]| {
        let url = ("AWS_ENDPOINT_URL_SERVICE_QUOTAS", url);
        let arguments = [&["restore", "--region=us-east-1"], yes].concat();
        run_with(emulator, "y\n", &[url], &arguments).await
    };
    let small = with(&emulator, &service_quotas(1).await, &[]).await;
    assert_eq!(small.status, 1);
    small.says("the quota of the account is 1. There would be 1 instance with 2 vCPUs.");
    small.says("1 instance to create: 12 USD a month");
    let large = with(&emulator, &service_quotas(2).await, &[]).await;
    assert_eq!(large.status, 0);
    assert!(!large.out.contains("quota"));
    let closed = with(&fifty(), "http://127.0.0.1:1", &[]).await;
    closed.says("the quota of the account cannot be read, and the default is 20. There would be 49 instances with 98 vCPUs. (Connection refused (os error 111))");

    // Lightsail creates the server all the same.
    let done = with(&emulator, &service_quotas(1).await, &["--yes"]).await;
    assert_eq!(done.status, 0);
    done.says("the quota of the account is 1.");
    done.says("ready Shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_passes_hides_no_original() {
    let emulator = running_original();
    emulator.fault_next(Operation::GetInstances, 1, Fault::throttled());
    emulator.fault_next(Operation::GetDisks, 1, Fault::Drop);
    let refused = restore(&emulator, &["--yes"]).await;
    assert_eq!(refused.status, 1);
    assert!(emulator.instances(Region::UsEast1).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn originals_that_cannot_be_read_are_named() {
    let emulator = running_original();
    emulator.on_call(|call| match call.region {
        Region::UsWest2 => Fault::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceException",
            "Down.",
        ),
        _ => Fault::None,
    });
    let plan = restore(&emulator, &[]).await;
    assert_eq!(plan.status, 0);
    plan.says("us-west-2 cannot be read, so nobody knows whether the originals still run");
    let list = run(&emulator, &["list", "--region=us-east-1"]).await;
    assert_eq!(list.status, 0);
    list.says("us-west-2 cannot be read, so nobody knows which of its servers are gone");
    list.says(
        "2 copies of 1 source in us-east-1, at most 80 GB. Servers that are gone: 0; not known: 1",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_account_say_what_to_do() {
    let emulator = running_original();
    emulator.remove_instance(Region::UsWest2, "Shop").unwrap();
    for (refusal_text, advice) in [
        (
            "Sorry, your account can not create an instance using this Lightsail plan size.",
            "may not use this plan yet",
        ),
        (
            "Sorry, your AWS account is pending verification. Please try again later",
            "AWS verifies the account",
        ),
        (
            "Sorry, you've reached your maximum limit of Lightsail Instances : 2.",
            "ask for a higher quota",
        ),
        (
            "Some names are already in use: Shop",
            "perhaps a static IP address or a key pair",
        ),
    ] {
        let fault = Fault::error(
            StatusCode::BAD_REQUEST,
            "InvalidInputException",
            refusal_text,
        );
        emulator.fault_next(Operation::CreateInstancesFromSnapshot, 1, fault);
        let run = restore(&emulator, &["--yes"]).await;
        assert_eq!(run.status, 1);
        assert!(run.err.contains(refusal_text) && run.err.contains(advice));
    }
}

/// The bundles of Sydney have other ids, and a server without IPv4 gets an address of IPv6.
#[tokio::test(flavor = "multi_thread")]
async fn bundles_are_those_of_the_region_with_the_same_hardware() {
    let of = |name: &str, bundle: &str| {
        let mut copy = copy(name, "2026-11-22");
        copy["fromBundleId"] = json!(bundle);
        copy
    };
    let emulator = world(json!({ "ap-southeast-2": { "instanceSnapshots": [
        of("web", "small_3_0"), of("bare", "small_ipv6_3_0"), of("old", "small_2_0") ] } }));
    let arguments = ["restore", "--region=ap-southeast-2", "--yes"];
    let run = run(&emulator, &arguments).await;
    assert_eq!(run.status, 1, "one bundle has no equal");
    run.says("in place of small_3_0");
    run.says("the nearest larger one is small_3_2 (12 USD a month): --bundle small_2_0=small_3_2");
    let instances = emulator.instances(Region::ApSoutheast2);
    let bundles: Vec<_> = instances
        .iter()
        .map(|found| (&*found.name, &*found.bundle_id))
        .collect();
    assert_eq!(bundles, [("bare", "small_ipv6_3_2"), ("web", "small_3_2")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_creates_one_server() {
    let emulator = running_original();
    emulator.remove_instance(Region::UsWest2, "Shop").unwrap();
    emulator.fault_next(Operation::CreateInstancesFromSnapshot, 1, Fault::LoseAnswer);
    let run = restore(&emulator, &["--yes"]).await;
    assert_eq!(run.status, 0);
    run.says("created Shop");
    run.says("ready Shop");
    let instances = emulator.instances(EAST);
    assert_eq!(instances.len(), 1);
    assert_eq!(instances[0].tags["snapshot-copier:ports-set"], "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_that_is_set_without_its_tag_is_said_to_be_set() {
    let emulator = running_original();
    emulator.remove_instance(Region::UsWest2, "Shop").unwrap();
    emulator.fault_next(Operation::TagResource, 1, refusal("Try later."));
    let first = restore(&emulator, &["--yes"]).await;
    assert_eq!(first.status, 1);
    first.says("Shop: its firewall was set, but its tag snapshot-copier:ports-set was not, run this again before you change the firewall: OperationFailureException");
    assert_eq!(restore(&emulator, &["--yes"]).await.status, 0);
    let tags = &emulator.instances(EAST)[0].tags;
    assert_eq!(tags["snapshot-copier:ports-set"], "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_of_a_firewall_is_in_the_plan() {
    let with = |name: &str, ports: &str| {
        let mut copy = copy(name, "2026-11-22");
        copy["tags"]["snapshot-copier:ports"] = json!(ports);
        copy
    };
    let mut bare = copy("Bare", "2026-11-22");
    let tags = bare["tags"].as_object_mut().unwrap();
    tags.remove("snapshot-copier:ports").unwrap();
    let emulator = world(json!({ "us-east-1": { "instanceSnapshots": [
        bare, with("Long", "-"), with("Next", "gre:0 tcp:22 sctp:7"), with("Odd", "gre:0") ] } }));
    let plan = restore(&emulator, &[]).await;
    assert_eq!(plan.status, 0);
    let default = "; it gets the default ports";
    for (name, why) in [
        ("Bare", "its copy has no tag snapshot-copier:ports"),
        ("Long", "it had too many rules for the tags of its copy"),
        (
            "Odd",
            r#"its tag snapshot-copier:ports cannot be read: "gre:0" is not a firewall rule such as tcp:22"#,
        ),
    ] {
        plan.says(&format!(
            "{name}: its firewall is unknown, because {why}{default}"
        ));
    }
    plan.says(r#"Next: a part of its firewall stays closed: "gre:0" is not a firewall rule such as tcp:22; "sctp:7" is not"#);
    assert!(rows(&plan.out, "create")[2].ends_with(" tcp:22"));
}

/// Sources in two Regions have the name, and the firewall of the first restore fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_not_taken_for_another_one() {
    const WEST: &str = "--name=us-west-2/WordPress-1";
    let ireland = json!({ "name": "WordPress-1-eu-west-1-2026-11-22", "fromInstanceName": "WordPress-1",
        "tags": { "snapshot-copier:source": "eu-west-1/WordPress-1",
                  "snapshot-copier:recovery-point": "2026-11-22" } });
    let emulator = world(json!({ "us-east-1": { "instanceSnapshots": [
        copy("WordPress-1", "2026-11-18"), copy("WordPress-1", "2026-11-22"), ireland ] } }));
    emulator.fault_next(Operation::PutInstancePublicPorts, 1, refusal("Try later."));
    let first = restore(&emulator, &[WEST, "--as-of=2026-11-18", "--yes"]).await;
    assert_eq!(first.status, 1, "the firewall was refused");
    emulator.take_calls();
    for (arguments, problem) in [
        (
            &["--name=WordPress-1"][..],
            "several sources need the name WordPress-1; restore one at a time",
        ),
        (
            &["--name=eu-west-1/WordPress-1", "--yes"],
            "the name WordPress-1 is taken by the restore of us-west-2/WordPress-1; use --suffix",
        ),
        (
            &[WEST, "--as-of=2026-11-22", "--yes"],
            "WordPress-1 was made from WordPress-1-us-west-2-2026-11-18",
        ),
    ] {
        let run = restore(&emulator, arguments).await;
        assert_eq!(run.status, 1);
        run.says(problem);
    }
    let calls = emulator.take_calls();
    assert!(
        calls
            .iter()
            .all(|call| call.operation.as_str().starts_with("Get"))
    );

    let second = restore(&emulator, &[WEST, "--yes"]).await;
    assert_eq!(second.status, 0, "a newer copy does not stop the restore");
    assert!(
        second
            .out
            .contains("to do: ports; a newer copy is of 2026-11-22")
    );
    let instances = emulator.instances(EAST);
    assert_eq!(instances.len(), 1);
    assert_eq!(instances[0].tags["snapshot-copier:ports-set"], "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_another_run_creates_is_finished() {
    let emulator = running_original();
    emulator.remove_instance(Region::UsWest2, "Shop").unwrap();
    let other_run = emulator.clone();
    emulator.on_call(move |call| {
        if call.operation == Operation::CreateInstancesFromSnapshot {
            let copy = "Shop-us-west-2-2026-11-22";
            other_run.restore_in_console(EAST, copy, "Shop").unwrap();
            let tag = ("snapshot-copier:restored".to_owned(), copy.to_owned());
            other_run.set_tags(EAST, "Shop", [tag].into()).unwrap();
        }
        Fault::None
    });
    let run = restore(&emulator, &["--yes"]).await;
    assert_eq!(run.status, 0);
    run.says("Shop: another run creates it");
    run.says("ready Shop");
    let instances = emulator.instances(EAST);
    assert_eq!(instances[0].tags["snapshot-copier:ports-set"], "true");
}
