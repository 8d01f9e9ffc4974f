//! Start-up: logging, settings, clients, and the loop of the Lambda runtime.

#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::env;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, Runtime};
use lightsail_snapshot_copier::client;
use lightsail_snapshot_copier::function::{self, Function, Payload};
use lightsail_snapshot_copier::lightsail::Lightsail;
use lightsail_snapshot_copier::logging;
use lightsail_snapshot_copier::policy::Policy;
use lightsail_snapshot_copier::region::Region;
use tower::{ServiceBuilder, service_fn};

// One thread is all that Lambda gives below 1,769 MB, and the work is waiting for answers.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let variable = |name: &str| env::var(name).ok();
    logging::init(logging::level(
        variable("AWS_LAMBDA_LOG_LEVEL").as_deref(),
        variable("RUST_LOG").as_deref(),
    ));
    if variable("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err("this is an AWS Lambda function: it runs where AWS_LAMBDA_RUNTIME_API names a Lambda Runtime API".into());
    }
    // Lambda gives the start a whole processor, so certificates are loaded here and not in the
    // first invocation.
    let lightsail = Lightsail::new(client::config().await, fastrand::u64(..));
    let region = variable("AWS_REGION").and_then(|name| Region::parse(&name).ok());
    if let Some(region) = region {
        lightsail.prepare(region);
    }
    let policy = variable("COPY_POLICY").map(|json| Policy::parse(&json));
    if let Some(Err(mistakes)) = &policy {
        // Said at once, and again by every run that needs the policy; events with copies of
        // their own are served all the same.
        tracing::error!(
            event = "invalid_policy",
            errorMessage = mistakes.to_string()
        );
    }
    let function = Arc::new(Function {
        lightsail,
        region,
        policy,
    });
    Runtime::new(service_fn(move |event: LambdaEvent<Payload>| {
        let function = Arc::clone(&function);
        async move { function::serve(&function, event).await }
    }))
    .layer(
        ServiceBuilder::new()
            .map_request(Payload::wrap)
            .into_inner(),
    )
    .run()
    .await
}
