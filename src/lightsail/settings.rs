//! The AWS SDK's settings, credentials and connections.
//!
//! Settings come from the environment. Profiles are not read: Lambda has none, and the code for them
//! is a tenth of the binary. Connections are those of `aws-smithy-http-client`, with TLS by rustls and
//! `ring`. It trusts the certificates that [`rustls-native-certs`] finds and uses no proxy.
//!
//! [`rustls-native-certs`]: https://docs.rs/rustls-native-certs

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::ProvideRegion;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_lightsail::config::http::HttpRequest;
use aws_sdk_lightsail::config::{
    BehaviorVersion, ConfigBag, IdentityCache, ResolveCachedIdentity, RuntimeComponents,
    SharedHttpClient, SharedIdentityCache,
};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::identity::{IdentityFuture, SharedIdentityResolver};
use aws_smithy_types::body::SdkBody;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use http_body_util::Limited;

pub const TLS_PROVIDER: Provider = Provider::Rustls(CryptoMode::Ring);

/// How long it may take to open a connection, including the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an idle connection is kept. Lambda freezes the process between invocations, and
/// network devices drop its connections without notice. A request on such a connection costs a
/// whole attempt. This is shorter than an attempt, so the second attempt always opens a new one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest response body, in bytes. A page of a list is less than 1 % of it. Without a limit,
/// a wrong endpoint could fill the function's memory.
const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

/// How long it may take to load credentials. This is shorter than an attempt, so that the error
/// names the missing credentials instead of a timeout.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the settings for the clients of Lightsail and SNS from the environment.
///
/// Lambda passes Region and credentials in environment variables, or credentials through the
/// container endpoint. The SDK's other sources, such as instance metadata, are skipped, because
/// they only delay the error when credentials are missing.
pub async fn config() -> SdkConfig {
    let http_client = http_client();
    let provider_config = ProviderConfig::without_region().with_http_client(http_client.clone());
    let container = EcsCredentialsProvider::builder()
        .configure(&provider_config)
        .build();
    let environment = EnvironmentVariableCredentialsProvider::new();
    let credentials = CredentialsProviderChain::first_try("Environment", environment)
        .or_else("Container", container);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new().region().await)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client)
        .service_config(Environment)
        .build()
}

/// The variables of one [service], such as `AWS_ENDPOINT_URL_LIGHTSAIL`, and those of all.
///
/// [service]: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
#[derive(Debug)]
struct Environment;

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace([' ', '-'], "_");
        let own = std::env::var(format!("{}_{service}", key.env()));
        own.or_else(|_| std::env::var(key.env())).ok()
    }
}

/// One connector for all clients. The SDK's own HTTP client builds one per client and parses the
/// trusted certificates again for each. They take more than a millisecond, so they are read at the
/// first call, not at every start.
pub fn http_client() -> SharedHttpClient {
    let connector = LazyLock::new(|| {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT);
        let connector = Connector::builder()
            .connector_settings(settings.build())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_provider(TLS_PROVIDER)
            .build();
        SharedHttpConnector::new(LimitedConnector(connector))
    });
    http_client_fn(move |_, _| SharedHttpConnector::clone(&connector))
}

/// Fails responses that are larger than [`MAX_RESPONSE_BYTES`].
#[derive(Debug)]
struct LimitedConnector(Connector);

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let response = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let limit = |body| SdkBody::from_body_1_x(Limited::new(body, MAX_RESPONSE_BYTES));
            response.await.map(|response| response.map(limit))
        })
    }
}

/// The SDK's credentials cache, which can also be emptied. The SDK keeps credentials until their
/// expiry date, even if Lightsail refuses them before.
#[derive(Debug, Clone)]
pub struct CredentialsCache(Arc<Mutex<SharedIdentityCache>>);

impl Default for CredentialsCache {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(new_cache())))
    }
}

impl CredentialsCache {
    /// Empties the cache, so that the next call loads credentials again.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = new_cache();
    }
}

fn new_cache() -> SharedIdentityCache {
    IdentityCache::lazy()
        .load_timeout(CREDENTIALS_TIMEOUT)
        .build()
}

impl ResolveCachedIdentity for CredentialsCache {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        IdentityFuture::new(async move {
            let identity = cache.resolve_cached_identity(resolver, components, config);
            identity.await
        })
    }
}
