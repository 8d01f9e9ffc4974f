//! Clients with the caller's credentials.

use std::error::Error;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_servicequotas::error::ProvideErrorMetadata;
use lightsail_snapshot_copier::{Lightsail, Region, http_client};
use tokio::time::Instant;

/// The quota of instances, which Service Quotas describes as one of vCPUs.
const INSTANCES_QUOTA: &str = "L-4259AF9B";

/// How long a call is retried. Lightsail throttles fifty creations for a minute or two.
const PATIENCE: Duration = Duration::from_secs(300);

/// AWS, with the caller's credentials.
#[derive(Debug)]
pub struct Aws {
    pub lightsail: Lightsail,
    pub quota: Quota,
}

/// How many instances the account may have in the Region.
#[derive(Debug)]
pub enum Quota {
    /// To be asked for.
    Asked(Box<aws_sdk_servicequotas::Client>),
    Known(f64),
}

impl Aws {
    /// Reads the settings as the AWS CLI does: the environment, profiles, SSO, the machine's role.
    pub async fn connect(region: Region) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(aws_config::Region::from_static(region.as_str()))
            .http_client(http_client())
            .load()
            .await;
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(10));
        let quotas = aws_sdk_servicequotas::config::Builder::from(&config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build());
        let quotas = aws_sdk_servicequotas::Client::from_conf(quotas.build());
        Self {
            lightsail: Lightsail::new((&config).into(), fastrand::u64(..)),
            quota: Quota::Asked(Box::new(quotas)),
        }
    }
}

impl Quota {
    /// The quota, or why it cannot be read.
    pub async fn read(&self) -> Result<f64, String> {
        let client = match self {
            Self::Known(quota) => return Ok(*quota),
            Self::Asked(client) => client,
        };
        let request = client.get_service_quota().service_code("lightsail");
        let answer = request.quota_code(INSTANCES_QUOTA).send().await;
        let answer = answer.map_err(|error| match error.message() {
            Some(message) => message.to_owned(),
            None => innermost(&error).to_string(),
        })?;
        let value = answer.quota.and_then(|quota| quota.value);
        value.ok_or_else(|| "the answer has no quota".to_owned())
    }
}

/// The cause of an error, without what the SDK says around it.
fn innermost(error: &dyn Error) -> &dyn Error {
    error.source().map_or(error, innermost)
}

/// When a call that starts now gives up.
pub fn patience() -> Instant {
    Instant::now() + PATIENCE
}
