//! The calls of drills: bundles, and the instances that a drill starts and deletes.

use std::collections::HashMap;

use aws_sdk_lightsail::operation::RequestId;
use aws_sdk_lightsail::types::{DiskMap, IpAddressType};

use super::classify::accepted;
use super::client::Lightsail;
use super::convert::{self, sdk_tags};
use super::paging::Page;
use super::retry::{Call, Until};
use crate::model::bundle::{Bundle, Bundles};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;

/// An instance to create from a snapshot.
pub struct NewInstance<'a> {
    /// Unique in the Region.
    pub name: &'a str,
    /// The snapshot's name.
    pub snapshot: &'a str,
    pub zone: &'a str,
    pub bundle: &'a Bundle,
    /// The device of each attached disk in the snapshot, and the name that the new disk gets.
    pub disks: &'a [(String, String)],
    /// Keys and values.
    pub tags: &'a [(String, String)],
}

impl Lightsail {
    /// The bundles of a Region, active or not ([GetBundles]).
    ///
    /// [GetBundles]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetBundles.html
    pub async fn bundles(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<Bundles, ApiError> {
        let mut bundles = Vec::new();
        self.list(
            Call::new("GetBundles", region, until),
            |client, token| {
                let request = client.get_bundles().include_inactive(true);
                request.set_page_token(token).send()
            },
            |answer| Page {
                has_request_id: answer.request_id().is_some(),
                items: answer.bundles,
                next: answer.next_page_token,
            },
            |bundle| bundles.extend(convert::bundle(bundle)),
        )
        .await?;
        Ok(bundles.into())
    }

    /// Creates an instance from a snapshot in its Region ([CreateInstancesFromSnapshot]), with
    /// its tags and without add-ons. A bundle without IPv4 addresses needs `ipAddressType`
    /// `ipv6`; the default is `dualstack`.
    ///
    /// [CreateInstancesFromSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateInstancesFromSnapshot.html
    pub async fn create_instance(
        &self,
        region: Region,
        new: &NewInstance<'_>,
        until: impl Into<Until>,
    ) -> Result<(), ApiError> {
        let call = Call::new("CreateInstancesFromSnapshot", region, until);
        let tags = sdk_tags(new.tags);
        let disks = new.disks.iter().map(|(path, name)| {
            let disk = DiskMap::builder().original_disk_path(path);
            disk.new_disk_name(name).build()
        });
        let disks: Vec<_> = disks.collect();
        let disks = (!disks.is_empty()).then(|| HashMap::from([(new.name.to_owned(), disks)]));
        let is_ipv6_only = new.bundle.hardware.ipv4_addresses == 0;
        let answer = self
            .call(call, |client| {
                client
                    .create_instances_from_snapshot()
                    .instance_names(new.name)
                    .instance_snapshot_name(new.snapshot)
                    .bundle_id(&new.bundle.id)
                    .set_ip_address_type(is_ipv6_only.then_some(IpAddressType::Ipv6))
                    .availability_zone(new.zone)
                    .set_attached_disk_mapping(disks.clone())
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await?;
        accepted(call.operation, answer.operations).map(|_operations| ())
    }

    /// Deletes an instance and its add-ons, without which Lightsail would refuse ([DeleteInstance]).
    /// An instance that is gone counts as deleted.
    ///
    /// [DeleteInstance]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstance.html
    pub async fn delete_instance(
        &self,
        region: Region,
        name: &str,
        until: impl Into<Until>,
    ) -> Result<(), ApiError> {
        let call = Call::new("DeleteInstance", region, until);
        let deleted = self.call(call, |client| {
            let request = client.delete_instance().instance_name(name);
            request.force_delete_add_ons(true).send()
        });
        match deleted.await {
            Ok(answer) => accepted(call.operation, answer.operations).map(|_operations| ()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}
