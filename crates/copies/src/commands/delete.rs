//! `delete`.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use jiff::civil::Date;
use lightsail_snapshot_copier::{ApiError, ExistingCopy, Region, RestoreDate, SnapshotState};
use serde::Serialize;

use super::{Done, snapshots, sources};
use crate::aws::{Aws, patience};
use crate::cli::DeleteOptions;
use crate::console::{Console, counted};
use crate::copies::RegionCopies;
use crate::{Outcome, Stop};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    region: Region,
    source: String,
    /// What somebody should know before.
    warning: Option<String>,
    copies: Vec<Step>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    snapshot_name: String,
    recovery_point: Date,
    outcome: DeletionOutcome,
    error: Option<ApiError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum DeletionOutcome {
    Planned,
    Deleted,
    Failed,
}

pub async fn delete(options: &DeleteOptions, aws: &Aws, console: &mut Console) -> Done {
    let found = snapshots(aws, options.region).await?;
    let copies = RegionCopies::new(options.region, &found, Timestamp::now());
    let of_source = copies.selected(&[]).into_iter();
    let of_source = of_source.filter(|(source, _)| {
        source.region == options.source.region && source.name == options.source.name
    });
    let of_source: Vec<&ExistingCopy> = of_source.flat_map(|(_, copies)| copies).collect();
    if of_source.is_empty() {
        let nothing = format!("no copy of {} in {}", options.source, options.region);
        return Err(Stop::Nothing(nothing));
    }
    let is_old = |copy: &&ExistingCopy| match options.before {
        Some(RestoreDate(before)) => copy.date < before,
        None => true,
    };
    let doomed: Vec<&ExistingCopy> = of_source.iter().copied().filter(is_old).collect();
    let step = |copy: &ExistingCopy| Step {
        snapshot_name: copy.name.to_string(),
        recovery_point: copy.date,
        outcome: DeletionOutcome::Planned,
        error: None,
    };
    let mut report = Report {
        region: options.region,
        source: options.source.to_string(),
        warning: warning(aws, &of_source, &doomed).await,
        copies: doomed.iter().map(|copy| step(copy)).collect(),
    };
    print(&report, &of_source, console)?;
    if options.yes {
        carry_out(aws, options.region, &doomed, &mut report, console).await?;
    } else if !doomed.is_empty() {
        console.line("Nothing was changed. Add --yes to carry this out.")?;
    }
    console.document(&report)?;
    let is_failed = |step: &Step| step.outcome == DeletionOutcome::Failed;
    Ok(Outcome::failed_if(report.copies.iter().any(is_failed)))
}

/// What to know before the newest copy of a source is deleted.
async fn warning(
    aws: &Aws,
    of_source: &[&ExistingCopy],
    doomed: &[&ExistingCopy],
) -> Option<String> {
    let is_available = |copy: &&&ExistingCopy| copy.state == SnapshotState::Available;
    if doomed.is_empty()
        || of_source
            .iter()
            .filter(is_available)
            .any(|copy| !doomed.contains(copy))
    {
        return None;
    }
    let source = &doomed.first()?.source;
    let exists = match sources(aws, source.region, source.kind).await {
        Ok(found) if found.iter().any(|found| found.name == source.name) => "It still exists",
        Ok(_) => "It does not exist any more",
        Err(_) => "Its Region cannot be read",
    };
    Some(format!(
        "nothing of {}/{} could be restored after that. {exists}.",
        source.region, source.name
    ))
}

fn print(report: &Report, of_source: &[&ExistingCopy], console: &mut Console) -> Result<(), Stop> {
    if let Some(warning) = &report.warning {
        console.warning(warning)?;
    }
    console.heading(format_args!(
        "Delete {} of {} of {} in {}",
        report.copies.len(),
        counted(of_source.len(), "copy"),
        report.source,
        report.region
    ))?;
    let row = |step: &Step| vec![step.recovery_point.to_string(), step.snapshot_name.clone()];
    let rows = report.copies.iter().map(row).collect();
    console.table(&["RECOVERY POINT", "SNAPSHOT"], rows)?;
    Ok(())
}

async fn carry_out(
    aws: &Aws,
    region: Region,
    doomed: &[&ExistingCopy],
    report: &mut Report,
    console: &mut Console,
) -> Result<(), Stop> {
    let bar = console.bar("delete", doomed.len());
    let deletions = doomed.iter().enumerate().map(async |(index, copy)| {
        let lightsail = &aws.lightsail;
        let kind = copy.source.kind;
        (
            index,
            lightsail
                .delete_snapshot(region, kind, copy.name.as_str(), patience())
                .await,
        )
    });
    let mut deletions: FuturesUnordered<_> = deletions.collect();
    while let Some((index, deleted)) = deletions.next().await {
        bar.inc(1);
        let Some(step) = report.copies.get_mut(index) else {
            continue;
        };
        match deleted {
            Ok(_operations) => {
                step.outcome = DeletionOutcome::Deleted;
                console.step(format_args!("deleted {}", step.snapshot_name))?;
            }
            Err(error) => {
                step.outcome = DeletionOutcome::Failed;
                console.failure(format_args!("{}: {error}", step.snapshot_name))?;
                step.error = Some(error);
            }
        }
    }
    console.clear_bars()?;
    let is_deleted = |step: &&Step| step.outcome == DeletionOutcome::Deleted;
    let deleted = report.copies.iter().filter(is_deleted).count();
    console.line(format_args!(
        "Deleted {deleted} of {}.",
        counted(doomed.len(), "copy")
    ))?;
    Ok(())
}
