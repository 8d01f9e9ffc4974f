//! The AWS SDK's client configuration for an emulator in the same process, without a socket.

use std::fmt;

use aws_sdk_lightsail::config::http::{HttpRequest, HttpResponse};
use aws_sdk_lightsail::config::{BehaviorVersion, Builder, Credentials};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use lightsail_emulator::{ACCESS_KEY_ID, Emulator, SECRET_ACCESS_KEY};

/// A client configuration that sends every request to this emulator.
pub fn config(emulator: &Emulator) -> Builder {
    let connector = SharedHttpConnector::new(EmulatorConnector(emulator.clone()));
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "tests");
    aws_sdk_lightsail::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url("http://lightsail.in.process")
        .credentials_provider(credentials)
        .http_client(http_client_fn(move |_, _| connector.clone()))
}

struct EmulatorConnector(Emulator);

impl fmt::Debug for EmulatorConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmulatorConnector")
    }
}

impl HttpConnector for EmulatorConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let emulator = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .expect("the SDK makes valid requests");
            let request = request
                .map(|body| Bytes::copy_from_slice(body.bytes().expect("bodies are in memory")));
            let answer = emulator.call(request).await;
            let answer = answer.map_err(|dropped| ConnectorError::io(dropped.into()))?;
            let answer = answer.map(SdkBody::from);
            Ok(HttpResponse::try_from(answer).expect("the emulator's answers are valid"))
        })
    }
}
