//! One file a command. `print` is the part of `restore` that people read.

mod completions;
mod delete;
mod list;
mod print;
mod restore;

pub use self::completions::completions;
pub use self::delete::delete;
pub use self::list::list;
pub use self::restore::restore;

use std::time::Duration;

use lightsail_snapshot_copier::{ApiError, Region, Resource, ResourceKind, Share};
use tokio::time::Instant;

use crate::aws::{Aws, patience};
use crate::lightsail::{Restorable, restorable};
use crate::{Outcome, Stop};

type Done = Result<Outcome, Stop>;

/// How long a source Region may take to answer. It may be down.
const SOURCE_PATIENCE: Duration = Duration::from_secs(15);

/// How long faults of a source Region that may pass are retried.
const SOURCE_RETRIES: Duration = Duration::from_secs(5);

/// All manual snapshots of a Region.
async fn snapshots(aws: &Aws, region: Region) -> Result<Vec<Restorable>, Stop> {
    let read = restorable(&aws.lightsail, region, patience()).await;
    read.map_err(unread("reading the snapshots", region))
}

fn unread(call: &'static str, region: Region) -> impl FnOnce(ApiError) -> Stop {
    move |error| Stop::Unread {
        call,
        region,
        error,
    }
}

/// The instances or disks of a source Region.
async fn sources(aws: &Aws, region: Region, kind: ResourceKind) -> Result<Vec<Resource>, ApiError> {
    let now = Instant::now();
    let until = Share {
        retries: now + SOURCE_RETRIES,
        end: now + SOURCE_PATIENCE,
    };
    aws.lightsail.resources(region, kind, until).await
}
