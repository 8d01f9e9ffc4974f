//! Start-up: arguments, settings, and the exit status.

use std::process::ExitCode;

use clap::Parser;
use lightsail_copies::{Aws, Cli, Console, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Wrong usage ends here, with status 2.
    let cli = Cli::parse();
    let mut console = Console::of_process(cli.json);
    let outcome = run(cli, Aws::connect, &mut console).await;
    outcome.into()
}
