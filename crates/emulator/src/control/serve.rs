//! The emulator on a TCP port.

use std::io;

use bytes::Bytes;
use http::header::DATE;
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use super::emulator::Emulator;
use crate::http::server::{self, Dropped, Running};

/// Serving.
impl Emulator {
    /// Serves the emulator on a free port of this machine, in a background task.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start(self) -> io::Result<Running> {
        Running::start(move |request| self.clone().call_with_date(request)).await
    }

    /// Serves the emulator on a listener until the future is dropped.
    ///
    /// A call that a fault drops has its connection closed before the first byte of an answer. A
    /// call whose client disconnects ends.
    pub async fn serve(self, listener: TcpListener) {
        server::serve(listener, move |request| {
            self.clone().call_with_date(request)
        })
        .await;
    }

    /// Serves one connection until its client closes it, for example one that carries TLS.
    pub async fn serve_connection(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        server::serve_connection(stream, &|request| self.clone().call_with_date(request)).await;
    }

    /// Answers a request with a `Date` of the emulator's own clock, from which clients correct
    /// theirs.
    async fn call_with_date(self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        let mut response = self.call(request).await?;
        let date = self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(date) = date.parse() {
            response.headers_mut().insert(DATE, date);
        }
        Ok(response)
    }
}
