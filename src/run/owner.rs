//! Fetches what decides whether the snapshot with a copy's name is that copy.

use crate::lightsail::{Lightsail, Until};
use crate::model::copy::{CopySource, SnapshotCopy};
use crate::model::failure::ApiError;
use crate::plan::{CopyState, SourceFacts, name_owner};

/// Looks up the snapshot that has a copy's name. `None`: no snapshot has it. An inner error says what
/// else has it, or that the copy failed.
pub async fn find_owner(
    lightsail: &Lightsail,
    copy: &SnapshotCopy,
    until: Until,
) -> Result<Option<Result<CopyState, ApiError>>, ApiError> {
    let (region, name) = (copy.destination, copy.target.as_str());
    let Some(found) = lightsail.find_snapshot(region, name, until).await? else {
        return Ok(None);
    };
    let source = source_facts(lightsail, copy, until).await?;
    Ok(Some(name_owner(copy, &found, &source)))
}

/// What Lightsail says about the source of a copy whose name is in use.
async fn source_facts(
    lightsail: &Lightsail,
    copy: &SnapshotCopy,
    until: Until,
) -> Result<SourceFacts, ApiError> {
    let region = copy.source_region;
    Ok(match &copy.source {
        CopySource::Manual { snapshot } => {
            let target = copy.target.as_str();
            let source = lightsail.find_snapshot(region, snapshot, until).await?;
            let copied_from = lightsail.copied_from(copy.destination, target, until);
            SourceFacts::Manual {
                snapshot: source.map(Box::new),
                copied_from: copied_from.await?,
            }
        }
        CopySource::Dated { resource, .. } | CopySource::Latest { resource } => {
            let kind = lightsail.resource_kind(region, resource, until).await?;
            SourceFacts::Resource { kind }
        }
    })
}
