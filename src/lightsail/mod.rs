//! Lightsail in every Region: one method for each use of an API operation.
//!
//! Nothing else knows the SDK's client. `retry` makes the calls, `classify` and `convert` turn
//! errors and answers into the model's, and `paging` follows lists.

mod classify;
mod client;
mod convert;
mod drills;
mod lookup;
mod paging;
mod restore;
mod retry;
mod settings;

use std::error::Error;

use aws_sdk_lightsail::Client;
use aws_sdk_lightsail::error::SdkError;
use aws_sdk_lightsail::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

pub use self::client::{CALLS_AT_ONCE, Lightsail};
pub use self::drills::NewInstance;
pub use self::restore::NewDisk;
pub use self::retry::{Attempts, Until};
pub use self::settings::{TLS_PROVIDER, config, http_client};

use self::classify::{accepted, listed};
use self::paging::{Page, Pages};
use self::retry::Call;
use crate::model::copy::{CopySource, SnapshotCopy};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::operation::Operation;
use crate::model::region::Region;
use crate::model::resource::{AutoSnapshot, Resource, ResourceKind, Snapshot};

impl Lightsail {
    /// Starts a copy with [CopySnapshot] in its destination.
    ///
    /// [CopySnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html
    pub async fn copy_snapshot(
        &self,
        copy: &SnapshotCopy,
        until: impl Into<Until>,
    ) -> Result<Vec<Operation>, ApiError> {
        let call = Call::new("CopySnapshot", copy.destination, until);
        let answer = self
            .call(call, |client| {
                let request = client
                    .copy_snapshot()
                    .source_region(copy.source_region.as_str().into())
                    .target_snapshot_name(copy.target.as_str());
                match &copy.source {
                    CopySource::Manual { snapshot } => request.source_snapshot_name(snapshot),
                    CopySource::Dated { resource, date } => request
                        .source_resource_name(resource)
                        .restore_date(date.to_string()),
                    CopySource::Latest { resource } => request
                        .source_resource_name(resource)
                        .use_latest_restorable_auto_snapshot(true),
                }
                .send()
            })
            .await?;
        accepted(call.operation, answer.operations)
    }

    /// The automatic snapshots of an instance or disk ([GetAutoSnapshots]).
    ///
    /// [GetAutoSnapshots]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetAutoSnapshots.html
    pub async fn auto_snapshots(
        &self,
        region: Region,
        resource: &str,
        until: impl Into<Until>,
    ) -> Result<Vec<AutoSnapshot>, ApiError> {
        let call = Call::new("GetAutoSnapshots", region, until);
        let answer = self
            .call(call, |client| {
                client.get_auto_snapshots().resource_name(resource).send()
            })
            .await?;
        let has_request_id = answer.request_id().is_some();
        let snapshots = listed(call.operation, answer.auto_snapshots, has_request_id)?;
        Ok(snapshots
            .iter()
            .filter_map(convert::auto_snapshot)
            .collect())
    }

    /// All instances ([GetInstances]) or disks ([GetDisks]) of a Region.
    ///
    /// [GetInstances]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstances.html
    /// [GetDisks]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDisks.html
    pub async fn resources(
        &self,
        region: Region,
        kind: ResourceKind,
        until: impl Into<Until>,
    ) -> Result<Vec<Resource>, ApiError> {
        let mut all = Vec::new();
        match kind {
            ResourceKind::Instance => {
                self.list(
                    Call::new("GetInstances", region, until),
                    |client, token| client.get_instances().set_page_token(token).send(),
                    |answer| Page {
                        has_request_id: answer.request_id().is_some(),
                        items: answer.instances,
                        next: answer.next_page_token,
                    },
                    |instance| all.push(instance.into()),
                )
                .await?;
            }
            ResourceKind::Disk => {
                self.list(
                    Call::new("GetDisks", region, until),
                    |client, token| client.get_disks().set_page_token(token).send(),
                    |answer| Page {
                        has_request_id: answer.request_id().is_some(),
                        items: answer.disks,
                        next: answer.next_page_token,
                    },
                    |disk| all.push(disk.into()),
                )
                .await?;
            }
        }
        Ok(all)
    }

