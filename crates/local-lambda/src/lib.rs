//! Runs a Lambda function's binary on this machine, for tests and examples.
//!
//! In Lambda, a function on a custom runtime is a program that repeatedly asks the [Runtime API] for
//! an event and posts the result. [`LocalFunction`] starts such a program with Lambda's environment
//! and serves the Runtime API to it:
//!
//! ```no_run
//! # async fn example() -> Result<(), local_lambda::StartError> {
//! use std::time::Duration;
//!
//! use local_lambda::{Ending, LocalFunction, Settings};
//!
//! let settings = Settings::default().variable("AWS_REGION", "us-east-1");
//! let mut function = LocalFunction::spawn("target/debug/my-function", settings).await?;
//! let invocation = function.invoke(r#"{"name": "value"}"#, Duration::from_secs(30)).await;
//! assert!(matches!(invocation.ending, Ending::Answer(_)));
//! for line in &invocation.log {
//!     println!("{line}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Payloads are sent byte for byte, so tests can send what Lambda never sends: an empty payload,
//! truncated JSON, text that is not UTF-8.
//!
//! - `runtime_api`: the Runtime API on a port of this machine.
//! - `function`: the process, and its invocations.
//! - `log`: the lines that the process writes.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod function;
mod log;
mod runtime_api;

pub use function::{Ending, Invocation, LocalFunction, Settings, StartError};
