//! Looks up single snapshots, and what they are copies of.

use aws_sdk_lightsail::operation::RequestId;
use aws_sdk_lightsail::types::ResourceType;
use jiff::Timestamp;

use super::classify::found;
use super::client::Lightsail;
use super::paging::Page;
use super::retry::{Call, Until};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::operation::{Operation, Time};
use crate::model::region::Region;
use crate::model::resource::{ResourceKind, Snapshot};

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
        until: impl Into<Until>,
    ) -> Result<Option<Snapshot>, ApiError> {
        let until = until.into();
        let call = Call::new("GetInstanceSnapshot", region, until);
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
        let call = Call::new("GetDiskSnapshot", region, until);
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

    /// Whether a source is an instance or a disk, from [GetAutoSnapshots]. `None` if the source is
    /// gone.
    ///
    /// [GetAutoSnapshots]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetAutoSnapshots.html
    pub async fn resource_kind(
        &self,
        region: Region,
        resource: &str,
        until: impl Into<Until>,
    ) -> Result<Option<ResourceKind>, ApiError> {
        let call = Call::new("GetAutoSnapshots", region, until);
        let answer = self.call(call, |client| {
            client.get_auto_snapshots().resource_name(resource).send()
        });
        match answer.await {
            Ok(answer) => Ok(match answer.resource_type {
                Some(ResourceType::Instance) => Some(ResourceKind::Instance),
                Some(ResourceType::Disk) => Some(ResourceKind::Disk),
                _ => None,
            }),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a snapshot was copied from: `operationDetails` (`{region}:{snapshot}`) of its newest
    /// CopySnapshot operation that did not fail, from [GetOperationsForResource]. `None` if
    /// Lightsail does not have the operation any more.
    ///
    /// [GetOperationsForResource]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetOperationsForResource.html
    pub async fn copied_from(
        &self,
        region: Region,
        snapshot: &str,
        until: impl Into<Until>,
    ) -> Result<Option<String>, ApiError> {
        let mut newest: Option<(Option<Timestamp>, String)> = None;
        let read = self.list(
            Call::new("GetOperationsForResource", region, until),
            |client, token| {
                let request = client.get_operations_for_resource();
                let request = request.resource_name(snapshot);
                request.set_page_token(token).send()
            },
            |answer| Page {
                has_request_id: answer.request_id().is_some(),
                items: answer.operations,
                next: answer.next_page_token,
            },
            |operation| {
                let operation = Operation::from(operation);
                let made_it = operation.operation_type.as_deref() == Some("CopySnapshot")
                    && operation.status.as_deref() != Some("Failed");
                let created_at = operation.created_at.map(|Time(time)| time);
                let is_newer = newest.as_ref().is_none_or(|(time, _)| created_at > *time);
                if let Some(details) = operation.operation_details
                    && made_it
                    && is_newer
                {
                    newest = Some((created_at, details));
                }
            },
        );
        match read.await {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(newest.map(|(_, details)| details)),
        }
    }
}
