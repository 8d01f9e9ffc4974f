//! A signing client, and an emulator on a clock that the test controls.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Emulator, Operation, Region, World};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An error answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub status: u16,
    pub code: String,
    pub message: String,
}

/// Credentials and scope of a signature.
#[derive(Clone)]
pub struct Signer {
    pub access_key_id: &'static str,
    pub secret_access_key: &'static str,
    pub session_token: Option<&'static str>,
    pub region: &'static str,
    pub service: &'static str,
    pub at: Timestamp,
}

impl Signer {
    /// Signs with the emulator's key.
    pub fn new(region: &'static str, at: Timestamp) -> Self {
        Self {
            access_key_id: lightsail_emulator::ACCESS_KEY_ID,
            secret_access_key: lightsail_emulator::SECRET_ACCESS_KEY,
            session_token: None,
            region,
            service: "lightsail",
            at,
        }
    }

    /// A signed request to this host, as an SDK sends it.
    pub fn request(&self, host: &str, operation: &str, body: &str) -> http::Request<Bytes> {
        let target = format!("Lightsail_20161128.{operation}");
        let mut request = http::Request::post(format!("http://{host}/"))
            .header("host", host)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        self.sign(&mut request);
        request
    }

    /// Signs a request with all of its headers.
    pub fn sign(&self, request: &mut http::Request<Bytes>) {
        let token = self.session_token.map(str::to_owned);
        let identity = Credentials::new(
            self.access_key_id,
            self.secret_access_key,
            token,
            None,
            "test",
        )
        .into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::from(self.at))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.uri().to_string(),
            headers,
            SignableBody::Bytes(request.body()),
        )
        .unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        instructions.apply_to_request_http1x(request);
    }
}

/// An emulator in this process, on a clock that the test advances.
pub struct InProcess {
    pub emulator: Emulator,
    clock: Arc<AtomicI64>,
}

impl InProcess {
    /// An emulator of the world in this JSON, at noon of 22 November 2026, UTC.
    pub fn new(world: &str) -> Self {
        Self::of(World::from_json(world).unwrap())
    }

    /// An emulator of this world at the same time.
    pub fn of(world: World) -> Self {
        let noon: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let clock = Arc::new(AtomicI64::new(noon.as_millisecond()));
        let time = Arc::clone(&clock);
        let emulator = Emulator::with_clock(world, move || {
            Timestamp::from_millisecond(time.load(Ordering::Relaxed)).unwrap()
        });
        Self { emulator, clock }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.load(Ordering::Relaxed)).unwrap()
    }

    pub fn advance(&self, by: SignedDuration) {
        self.clock
            .fetch_add(by.as_millis() as i64, Ordering::Relaxed);
    }

    /// Makes a call and reads its answer.
    pub async fn call(
        &self,
        region: Region,
        operation: Operation,
        body: Value,
    ) -> Result<Value, Refused> {
        let request = Signer::new(region.as_str(), self.now()).request(
            "127.0.0.1:4599",
            operation.as_str(),
            &body.to_string(),
        );
        read(self.emulator.call(request).await.unwrap())
    }

    /// Makes a call that must be refused.
    pub async fn refusal(&self, region: Region, operation: Operation, body: Value) -> Refused {
        self.call(region, operation, body).await.unwrap_err()
    }
}

/// Reads an answer.
pub fn read(response: http::Response<Bytes>) -> Result<Value, Refused> {
    assert_eq!(
        response.headers()["content-type"],
        "application/x-amz-json-1.1"
    );
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 36);
    let status = response.status().as_u16();
    let json: Value = serde_json::from_slice(response.body()).unwrap();
    if status == 200 {
        return Ok(json);
    }
    assert!(!response.headers().contains_key("x-amzn-errortype"));
    // The two finer codes that are known, each with the members that explain it.
    let reason = json["code"].as_str();
    match json["__type"].as_str().unwrap() {
        "NotFoundException" => assert_eq!(reason, Some("DoesNotExist")),
        _ if json["message"].as_str().unwrap().contains("already in use") => {
            assert_eq!(reason, Some("NameExists"));
        }
        _ => assert_eq!(reason, None),
    }
    assert_eq!(json["docs"].is_string(), reason.is_some());
    assert_eq!(json["tip"].is_string(), reason.is_some());
    Err(Refused {
        status,
        code: json["__type"].as_str().unwrap().to_owned(),
        message: json["message"].as_str().unwrap().to_owned(),
    })
}

/// The result of a request for a client on a socket.
#[derive(Debug)]
pub enum Seen {
    /// An answer: its status, content type and body.
    Answer(u16, String, String),
    /// The connection was closed before the first byte of an answer.
    Nothing,
}

/// Sends a request over a new connection and reads until the server has answered or closed it.
pub async fn exchange(url: &str, region: &'static str, operation: &str, body: &str) -> Seen {
    let host = url.strip_prefix("http://").unwrap();
    let request = Signer::new(region, Timestamp::now()).request(host, operation, body);
    let mut text = String::from("POST / HTTP/1.1\r\n");
    for (name, value) in request.headers() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text += &format!(
        "connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    match stream.read_to_end(&mut seen).await {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    if seen.is_empty() {
        return Seen::Nothing;
    }
    let seen = String::from_utf8(seen).unwrap();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    let status = head[9..12].parse().unwrap();
    let content_type = head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "))
        .unwrap_or_default();
    Seen::Answer(status, content_type.to_owned(), body.to_owned())
}
