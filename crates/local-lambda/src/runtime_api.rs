//! The [Runtime API] for one function, on a port of this machine.
//!
//! | path, below `/2018-06-01/runtime` | the function |
//! | --- | --- |
//! | `GET /invocation/next` | asks for an event and waits for it |
//! | `POST /invocation/{id}/response` | posts its response |
//! | `POST /invocation/{id}/error` | reports a function error |
//! | `POST /init/error` | reports an initialization error |
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

/// The prefix of every path.
const VERSION: &str = "/2018-06-01/runtime/";

/// An event for the function.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    /// The deadline header, normally in milliseconds since the Unix epoch. `None` omits it.
    pub(crate) deadline_ms: Option<String>,
    pub(crate) payload: Bytes,
}

/// The posted result of an invocation.
#[derive(Debug)]
pub(crate) enum Posted {
    /// To `response`.
    Response(Bytes),
    /// To `error`.
    Error(PostedError),
}

/// The body of a function error.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostedError {
    pub(crate) error_type: String,
    pub(crate) error_message: String,
}

/// The API's server. Dropping it stops the server.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<Event>,
    task: JoinHandle<()>,
}

/// The state that all connections share.
#[derive(Debug)]
struct Shared {
    /// Events that the function has not received. A tokio mutex, because it is held across an await.
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    /// The id of the current event, and the receiver of its result.
    current: Mutex<Option<(String, oneshot::Sender<Posted>)>>,
    /// Whether the function is waiting for an event.
    idle: watch::Sender<bool>,
    /// The initialization error, once the function reports one.
    init_error: watch::Sender<Option<String>>,
}

impl RuntimeApi {
    /// Serves the API on a free port.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            waiting: waiting.into(),
            current: Mutex::default(),
            idle: watch::Sender::new(false),
            init_error: watch::Sender::new(None),
        });
        let task = tokio::spawn(serve(Arc::clone(&shared), listener));
        Ok(Self {
            address,
            shared,
            events,
            task,
        })
    }

    /// `AWS_LAMBDA_RUNTIME_API`: host and port.
    pub(crate) fn host_and_port(&self) -> String {
        self.address.to_string()
    }

    /// Sends the function an event. The receiver gets the posted result, or an error if another
    /// event replaces this one.
    pub(crate) fn send(&self, event: Event) -> oneshot::Receiver<Posted> {
        let (posted, receiver) = oneshot::channel();
        *lock(&self.shared.current) = Some((event.request_id.clone(), posted));
        self.shared.idle.send_replace(false);
        // Cannot fail: the receiving end lives as long as `shared`.
        let _ = self.events.send(event);
        receiver
    }

    /// Waits until the function asks for an event.
    pub(crate) async fn idle(&self) {
        // Cannot fail: the sending end lives as long as `self`.
        let _ = self.shared.idle.subscribe().wait_for(|idle| *idle).await;
    }

    /// Waits for an initialization error.
    pub(crate) async fn init_error(&self) -> String {
        let mut error = self.shared.init_error.subscribe();
        match error.wait_for(Option::is_some).await {
            Ok(error) => error.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            // A broken connection means that the process exited, which is noticed elsewhere.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path: Vec<_> = match parts.uri.path().strip_prefix(VERSION) {
        Some(path) => path.split('/').collect(),
        None => Vec::new(),
    };
    Ok(match (&parts.method, path.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => shared.next().await,
        (&Method::POST, ["invocation", id, "response"]) => {
            shared.posted(id, Posted::Response(body))
        }
        (&Method::POST, ["invocation", id, "error"]) => match serde_json::from_slice(&body) {
            Ok(error) => shared.posted(id, Posted::Error(error)),
            Err(_) => refusal(StatusCode::BAD_REQUEST, "InvalidErrorShape"),
        },
        (&Method::POST, ["init", "error"]) => {
            let text = String::from_utf8_lossy(&body).into_owned();
            shared.init_error.send_replace(Some(text));
            accepted()
        }
        _ => refusal(StatusCode::NOT_FOUND, "NotFound"),
    })
}

