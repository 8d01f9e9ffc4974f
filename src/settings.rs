//! What the environment says to the AWS SDK, as Lambda sets it.
//!
//! The SDK can find that out by itself, and then looks into profiles, roles and an instance's
//! metadata too, none of which a Lambda function has. That makes it larger by a sixth, and every
//! start longer by a twelfth.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_sdk_lightsail::config::{BehaviorVersion, Builder, SharedHttpClient};

/// Settings for Lightsail's clients, which use `http`, from environment variables that
/// [the AWS tools] share:
///
/// - the endpoint: `AWS_ENDPOINT_URL_LIGHTSAIL` or else `AWS_ENDPOINT_URL`, unless
///   `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is true; `AWS_USE_FIPS_ENDPOINT`,
///   `AWS_USE_DUALSTACK_ENDPOINT`
/// - credentials: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or else
///   the endpoint that `AWS_CONTAINER_CREDENTIALS_FULL_URI` names. They are read when a call
///   first needs them
///
/// A variable that is set to nothing is not set. Blanks around an endpoint are none of it; credentials
/// are taken as they are.
///
/// [the AWS tools]: https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
pub fn of_environment(
    variable: impl Fn(&str) -> Option<String>,
    http: SharedHttpClient,
) -> Builder {
    let set = |name| {
        let value = variable(name)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    };
    let is_true = |name| set(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let endpoint = match is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        true => None,
        false => set("AWS_ENDPOINT_URL_LIGHTSAIL").or_else(|| set("AWS_ENDPOINT_URL")),
    };
    let environment = EnvironmentVariableCredentialsProvider::new();
    let container = EcsCredentialsProvider::builder()
        .configure(&ProviderConfig::without_region().with_http_client(http.clone()))
        .build();
    let credentials = CredentialsProviderChain::first_try("Environment", environment)
        .or_else("Container", container);
    let mut settings = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .credentials_provider(credentials)
        .use_fips(is_true("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"));
    settings.set_endpoint_url(endpoint);
    settings
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_lightsail::Client;
    use aws_sdk_lightsail::config::{Credentials, Region};
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    /// Calls nobody, and keeps where the last call would have gone.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<String>>);

    impl HttpConnector for Kept {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            request.uri().clone_into(&mut self.0.lock().unwrap());
            HttpConnectorFuture::ready(Err(ConnectorError::user("nobody is called".into())))
        }
    }

    /// Where a call goes with these variables.
    async fn endpoint(variables: &[(&str, &str)]) -> String {
        let find = |name: &str| variables.iter().find(|(variable, _)| *variable == name);
        let kept = Kept::default();
        let connector = SharedHttpConnector::new(kept.clone());
        let http = http_client_fn(move |_, _| connector.clone());
        let settings = of_environment(
            |name| find(name).map(|(_, value)| (*value).to_owned()),
            http,
        )
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .region(Region::new("eu-west-1"));
        let call = Client::from_conf(settings.build()).get_instances().send();
        call.await.unwrap_err();
        kept.0.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn the_endpoint_is_that_of_the_region_or_of_the_variables() {
        let own = ("AWS_ENDPOINT_URL_LIGHTSAIL", "http://own.example");
        let all = ("AWS_ENDPOINT_URL", "http://all.example");
        let of_the_region = "https://lightsail.eu-west-1.amazonaws.com/";
        for (variables, expected) in [
            (&[][..], of_the_region),
            (&[all], "http://all.example/"),
            (&[all, own], "http://own.example/"),
            (
                &[("AWS_ENDPOINT_URL", " http://all.example\n")],
                "http://all.example/",
            ),
            (
                &[all, ("AWS_ENDPOINT_URL_LIGHTSAIL", " ")],
                "http://all.example/",
            ),
            (
                &[all, own, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE")],
                of_the_region,
            ),
            (
                &[own, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false")],
                "http://own.example/",
            ),
            (
                &[("AWS_USE_FIPS_ENDPOINT", "true")],
                "https://lightsail-fips.eu-west-1.amazonaws.com/",
            ),
            (
                &[("AWS_USE_DUALSTACK_ENDPOINT", "true")],
                "https://lightsail.eu-west-1.api.aws/",
            ),
        ] {
            assert_eq!(endpoint(variables).await, expected, "{variables:?}");
        }
    }
}
