//! Connections to Lightsail: how they are made, and whom they trust.
//!
//! [`hyper`] speaks HTTP/1.1 and keeps connections, [`rustls`] speaks TLS with `ring`'s
//! cryptography, and this joins them for the AWS SDK. The SDK has a client of its own, which does
//! the same, and HTTP/2, proxies and pools besides. It makes the function larger by an eighth,
//! and reads the trusted certificates in a way that takes longer than all the rest of start-up.
//!
//! [`hyper`]: https://docs.rs/hyper
//! [`rustls`]: https://docs.rs/rustls

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
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
use rustls::pki_types::CertificateDer;
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

/// The variables that name a file of trusted certificates, as [the AWS tools] and OpenSSL know
/// them. The first one that is set counts.
///
/// [the AWS tools]: https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
const CERTIFICATE_FILES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];

/// The certificates that are trusted: those in the file that `variable` names, or else the
/// system's. In PEM; what is no certificate is passed over.
///
/// # Errors
///
/// The file cannot be read, or the system has none.
pub fn trusted(variable: impl Fn(&str) -> Option<OsString>) -> io::Result<RootCertStore> {
    let named = CERTIFICATE_FILES
        .iter()
        .find_map(|name| variable(name).filter(|path| !path.is_empty()));
    let file = match named {
        Some(file) => file.into(),
        None => openssl_probe::probe().cert_file.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "the system has no file of trusted certificates",
            )
        })?,
    };
    read(&file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))
}

fn read(file: &Path) -> io::Result<RootCertStore> {
    let mut trusted = RootCertStore::empty();
    let pem = BufReader::with_capacity(64 * 1024, File::open(file)?);
    certificates(pem, |certificate| {
        // One that cannot be read is no reason to trust none of the others.
        let _ = trusted.add(certificate);
    })?;
    match trusted.is_empty() {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no certificate in it can be read",
        )),
        false => Ok(trusted),
    }
}

/// Hands every certificate in a PEM file to `each`.
///
/// A system trusts a hundred and more, and to decode them is a good part of start-up. The reader
/// that rustls has is made for secrets, whose values must not show in the time that they take,
/// and needs some six times as long.
fn certificates(
    mut pem: impl BufRead,
    mut each: impl FnMut(CertificateDer<'static>),
) -> io::Result<()> {
    let (mut line, mut base64) = (Vec::new(), Vec::new());
    let mut inside = false;
    while pem.read_until(b'\n', &mut line)? > 0 {
        match line.trim_ascii() {
            b"-----BEGIN CERTIFICATE-----" => {
                inside = true;
                base64.clear();
            }
            b"-----END CERTIFICATE-----" => {
                if inside && let Ok(certificate) = base64_simd::STANDARD.decode_to_vec(&base64) {
                    each(certificate.into());
                }
                inside = false;
            }
            text if inside => base64.extend_from_slice(text),
            _ => {}
        }
        line.clear();
    }
    Ok(())
}

/// An HTTP client for the SDK. It speaks TLS, and plain HTTP to an endpoint that is set so.
///
/// # Errors
///
/// The cryptography does not support a version of TLS that is considered safe.
pub fn client(trusted: RootCertStore) -> Result<SharedHttpClient, rustls::Error> {
    let cryptography = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(cryptography)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// What rustls' own reader finds.
    fn by_rustls(pem: &[u8]) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(pem).flatten().collect()
    }

    fn ours(pem: &[u8]) -> Vec<CertificateDer<'static>> {
        let mut found = Vec::new();
        certificates(pem, |certificate| found.push(certificate)).unwrap();
        found
    }

    fn certificate(name: &str) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_bundle_is_read_whatever_stands_around_its_certificates() {
        let (a, b) = (certificate("a"), certificate("b"));
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let cut = a.replace("-----END", "");
        for (text, expected) in [
            (format!("{a}{b}"), 2),
            (
                format!("# a comment\n{a}\nSubject: \u{e9}\n{key}{b}more"),
                2,
            ),
            (format!("{a}{b}").replace('\n', "\r\n"), 2),
            (a.trim_end().to_owned(), 1),
            (key, 0),
            (cut, 0),
            (String::new(), 0),
        ] {
            assert_eq!(ours(text.as_bytes()).len(), expected, "{text}");
            assert_eq!(ours(text.as_bytes()), by_rustls(text.as_bytes()));
        }
        // Comments may be in any encoding, and one certificate that is damaged takes no other along.
        let damaged = format!("{a}-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n{b}");
        let text = [b"# \xe9\n", damaged.as_bytes()].concat();
        assert_eq!(ours(&text), by_rustls(format!("{a}{b}").as_bytes()));
    }

    #[test]
    fn the_systems_certificates_are_those_that_rustls_reads() {
        // There may be none on this machine; those of the test above are.
        let file = openssl_probe::probe().cert_file;
        let text = file
            .and_then(|file| std::fs::read(file).ok())
            .unwrap_or_default();
        assert_eq!(ours(&text), by_rustls(&text));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = trusted(|name| (name == "SSL_CERT_FILE").then(|| "/no/such/file".into()));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with("/no/such/file: "), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            ours(&text);
            let begin = b"-----BEGIN CERTIFICATE-----\n";
            ours(&[begin, &text[..], b"\n-----END CERTIFICATE-----"].concat());
        }
    }
}
