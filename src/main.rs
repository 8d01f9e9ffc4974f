//! Start-up: logging, settings, clients, and the loop of the Lambda runtime.

use std::env;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, Runtime};
use lightsail_snapshot_copier::logging::{self, Log};
use lightsail_snapshot_copier::{Handler, Lightsail, Notify, Payload, parse_policy, sdk_config};
use tower::{ServiceBuilder, service_fn};

// One thread is enough: below 1,769 MB Lambda gives less than one processor, and calls mostly wait.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let variable = |name: &str| env::var(name).ok();
    let level = logging::level(
        variable("AWS_LAMBDA_LOG_LEVEL").as_deref(),
        variable("RUST_LOG").as_deref(),
    );
    logging::init(level);
    if variable("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err("this is an AWS Lambda function: it runs where AWS_LAMBDA_RUNTIME_API names a Lambda Runtime API".into());
    }
    let policy = variable("COPY_POLICY").map(|json| parse_policy(&json));
    if let Some(Err(errors)) = &policy {
        // Logs a broken policy at start-up. Copy events still work.
        tracing::error!(event = "invalid_policy", errorMessage = errors.to_string());
    }
    let config = sdk_config().await;
    let handler = Arc::new(Handler {
        lightsail: Lightsail::new((&config).into(), fastrand::u64(..)),
        notify: Notify {
            config,
            topic: variable("REPORT_TOPIC_ARN").filter(|arn| !arn.is_empty()),
            heartbeat: variable("HEARTBEAT_URL").filter(|url| !url.is_empty()),
        },
        region: variable("AWS_REGION").and_then(|name| name.parse().ok()),
        function_name: variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "local".to_owned()),
        policy,
        log: Log::to_stdout(level),
    });
    Runtime::new(service_fn(move |event: LambdaEvent<Payload>| {
        let handler = Arc::clone(&handler);
        async move { handler.handle(event).await }
    }))
    .layer(
        ServiceBuilder::new()
            .map_request(Payload::wrap)
            .into_inner(),
    )
    .run()
    .await
}
