//! Lightsail behind TLS: the emulator, with a certificate that only this machine's functions trust.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use jiff::civil::{Date, date};
use lightsail_emulator::world::Source;
use lightsail_emulator::{
    ACCESS_KEY_ID, AutoSnapshotStatus, Call, Emulator, Fault, Region, SECRET_ACCESS_KEY, World,
};
use local_lambda::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::tls::Tls;
use tokio::time::sleep;

use crate::{Error, median};

/// Where Debian, and Amazon Linux as a link, keep the certificates that they trust.
const SYSTEMS_CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// The source that single copies are made of, in us-west-2, and the day of its automatic snapshot.
const SOURCE: &str = "WordPress-1";
const DAY: Date = date(2026, 11, 22);

/// How long an answer takes where that is what a run waits for, and how many calls the function
/// makes at once in a Region.
pub const ANSWER: Duration = Duration::from_millis(50);
pub const AT_ONCE: usize = 8;

/// How long an answer really takes: the emulator waits by a timer that rounds up.
pub async fn answer_time() -> Duration {
    let mut times = Vec::new();
    for _ in 0..21 {
        let started = Instant::now();
        sleep(ANSWER).await;
        times.push(started.elapsed().as_secs_f64());
    }
    Duration::from_secs_f64(median(times.into_iter()))
}

/// An emulator behind TLS, and the certificates that a function is to trust.
pub struct Lightsail {
    pub emulator: Emulator,
    tls: Tls,
    certificates: PathBuf,
    _folder: TempDir,
}

impl Lightsail {
    /// With nothing in it, and with no limit of copies in progress.
    pub async fn start() -> Result<Self, Error> {
        let emulator = Emulator::new(World {
            copy_limit: usize::MAX,
            copy_time: SignedDuration::ZERO,
            ..World::default()
        });
        let tls = Tls::start(emulator.clone()).await?;
        // As many certificates as there are in Lambda, so that reading them takes its time.
        let system = SYSTEMS_CERTIFICATES
            .iter()
            .find_map(|path| fs::read_to_string(path).ok());
        let trusted = system.unwrap_or_default() + &tls.authority;
        let folder = TempDir::new()?;
        let certificates = folder.path().join("certificates.pem");
        fs::write(&certificates, trusted)?;
        Ok(Self {
            emulator,
            tls,
            certificates,
            _folder: folder,
        })
    }

    /// The same with the source of single copies.
    pub async fn with_source() -> Result<Self, Error> {
        let lightsail = Self::start().await?;
        let source = Source::named(SOURCE).with_auto_snapshot(DAY, AutoSnapshotStatus::Success);
        lightsail.emulator.add_instance(Region::UsWest2, &source)?;
        Ok(lightsail)
    }

    /// Takes [`ANSWER`] for each answer from now on.
    pub fn answer_late(&self) {
        self.emulator.on_call(|_: &Call| Fault::None.after(ANSWER));
    }

    /// What a function needs to reach it.
    pub fn settings(&self) -> Settings {
        let certificates = self.certificates.to_string_lossy();
        Settings::default()
            .variable("AWS_ENDPOINT_URL_LIGHTSAIL", &self.tls.url)
            .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .variable("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
            .variable("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEXAMPLETOKEN")
            // The first is for Rust, the second for Python.
            .variable("SSL_CERT_FILE", &certificates)
            .variable("AWS_CA_BUNDLE", &certificates)
    }

    /// How many connections were made since this was last asked.
    pub fn take_connections(&self) -> usize {
        self.tls.take_connections()
    }
}

/// An event that copies the source's snapshot to us-east-1, under a name of its own.
pub fn copy(target: &str) -> Value {
    json!({
        "sourceRegion": Region::UsWest2.as_str(),
        "sourceResourceName": SOURCE,
        "restoreDate": DAY.to_string(),
        "targetSnapshotName": target,
        "destinationRegion": Region::UsEast1.as_str(),
    })
}
