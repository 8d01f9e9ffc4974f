//! The arguments.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use lightsail_snapshot_copier::{Region, RestoreDate, SourceTag};

use crate::copies::NameGlob;

/// Restores, lists and deletes the copies that lightsail-snapshot-copier keeps in another Region.
///
/// It uses your own credentials: the environment, AWS_PROFILE, SSO, or the role of the machine.
#[derive(Debug, Parser)]
#[command(name = "lightsail-copies", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Examples:
  A Region is lost. Print the plan, then restore everything from the copies in us-east-1:
    lightsail-copies restore --region us-east-1
    lightsail-copies restore --region us-east-1 --yes

  A server is compromised. Find a copy from before that, and restore it beside the original:
    lightsail-copies list --region us-east-1 --name WordPress-1
    lightsail-copies restore --region us-east-1 --name WordPress-1 \\
        --as-of 2026-11-18 --suffix -clean --yes

Exit status: 0 nothing failed, 1 something failed or cannot be restored, 2 wrong usage";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Restore instances and disks from their newest copies.
    Restore(RestoreOptions),
    /// List the copies in a Region.
    List(ListOptions),
    /// Delete copies of one source.
    Delete(DeleteOptions),
    /// Print the completions for a shell.
    #[command(
        after_help = "Example:\n  lightsail-copies completions bash > ~/.lightsail-copies\n  \
        echo '. ~/.lightsail-copies' >> ~/.bashrc"
    )]
    Completions { shell: Shell },
}

/// Prints what it would create, the problems first. With --yes, it creates instances and disks,
/// waits until they run, sets their firewalls and prints the addresses. Run it again after any
/// failure: it finishes what it has begun.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RestoreOptions {
    /// The Region of the copies, to which they are restored.
    #[arg(long)]
    pub region: Region,
    /// Restore only these instances and disks; may be repeated. With a slash, the glob also selects
    /// the source Region: 'us-west-2/WordPress-*'.
    #[arg(long = "name", value_name = "GLOB")]
    pub names: Vec<NameGlob>,
    /// Use the newest copy of this date (YYYY-MM-DD, UTC) or earlier.
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<RestoreDate>,
    /// Create everything in this Availability Zone. Default: the first one of the Region.
    #[arg(long)]
    pub zone: Option<String>,
    /// Append this to the names: -restored.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true,
          allow_hyphen_values = true, value_parser = suffix)]
    pub suffix: String,
    /// Use another bundle in place of one that is not available; may be repeated.
    #[arg(long = "bundle", value_name = "OLD=NEW", value_parser = replacement)]
    pub bundles: Vec<(String, String)>,
    /// Create what the plan says. Without it, nothing is changed.
    #[arg(long)]
    pub yes: bool,
}

/// Prints each copy with its source, recovery point, state, size and last drill, and whether the
/// source still exists.
#[derive(Debug, Args)]
#[command(after_help = "Example: lightsail-copies list --region us-east-1 --name 'WordPress-*'")]
pub struct ListOptions {
    /// The Region of the copies.
    #[arg(long)]
    pub region: Region,
    /// List only the copies of these instances and disks; may be repeated. With a slash, the glob
    /// also selects the source Region.
    #[arg(long = "name", value_name = "GLOB")]
    pub names: Vec<NameGlob>,
}

/// Prints which copies it would delete. With --yes, it deletes them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  lightsail-copies delete --region us-east-1 \\\n      \
    --source us-west-2/WordPress-1 --before 2026-10-01"
)]
pub struct DeleteOptions {
    /// The Region of the copies.
    #[arg(long)]
    pub region: Region,
    /// The instance or disk, with its Region: us-west-2/WordPress-1.
    #[arg(long, value_name = "REGION/NAME")]
    pub source: SourceTag,
    /// Delete only copies of recovery points before this date (YYYY-MM-DD, UTC).
    #[arg(long, value_name = "DATE")]
    pub before: Option<RestoreDate>,
    /// Delete what the plan says. Without it, nothing is changed.
    #[arg(long)]
    pub yes: bool,
}

fn suffix(text: &str) -> Result<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let ends_well = text.is_empty() || text.ends_with(|c: char| c.is_ascii_alphanumeric());
    match text.chars().all(is_name) && ends_well {
        true => Ok(text.to_owned()),
        false => Err("use letters, digits, - and _, and end with a letter or digit".to_owned()),
    }
}

fn replacement(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() && !new.contains('=') => {
            Ok((old.to_owned(), new.to_owned()))
        }
        _ => Err("expected OLD=NEW, such as small_2_0=small_3_0".to_owned()),
    }
}
