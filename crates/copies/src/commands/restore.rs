//! `restore`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;
use lightsail_snapshot_copier::{InstanceState, Region, Resource, ResourceKind, RestoreDate};
use serde::Serialize;

use super::print::{print_plan, print_restored};
use super::{Done, snapshots, sources, unread};
use crate::apply::apply;
use crate::aws::{Aws, patience};
use crate::cli::RestoreOptions;
use crate::console::Console;
use crate::failure::Failure;
use crate::plan::{self, Action, Entry, Facts, Plan, Wish};
use crate::task::{Task, existing};
use crate::{Outcome, Stop};

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    /// What happened. `None`: nothing was changed.
    result: Option<RunResult>,
}

#[derive(Serialize)]
struct RunResult {
    /// What exists now.
    restored: Vec<Entry>,
    failed: Vec<Failure>,
    /// Servers whose originals run.
    declined: Vec<String>,
}

pub async fn restore(options: &RestoreOptions, aws: &Aws, console: &mut Console) -> Done {
    let wish = Wish {
        region: options.region,
        names: options.names.clone(),
        as_of: options.as_of.map(|RestoreDate(date)| date),
        zone: options.zone.clone(),
        suffix: options.suffix.clone(),
        bundles: options.bundles.iter().cloned().collect(),
    };
    let mut facts = facts(aws, &wish).await?;
    let plan = plan::plan(&wish, &facts);
    print_plan(&plan, console)?;
    let result = if plan.entries.is_empty() {
        console.stop("there is nothing to restore");
        None
    } else if !options.yes {
        console.line("Nothing was changed. Add --yes to carry this out.")?;
        None
    } else if plan.is_stopped() {
        console.line("Nothing was changed, because of the problems at the top.")?;
        None
    } else {
        Some(carry_out(aws, &wish, &mut facts, &plan, console).await?)
    };
    let failed = match &result {
        None => plan.has_errors() || plan.entries.is_empty(),
        // The notices were forecasts.
        Some(result) => !result.failed.is_empty() || plan.has_blocked(),
    };
    console.document(&Report {
        plan: &plan,
        result,
    })?;
    Ok(Outcome::failed_if(failed))
}

/// Reads everything that the plan depends on. The source Regions may be down.
async fn facts(aws: &Aws, wish: &Wish) -> Result<Facts, Stop> {
    let (lightsail, region) = (&aws.lightsail, wish.region);
    let (snapshots, existing, bundles, zones) = tokio::join!(
        snapshots(aws, region),
        existing(lightsail, region, patience()),
        lightsail.bundles(region, patience()),
        lightsail.zones(region, patience()),
    );
    let mut facts = Facts {
        snapshots: snapshots?,
        existing: existing.map_err(unread("reading the instances and disks", region))?,
        bundles: bundles.map_err(unread("reading the bundles", region))?,
        zones: zones.map_err(unread("reading the Availability Zones", region))?,
        originals: BTreeMap::new(),
        quota: None,
        now: Timestamp::now(),
    };
    let regions = plan::plan(wish, &facts);
    let regions = regions
        .new_instances()
        .map(|(entry, _)| entry.source.region);
    let regions: BTreeSet<Region> = regions.collect();
    if !regions.is_empty() {
        let originals = regions.into_iter().map(async |region| {
            let found = sources(aws, region, ResourceKind::Instance).await;
            (region, found.map(running))
        });
        let (originals, quota) = tokio::join!(join_all(originals), aws.quota.read());
        facts.originals = originals.into_iter().collect();
        facts.quota = Some(quota);
    }
    Ok(facts)
}

/// The instances that run, or will soon.
fn running(instances: Vec<Resource>) -> BTreeSet<Arc<str>> {
    let runs = |instance: &Resource| {
        let state = instance.instance.as_ref().map(|status| status.state);
        matches!(state, Some(InstanceState::Running | InstanceState::Pending))
    };
    let running = instances.into_iter().filter(runs);
    running.map(|instance| instance.name).collect()
}

async fn carry_out(
    aws: &Aws,
    wish: &Wish,
    facts: &mut Facts,
    plan: &Plan,
    console: &mut Console,
) -> Result<RunResult, Stop> {
    let (declined, mut failed) = ask_about_originals(plan, console)?;
    let wanted = |entry: &Entry| !declined.contains(&entry.name);
    let is_todo = |entry: &Entry| wanted(entry) && Task::of(entry).is_some();
    let has_work = plan.entries.iter().any(is_todo);
    failed.extend(apply(&aws.lightsail, plan, wanted, console).await?);
    let (lightsail, region) = (&aws.lightsail, wish.region);
    facts.existing = existing(lightsail, region, patience())
        .await
        .map_err(unread("reading the instances and disks", region))?;
    let is_restored = |entry: &Entry| matches!(entry.action, Action::Done(_) | Action::Finish(_));
    let restored = plan::plan(wish, facts).entries.into_iter();
    let restored: Vec<Entry> = restored.filter(is_restored).collect();
    print_restored(region, &restored, console)?;
    if !has_work {
        console.line("Nothing was created.")?;
    }
    Ok(RunResult {
        restored,
        failed,
        declined: declined.into_iter().collect(),
    })
}

/// The servers that are not to be created, because their originals run. No answer is a no.
fn ask_about_originals(
    plan: &Plan,
    console: &mut Console,
) -> Result<(BTreeSet<String>, Vec<Failure>), Stop> {
    let running = plan
        .new_instances()
        .filter(|(_, new)| new.original_runs == Some(true));
    let running: Vec<_> = running.map(|(entry, _)| entry).collect();
    if running.is_empty() {
        return Ok(Default::default());
    }
    let originals: Vec<_> = running
        .iter()
        .map(|entry| format!("{}/{}", entry.source.region, entry.source.name))
        .collect();
    let answer = console.ask(&format!(
        "These originals still run: {}. Create second servers? [y/N]",
        originals.join(" ")
    ))?;
    let names = || running.iter().map(|entry| entry.name.clone());
    let mut failures = Vec::new();
    match answer.as_deref() {
        Some("y" | "Y" | "yes" | "Yes" | "YES") => return Ok(Default::default()),
        Some(_) => {}
        None => {
            for name in names() {
                let message = "its original still runs, and nobody answered the question";
                console.failure(format_args!("{name}: {message}"))?;
                failures.push(Failure::found(&name, message.to_owned()));
            }
        }
    }
    Ok((names().collect(), failures))
}
