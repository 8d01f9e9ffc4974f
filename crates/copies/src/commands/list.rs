//! `list`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::civil::Date;
use lightsail_snapshot_copier::{ApiError, Region, ResourceId, ResourceKind, SnapshotState};
use serde::Serialize;

use super::{Done, snapshots, sources};
use crate::aws::Aws;
use crate::cli::ListOptions;
use crate::console::{Console, counted};
use crate::copies::RegionCopies;
use crate::{Outcome, Stop};

#[derive(Serialize)]
struct Listing<'a> {
    region: Region,
    sources: Vec<Source<'a>>,
    /// Source Regions that could not be read.
    unread: Vec<Unread>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    #[serde(flatten)]
    id: &'a ResourceId,
    resource_type: ResourceKind,
    exists: Existence,
    last_drill: Option<String>,
    copies: Vec<Copy<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Copy<'a> {
    snapshot_name: &'a str,
    recovery_point: Date,
    state: &'static str,
    size_gb: u32,
    last_drill: Option<String>,
}

#[derive(Serialize)]
struct Unread {
    region: Region,
    error: ApiError,
}

/// Whether the instance or disk still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Existence {
    Exists,
    Gone,
    Unknown,
}

pub async fn list(options: &ListOptions, aws: &Aws, console: &mut Console) -> Done {
    let found = snapshots(aws, options.region).await?;
    let copies = RegionCopies::new(options.region, &found, Timestamp::now());
    let selected = copies.selected(&options.names);
    let kinds = selected.keys().map(|source| (source.region, source.kind));
    let existing = existing(aws, kinds.collect()).await;
    let sources = selected.iter().map(|(source, of_source)| {
        let rows = of_source.iter().map(|copy| Copy {
            snapshot_name: copy.name.as_str(),
            recovery_point: copy.date,
            state: state(copy.state),
            size_gb: copy.size_gb,
            last_drill: copy.drilled.map(|verdict| verdict.to_string()),
        });
        Source {
            id: source,
            resource_type: source.kind,
            exists: existence(source, &existing),
            last_drill: of_source
                .iter()
                .filter_map(|copy| copy.drilled)
                .max()
                .map(|verdict| verdict.to_string()),
            copies: rows.collect(),
        }
    });
    let unread = existing.iter().filter_map(|((region, _), read)| {
        let error = read.as_ref().err()?.clone();
        Some((*region, error))
    });
    let unread: BTreeMap<_, _> = unread.collect();
    let unread = unread.into_iter();
    let listing = Listing {
        region: options.region,
        sources: sources.collect(),
        unread: unread
            .map(|(region, error)| Unread { region, error })
            .collect(),
    };
    console.document(&listing)?;
    print(&listing, options, console)?;
    let unmatched: Vec<_> = copies.unmatched(&options.names).collect();
    for glob in &unmatched {
        console.stop(&format!(
            "no copy of {} in {}",
            glob.as_str(),
            options.region
        ));
    }
    Ok(Outcome::failed_if(!unmatched.is_empty()))
}

type Existing = BTreeMap<(Region, ResourceKind), Result<BTreeSet<Arc<str>>, ApiError>>;

/// The names of what exists in the source Regions. Those may be down.
async fn existing(aws: &Aws, kinds: BTreeSet<(Region, ResourceKind)>) -> Existing {
    let reads = kinds.into_iter().map(async |(region, kind)| {
        let read = sources(aws, region, kind).await;
        let names = |found: Vec<_>| {
            found
                .into_iter()
                .map(|found: lightsail_snapshot_copier::Resource| found.name)
        };
        ((region, kind), read.map(|found| names(found).collect()))
    });
    join_all(reads).await.into_iter().collect()
}

fn existence(source: &ResourceId, existing: &Existing) -> Existence {
    match existing.get(&(source.region, source.kind)) {
        Some(Ok(names)) if names.contains(&source.name) => Existence::Exists,
        Some(Ok(_)) => Existence::Gone,
        _ => Existence::Unknown,
    }
}

fn state(state: SnapshotState) -> &'static str {
    match state {
        SnapshotState::Pending => "pending",
        SnapshotState::Available => "available",
        SnapshotState::Unknown => "unknown",
        SnapshotState::Error => "error",
    }
}

fn print(listing: &Listing<'_>, options: &ListOptions, console: &mut Console) -> Result<(), Stop> {
    for unread in &listing.unread {
        console.warning(format_args!(
            "{} cannot be read, so nobody knows which of its servers are gone: {}",
            unread.region, unread.error
        ))?;
    }
    let rows = listing.sources.iter();
    let rows = rows.flat_map(|source| source.copies.iter().map(move |copy| row(source, copy)));
    let header = [
        "SOURCE",
        "TYPE",
        "RECOVERY POINT",
        "STATE",
        "SIZE",
        "LAST DRILL",
        "SERVER",
        "SNAPSHOT",
    ];
    console.table(&header, rows.collect())?;
    let copies = listing.sources.iter().flat_map(|source| &source.copies);
    let size: u64 = copies.clone().map(|copy| u64::from(copy.size_gb)).sum();
    let sources = |exists| {
        let sources = listing.sources.iter();
        sources.filter(|source| source.exists == exists).count()
    };
    console.line(format_args!(
        "{} of {} in {}, at most {size} GB. Servers that are gone: {}; not known: {}",
        counted(copies.count(), "copy"),
        counted(listing.sources.len(), "source"),
        options.region,
        sources(Existence::Gone),
        sources(Existence::Unknown),
    ))?;
    Ok(())
}

fn row(source: &Source<'_>, copy: &Copy<'_>) -> Vec<String> {
    let server = match source.exists {
        Existence::Exists => "exists",
        Existence::Gone => "GONE",
        Existence::Unknown => "?",
    };
    vec![
        format!("{}/{}", source.id.region, source.id.name),
        source.id.kind.noun().to_owned(),
        copy.recovery_point.to_string(),
        copy.state.to_owned(),
        format!("{} GB", copy.size_gb),
        copy.last_drill.clone().unwrap_or_else(|| "-".to_owned()),
        server.to_owned(),
        copy.snapshot_name.to_owned(),
    ]
}
