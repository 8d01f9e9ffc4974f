//! The emulator behind TLS, with a certificate that only the measured programs trust.

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

/// The files of trusted certificates on Debian and Amazon Linux.
const SYSTEMS_CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// The source of single copies, in us-west-2, and the date of its automatic snapshot.
const SOURCE: &str = "WordPress-1";
const DAY: Date = date(2026, 11, 22);

/// The response time in measurements that are limited by it, and the function's limit of concurrent
/// calls in a Region.
pub const ANSWER: Duration = Duration::from_millis(50);
pub const AT_ONCE: usize = 8;

/// The real response time. The emulator's timer rounds up.
pub async fn answer_time() -> Duration {
    let mut times = Vec::new();
    for _ in 0..21 {
        let started = Instant::now();
        sleep(ANSWER).await;
        times.push(started.elapsed().as_secs_f64());
    }
    Duration::from_secs_f64(median(times.into_iter()))
}

/// An emulator behind TLS, and the certificates that a function trusts.
pub struct Lightsail {
    pub emulator: Emulator,
    tls: Tls,
    certificates: PathBuf,
    _folder: TempDir,
}

impl Lightsail {
    /// An empty emulator without a limit of copies in progress.
    pub async fn start() -> Result<Self, Error> {
        let emulator = Emulator::new(World {
            copy_limit: usize::MAX,
            copy_time: SignedDuration::ZERO,
            ..World::default()
        });
        let tls = Tls::start(emulator.clone()).await?;
        // As many certificates as in Lambda, because reading them takes time.
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

    /// Like [`Self::start`], with the source of single copies.
    pub async fn with_source() -> Result<Self, Error> {
        let lightsail = Self::start().await?;
        let source = Source::named(SOURCE).with_auto_snapshot(DAY, AutoSnapshotStatus::Success);
        lightsail.emulator.add_instance(Region::UsWest2, &source)?;
        Ok(lightsail)
    }

    /// Delays each response by [`ANSWER`] from now on.
    pub fn answer_late(&self) {
        self.emulator.on_call(|_: &Call| Fault::None.after(ANSWER));
    }

    /// The settings of a function that calls it.
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

    /// The number of connections since the previous call.
    pub fn take_connections(&self) -> usize {
        self.tls.take_connections()
    }
}

/// An event that copies the source's snapshot to us-east-1 under this name.
pub fn copy(target: &str) -> Value {
    json!({
        "sourceRegion": Region::UsWest2.as_str(),
        "sourceResourceName": SOURCE,
        "restoreDate": DAY.to_string(),
        "targetSnapshotName": target,
        "destinationRegion": Region::UsEast1.as_str(),
    })
}
