//! The function's process, and its invocations.

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

/// Lambda's time limit for the start of a function.
const INIT_TIME: Duration = Duration::from_secs(10);

/// The environment and arguments of a function. The function does not inherit this process's
/// environment, because an AWS profile, a proxy or a Region set there would change test results.
#[derive(Debug, Clone)]
pub struct Settings {
    variables: BTreeMap<String, String>,
    arguments: Vec<OsString>,
}

impl Default for Settings {
    /// The variables that Lambda sets for every function and that are useful on this machine.
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
    /// Sets a variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Appends a command line argument. Lambda passes none, but a function can run under another
    /// program, such as an interpreter or a profiler.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }
}

/// Why a function did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program does not exist or cannot be started.
    #[error("the function could not be started: {0}")]
    Io(#[from] io::Error),
    /// The process exited before it asked for an event.
    #[error("the function exited before it asked for an event ({status}): {stderr}")]
    Exited {
        /// The exit status.
        status: ExitStatus,
        /// The output on standard error.
        stderr: String,
    },
    /// The function reported an error to `init/error`. This is the body.
    #[error("the function reported an initialization error: {0}")]
    Init(String),
    /// The function did not ask for an event within Lambda's time limit.
    #[error("the function did not ask for an event within {} s", INIT_TIME.as_secs())]
    TimedOut,
}

/// The result of one invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The request id: `Lambda-Runtime-Aws-Request-Id`.
    pub request_id: String,
    /// How it ended.
    pub ending: Ending,
    /// The time from sending the event to receiving the result.
    pub duration: Duration,
    /// The lines that the function wrote to standard output during the invocation.
    pub log: Vec<String>,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// With a JSON response.
    Answer(Value),
    /// With a function error.
    Error {
        /// Its `errorType`.
        error_type: String,
        /// Its `errorMessage`.
        error_message: String,
    },
    /// With a response that is not JSON.
    NotJson(Bytes),
    /// Not before its deadline. As in Lambda, the process is killed.
    TimedOut,
    /// The process exited, during the invocation or before.
    Exited(ExitStatus),
}

/// A function that runs on this machine. Dropping it kills the process.
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
    /// See [`StartError`].
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

    /// Sends an event whose deadline is `time` from now, and waits for the result.
    pub async fn invoke(&mut self, payload: impl Into<Bytes>, time: Duration) -> Invocation {
        let deadline = (SystemTime::now() + time).duration_since(SystemTime::UNIX_EPOCH);
        let deadline_ms = deadline.unwrap_or_default().as_millis().to_string();
        self.invoke_with_deadline(payload, Some(&deadline_ms), time)
            .await
    }

    /// Sends an event with any text as its deadline header, which is normally in milliseconds since
    /// the Unix epoch, and waits at most `time` for the result. `None` omits the header.
    pub async fn invoke_with_deadline(
        &mut self,
        payload: impl Into<Bytes>,
        deadline_ms: Option<&str>,
        time: Duration,
    ) -> Invocation {
        self.invocations += 1;
        let request_id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        let first_line = self.stdout.len();
        // Resumes a frozen function. A running one ignores the signal.
        self.signal(Signal::CONT);
        let started = Instant::now();
        let posted = self.runtime_api.send(Event {
            request_id: request_id.clone(),
            deadline_ms: deadline_ms.map(str::to_owned),
            payload: payload.into(),
        });
        let ending = tokio::select! {
            // A posted result counts even if the process exits right after it.
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
                    // Fails if the process has exited already.
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

    /// Freezes the process, as Lambda does between invocations. Its connections age meanwhile. The
    /// next invocation resumes it.
    pub async fn freeze(&mut self) {
        self.settle().await;
        self.signal(Signal::STOP);
    }

    /// Calls `listener` for each line that the function writes to standard output from now on.
    pub fn follow(&self, listener: impl FnMut(&str) + Send + 'static) {
        self.stdout.follow(Box::new(listener));
    }

    /// All lines of standard output so far, including those of the start.
    pub async fn log(&mut self) -> Vec<String> {
        self.stdout.catch_up().await;
        self.stdout.since(0)
    }

    /// Discards the lines of standard output so far, to save memory over many invocations.
    pub fn forget_log(&mut self) {
        self.stdout.forget();
    }

    /// All lines of standard error so far.
    pub async fn stderr(&mut self) -> Vec<String> {
        self.stderr.catch_up().await;
        self.stderr.since(0)
    }

    /// The process id, or `None` once the process has exited.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until the function asks for its next event or exits.
    async fn settle(&mut self) {
        tokio::select! {
            () = self.runtime_api.idle() => {}
            _ = self.process.wait() => {}
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            // Fails if the process exits meanwhile. The next invocation reports that.
            let _ = kill_process(id, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_start_has_its_reason() {
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
