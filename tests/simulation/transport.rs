//! The AWS SDK on the emulator, in process, on virtual time.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_sdk_lightsail::config::http::{HttpRequest, HttpResponse};
use aws_sdk_lightsail::config::{BehaviorVersion, Credentials};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use jiff::Timestamp;
use lightsail_emulator::Emulator;
use lightsail_snapshot_copier::lightsail::Lightsail;
use tokio::time::Instant;

/// Virtual time: a date, and what tokio's paused clock has moved on since.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    at: Timestamp,
}

impl Clock {
    /// A clock that shows `at` now.
    pub fn at(at: Timestamp) -> Self {
        Self {
            started: Instant::now(),
            at,
        }
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        self.at + self.started.elapsed()
    }

    /// Lets time pass until it shows `time`.
    pub async fn wait_until(&self, time: Timestamp) {
        let wait = Duration::try_from(time.duration_since(self.now())).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        Clock::now(self).into()
    }
}

/// Lightsail as the function sees it, on this emulator.
pub fn lightsail(emulator: &Emulator, clock: Clock, seed: u64) -> Lightsail {
    let config = aws_sdk_lightsail::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(
            "emulator",
            "emulator",
            None,
            None,
            "simulation",
        ))
        .endpoint_url("http://lightsail.invalid")
        .time_source(clock)
        .http_client(InProcess(emulator.clone()));
    Lightsail::new(config, seed)
}

#[derive(Clone)]
struct InProcess(Emulator);

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let emulator = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .expect("the SDK makes valid requests");
            let request = request
                .map(|body| Bytes::copy_from_slice(body.bytes().expect("bodies are in memory")));
            match emulator.call(request).await {
                Ok(response) => {
                    let response = response.map(SdkBody::from);
                    Ok(HttpResponse::try_from(response).expect("the emulator's answers are valid"))
                }
                Err(dropped) => Err(ConnectorError::io(dropped.into())),
            }
        })
    }
}
