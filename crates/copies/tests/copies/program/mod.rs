//! The program against the emulator.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lightsail_emulator::{
    ACCESS_KEY_ID, Emulator, Fault, InstanceState, Operation, Port, Region, SECRET_ACCESS_KEY,
    StatusCode, World,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

mod restore;

const EAST: Region = Region::UsEast1;

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

impl Run {
    #[track_caller]
    fn says(&self, text: &str) {
        assert!(
            self.out.contains(text) || self.err.contains(text),
            "{text:?}"
        );
    }
}

/// Runs the program without a terminal. Every AWS service is the emulator, so that nothing leaves
/// this machine.
async fn run_with(
    emulator: &Emulator,
    input: &'static str,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Run {
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
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("COLUMNS", "80")
        .envs(variables.iter().copied());
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
    run_with(emulator, "", &[], arguments).await
}

/// Answers every request with this quota. Returns the address.
async fn service_quotas(quota: u32) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 8192];
            let _ = connection.read(&mut request).await;
            let body =
                json!({ "Quota": { "QuotaCode": "L-4259AF9B", "Value": quota } }).to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}")
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

fn refusal(message: &str) -> Fault {
    Fault::error(
        StatusCode::BAD_REQUEST,
        "OperationFailureException",
        message,
    )
}

/// A copy of one server, whose original runs.
fn running_original() -> Emulator {
    world(json!({
        "us-west-2": { "instances": [{ "name": "Shop" }] },
        "us-east-1": { "instanceSnapshots": [copy("Shop", "2026-11-22"), copy("Shop", "2026-11-20")] } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_and_what_is_not_there() {
    let emulator = running_original();
    let cases: [(&[&str], i32, &str); 12] = [
        (&["--as-of", "2026-02-30"], 2, "2026-02-30 is not a date"),
        (&["--unknown", "x"], 2, "unexpected argument '--unknown'"),
        (
            &["--name", "us-west-2/Shop-[1"],
            2,
            "invalid value 'us-west-2/Shop-[1'",
        ),
        (&["--name", "[^W]*"], 2, "is not supported: use *, ?"),
        (
            &["--name", "us-west-2/{a,b}"],
            2,
            "is not supported: use *, ?",
        ),
        (
            &["--bundle", "nonexist=nano_3_0"],
            0,
            "--bundle nonexist=nano_3_0 has no effect: no copy has the bundle nonexist",
        ),
        (
            &["--bundle", "small_3_0=bogus"],
            1,
            "small_3_0 needs no other one, so leave out --bundle small_3_0=bogus",
        ),
        (&["--suffix", "-"], 2, "end with a letter or digit"),
        (&["--bundle", "small_2_0"], 2, "expected OLD=NEW"),
        (&["--name", "Nothing"], 1, "no copy of Nothing in us-east-1"),
        (
            &["--as-of", "2026-11-01"],
            1,
            "no copy of 2026-11-01 or earlier; the oldest one is of 2026-11-20",
        ),
        (
            &["--zone", "us-east-1x"],
            1,
            "us-east-1x is not an available zone of us-east-1: us-east-1a",
        ),
    ];
    for (arguments, status, message) in cases {
        let run = restore(&emulator, arguments).await;
        assert_eq!(run.status, status, "{arguments:?}");
        assert!((run.out + &run.err).contains(message), "{arguments:?}");
    }
    let zone = run(&emulator, &["restore", "--region=us-east-1a"]).await;
    assert_eq!(zone.status, 2);
    zone.says("its Region is us-east-1");
    let list = run(&emulator, &["list", "--region=us-east-1", "--name=Shpo"]).await;
    assert_eq!(list.status, 1);
    list.says("no copy of Shpo in us-east-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_do_not_work_say_what_to_do() {
    let emulator = running_original();
    let list = ["list", "--region=us-east-1"];
    for (variables, message) in [
        (
            ("AWS_SESSION_TOKEN", "expired"),
            "the credentials have expired: sign in again",
        ),
        (
            ("AWS_SECRET_ACCESS_KEY", ""),
            "no AWS credentials were found; sign in first",
        ),
    ] {
        let run = run_with(&emulator, "", &[variables], &list).await;
        assert_eq!(run.status, 1);
        run.says(message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_tags_and_answers_are_data() {
    let file = "file:///etc/passwd";
    let mut garbled = copy("web", "2026-11-22");
    garbled["tags"]["snapshot-copier:recovery-point"] = json!("2026-11-27 never");
    let mut console = copy("web", "2026-11-23");
    console["name"] = json!("evil-1");
    console["fromInstanceName"] = json!("evil");
    let mut star = copy("web", "2026-11-24");
    star["tags"]["snapshot-copier:source"] = json!("*/web");
    let mut firewall = copy("db", "2026-11-20");
    firewall["tags"]["snapshot-copier:ports"] = json!("tcp:22 $(id)\u{1b}[2J");
    let passwd = json!({ "name": "file_3A__2F__2F__2F_etc_2F_passwd-us-west-2-2026-11-20", "fromInstanceName": file, "tags": {
        "snapshot-copier:source": format!("us-west-2/{file}"), "snapshot-copier:recovery-point": "2026-11-20" } });
    let emulator = world(json!({ "us-east-1": { "instanceSnapshots": [
        copy("web", "2026-11-20"), garbled, console, star, firewall, passwd ] } }));

    let plan = restore(&emulator, &[]).await;
    assert_eq!(plan.status, 1, "one name is not valid");
    let created = rows(&plan.out, "create");
    assert_eq!(created.len(), 2);
    assert!(
        created[1].contains("web-us-west-2-2026-11-20"),
        "{created:?}"
    );
    plan.says("us-west-2/file:///etc/passwd: Lightsail accepts no such name");
    plan.says(r#"db: a part of its firewall stays closed: "$(id)\u{1b}[2J" is not a firewall rule such as tcp:22"#);
    plan.says("3 snapshots: evil-1 (of evil)");
    for text in [&plan.out, &plan.err] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    }
    let done = restore(&emulator, &["--yes"]).await;
    assert_eq!(done.status, 1);
    let instances = emulator.instances(EAST);
    let names: Vec<_> = instances.iter().map(|found| &*found.name).collect();
    assert_eq!(names, ["db", "web"]);
    assert_eq!(instances[0].ports, [Port::tcp(22)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_one_document() {
    let emulator = running_original();
    emulator.remove_instance(Region::UsWest2, "Shop").unwrap();
    let json = |run: &Run| serde_json::from_str::<Value>(&run.out).unwrap();
    let plan = json(&restore(&emulator, &["--json"]).await);
    assert_eq!(plan["resources"][0]["action"], "createInstance");
    assert_eq!(plan["resources"][0]["bundleId"], "small_3_0");
    assert_eq!(plan["resources"][0]["price"], 12.0);
    assert_eq!(
        plan["resources"][0]["ports"],
        "tcp:22@lightsail-connect tcp:80 tcp:443"
    );
    assert_eq!(plan["result"], Value::Null);
    let done = json(&restore(&emulator, &["--json", "--yes"]).await);
    assert_eq!(done["result"]["restored"][0]["state"], "running");
    assert_eq!(
        done["result"]["restored"][0]["publicAddress"],
        "198.51.100.10"
    );
    let list = json(&run(&emulator, &["list", "--region=us-east-1", "--json"]).await);
    assert_eq!(list["sources"][0]["exists"], "gone");
    assert_eq!(
        list["sources"][0]["copies"][1]["recoveryPoint"],
        "2026-11-20"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_listed_and_deleted() {
    let mut by_hand = copy("Shop", "2026-11-22");
    by_hand["name"] = json!("Shop-by-hand");
    let emulator = world(json!({
        "us-west-2": { "instances": [{ "name": "Shop" }] },
        "us-east-1": { "instanceSnapshots": [copy("Shop", "2026-11-22"), copy("Shop", "2026-11-20"),
            copy("Gone", "2026-11-19"), by_hand] } }));
    let list = run(&emulator, &["list", "--region=us-east-1"]).await;
    assert!(list.out.contains(
        "3 copies of 2 sources in us-east-1, at most 120 GB. Servers that are gone: 1; not known: 0"
    ));
    assert!(!list.out.contains("by-hand"));
    let delete = [
        "delete",
        "--region=us-east-1",
        "--source=us-west-2/Shop",
        "--before=2026-11-22",
    ];
    let plan = run(&emulator, &delete).await;
    assert_eq!((plan.status, emulator.snapshots(EAST).len()), (0, 4));
    let done = run(&emulator, &[&delete[..], &["--yes"]].concat()).await;
    assert_eq!(done.status, 0);
    done.says("deleted Shop-us-west-2-2026-11-20");
    assert_eq!(emulator.snapshots(EAST).len(), 3);

    let rest = &[
        "delete",
        "--region=us-east-1",
        "--source=us-west-2/Shop",
        "--yes",
    ];
    emulator.fault_next(Operation::DeleteInstanceSnapshot, 1, refusal("Try later."));
    let refused = run(&emulator, rest).await;
    assert_eq!(refused.status, 1);
    refused.says("nothing of us-west-2/Shop could be restored after that. It still exists.");
    refused.says("failed: Shop-us-west-2-2026-11-22: OperationFailureException");
    assert_eq!(run(&emulator, rest).await.status, 0);
    let left: Vec<_> = emulator
        .snapshots(EAST)
        .into_iter()
        .map(|found| found.name)
        .collect();
    assert_eq!(left, ["Gone-us-west-2-2026-11-19", "Shop-by-hand"]);
    let none = run(&emulator, &[&rest[..], &["--json"]].concat()).await;
    assert_eq!(none.status, 1, "there is no copy any more");
    let document: Value = serde_json::from_str(&none.out).unwrap();
    assert_eq!(
        document,
        json!({ "error": "no copy of us-west-2/Shop in us-east-1" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn help_and_completions_need_no_account() {
    let emulator = world(json!({}));
    // The last line of an example, which stays in one piece.
    for (command, example) in [
        ("restore", "    --as-of 2026-11-18 --suffix -clean --yes"),
        (
            "list",
            "lightsail-copies list --region us-east-1 --name 'WordPress-*'",
        ),
        (
            "delete",
            "    --source us-west-2/WordPress-1 --before 2026-10-01",
        ),
        ("completions", "  echo '. ~/.lightsail-copies' >> ~/.bashrc"),
    ] {
        let help = run(&emulator, &[command, "--help"]).await;
        assert_eq!(help.status, 0);
        help.says(example);
    }
    for shell in ["bash", "zsh", "fish"] {
        let completions = run(&emulator, &["completions", shell]).await;
        assert_eq!(completions.status, 0);
        assert!(completions.out.contains("--as-of") || completions.out.contains("as-of"));
    }
    assert!(emulator.take_calls().is_empty());
}
