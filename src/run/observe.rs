//! Reads what a policy run needs to know, all Regions at once.
//!
//! First the lists: instances and disks of the source Regions, snapshots of the destinations. Then
//! the automatic snapshots of the sources without a copy of today. A failed read is reported, and
//! the run goes on with the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::{join, join_all};
use jiff::Timestamp;

use super::recorder::Recorder;
use super::rounds::rounds;
use crate::deadline::{Deadline, Share};
use crate::lightsail::Lightsail;
use crate::model::event::{Event, ReadFailure};
use crate::model::failure::{ApiError, existing};
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::model::resource::{Resource, ResourceId, ResourceKind, Snapshot};
use crate::plan::{DestinationInventory, Inventory, sources_to_query};

/// Reads the lists that a run of `policy` needs, and records what could not be read.
pub async fn lists(
    lightsail: &Lightsail,
    policy: &Policy,
    deadline: Deadline,
    recorder: &Recorder<'_>,
) -> Inventory {
    let mut inventory = Inventory::default();
    let unread = |region, error| record_unread(recorder, region, None, error);
    let resources = read_resources(lightsail, policy, deadline.lists);
    let destinations = join_all(policy.destinations.iter().map(|region| async {
        let snapshots = read_destination(lightsail, *region, deadline.lists);
        (*region, snapshots.await)
    }));
    let (resources, destinations) = join(resources, destinations).await;
    for (region, kind, result) in resources {
        match result {
            Ok(resources) => inventory.add_resources(region, kind, resources),
            Err(error) => unread(region, error),
        }
    }
    for (region, result) in destinations {
        match result {
            Ok(destination) => inventory.add_destination(region, destination),
            Err(error) => unread(region, error),
        }
    }
    inventory
}

fn record_unread(
    recorder: &Recorder<'_>,
    region: Region,
    source: Option<Arc<str>>,
    error: ApiError,
) {
    recorder.record(Event::RegionUnread(ReadFailure {
        region,
        operation: error.details.operation,
        source,
        error,
    }));
}

/// Reads the automatic snapshots of the sources that a run of `policy` at `now` must query.
pub async fn auto_snapshots(
    lightsail: &Lightsail,
    policy: &Policy,
    now: Timestamp,
    deadline: Deadline,
    inventory: &mut Inventory,
    recorder: &Recorder<'_>,
) {
    let sources = sources_to_query(policy, inventory, now);
    query_auto_snapshots(lightsail, sources, deadline.observe, inventory, recorder).await;
}

/// Reads the instances and disks that the policy can select, and the instances of destinations with
/// drills.
async fn read_resources(
    lightsail: &Lightsail,
    policy: &Policy,
    time: Share,
) -> Vec<(Region, ResourceKind, Result<Vec<Resource>, ApiError>)> {
    let rules = policy.sources.iter();
    let sources = rules.flat_map(|rule| rule.regions.clone());
    let drills = policy.drills.iter().flat_map(|_| &policy.destinations);
    let regions: BTreeSet<Region> = sources.chain(drills.clone().copied()).collect();
    let has_drills = |region, kind| {
        kind == ResourceKind::Instance && drills.clone().any(|destination| *destination == region)
    };
    let lists = regions
        .into_iter()
        .flat_map(|region| ResourceKind::ALL.map(|kind| (region, kind)))
        .filter(|(region, kind)| policy.looks_at(*region, *kind) || has_drills(*region, *kind))
        .map(|(region, kind)| async move {
            let resources = lightsail.resources(region, kind, time).await;
            (region, kind, resources)
        });
    join_all(lists).await
}

async fn read_destination(
    lightsail: &Lightsail,
    region: Region,
    time: Share,
) -> Result<DestinationInventory, ApiError> {
    let mut destination = DestinationInventory::new(region);
    for kind in ResourceKind::ALL {
        let add = |snapshot: Snapshot| destination.add(&snapshot);
        lightsail.snapshots(region, kind, time, add).await?;
    }
    Ok(destination)
}

/// Queries the automatic snapshots of sources, and adds them to the inventory. Records those that could
/// not be read.
async fn query_auto_snapshots(
    lightsail: &Lightsail,
    sources: Vec<ResourceId>,
    time: Share,
    inventory: &mut Inventory,
    recorder: &Recorder<'_>,
) {
    let mut by_region: BTreeMap<Region, Vec<ResourceId>> = BTreeMap::new();
    for source in sources {
        by_region.entry(source.region).or_default().push(source);
    }
    let attempt = async |source: &ResourceId, until| {
        let snapshots = lightsail.auto_snapshots(source.region, &source.name, until);
        // None if it was deleted since the list was read.
        Ok(existing(snapshots.await)?.unwrap_or_default())
    };
    let regions = by_region.into_values().map(|sources| async move {
        let mut queried = Vec::with_capacity(sources.len());
        let done = |source, snapshots| queried.push((source, snapshots));
        rounds(lightsail, sources, time, attempt, done).await;
        queried
    });
    for (source, snapshots) in join_all(regions).await.into_iter().flatten() {
        if let Err(error) = &snapshots {
            let name = Some(source.name.clone());
            record_unread(recorder, source.region, name, error.clone());
        }
        inventory.auto_snapshots.insert(source, snapshots);
    }
}
