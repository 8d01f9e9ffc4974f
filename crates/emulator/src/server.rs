//! The emulator on a TCP port.

use crate::emulator::{Dropped, Emulator};
use bytes::Bytes;
use http::{Request, Response, header::DATE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// How long to hold off when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An emulator that is being served. It stops when this is dropped, and closes its connections.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
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

impl Emulator {
    /// Serves the emulator on a free port of this machine, in a task of its own.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(self) -> io::Result<Running> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(self.serve(listener));
        Ok(Running { address, task })
    }

    /// Serves the emulator, HTTP/1.1, for as long as the future lives.
    ///
    /// A call that a fault drops has its connection closed before any byte of an answer; one whose client goes away
    /// ends there.
    pub async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // An answer is written at once; waiting for more to send would only make it late.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(self.clone().serve_connection(stream));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
            while connections.try_join_next().is_some() {}
        }
    }

    /// Serves one connection, HTTP/1.1, until its client closes it: one that carries TLS, for example.
    pub async fn serve_connection(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(|request| answer(self.clone(), request));
        // An error here is a dropped call or a client that broke off. Neither is the server's trouble.
        let _ = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }
}

/// Why a request gets no answer. Unlike any response, an error makes hyper close the connection without writing a byte.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error(transparent)]
    Dropped(#[from] Dropped),
    #[error("the request broke off: {0}")]
    BrokenOff(#[from] hyper::Error),
}

async fn answer(
    emulator: Emulator,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, NoAnswer> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut response = emulator.call(Request::from_parts(parts, body)).await?;
    // The emulator's own clock, which hyper would not know: clients set theirs by it.
    if let Ok(date) = emulator.http_date().parse() {
        response.headers_mut().insert(DATE, date);
    }
    Ok(response.map(Full::new))
}