    /// Passes every manual snapshot of a Region's instances ([GetInstanceSnapshots]) or disks
    /// ([GetDiskSnapshots]) to `each`, page by page.
    ///
    /// [GetInstanceSnapshots]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstanceSnapshots.html
    /// [GetDiskSnapshots]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDiskSnapshots.html
    pub async fn snapshots(
        &self,
        region: Region,
        kind: ResourceKind,
        until: impl Into<Until>,
        mut each: impl FnMut(Snapshot),
    ) -> Result<(), ApiError> {
        match kind {
            ResourceKind::Instance => {
                self.list(
                    Call::new("GetInstanceSnapshots", region, until),
                    |client, token| client.get_instance_snapshots().set_page_token(token).send(),
                    |answer| Page {
                        has_request_id: answer.request_id().is_some(),
                        items: answer.instance_snapshots,
                        next: answer.next_page_token,
                    },
                    |snapshot| each(snapshot.into()),
                )
                .await
            }
            ResourceKind::Disk => {
                self.list(
                    Call::new("GetDiskSnapshots", region, until),
                    |client, token| client.get_disk_snapshots().set_page_token(token).send(),
                    |answer| Page {
                        has_request_id: answer.request_id().is_some(),
                        items: answer.disk_snapshots,
                        next: answer.next_page_token,
                    },
                    |snapshot| each(snapshot.into()),
                )
                .await
            }
        }
    }

    /// Adds tags to a resource ([TagResource]). Tags with other keys stay.
    ///
    /// [TagResource]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_TagResource.html
    pub async fn tag(
        &self,
        region: Region,
        name: &str,
        tags: &[(String, String)],
        until: impl Into<Until>,
    ) -> Result<(), ApiError> {
        let call = Call::new("TagResource", region, until);
        let tags = convert::sdk_tags(tags);
        let answer = self
            .call(call, |client| {
                let request = client.tag_resource().resource_name(name);
                request.set_tags(Some(tags.clone())).send()
            })
            .await?;
        accepted(call.operation, answer.operations).map(|_operations| ())
    }

    /// Deletes the snapshot of an instance ([DeleteInstanceSnapshot]) or of a disk
    /// ([DeleteDiskSnapshot]). Returns no Operations if it is gone already.
    ///
    /// [DeleteInstanceSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstanceSnapshot.html
    /// [DeleteDiskSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteDiskSnapshot.html
    pub async fn delete_snapshot(
        &self,
        region: Region,
        kind: ResourceKind,
        name: &str,
        until: impl Into<Until>,
    ) -> Result<Vec<Operation>, ApiError> {
        let operation = match kind {
            ResourceKind::Instance => "DeleteInstanceSnapshot",
            ResourceKind::Disk => "DeleteDiskSnapshot",
        };
        let call = Call::new(operation, region, until);
        let deleted = match kind {
            ResourceKind::Instance => self
                .call(call, |client| {
                    let request = client.delete_instance_snapshot();
                    request.instance_snapshot_name(name).send()
                })
                .await
                .map(|answer| answer.operations),
            ResourceKind::Disk => self
                .call(call, |client| {
                    let request = client.delete_disk_snapshot();
                    request.disk_snapshot_name(name).send()
                })
                .await
                .map(|answer| answer.operations),
        };
        match deleted {
            Ok(operations) => accepted(operation, operations),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Reads a list to its end.
    async fn list<A, T, E, F>(
        &self,
        call: Call,
        send: impl Fn(&Client, Option<String>) -> F,
        page: impl Fn(A) -> Page<T>,
        mut each: impl FnMut(T),
    ) -> Result<(), ApiError>
    where
        E: Error + 'static,
        F: Future<Output = Result<A, SdkError<E, HttpResponse>>>,
    {
        let mut pages = Pages::default();
        loop {
            let answer = self.call(call, |client| send(client, pages.token.clone()));
            let page = page(answer.await?);
            let items = listed(call.operation, page.items, page.has_request_id)?;
            items.into_iter().for_each(&mut each);
            if !pages.turn(call.operation, page.next)? {
                return Ok(());
            }
        }
    }
}
