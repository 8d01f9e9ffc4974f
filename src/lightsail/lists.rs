//! Lists that Lightsail returns page by page.

use std::collections::HashSet;
use std::error::Error;

use aws_sdk_lightsail::error::SdkError;
use aws_sdk_lightsail::operation::RequestId;
use aws_sdk_lightsail::{Client, operation, types as sdk};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Timestamp;

use super::client::Lightsail;
use super::convert::bundle;
use super::retry::{Call, Until};
use crate::model::bundle::Bundles;
use crate::model::failure::{ApiError, existing};
use crate::model::operation::Operation;
use crate::model::region::Region;
use crate::model::resource::{Resource, ResourceKind};
use crate::model::time::Time;

/// One page of a list, and the token of the next one.
struct Page<T>(Option<Vec<T>>, Option<String>);

macro_rules! pages {
    ($($module:ident::$answer:ident: $items:ident of $item:ident),+ $(,)?) => {$(
        impl From<operation::$module::$answer> for Page<sdk::$item> {
            fn from(answer: operation::$module::$answer) -> Self {
                Self(answer.$items, answer.next_page_token)
            }
        }
    )+};
}

pages!(
    get_bundles::GetBundlesOutput: bundles of Bundle,
    get_disk_snapshots::GetDiskSnapshotsOutput: disk_snapshots of DiskSnapshot,
    get_disks::GetDisksOutput: disks of Disk,
    get_instance_snapshots::GetInstanceSnapshotsOutput: instance_snapshots of InstanceSnapshot,
    get_instances::GetInstancesOutput: instances of Instance,
    get_operations_for_resource::GetOperationsForResourceOutput: operations of Operation,
);

impl Lightsail {
    pub async fn instances<T: From<sdk::Instance>>(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<Vec<T>, ApiError> {
        let mut all = Vec::new();
        let call = Call::new("GetInstances", region, until);
        let read = self.list(
            call,
            |client, token| client.get_instances().set_page_token(token).send(),
            |instance: sdk::Instance| all.push(instance.into()),
        );
        read.await.map(|()| all)
    }

    pub async fn disks<T: From<sdk::Disk>>(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<Vec<T>, ApiError> {
        let mut all = Vec::new();
        let call = Call::new("GetDisks", region, until);
        let read = self.list(
            call,
            |client, token| client.get_disks().set_page_token(token).send(),
            |disk: sdk::Disk| all.push(disk.into()),
        );
        read.await.map(|()| all)
    }

    pub async fn resources(
        &self,
        region: Region,
        kind: ResourceKind,
        until: impl Into<Until>,
    ) -> Result<Vec<Resource>, ApiError> {
        match kind {
            ResourceKind::Instance => self.instances(region, until).await,
            ResourceKind::Disk => self.disks(region, until).await,
        }
    }

    /// Passes every manual snapshot of a Region's instances or disks to `each`, page by page.
    pub async fn snapshots<T: From<sdk::InstanceSnapshot> + From<sdk::DiskSnapshot>>(
        &self,
        region: Region,
        kind: ResourceKind,
        until: impl Into<Until>,
        mut each: impl FnMut(T),
    ) -> Result<(), ApiError> {
        if kind == ResourceKind::Instance {
            let read = self.list(
                Call::new("GetInstanceSnapshots", region, until),
                |client, token| client.get_instance_snapshots().set_page_token(token).send(),
                |snapshot: sdk::InstanceSnapshot| each(snapshot.into()),
            );
            return read.await;
        }
        let read = self.list(
            Call::new("GetDiskSnapshots", region, until),
            |client, token| client.get_disk_snapshots().set_page_token(token).send(),
            |snapshot: sdk::DiskSnapshot| each(snapshot.into()),
        );
        read.await
    }

    /// What a snapshot was copied from: `operationDetails` (`{region}:{snapshot}`) of its newest
    /// CopySnapshot operation that did not fail. `None` if Lightsail does not have the operation any
    /// more.
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
            |operation: sdk::Operation| {
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
        existing(read.await)?;
        Ok(newest.map(|(_, details)| details))
    }

    /// The bundles of a Region, active or not.
    pub async fn bundles(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<Bundles, ApiError> {
        let mut bundles = Vec::new();
        let read = self.list(
            Call::new("GetBundles", region, until),
            |client, token| {
                let request = client.get_bundles().include_inactive(true);
                request.set_page_token(token).send()
            },
            |found: sdk::Bundle| bundles.extend(bundle(found)),
        );
        read.await.map(|()| bundles.into())
    }

    /// Reads a list to its end, and passes each element to `each`.
    async fn list<A, T, E, F>(
        &self,
        call: Call,
        send: impl Fn(&Client, Option<String>) -> F,
        mut each: impl FnMut(T),
    ) -> Result<(), ApiError>
    where
        A: Into<Page<T>> + RequestId,
        E: Error + 'static,
        F: Future<Output = Result<A, SdkError<E, HttpResponse>>>,
    {
        let (mut token, mut seen) = (None, HashSet::new());
        loop {
            let answer = self
                .call(call, |client| send(client, token.clone()))
                .await?;
            let request_id = answer.request_id().map(str::to_owned);
            let Page(items, next) = answer.into();
            let items = call.listed(items, request_id.as_deref())?;
            items.into_iter().for_each(&mut each);
            // Some services end a list with an empty token.
            let Some(next) = next.filter(|next| !next.is_empty()) else {
                return Ok(());
            };
            if !seen.insert(next.clone()) {
                return Err(call.not_lightsail(format!(
                    "{} returned the token of an earlier page: the list starts again",
                    call.operation
                )));
            }
            token = Some(next);
        }
    }
}
