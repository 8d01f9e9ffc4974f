//! The command `lightsail-copies`: restores, lists and deletes the copies that
//! lightsail-snapshot-copier makes.
//!
//! What is a copy, and which one is the newest, is decided by the function's own code. This crate
//! adds what people need:
//!
//! | module | holds |
//! | --- | --- |
//! | `cli` | the arguments |
//! | `commands` | one file a command: reads, plans, prints, carries out |
//! | `plan` | what a restore would do, from what was read. Pure |
//! | `copies` | the copies of a Region, and which of them somebody asked for |
//! | `apply` | carries out the plan of a restore |
//! | `task` | the restore of one instance or disk |
//! | `lightsail` | the calls that only this command makes |
//! | `failure` | what could not be done, and what to do about it |
//! | `aws` | clients with the caller's credentials |
//! | `console` | all output and input: colours, bars, JSON |

mod apply;
mod aws;
mod cli;
mod commands;
mod console;
mod copies;
mod failure;
pub mod lightsail;
pub mod plan;
mod task;

use std::process::ExitCode;

pub use self::aws::{Aws, Quota};
pub use self::cli::{Cli, Command, DeleteOptions, ListOptions, RestoreOptions};
pub use self::console::Console;
pub use self::copies::{NameGlob, RegionCopies};

use lightsail_snapshot_copier::{ApiError, Region};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing failed. Exit status 0.
    Done,
    /// Something failed, or cannot be restored. Exit status 1.
    Failed,
}

impl Outcome {
    fn failed_if(failed: bool) -> Self {
        if failed { Self::Failed } else { Self::Done }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Failed => Self::FAILURE,
        }
    }
}

/// Why a command stopped before it could do anything.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    #[error(
        "{call} in {region} failed: {}{}",
        failure::said(error),
        advised(error)
    )]
    Unread {
        /// What was to be read: `the snapshots`.
        call: &'static str,
        region: Region,
        error: ApiError,
    },
    #[error("{0}")]
    Nothing(String),
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

fn advised(error: &ApiError) -> String {
    failure::advice(error).map_or(String::new(), |advice| format!("; {advice}"))
}

/// Runs a command. `connect` is not called by one that needs no AWS.
pub async fn run(
    cli: Cli,
    connect: impl AsyncFnOnce(Region) -> Aws,
    console: &mut Console,
) -> Outcome {
    let done = match cli.command {
        Command::Restore(options) => {
            let aws = connect(options.region).await;
            commands::restore(&options, &aws, console).await
        }
        Command::List(options) => {
            let aws = connect(options.region).await;
            commands::list(&options, &aws, console).await
        }
        Command::Delete(options) => {
            let aws = connect(options.region).await;
            commands::delete(&options, &aws, console).await
        }
        Command::Completions { shell } => commands::completions(shell, console),
    };
    done.unwrap_or_else(|stop| {
        console.stop(&stop.to_string());
        // Nothing can be done if that cannot be written.
        let _ = console.document(&serde_json::json!({ "error": stop.to_string() }));
        Outcome::Failed
    })
}
