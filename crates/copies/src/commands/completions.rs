//! `completions`.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::Done;
use crate::Outcome;
use crate::cli::Cli;
use crate::console::Console;

pub fn completions(shell: Shell, console: &mut Console) -> Done {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "lightsail-copies", &mut script);
    console.raw(&script)?;
    Ok(Outcome::Done)
}
