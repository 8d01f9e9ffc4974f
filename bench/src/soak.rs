//! Checks that memory, descriptors and threads do not grow over 100,000 invocations of one process.
//!
//! The function's binary runs under the local Lambda with the emulator. It gets the sample events,
//! invalid events, copies that exist, dry runs, and policy runs with a few sources. One invocation
//! in ten meets faults, and has too little time to retry. After every tenth of the invocations, a
//! line shows the memory, descriptors and threads of the process, and a new emulator starts, so that
//! each tenth is the same work. At the end, the process may not hold much more than after the second
//! tenth, when it was warm.
//!
//! A seed determines everything except the order of concurrent responses.

use std::time::{Duration, Instant, SystemTime};

use lightsail_emulator::{
    ACCESS_KEY_ID, Call, Emulator, Fault, Operation, Region, SECRET_ACCESS_KEY, StatusCode, World,
};
use local_lambda::{Ending, LocalFunction, Settings};
use tokio::net::TcpListener;

use crate::programs::Program;
use crate::{Error, id};

const INVOCATIONS: u64 = 100_000;
const SEED: u64 = 20_261_122;

/// The time limit of an invocation without faults.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time limit of an invocation with faults. 150 ms of it are reserved for the answer, so there
/// is no time for a retry.
const HURRIED: Duration = Duration::from_millis(300);

/// Allowed growth over the warm process, for the allocator and open connections.
const MORE_MEMORY_KB: u64 = 4 * 1024;
const MORE_DESCRIPTORS: u64 = 32;
const MORE_THREADS: u64 = 1;

const WORLD: &str = r#"{
    "copySeconds": 1, "copyLimit": 1000,
    "regions": {
        "us-west-2": {
            "instances": [
                { "name": "WordPress-1", "tags": { "backup": "dr" }, "autoSnapshots": [ { "date": "2019-09-24" }, { "date": "2019-09-25" } ] },
                { "name": "shop.example.com", "tags": { "backup": "dr" }, "autoSnapshots": [ { "date": "2019-09-25" } ] } ],
            "disks": [ { "name": "Data-1", "tags": { "backup": "dr" }, "autoSnapshots": [ { "date": "2019-09-25" } ] } ],
            "instanceSnapshots": [ { "name": "WordPress-1-1569608575", "fromInstanceName": "WordPress-1" } ],
            "diskSnapshots": [ { "name": "Data-1-1569608600", "fromDiskName": "Data-1" } ]
        },
        "eu-central-1": { "instances": [ { "name": "Mail-1", "tags": { "backup": "dr" }, "autoSnapshots": [ { "date": "2019-09-25" } ] } ] }
    }
}"#;

const POLICY: &str = r#"{
    "sources": [ { "region": "us-west-2" }, { "region": "eu-central-1", "names": ["Mail-*"] } ],
    "destinations": ["us-east-1", "eu-west-1"],
    "retention": { "keepLast": 1 }
}"#;

/// Events in addition to the samples.
const EVENTS: &[&str] = &[
    "",
    "{}",
    "null",
    "[]",
    "{\"sourceRegion\"",
    "\u{0}",
    r#"{"dryRun":true}"#,
    r#"{"dryRun":true,"dryRun":false}"#,
    r#"{"copies":[{"sourceRegion":"us-west-2"},{"destinationRegion":"nowhere"}]}"#,
    r#"{"sourceRegion":"us-west-2","sourceSnapshotName":"WordPress-1-1569608575","targetSnapshotName":"there-1"}"#,
    r#"{"sourceRegion":"us-west-2","sourceSnapshotName":"Missing-1","targetSnapshotName":"missing-1"}"#,
    r#"{"sourceRegion":"us-west-2","sourceResourceName":"WordPress-1","restoreDate":"2019-09-25","destinationRegions":["us-east-1","eu-west-1","ap-south-1"]}"#,
    r#"{"dryRun":true,"sourceRegion":"us-west-2","sourceResourceName":"Data-1"}"#,
];

