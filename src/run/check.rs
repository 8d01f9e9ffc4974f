//! The checks of a restored instance: does it answer from outside as the policy expects?
//!
//! Requests go to the instance's address whatever their host is, so the original is never asked.
//! They use no proxy, and trust the same certificates as the calls to Lightsail.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::TlsContext;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use futures_util::stream::{self, StreamExt};
use http_body_util::BodyExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::lightsail::TLS_PROVIDER;
use crate::model::Excerpt;
use crate::model::drill::{Check, CheckResult, HttpCheck};

const TIMEOUT: Duration = Duration::from_secs(5);

/// How many checks of an instance run at once. It bounds the memory for the responses.
const CHECKS_AT_ONCE: usize = 16;

/// How many bytes of a body are searched for the expected text.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Runs the checks of the instance with this public IPv4 address. Each ends after 5 s, and at the
/// deadline. The results are in the order of `checks`.
pub async fn check(address: Option<&str>, checks: &[Check], deadline: Instant) -> Vec<CheckResult> {
    let address = address.and_then(|address| address.parse().ok());
    check_with(&TlsContext::default(), address, checks, deadline).await
}

async fn check_with(
    tls: &TlsContext,
    address: Option<Ipv4Addr>,
    checks: &[Check],
    deadline: Instant,
) -> Vec<CheckResult> {
    let instance = address.map(|address| Instance::new(tls, address));
    let instance = instance.as_ref();
    let results = stream::iter(checks).map(|check| async move {
        let result = match instance {
            Some(instance) => check_one(instance, check, deadline).await,
            None => Err("the instance has no public IPv4 address".to_owned()),
        };
        CheckResult {
            check: check.clone(),
            error: result.err(),
        }
    });
    results.buffered(CHECKS_AT_ONCE).collect().await
}

struct Instance {
    address: Ipv4Addr,
    /// Opens each connection to `address`. It reads all trusted certificates, so the checks share it.
    connector: Connector,
}

impl Instance {
    fn new(tls: &TlsContext, address: Ipv4Addr) -> Self {
        let connector = Connector::builder()
            .tls_provider(TLS_PROVIDER)
            .tls_context(tls.clone())
            // Each check has a connection of its own.
            .pool_max_idle_per_host(0)
            .build_with_resolver(FixedAddress(address));
        Self { address, connector }
    }
}

async fn check_one(instance: &Instance, check: &Check, deadline: Instant) -> Result<(), String> {
    let start = Instant::now();
    let end = deadline.min(start + TIMEOUT);
    let answer = async {
        match check {
            Check::Port(port) => check_port(instance.address, *port).await,
            Check::Http(check) => check_http(instance, check).await,
        }
    };
    let answer = match start < end {
        true => timeout_at(end, answer).await.ok(),
        false => None,
    };
    answer.unwrap_or_else(|| {
        let seconds = end.saturating_duration_since(start).as_secs_f64();
        Err(format!("no answer within {seconds:.1} s"))
    })
}

async fn check_port(address: Ipv4Addr, port: u16) -> Result<(), String> {
    match TcpStream::connect((address, port)).await {
        Ok(_connection) => Ok(()),
        Err(error) => Err(format!("no connection: {}", cause(&error))),
    }
}

async fn check_http(instance: &Instance, check: &HttpCheck) -> Result<(), String> {
    let host = check.host.clone();
    let host = host.unwrap_or_else(|| instance.address.to_string());
    let url = check.url.replacen("{ip}", &host, 1);
    let mut request = HttpRequest::get(url).map_err(|error| cause(&error))?;
    let headers = request.headers_mut();
    headers.insert("user-agent", env!("CARGO_PKG_NAME"));
    let response = instance.connector.call(request).await;
    let response = response.map_err(|error| format!("no response: {}", cause(&error)))?;
    let status = response.status().as_u16();
    if status != check.status {
        return Err(format!("status {status}, expected {}", check.status));
    }
    match &check.contains {
        Some(text) => find(text, response.into_body()).await,
        None => Ok(()),
    }
}

#[derive(Debug, Clone)]
struct FixedAddress(Ipv4Addr);

