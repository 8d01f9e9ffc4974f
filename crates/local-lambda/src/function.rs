//! A function's process, and one invocation from payload to ending.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::log::Log;
use crate::runtime_api::{Event, Posted, PostedError, RuntimeApi};

/// How long Lambda lets a function take to start.
const INIT_TIME: Duration = Duration::from_secs(10);

/// The environment that a function is started with. Nothing of this process's own environment is
/// passed on: an AWS profile, a proxy or a Region that is set here would change what a test finds.
#[derive(Debug, Clone)]
pub struct Settings {
    variables: BTreeMap<String, String>,
    arguments: Vec<OsString>,
}

impl Default for Settings {
    /// What Lambda sets for every function, as far as it means anything on this machine.
    fn default() -> Self {
        let variables = [
            ("_HANDLER", "bootstrap"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_NAME", "local"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/local"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
            ("AWS_REGION", "us-east-1"),
            ("TZ", ":UTC"),
        ];
        Self {
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            arguments: Vec::new(),
        }
    }
}

impl Settings {
    /// The same with one more variable, or another value for one.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with one more argument on the command line. Lambda's own programs have none, but
    /// a function may run under another program: an interpreter, a profiler.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }
}

/// Why a function did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such program, or this machine cannot start it.
    #[error("the function could not be started: {0}")]
    Io(#[from] io::Error),
    /// It ended before it asked for an event.
    #[error("the function ended before it asked for an event ({status}): {stderr}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// It said that it cannot start: the body that it posted to `init/error`.
    #[error("the function says that it cannot start: {0}")]
    Init(String),
    /// It did not ask for an event in the time that Lambda gives it.
    #[error("the function did not ask for an event within {} s", INIT_TIME.as_secs())]
    TimedOut,
}

/// What came of one invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its id: `Lambda-Runtime-Aws-Request-Id`.
    pub request_id: String,
    /// How it ended.
    pub ending: Ending,
    /// How long it took, from the event's being handed over to what came of it.
    pub duration: Duration,
    /// The lines that the function wrote to standard output meanwhile.
    pub log: Vec<String>,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// With an answer.
    Answer(Value),
    /// With a function error.
    Error {
        /// Its `errorType`.
        error_type: String,
        /// Its `errorMessage`.
        error_message: String,
    },
    /// With an answer that is not JSON.
    NotJson(Bytes),
    /// Not before its deadline. Like Lambda, this ends the process.
    TimedOut,
    /// With the process, or it had ended before.
    Exited(ExitStatus),
}

/// A function that runs on this machine. Its process is killed when this is dropped.
pub struct LocalFunction {
    process: Child,
    runtime_api: RuntimeApi,
    stdout: Log,
    stderr: Log,
    invocations: u32,
}

impl fmt::Debug for LocalFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalFunction")
            .field("process", &self.process)
            .field("invocations", &self.invocations)
            .finish_non_exhaustive()
    }
}

