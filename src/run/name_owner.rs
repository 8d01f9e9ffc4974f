//! Fetches what decides whether the snapshot with a copy's name is that copy.

use tokio::time::Instant;

use crate::lightsail::Lightsail;
use crate::model::copy::{CopySource, SnapshotCopy};
use crate::model::failure::ApiError;
use crate::plan::SourceFacts;

/// What Lightsail says about the source of a copy whose name is in use.
pub async fn source_facts(
    lightsail: &Lightsail,
    copy: &SnapshotCopy,
    deadline: Instant,
) -> Result<SourceFacts, ApiError> {
    let region = copy.source_region;
    Ok(match &copy.source {
        CopySource::Manual { snapshot } => {
            let target = copy.target.as_str();
            let source = lightsail.find_snapshot(region, snapshot, deadline).await?;
            let copied_from = lightsail.copied_from(copy.destination, target, deadline);
            SourceFacts::Manual {
                snapshot: source.map(Box::new),
                copied_from: copied_from.await?,
            }
        }
        CopySource::Dated { resource, .. } | CopySource::Latest { resource } => {
            let kind = lightsail.resource_kind(region, resource, deadline).await?;
            SourceFacts::Resource { kind }
        }
    })
}
