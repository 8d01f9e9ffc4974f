//! What a function writes to one of its output streams, line by line.
//!
//! A line that was written before an answer was posted may be read after it: the two come on
//! different ways. So this side holds a writing end of the same pipe, and puts a mark behind each
//! invocation, as Lambda puts its `END RequestId` there. What stands before the mark is the
//! invocation's.

use std::io::{self, PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

/// Begins a mark. No text that a program prints does.
const MARK: &[u8] = b"\0mark";

/// Is told of each line as it comes.
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
    /// A log, and the end of it that a process writes to. The reading ends when both are gone.
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

    /// Tells `listener` of each line from now on, as it comes.
    pub(crate) fn follow(&self, listener: Listener) {
        lock(&self.shared).listener = Some(listener);
    }

    /// Waits until everything that was written before this call has been read.
    pub(crate) async fn catch_up(&mut self) {
        let Ok(mut pipe) = self.pipe.try_clone() else {
            return;
        };
        // The pipe may be full, so this may block until the reader, a task of this thread's
        // perhaps, has made room. The mark begins a line of its own whatever stands before it.
        let written =
            tokio::task::spawn_blocking(move || pipe.write_all(&[b"\n", MARK, b"\n"].concat()));
        if matches!(written.await, Ok(Ok(()))) {
            self.marks.recv().await;
        }
    }

    /// How many lines there are so far.
    pub(crate) fn len(&self) -> usize {
        lock(&self.shared).lines.len()
    }

    /// Forgets all lines so far.
    pub(crate) fn forget(&self) {
        lock(&self.shared).lines.clear();
    }

    /// The lines from the given one on.
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
            // Nobody waits for it any more if the log is being dropped.
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
    async fn lines_are_there_once_caught_up_with() {
        let (mut log, process) = Log::open().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        log.follow(Box::new(move |line| {
            hears.lock().unwrap().push(line.to_owned())
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
        // More than a pipe holds, so that writing and reading have to take turns.
        let long = "x".repeat(100_000);
        let mut pipe = log.pipe.try_clone().unwrap();
        let line = format!("{long}\n");
        let written = tokio::task::spawn_blocking(move || pipe.write_all(line.as_bytes()));
        written.await.unwrap().unwrap();
        log.catch_up().await;
        assert_eq!(log.since(mark), std::slice::from_ref(&long));
        assert_eq!(
            *heard.lock().unwrap(),
            ["one".to_owned(), "two".to_owned(), long]
        );
        drop(process);
    }
}
