//! A minimal Lambda function that makes one HTTPS request for each event. It does not sign the request
//! and ignores Lightsail's refusal, so it shows the cost of TLS and HTTP.

use std::env;

use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use rustls::crypto::ring;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let endpoint = env::var("AWS_ENDPOINT_URL_LIGHTSAIL")?;
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(ring::default_provider())?
        .https_only()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(https);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async {
        let request = Request::post(&endpoint)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", "Lightsail_20161128.CopySnapshot")
            .body(event.payload.to_string())?;
        let answer = client.request(request).await?;
        answer.into_body().collect().await?;
        Ok::<_, Error>(event.payload)
    }))
    .await
}