impl ResolveDns for FixedAddress {
    fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(Ok(vec![IpAddr::V4(self.0)]))
    }
}

/// Searches the start of a body for a text. Reads no further than the text.
async fn find(text: &str, body: SdkBody) -> Result<(), String> {
    let mut body = pin!(body);
    let mut left = MAX_BODY_BYTES;
    let mut unmatched = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the body breaks off: {}", cause(&*error)))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let data = data.get(..left).unwrap_or(&data);
        left -= data.len();
        unmatched.extend_from_slice(data);
        if String::from_utf8_lossy(&unmatched).contains(text) {
            return Ok(());
        }
        if left == 0 {
            return Err(format!(
                "the text is not in the first {MAX_BODY_BYTES} bytes"
            ));
        }
        // The text may start in this frame and end in the next one.
        unmatched.drain(..(unmatched.len() + 1).saturating_sub(text.len()));
    }
    Err("the text is missing".to_owned())
}

/// The innermost source of an error. It can quote the instance, so it is cut.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    Excerpt(&error.to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_smithy_http_client::tls::TrustStore;
    use lightsail_emulator::{Emulator, World};
    use test_support::tls::Tls;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    const LOCALHOST: &str = "127.0.0.1";

    /// Nothing listens on this port.
    const CLOSED: u16 = 1;

    fn http(url: &str) -> HttpCheck {
        HttpCheck {
            url: url.to_owned(),
            host: None,
            status: 200,
            contains: None,
        }
    }

    /// The error of this check on this machine. `None`: it passed.
    async fn error(check: Check) -> Option<String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let checks = std::slice::from_ref(&check);
        let [result] = super::check(Some(LOCALHOST), checks, deadline)
            .await
            .try_into()
            .unwrap();
        assert_eq!(result.check, check);
        result.error
    }

    /// Sends `answer` over one connection, and closes it. Returns its port and the request.
    async fn server(answer: impl Into<Vec<u8>>) -> (u16, JoinHandle<String>) {
        let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = answer.into();
        let request = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let request = receive(&mut connection).await;
            // The client closes the connection when it has read enough.
            let _ = connection.write_all(&answer).await;
            request
        });
        (port, request)
    }

    /// Reads the head of a request.
    async fn receive(connection: &mut TcpStream) -> String {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(connection.read_u8().await.unwrap());
        }
        String::from_utf8(request).unwrap()
    }

    /// The error of a check of a server that sends `answer`.
    async fn error_after(answer: impl Into<Vec<u8>>, contains: Option<&str>) -> Option<String> {
        let (port, _request) = server(answer).await;
        let check = HttpCheck {
            contains: contains.map(str::to_owned),
            ..http(&format!("http://{{ip}}:{port}/"))
        };
        error(Check::Http(check.into())).await
    }

    fn answer(body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    #[tokio::test]
    async fn a_port_is_open_or_closed() {
        let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let open = listener.local_addr().unwrap().port();
        assert_eq!(error(Check::Port(open)).await, None);
        let found = error(Check::Port(CLOSED)).await.unwrap();
        assert!(
            found.starts_with("no connection: Connection refused"),
            "{found}"
        );
        let check = Check::Http(http(&format!("http://{{ip}}:{CLOSED}/")).into());
        let found = error(check).await.unwrap();
        assert!(
            found.starts_with("no response: Connection refused"),
            "{found}"
        );
    }

    #[tokio::test]
    async fn an_instance_without_an_address_fails_every_check() {
        let checks = [Check::Port(22), Check::Http(http("http://{ip}/").into())];
        for address in [None, Some("::1"), Some("localhost")] {
            let results = check(address, &checks, Instant::now()).await;
            let results: Vec<_> = results
                .iter()
                .map(|result| (&result.check, result.error.as_deref().unwrap()))
                .collect();
            let expected = "the instance has no public IPv4 address";
            assert_eq!(results, [(&checks[0], expected), (&checks[1], expected)]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_instance_fails_after_the_timeout_or_at_the_deadline() {
        let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let checks = ["http", "https"].map(|scheme| {
            Check::Http(Arc::new(HttpCheck {
                host: Some("www.example.com".to_owned()),
                ..http(&format!("{scheme}://{{ip}}:{port}/"))
            }))
        });
        for (left, expected) in [
            (60.0, "no answer within 5.0 s"),
            (2.0, "no answer within 2.0 s"),
            (0.0, "no answer within 0.0 s"),
        ] {
            let start = Instant::now();
            let deadline = start + Duration::from_secs_f64(left);
            let results = check(Some(LOCALHOST), &checks, deadline).await;
            for result in results {
                assert_eq!(result.error.as_deref(), Some(expected));
            }
            // Both checks ran at the same time. Timers have a resolution of 1 ms.
            let waited = start.elapsed().as_secs_f64();
            assert!(waited <= left.min(5.0) + 0.002, "{waited}");
        }
    }

    #[tokio::test]
    async fn a_check_after_the_deadline_makes_no_connection() {
        let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let results = check(Some(LOCALHOST), &[Check::Port(port)], Instant::now()).await;
        let expected = "no answer within 0.0 s";
        assert_eq!(results[0].error.as_deref(), Some(expected));
        let connected = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(connected.is_err(), "{connected:?}");
    }

    #[tokio::test]
    async fn the_request_names_the_host_and_goes_to_the_address() {
        for (host, expected) in [
            (Some("www.example.com"), "www.example.com"),
            (None, LOCALHOST),
        ] {
            let (port, request) = server(answer(b"")).await;
            let check = HttpCheck {
                host: host.map(str::to_owned),
                ..http(&format!("http://{{ip}}:{port}/a?b=c"))
            };
            assert_eq!(error(Check::Http(check.into())).await, None);
            let request = request.await.unwrap().to_ascii_lowercase();
            assert!(request.starts_with("get /a?b=c http/1.1\r\n"), "{request}");
            let line = format!("\r\nhost: {expected}:{port}\r\n");
            assert!(request.contains(&line), "{request}");
        }
    }

    #[tokio::test]
    async fn the_status_is_compared_and_redirects_are_not_followed() {
        let elsewhere = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let redirect = format!(
            "HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
            elsewhere.local_addr().unwrap()
        );
        let found = error_after(redirect.clone(), None).await;
        assert_eq!(found.as_deref(), Some("status 302, expected 200"));
        let (port, _request) = server(redirect).await;
        let check = HttpCheck {
            status: 302,
            ..http(&format!("http://{{ip}}:{port}/"))
        };
        assert_eq!(error(Check::Http(check.into())).await, None);
        let followed = tokio::time::timeout(Duration::ZERO, elsewhere.accept()).await;
        assert!(followed.is_err(), "{followed:?}");
    }

    #[tokio::test]
    async fn the_body_must_contain_the_text() {
        assert_eq!(error_after(answer(b"It works"), Some("works")).await, None);
        assert_eq!(
            error_after(answer("größe".as_bytes()), Some("ö")).await,
            None
        );
        for body in [&b"It work"[..], b"", b"\xff"] {
            let found = error_after(answer(body), Some("works")).await;
            assert_eq!(found.as_deref(), Some("the text is missing"));
        }
    }

    #[tokio::test]
    async fn the_text_may_be_split_between_chunks() {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunked = |chunks: &[&str]| {
            let chunks = chunks
                .iter()
                .map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()));
            head.to_owned() + &chunks.collect::<String>() + "0\r\n\r\n"
        };
        for chunks in [
            &["a Word", "Press b"][..],
            &["W", "or", "dPres", "s"],
            &["WordWordPress"],
        ] {
            assert_eq!(error_after(chunked(chunks), Some("WordPress")).await, None);
        }
        let found = error_after(chunked(&["Word", "_", "Press"]), Some("WordPress")).await;
        assert_eq!(found.as_deref(), Some("the text is missing"));
    }

    #[tokio::test]
    async fn only_the_first_mebibyte_is_searched() {
        let mut body = vec![b'a'; 2 * MAX_BODY_BYTES];
        body[MAX_BODY_BYTES - 4..MAX_BODY_BYTES].copy_from_slice(b"text");
        assert_eq!(error_after(answer(&body), Some("text")).await, None);
        body.insert(0, b'a');
        let found = error_after(answer(&body), Some("text")).await;
        let expected = "the text is not in the first 1048576 bytes";
        assert_eq!(found.as_deref(), Some(expected));
        assert_eq!(error_after(answer(&body), None).await, None);
    }

    #[tokio::test]
    async fn a_body_is_read_no_further_than_the_text() {
        let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{{ip}}:{}/", listener.local_addr().unwrap().port());
        let check = HttpCheck {
            contains: Some("text".to_owned()),
            ..http(&url)
        };
        let start = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nThe text";
        let (found, _connection) = tokio::join!(error(Check::Http(check.into())), async {
            let (mut connection, _) = listener.accept().await.unwrap();
            receive(&mut connection).await;
            connection.write_all(start).await.unwrap();
            connection
        });
        assert_eq!(found, None);
    }

    #[tokio::test]
    async fn an_answer_that_is_not_http_is_not_quoted() {
        let secret = "secret".repeat(10_000);
        for (answer, expected) in [
            (secret.clone(), "no response: "),
            (String::new(), "no response: "),
            (
                format!("HTTP/1.1 200 OK\r\n{secret}\0: {secret}\r\n\r\n"),
                "no response: ",
            ),
            (
                format!("HTTP/1.1 404 {}\r\n\r\n", &secret[..600]),
                "status 404, expected 200",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsecret".to_owned(),
                "the body breaks off: ",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nsecret".to_owned(),
                "the body breaks off: ",
            ),
        ] {
            let found = error_after(answer, Some("text")).await.unwrap();
            assert!(found.starts_with(expected), "{found}");
            assert!(!found.contains("secret") && found.len() < 200, "{found}");
        }
    }

    #[tokio::test]
    async fn checks_run_at_once_and_keep_their_order() {
        // Each server answers only when all connections are there.
        let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut checks = vec![Check::Http(http(&format!("http://{{ip}}:{port}/")).into()); 4];
        checks.insert(2, Check::Port(CLOSED));
        let deadline = Instant::now() + Duration::from_secs(60);
        let (results, ()) = tokio::join!(check(Some(LOCALHOST), &checks, deadline), async {
            let mut connections = Vec::new();
            for _ in 0..4 {
                connections.push(listener.accept().await.unwrap().0);
            }
            for mut connection in connections {
                receive(&mut connection).await;
                connection.write_all(&answer(b"")).await.unwrap();
            }
        });
        for (index, (result, check)) in results.iter().zip(&checks).enumerate() {
            assert_eq!(&result.check, check);
            assert_eq!(result.error.is_some(), index == 2, "{result:?}");
        }
        assert_eq!(results.len(), checks.len());
    }

    /// The error of an HTTPS check of a server whose certificate is for `localhost`.
    async fn https_error(server: &Tls, trust: TrustStore, host: &str) -> Option<String> {
        let tls = TlsContext::builder().with_trust_store(trust).build();
        let check = Check::Http(Arc::new(HttpCheck {
            host: Some(host.to_owned()),
            // The emulator refuses a request without a signature.
            status: 400,
            ..http(&server.url.replacen("localhost", "{ip}", 1))
        }));
        let deadline = Instant::now() + Duration::from_secs(60);
        let address = LOCALHOST.parse().ok();
        let results = check_with(&tls.unwrap(), address, &[check], deadline).await;
        results[0].error.clone()
    }

    #[tokio::test]
    async fn https_needs_a_trusted_certificate_for_the_host() {
        let server = Tls::start(Emulator::new(World::default())).await.unwrap();
        let trust = || TrustStore::empty().with_pem_certificate(server.authority.clone());
        assert_eq!(https_error(&server, trust(), "localhost").await, None);
        let found = https_error(&server, trust(), "www.example.com")
            .await
            .unwrap();
        let expected = "no response: invalid peer certificate: certificate not valid for name";
        assert!(found.starts_with(expected), "{found}");
        let found = https_error(&server, TrustStore::default(), "localhost").await;
        let expected = "no response: invalid peer certificate: UnknownIssuer";
        assert_eq!(found.as_deref(), Some(expected));
    }
}