impl Shared {
    async fn next(&self) -> Response<Full<Bytes>> {
        let mut waiting = self.waiting.lock().await;
        if waiting.is_empty() {
            self.idle.send_replace(true);
        }
        let Some(event) = waiting.recv().await else {
            return refusal(StatusCode::GONE, "ShuttingDown");
        };
        self.idle.send_replace(false);
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("lambda-runtime-aws-request-id", event.request_id),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:local".to_owned(),
            ),
        ];
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(name, value);
        }
        if let Some(deadline_ms) = event.deadline_ms {
            response = response.header("lambda-runtime-deadline-ms", deadline_ms);
        }
        match response.body(Full::new(event.payload)) {
            Ok(response) => response,
            Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "InvalidHeader"),
        }
    }

    fn posted(&self, request_id: &str, posted: Posted) -> Response<Full<Bytes>> {
        let mut current = lock(&self.current);
        match current.take_if(|(id, _)| id == request_id) {
            Some((_, receiver)) => {
                // Fails if the invocation timed out.
                let _ = receiver.send(posted);
                accepted()
            }
            None => refusal(StatusCode::BAD_REQUEST, "InvalidRequestID"),
        }
    }
}

fn accepted() -> Response<Full<Bytes>> {
    json_response(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn refusal(status: StatusCode, error_type: &str) -> Response<Full<Bytes>> {
    json_response(
        status,
        &json!({ "errorType": error_type, "errorMessage": error_type }),
    )
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// Sends one request as a function does, and returns the raw response.
    async fn send(api: &RuntimeApi, request: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(api.host_and_port()).await.unwrap();
        let length = body.len();
        let request = format!(
            "{request} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn event(request_id: &str, payload: &'static [u8]) -> Event {
        Event {
            request_id: request_id.to_owned(),
            deadline_ms: Some("1700000000123".to_owned()),
            payload: Bytes::from_static(payload),
        }
    }

    #[tokio::test]
    async fn an_event_is_sent_byte_for_byte() {
        let api = RuntimeApi::start().await.unwrap();
        for payload in [&b"{}"[..], b"", b"\xFF{", b"not json"] {
            let _posted = api.send(event("7", payload));
            let answer = send(&api, "GET /2018-06-01/runtime/invocation/next", "").await;
            assert!(answer.contains("lambda-runtime-aws-request-id: 7\r\n"));
            assert!(answer.contains("lambda-runtime-deadline-ms: 1700000000123\r\n"));
            let expected = format!("\r\n\r\n{}", String::from_utf8_lossy(payload));
            assert!(answer.ends_with(&expected), "{answer}");
        }
    }

    #[tokio::test]
    async fn posted_results_reach_the_invocation() {
        let api = RuntimeApi::start().await.unwrap();
        let posted = api.send(event("1", b"{}"));
        let path = "POST /2018-06-01/runtime/invocation/1/response";
        assert!(send(&api, path, "[1]").await.contains("202"));
        assert!(matches!(posted.await, Ok(Posted::Response(body)) if body == "[1]"));

        let posted = api.send(event("2", b"{}"));
        let path = "POST /2018-06-01/runtime/invocation/2/error";
        let body = r#"{"errorType":"Broken","errorMessage":"all of it"}"#;
        assert!(send(&api, path, body).await.contains("202"));
        assert!(matches!(posted.await, Ok(Posted::Error(error))
                if error.error_type == "Broken" && error.error_message == "all of it"));

        let path = "POST /2018-06-01/runtime/init/error";
        assert!(send(&api, path, "no settings").await.contains("202"));
        assert_eq!(api.init_error().await, "no settings");
    }

    #[tokio::test]
    async fn only_the_current_event_accepts_a_result_and_only_once() {
        let api = RuntimeApi::start().await.unwrap();
        let first = api.send(event("1", b"{}"));
        let _second = api.send(event("2", b"{}"));
        assert!(first.await.is_err());
        for (id, status) in [("1", "400"), ("2", "202"), ("2", "400")] {
            let path = format!("POST /2018-06-01/runtime/invocation/{id}/response");
            let answer = send(&api, &path, "{}").await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
        }
        let lost = send(&api, "GET /2018-06-01/runtime/lost", "").await;
        assert!(lost.starts_with("HTTP/1.1 404"), "{lost}");
    }
}
