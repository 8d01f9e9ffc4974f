//! The same function as the documentation of the SDK and of the runtime would have it: their
//! default features, the default crypto provider among them, and clients made when first used.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, Runtime};
use lightsail_snapshot_copier::function::{self, Function, Payload};
use lightsail_snapshot_copier::lightsail::Lightsail;
use lightsail_snapshot_copier::logging;
use lightsail_snapshot_copier::region::Region;
use tower::{ServiceBuilder, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    logging::init(logging::level(None, None));
    let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let region = config.region().and_then(|r| Region::parse(r.as_ref()).ok());
    let function = Arc::new(Function {
        lightsail: Lightsail::new((&config).into(), fastrand::u64(..)),
        region,
        policy: None,
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