/// Makes the invocations, and fails if something grows.
pub async fn measure(function: &Program) -> Result<(), Error> {
    println!("\n## A long-lived process\n");
    println!(
        "{INVOCATIONS} invocations in one process: the sample events, invalid events, copies that exist, dry runs and policy runs. One in ten meets faults and has 300 ms. Memory, descriptors and threads are medians of each tenth. Failed invocations are expected: their event is invalid, or a copy fails.\n"
    );
    let tenth = INVOCATIONS / 10;
    let events = events()?;
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut lightsail = Lightsail::start("127.0.0.1:0", random.fork()).await?;
    let settings = Settings::default()
        .variable("AWS_ENDPOINT_URL_LIGHTSAIL", &lightsail.url)
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .variable("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .variable("COPY_POLICY", POLICY);
    let mut process = LocalFunction::spawn(&function.path, settings).await?;
    let id = id(&process)?;
    let mut measured: Vec<Held> = Vec::new();
    println!("| invocations | answered | failed | calls | time | RSS | descriptors | threads |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut calls = 0;
    for number in 1..=10 {
        let started = Instant::now();
        let mut samples = Vec::new();
        let (mut answered, mut failed) = (0u64, 0u64);
        for index in 0..tenth {
            let event = random.choice(&events).map_or("", String::as_str);
            let hurried = random.u8(0..10) == 0;
            lightsail.has_faults(hurried);
            let time = if hurried { HURRIED } else { PATIENCE };
            let deadline = (SystemTime::now() + time).duration_since(SystemTime::UNIX_EPOCH)?;
            let deadline_ms = deadline.as_millis().to_string();
            let invocation = process
                .invoke_with_deadline(event.to_owned(), Some(&deadline_ms), PATIENCE)
                .await;
            match invocation.ending {
                Ending::Answer(_) => answered += 1,
                Ending::Error { .. } => failed += 1,
                other => return Err(format!("{event}: {other:?}").into()),
            }
            process.forget_log();
            if index * 100 % tenth < 100 {
                samples.push(Held::by(id)?);
            }
        }
        let held = Held::median(&samples);
        calls += lightsail.emulator.call_count();
        println!(
            "| {} | {answered} | {failed} | {calls} | {:.0} s | {:.1} MB | {} | {} |",
            number * tenth,
            started.elapsed().as_secs_f64(),
            held.memory_kb as f64 / 1024.0,
            held.descriptors,
            held.threads,
        );
        measured.push(held);
        let address = lightsail.stop().await;
        lightsail = Lightsail::start(&address, random.fork()).await?;
    }
    match measured.as_slice() {
        [_, warm, .., last] => last.is_hardly_more_than(warm),
        _ => Ok(()),
    }
}

/// The sample events and [`EVENTS`].
fn events() -> Result<Vec<String>, Error> {
    let mut events: Vec<String> = EVENTS.iter().copied().map(str::to_owned).collect();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"))? {
        events.push(std::fs::read_to_string(entry?.path())?);
    }
    events.sort();
    Ok(events)
}

/// An emulator whose faults can be switched on and off.
struct Lightsail {
    emulator: Emulator,
    url: String,
    faults: tokio::sync::watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

impl Lightsail {
    async fn start(address: &str, mut random: fastrand::Rng) -> Result<Self, Error> {
        let emulator = Emulator::new(World::from_json(WORLD)?);
        emulator.record_calls(false);
        let faults = tokio::sync::watch::Sender::new(false);
        let on = faults.subscribe();
        emulator.on_call(move |call| {
            if *on.borrow() {
                fault(call, &mut random)
            } else {
                Fault::None
            }
        });
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(emulator.clone().serve(listener));
        Ok(Self {
            emulator,
            url,
            faults,
            server,
        })
    }

    fn has_faults(&self, on: bool) {
        self.faults.send_replace(on);
    }

    /// Stops the server, closes all connections, and returns the address, which is free again.
    async fn stop(self) -> String {
        self.server.abort();
        // The result is the expected cancellation.
        let _ = self.server.await;
        self.url.replace("http://", "")
    }
}

fn fault(call: &Call, random: &mut fastrand::Rng) -> Fault {
    let json = "application/x-amz-json-1.1";
    match random.u8(0..20) {
        0 => Fault::throttled(),
        1 => Fault::internal(),
        2 => Fault::Drop,
        3 => Fault::LoseAnswer,
        4 => Fault::GarbledAnswer,
        5 => Fault::Hang,
        6 => Fault::None.after(Duration::from_millis(random.u64(1..60))),
        7 => Fault::answer(StatusCode::OK, "text/html", "<html>Welcome</html>"),
        8 => Fault::answer(StatusCode::BAD_GATEWAY, "text/html", "<html></html>"),
        9 => Fault::answer(StatusCode::OK, json, "{}"),
        10 => Fault::answer(StatusCode::OK, json, vec![b' '; 1 << 20]),
        11 => Fault::error(StatusCode::BAD_REQUEST, "ExpiredTokenException", "Expired."),
        12 => Fault::error(StatusCode::FORBIDDEN, "AccessDeniedException", "No."),
        13 if call.operation == Operation::CopySnapshot && call.region == Region::EuWest1 => {
            Fault::CopyFails
        }
        _ => Fault::None,
    }
}

/// The resources that a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    memory_kb: u64,
    descriptors: u64,
    threads: u64,
}

impl Held {
    /// Reads them from `/proc`.
    fn by(process: u32) -> Result<Self, Error> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let number = |name: &str| -> Result<u64, Error> {
            let line = status.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            Ok(number.ok_or("no such line")?.parse()?)
        };
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd"))?.count();
        Ok(Self {
            memory_kb: number("VmRSS:")?,
            descriptors: u64::try_from(descriptors)?,
            threads: number("Threads:")?,
        })
    }

    fn median(samples: &[Self]) -> Self {
        let median = |of: fn(&Self) -> u64| {
            let mut values: Vec<u64> = samples.iter().map(of).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or(0)
        };
        Self {
            memory_kb: median(|held| held.memory_kb),
            descriptors: median(|held| held.descriptors),
            threads: median(|held| held.threads),
        }
    }

    fn is_hardly_more_than(&self, warm: &Self) -> Result<(), Error> {
        for (what, now, warm, more) in [
            (
                "kB of memory",
                self.memory_kb,
                warm.memory_kb,
                MORE_MEMORY_KB,
            ),
            (
                "descriptors",
                self.descriptors,
                warm.descriptors,
                MORE_DESCRIPTORS,
            ),
            ("threads", self.threads, warm.threads, MORE_THREADS),
        ] {
            if now > warm + more {
                return Err(format!("{now} {what}, but {warm} in the warm process").into());
            }
        }
        Ok(())
    }
}
