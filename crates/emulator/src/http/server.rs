//! HTTP/1.1 connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// The pause after a failed accept, such as when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connection is closed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed without an answer")]
pub struct Dropped;

/// A server in the background. Dropping it stops the server and closes its connections.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    /// Serves on a free port of this machine. `answer` is called for each request.
    pub(crate) async fn start<F, A>(answer: F) -> io::Result<Self>
    where
        F: Fn(Request<Bytes>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response<Bytes>, Dropped>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(serve(listener, answer));
        Ok(Self { address, task })
    }

    /// The URL of the endpoint: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves connections until the future is dropped.
pub(crate) async fn serve<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(Request<Bytes>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<Bytes>, Dropped>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and written in one go, so that Nagle's algorithm only delays
                // them.
                let _ = stream.set_nodelay(true);
                let answer = answer.clone();
                connections.spawn(async move { serve_connection(stream, &answer).await });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection until the client closes it.
pub(crate) async fn serve_connection<F, A>(stream: impl AsyncRead + AsyncWrite + Unpin, answer: &F)
where
    F: Fn(Request<Bytes>) -> A,
    A: Future<Output = Result<Response<Bytes>, Dropped>>,
{
    let service = service_fn(|request: Request<Incoming>| async move {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let response = answer(Request::from_parts(parts, body)).await?;
        Ok::<_, NoAnswer>(response.map(Full::new))
    });
    // An error is a dropped call or a client that disconnected. The server goes on.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Why a request gets no answer. On an error, hyper closes the connection without writing a byte.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error(transparent)]
    Dropped(#[from] Dropped),
    #[error("the request was cut off: {0}")]
    CutOff(#[from] hyper::Error),
}
