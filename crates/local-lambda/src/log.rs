//! The lines of one output stream of a function.
//!
//! Output and results arrive through different channels, so a line may be read after a result that
//! was posted later. Therefore this side also holds a writing end of the pipe, and writes a mark
//! after each invocation, as Lambda writes `END RequestId`. The lines before the mark belong to the
//! invocation.

use std::io::{self, PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

/// The line that marks the end of an invocation. Programs do not print a NUL character.
const MARK: &[u8] = b"\0mark";

/// Called for each line.
type Listener = Box<dyn FnMut(&str) + Send>;

/// One output stream of a function.
pub(crate) struct Log {
    pipe: PipeWriter,
    marks: mpsc::UnboundedReceiver<()>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    lines: Vec<String>,
    listener: Option<Listener>,
}

impl Log {
    /// A log, and the pipe end that a process writes to. Reading ends when both are dropped.
    pub(crate) fn open() -> io::Result<(Self, Stdio)> {
        let (reader, pipe) = io::pipe()?;
        let process = Stdio::from(pipe.try_clone()?);
        let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let (marked, marks) = mpsc::unbounded_channel();
        let shared = Arc::new(Mutex::new(Shared::default()));
        tokio::spawn(read(reader, Arc::clone(&shared), marked));
        let log = Self {
            pipe,
            marks,
            shared,
        };
        Ok((log, process))
    }

    /// Calls `listener` for each line from now on.
    pub(crate) fn follow(&self, listener: Listener) {
        lock(&self.shared).listener = Some(listener);
    }

    /// Waits until everything that was written before this call has been read.
    pub(crate) async fn catch_up(&mut self) {
        let Ok(mut pipe) = self.pipe.try_clone() else {
            return;
        };
        // A full pipe blocks the write until the reader, perhaps a task of this thread, has read
        // some of it. The leading newline ends an unfinished line.
        let written =
            tokio::task::spawn_blocking(move || pipe.write_all(&[b"\n", MARK, b"\n"].concat()));
        if matches!(written.await, Ok(Ok(()))) {
            self.marks.recv().await;
        }
    }

    /// The number of lines so far.
    pub(crate) fn len(&self) -> usize {
        lock(&self.shared).lines.len()
    }

    /// Discards all lines so far.
    pub(crate) fn forget(&self) {
        lock(&self.shared).lines.clear();
    }

    /// The lines from this index on.
    pub(crate) fn since(&self, first: usize) -> Vec<String> {
        let shared = lock(&self.shared);
        shared.lines.get(first..).unwrap_or_default().to_vec()
    }
}

async fn read(
    reader: pipe::Receiver,
    shared: Arc<Mutex<Shared>>,
    marked: mpsc::UnboundedSender<()>,
) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if text == MARK {
            // Fails if the log is being dropped. Then no caller waits for the mark.
            let _ = marked.send(());
        } else if !text.is_empty() {
            let text = String::from_utf8_lossy(text).into_owned();
            let mut shared = lock(&shared);
            if let Some(listener) = &mut shared.listener {
                listener(&text);
            }
            shared.lines.push(text);
        }
        line.clear();
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_complete_after_catching_up() {
        let (mut log, process) = Log::open().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&received);
        log.follow(Box::new(move |line| {
            sink.lock().unwrap().push(line.to_owned())
        }));
        let echo = |text: &str| {
            let mut command = std::process::Command::new("printf");
            command
                .arg("%s")
                .arg(text)
                .stdout(log.pipe.try_clone().unwrap());
            assert!(command.status().unwrap().success());
        };
        echo("one\ntwo");
        log.catch_up().await;
        assert_eq!(log.since(0), ["one", "two"]);
        let mark = log.len();
        // Longer than a pipe's buffer, so that reading and writing alternate.
        let long = "x".repeat(100_000);
        let mut pipe = log.pipe.try_clone().unwrap();
        let line = format!("{long}\n");
        let written = tokio::task::spawn_blocking(move || pipe.write_all(line.as_bytes()));
        written.await.unwrap().unwrap();
        log.catch_up().await;
        assert_eq!(log.since(mark), std::slice::from_ref(&long));
        assert_eq!(
            *received.lock().unwrap(),
            ["one".to_owned(), "two".to_owned(), long]
        );
        drop(process);
    }
}
