//! A server that does to each connection whatever a test wants, and a way between function and
//! emulator that forgets connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lightsail_emulator::Running;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A server while it lives; dropping it closes its connections.
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

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request, head and body; `None` once the client has gone away.
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

/// Writes text, if the client is still there.
pub async fn write(stream: &mut TcpStream, text: impl AsRef<[u8]>) {
    // A client that has had enough is what some tests are about.
    let _ = stream.write_all(text.as_ref()).await;
}

/// Answers with status 200 and this JSON, and nothing else that Lightsail would send.
pub async fn answer_json(stream: &mut TcpStream, body: &str) {
    let length = body.len();
    write(
        stream,
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {length}\r\n\r\n{body}"),
    )
    .await;
}

/// A way to the emulator as through a gateway that translates addresses: it can forget its
/// connections. What comes in on one of them afterwards goes nowhere, and nobody says so.
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

    /// Where the function finds Lightsail.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// How many connections were made through it.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Forgets all connections that there are.
    pub fn forget(&self) {
        self.age.send_modify(|age| *age += 1);
    }
}