impl LocalFunction {
    /// Starts a function's binary and waits until it asks for its first event.
    ///
    /// # Errors
    ///
    /// It could not be started, ended, said that it cannot start, or took longer than Lambda waits.
    pub async fn spawn(binary: impl AsRef<Path>, settings: Settings) -> Result<Self, StartError> {
        let runtime_api = RuntimeApi::start().await?;
        let (stdout, to_stdout) = Log::open()?;
        let (stderr, to_stderr) = Log::open()?;
        let process = Command::new(binary.as_ref())
            .args(&settings.arguments)
            .env_clear()
            .envs(&settings.variables)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.host_and_port())
            .stdin(Stdio::null())
            .stdout(to_stdout)
            .stderr(to_stderr)
            .kill_on_drop(true)
            .spawn()?;
        let mut function = Self {
            process,
            runtime_api,
            stdout,
            stderr,
            invocations: 0,
        };
        tokio::select! {
            () = function.runtime_api.idle() => Ok(function),
            error = function.runtime_api.init_error() => Err(StartError::Init(error)),
            status = function.process.wait() => {
                let status = status?;
                let stderr = function.stderr().await.join("\n");
                Err(StartError::Exited { status, stderr })
            }
            () = tokio::time::sleep(INIT_TIME) => Err(StartError::TimedOut),
        }
    }

    /// Sends an event, whose deadline is in `time`, and waits for what comes of it.
    pub async fn invoke(&mut self, payload: impl Into<Bytes>, time: Duration) -> Invocation {
        let deadline = (SystemTime::now() + time).duration_since(SystemTime::UNIX_EPOCH);
        let deadline_ms = deadline.unwrap_or_default().as_millis().to_string();
        self.invoke_told(payload, Some(&deadline_ms), time).await
    }

    /// Sends an event and waits for what comes of it, at most for `time`, but tells the function
    /// another deadline than that, in the header's own form: milliseconds since the Unix epoch, as
    /// a clock that is wrong would have it, or no number at all. `None` leaves the header out.
    pub async fn invoke_told(
        &mut self,
        payload: impl Into<Bytes>,
        deadline_ms: Option<&str>,
        time: Duration,
    ) -> Invocation {
        self.invocations += 1;
        let request_id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        let first_line = self.stdout.len();
        // A frozen function goes on; one that is not takes no notice.
        self.signal(Signal::CONT);
        let started = Instant::now();
        let posted = self.runtime_api.send(Event {
            request_id: request_id.clone(),
            deadline_ms: deadline_ms.map(str::to_owned),
            payload: payload.into(),
        });
        let ending = tokio::select! {
            // What was posted counts, even if the process ended right after it.
            biased;
            posted = timeout(time, posted) => match posted {
                Ok(Ok(Posted::Response(body))) => match serde_json::from_slice(&body) {
                    Ok(answer) => Ending::Answer(answer),
                    Err(_) => Ending::NotJson(body),
                },
                Ok(Ok(Posted::Error(PostedError { error_type, error_message }))) => {
                    Ending::Error { error_type, error_message }
                }
                Ok(Err(_)) | Err(_) => {
                    // It has ended already, perhaps.
                    let _ = self.process.kill().await;
                    Ending::TimedOut
                }
            },
            status = self.process.wait() => match status {
                Ok(status) => Ending::Exited(status),
                Err(_) => Ending::TimedOut,
            },
        };
        let duration = started.elapsed();
        self.settle().await;
        self.stdout.catch_up().await;
        Invocation {
            request_id,
            ending,
            duration,
            log: self.stdout.since(first_line),
        }
    }

    /// Freezes the function, as Lambda does between invocations: its process stands still, and its
    /// connections grow old. The next invocation lets it go on.
    pub async fn freeze(&mut self) {
        self.settle().await;
        self.signal(Signal::STOP);
    }

    /// Tells `listener` of each line that the function writes to standard output, as it comes.
    pub fn follow(&self, listener: impl FnMut(&str) + Send + 'static) {
        self.stdout.follow(Box::new(listener));
    }

    /// All lines that the function has written to standard output, those of its start among them.
    pub async fn log(&mut self) -> Vec<String> {
        self.stdout.catch_up().await;
        self.stdout.since(0)
    }

    /// Forgets the lines of standard output so far. Many thousands of invocations of one process
    /// have no room for them.
    pub fn forget_log(&mut self) {
        self.stdout.forget();
    }

    /// All lines that the function has written to standard error.
    pub async fn stderr(&mut self) -> Vec<String> {
        self.stderr.catch_up().await;
        self.stderr.since(0)
    }

    /// The id of the function's process; `None` once it has ended.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until the function waits for its next event, or has ended.
    async fn settle(&mut self) {
        tokio::select! {
            () = self.runtime_api.idle() => {}
            _ = self.process.wait() => {}
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            // It may end between the two lines, which the next invocation finds out.
            let _ = kill_process(id, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_cannot_start_says_why() {
        let missing = LocalFunction::spawn("/no/such/program", Settings::default()).await;
        assert!(matches!(missing, Err(StartError::Io(_))), "{missing:?}");
        let ended = LocalFunction::spawn("false", Settings::default()).await;
        assert!(
            matches!(&ended, Err(StartError::Exited { status, .. }) if !status.success()),
            "{ended:?}"
        );
        let settings = Settings::default().argument("-c").argument("exit 7");
        let ended = LocalFunction::spawn("sh", settings).await;
        assert!(
            matches!(&ended, Err(StartError::Exited { status, .. }) if status.code() == Some(7)),
            "{ended:?}"
        );
    }
}
