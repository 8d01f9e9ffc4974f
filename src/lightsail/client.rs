//! A client for each Region.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_lightsail::Client;
use aws_sdk_lightsail::config::retry::RetryConfig;
use aws_sdk_lightsail::config::timeout::TimeoutConfig;
use tokio::sync::Semaphore;

use super::settings::CredentialsCache;
use crate::model::region::Region;

pub const CALLS_AT_ONCE: usize = 8;

/// Lightsail in every Region.
#[derive(Debug)]
pub struct Lightsail {
    config: aws_sdk_lightsail::Config,
    pub(super) credentials: CredentialsCache,
    regions: Mutex<BTreeMap<Region, Arc<Endpoint>>>,
    pub(super) jitter: Mutex<fastrand::Rng>,
    pub(super) calls: AtomicU64,
    pub(super) throttles: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) client: Client,
    pub(super) calls: Semaphore,
}

impl Lightsail {
    /// Takes credentials, endpoint and HTTP client from `config`. Region, retries and timeouts are
    /// set here. `seed` determines the jitter of retries.
    pub fn new(config: aws_sdk_lightsail::config::Builder, seed: u64) -> Self {
        let credentials = CredentialsCache::default();
        Self {
            config: config
                .retry_config(RetryConfig::disabled())
                .timeout_config(TimeoutConfig::disabled())
                .identity_cache(credentials.clone())
                .build(),
            credentials,
            regions: Mutex::default(),
            jitter: Mutex::new(fastrand::Rng::with_seed(seed)),
            calls: AtomicU64::new(0),
            throttles: AtomicU64::new(0),
        }
    }

    /// The client of a Region. It is created at first use and kept.
    pub(super) fn endpoint(&self, region: Region) -> Arc<Endpoint> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoint = regions.entry(region).or_insert_with(|| {
            let region = aws_sdk_lightsail::config::Region::from_static(region.as_str());
            let config = self.config.to_builder().region(region).build();
            Arc::new(Endpoint {
                client: Client::from_conf(config),
                calls: Semaphore::new(CALLS_AT_ONCE),
            })
        });
        Arc::clone(endpoint)
    }

    /// The number of attempts since the last call of this method.
    pub fn take_calls(&self) -> u64 {
        self.calls.swap(0, Ordering::Relaxed)
    }

    /// The number of throttled attempts since the last call of this method.
    pub fn take_throttles(&self) -> u64 {
        self.throttles.swap(0, Ordering::Relaxed)
    }
}
