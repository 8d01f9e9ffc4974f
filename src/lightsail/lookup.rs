//! Looks up single snapshots and what a copy's source is.

use tokio::time::Instant;

use super::Lightsail;
use super::classify::found;
use super::retry::Call;
use crate::model::copy::{CopySource, SnapshotCopy};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;
use crate::model::resource::Snapshot;

impl Lightsail {
    /// Finds the snapshot of an instance ([GetInstanceSnapshot]) or of a disk ([GetDiskSnapshot])
    /// by its name.
    ///
    /// [GetInstanceSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstanceSnapshot.html
    /// [GetDiskSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDiskSnapshot.html
    pub async fn find_snapshot(
        &self,
        region: Region,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Snapshot>, ApiError> {
        let call = Call::new("GetInstanceSnapshot", region, deadline);
        let of_instance = self.call(call, |client| {
            let request = client.get_instance_snapshot();
            request.instance_snapshot_name(name).send()
        });
        match of_instance.await {
            Ok(answer) => {
                let snapshot = found(call.operation, answer.instance_snapshot)?;
                return Ok(Some(snapshot.into()));
            }
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let call = Call::new("GetDiskSnapshot", region, deadline);
        let of_disk = self.call(call, |client| {
            client.get_disk_snapshot().disk_snapshot_name(name).send()
        });
        match of_disk.await {
            Ok(answer) => {
                let snapshot = found(call.operation, answer.disk_snapshot)?;
                Ok(Some(snapshot.into()))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the source of a copy exists: a manual snapshot, or a restorable automatic one.
    pub async fn has_source(
        &self,
        copy: &SnapshotCopy,
        deadline: Instant,
    ) -> Result<bool, ApiError> {
        let (resource, date) = match &copy.source {
            CopySource::Manual { snapshot } => {
                let found = self.find_snapshot(copy.source_region, snapshot, deadline);
                return Ok(found.await?.is_some());
            }
            CopySource::Dated { resource, date } => (resource, Some(*date)),
            CopySource::Latest { resource } => (resource, None),
        };
        let snapshots = self.auto_snapshots(copy.source_region, resource, deadline);
        Ok(snapshots
            .await?
            .iter()
            .any(|snapshot| snapshot.restorable && date.is_none_or(|date| date == snapshot.date)))
    }
}
