//! The program: its URL, log, errors, and exit.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::support::{Seen, exchange};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lightsail-emulator"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts the program and reads its URL.
fn start(command: &mut Command) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    child.stdout = Some(stdout.into_inner());
    (child, line.strip_suffix('\n').unwrap().to_owned())
}

/// Stops the program with a signal. Returns the rest of standard output, and standard error.
fn stop(mut child: Child, signal: &str) -> (String, String) {
    let id = child.id().to_string();
    let kill = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(kill.success());
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert!(child.wait().unwrap().success());
    (stdout, stderr)
}

#[tokio::test]
async fn it_serves_the_demo_world_and_logs_each_call() {
    let (child, url) = start(&mut program());
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let seen = exchange(&url, "us-west-2", "GetInstances", "{}").await;
    let Seen::Answer(200, _, body) = seen else {
        panic!("{seen:?}");
    };
    assert!(body.contains("WordPress-1"));
    let seen = exchange(&url, "us-east-1", "GetDisk", r#"{"diskName":"no"}"#).await;
    assert!(matches!(seen, Seen::Answer(400, ..)), "{seen:?}");
    let (stdout, stderr) = stop(child, "-TERM");
    assert_eq!(stdout, "");
    let lines: Vec<_> = stderr
        .lines()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(
        lines,
        [
            "us-west-2 GetInstances 200",
            "us-east-1 GetDisk 400 NotFoundException: The Disk does not exist: no",
        ]
    );
}

#[tokio::test]
async fn it_serves_the_given_world_on_the_given_port() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    let world = std::env::temp_dir().join(format!("world-{port}.json"));
    std::fs::write(
        &world,
        r#"{"regions":{"eu-west-3":{"instances":[{"name":"Only-1"}]}}}"#,
    )
    .unwrap();
    let (child, url) = start(program().args(["--port", &port, "--world"]).arg(&world));
    assert_eq!(url, format!("http://127.0.0.1:{port}"));
    let seen = exchange(&url, "eu-west-3", "GetInstances", "{}").await;
    assert!(matches!(seen, Seen::Answer(200, _, body) if body.contains("Only-1")));
    stop(child, "-INT");

    std::fs::write(
        &world,
        r#"{"regions":{"eu-west-3":{"instances":[{"title":"Only-1"}]}}}"#,
    )
    .unwrap();
    let output = program().arg("--world").arg(&world).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(world.to_str().unwrap()), "{stderr}");
    assert!(
        stderr.contains("regions.eu-west-3.instances[0].title: unknown field"),
        "{stderr}"
    );
    std::fs::remove_file(&world).unwrap();

    let output = program().arg("--world").arg(&world).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("No such file"), "{stderr}");
}
