//! The same function with the default features of the SDK and the runtime, the default crypto
//! provider among them, and clients that are created at first use.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, Runtime};
use lightsail_snapshot_copier::logging::{self, Log};
use lightsail_snapshot_copier::{Handler, Lightsail, Notify, Payload};
use tower::{ServiceBuilder, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let level = logging::level(None, None);
    logging::init(level);
    let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let region = config.region().and_then(|region| region.as_ref().parse().ok());
    let handler = Arc::new(Handler {
        lightsail: Lightsail::new((&config).into(), fastrand::u64(..)),
        region,
        function_name: "sdk-defaults".to_owned(),
        policy: None,
        log: Log::to_stdout(level),
        notify: Notify {
            config,
            topic: None,
            heartbeat: None,
        },
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
