//! A server whose connections each test controls, and a gateway in front of the emulator that drops
//! connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lightsail_emulator::Running;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A running server. Dropping it closes its connections.
pub struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves each connection with `serve`, on a free port.
    pub async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = stream.set_nodelay(true);
                served.spawn(serve(stream));
                while served.try_join_next().is_some() {}
            }
        });
        Self {
            url,
            connections,
            task,
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request, head and body. `None` if the client has disconnected.
pub async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Writes text. Ignores a client that has disconnected.
pub async fn write(stream: &mut TcpStream, text: impl AsRef<[u8]>) {
    // Some tests make the client disconnect.
    let _ = stream.write_all(text.as_ref()).await;
}

/// Responds with status 200 and this JSON, without the request ID that Lightsail would send.
pub async fn answer_json(stream: &mut TcpStream, body: &str) {
    let length = body.len();
    write(
        stream,
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {length}\r\n\r\n{body}"),
    )
    .await;
}

/// A gateway in front of the emulator that can forget its connections, as a NAT gateway does. It
/// then discards all packets of these connections without an error.
pub struct Gateway {
    server: Server,
    age: watch::Sender<u32>,
}

impl Gateway {
    /// A gateway to an emulator.
    pub async fn to(emulator: &Running) -> Self {
        let address = emulator.url().replace("http://", "");
        let age = watch::Sender::new(0);
        let ages = age.clone();
        let server = Server::start(move |mut client| {
            let address = address.clone();
            let mut age = ages.subscribe();
            async move {
                let born = *age.borrow_and_update();
                let mut service = TcpStream::connect(address).await.unwrap();
                let forgotten = async move { age.wait_for(|age| *age != born).await.is_ok() };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut service) => {}
                    _ = forgotten => std::future::pending().await,
                }
            }
        })
        .await;
        Self { server, age }
    }

    /// `http://127.0.0.1:PORT`, the endpoint for the function.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Forgets all current connections.
    pub fn forget(&self) {
        self.age.send_modify(|age| *age += 1);
    }
}
