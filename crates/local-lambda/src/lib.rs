//! Runs a Lambda function's binary on this machine, for tests and examples.
//!
//! In Lambda, a function on a custom runtime is a program that asks the [Runtime API] for the next
//! event, posts what came of it, and asks again. [`LocalFunction`] starts such a program with
//! Lambda's environment, and is the Runtime API that it talks to:
//!
//! ```no_run
//! # async fn example() -> Result<(), local_lambda::StartError> {
//! use std::time::Duration;
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
//! A payload is sent as it is, byte for byte, so a function can be shown what Lambda never sends
//! but a mistake might: nothing at all, half a JSON document, text that is not UTF-8.
//!
//! - `runtime_api`: the Runtime API's four paths on a port of this machine.
//! - `function`: the program's process, and one invocation from payload to ending.
//! - `log`: what the program writes, line by line.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

mod function;
mod log;
mod runtime_api;

pub use function::{Ending, Invocation, LocalFunction, Settings, StartError};
