//! Reads what a policy run has to know, all Regions at once.
//!
//! First the lists: instances and disks in the source Regions, snapshots in the destinations.
//! Then, only for the sources that lack a copy of today, their automatic snapshots. What cannot
//! be read is a finding, and the run goes on with the rest.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::lightsail::{CALLS_AT_ONCE, Class, Failure, Lightsail, ResourceKind};
use crate::plan::{Destination, Observed, SourceId, sources_to_ask};
use crate::policy::Policy;
use crate::region::Region;

const KINDS: [ResourceKind; 2] = [ResourceKind::Instance, ResourceKind::Disk];

/// A Region that could not be read, in whole or for one source.
#[derive(Debug)]
pub struct Unread {
    /// The Region.
    pub region: Region,
    /// The call that failed.
    pub operation: &'static str,
    /// The source that was asked for, where it was one.
    pub source: Option<String>,
    /// Why it failed.
    pub failure: Failure,
}

/// Reads what a run of `policy` at `now` has to know: lists until `lists`, so that a Region that
/// does not answer leaves time to ask for automatic snapshots in the others, until `deadline`.
pub async fn observe(
    lightsail: &Lightsail,
    policy: &Policy,
    now: Timestamp,
    lists: Instant,
    deadline: Instant,
) -> (Observed, Vec<Unread>) {
    let mut observed = Observed::default();
    let mut unread = Vec::new();

    let source_regions: BTreeSet<Region> = policy.sources.iter().map(|rule| rule.region).collect();
    let resources = source_regions
        .into_iter()
        .flat_map(|region| KINDS.map(|kind| (region, kind)))
        .filter(|(region, kind)| policy.looks_at(*region, *kind))
        .map(|(region, kind)| async move {
            (region, kind, lightsail.resources(region, kind, lists).await)
        });
    let resources = futures_util::future::join_all(resources);
    let destinations =
        futures_util::future::join_all(policy.destinations.iter().map(|region| async move {
            (*region, read_destination(lightsail, *region, lists).await)
        }));
    let (resources, destinations) = futures_util::future::join(resources, destinations).await;
    for (region, kind, result) in resources {
        match result {
            Ok(resources) => {
                observed.read.insert((region, kind));
                observed
                    .resources
                    .extend(resources.into_iter().map(|resource| {
                        let id = SourceId {
                            region,
                            name: resource.name.clone(),
                            kind,
                        };
                        (id, resource)
                    }));
            }
            Err(failure) => unread.push(Unread {
                region,
                operation: match kind {
                    ResourceKind::Instance => "GetInstances",
                    ResourceKind::Disk => "GetDisks",
                },
                source: None,
                failure,
            }),
        }
    }
    for (region, result) in destinations {
        match result {
            Ok(destination) => {
                observed.destinations.insert(region, destination);
            }
            Err((operation, failure)) => unread.push(Unread {
                region,
                operation,
                source: None,
                failure,
            }),
        }
    }

    let sources = sources_to_ask(policy, &observed, now);
    let mut by_region: Vec<Vec<SourceId>> = Vec::new();
    for source in sources {
        match by_region.last_mut() {
            Some(last) if last.first().is_some_and(|s| s.region == source.region) => {
                last.push(source);
            }
            _ => by_region.push(vec![source]),
        }
    }
    let asked = by_region.into_iter().map(|sources| {
        stream::iter(sources)
            .map(|source| async move {
                let points = lightsail.recovery_points(source.region, &source.name, deadline);
                let points = match points.await {
                    // Deleted since the list was read.
                    Err(failure) if failure.class == Class::NotFound => Ok(Vec::new()),
                    answered => answered,
                };
                (source, points)
            })
            .buffer_unordered(CALLS_AT_ONCE)
    });
    let mut asked = stream::select_all(asked);
    while let Some((source, points)) = asked.next().await {
        if let Err(failure) = &points {
            unread.push(Unread {
                region: source.region,
                operation: "GetAutoSnapshots",
                source: Some(source.name.clone()),
                failure: failure.clone(),
            });
        }
        observed.recovery_points.insert(source, points);
    }
    (observed, unread)
}

/// All snapshots of a destination; or the call that failed, and why.
async fn read_destination(
    lightsail: &Lightsail,
    region: Region,
    deadline: Instant,
) -> Result<Destination, (&'static str, Failure)> {
    let mut destination = Destination::default();
    for (kind, operation) in KINDS
        .into_iter()
        .zip(["GetInstanceSnapshots", "GetDiskSnapshots"])
    {
        lightsail
            .snapshots(region, kind, deadline, |snapshot| {
                destination.note(&snapshot)
            })
            .await
            .map_err(|failure| (operation, failure))?;
    }
    Ok(destination)
}
