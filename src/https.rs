//! Connections to Lightsail: how they are made and kept.
//!
//! [`hyper`] speaks HTTP/1.1 and keeps connections, [`rustls`] speaks TLS with `ring`'s
//! cryptography, and this joins them for the AWS SDK. The SDK has a client of its own, which does
//! the same, and HTTP/2, proxies and pools besides. It makes the function larger by an eighth,
//! and reads the trusted certificates in a way that takes longer than all the rest of start-up:
//! see [`trust`](crate::trust).
//!
//! [`hyper`]: https://docs.rs/hyper
//! [`rustls`]: https://docs.rs/rustls

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_lightsail::config::SharedHttpClient;
use aws_sdk_lightsail::config::http::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use http_body_util::Limited;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::{Client, Error, connect};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tower::{BoxError, Service, service_fn};

/// How long a connection may take to be made, TLS included.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a connection that nobody uses is kept. While the process is frozen, connections die
/// and nobody says so: a gateway on the way forgets them. Each one that is used after that costs
/// a whole attempt of a call, so this is shorter than an attempt: a second one never finds a
/// connection that was idle already when the first one failed.
const IDLE: Duration = Duration::from_secs(5);

/// The largest answer that is read, in bytes. A page of a list has less than a hundredth of it;
/// without a limit, whatever stands in Lightsail's place could fill the function's memory.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// How many servers are remembered, so that a new connection to one takes up its last session:
/// more than Lightsail has Regions.
const SESSIONS: usize = 32;

/// An HTTP client for the SDK. It speaks TLS, and plain HTTP to an endpoint that is set so.
///
/// # Errors
///
/// The cryptography does not support a version of TLS that is considered safe.
pub fn client(trusted: RootCertStore) -> Result<SharedHttpClient, rustls::Error> {
    let cryptography = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(cryptography)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    tls.resumption = Resumption::in_memory_sessions(SESSIONS);
    let mut tcp = connect::HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let in_time = service_fn(move |uri: Uri| {
        // It is always ready: it holds nothing but settings.
        let connection = https.clone().call(uri);
        Box::pin(async move {
            match timeout(CONNECT, connection).await {
                Ok(connected) => connected,
                Err(elapsed) => Err(BoxError::from(io::Error::new(
                    io::ErrorKind::TimedOut,
                    elapsed,
                ))),
            }
        })
    });
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(in_time);
    let connector = SharedHttpConnector::new(Connector(client));
    Ok(http_client_fn(move |_, _| connector.clone()))
}

/// The SDK's way to send a request, with a client of hyper's.
struct Connector<C>(Client<C, SdkBody>);

impl<C> fmt::Debug for Connector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl<C> HttpConnector for Connector<C>
where
    C: connect::Connect + Clone + Send + Sync + 'static,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(classified)?;
            let answer =
                answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, LARGEST_ANSWER)));
            HttpResponse::try_from(answer)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// A connection that was not made in time is a time-out. Whatever else breaks off may have done so
/// after the request was sent.
fn classified(error: Error) -> ConnectorError {
    if error.is_connect() && timed_out(&error) {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

fn timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let this = error.downcast_ref::<io::Error>();
    this.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
        || error.source().is_some_and(timed_out)
}
