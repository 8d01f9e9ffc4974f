//! The calls of drills: bundles, and the instances that a drill starts and deletes.

use std::collections::BTreeSet;

use aws_sdk_lightsail::operation::RequestId;

use super::classify::accepted;
use super::client::Lightsail;
use super::convert::sdk_tags;
use super::paging::Page;
use super::retry::{Call, Until};
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;

/// An instance to create from a snapshot.
pub struct NewInstance<'a> {
    /// Unique in the Region.
    pub name: &'a str,
    /// The snapshot's name.
    pub snapshot: &'a str,
    /// The bundle's id.
    pub bundle: &'a str,
    /// Keys and values.
    pub tags: &'a [(String, String)],
}

impl Lightsail {
    /// The ids of the bundles that a Region offers ([GetBundles]).
    ///
    /// [GetBundles]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetBundles.html
    pub async fn active_bundles(
        &self,
        region: Region,
        until: impl Into<Until>,
    ) -> Result<BTreeSet<String>, ApiError> {
        let mut active = BTreeSet::new();
        self.list(
            Call::new("GetBundles", region, until),
            |client, token| client.get_bundles().set_page_token(token).send(),
            |answer| Page {
                has_request_id: answer.request_id().is_some(),
                items: answer.bundles,
                next: answer.next_page_token,
            },
            |bundle| active.extend(bundle.bundle_id.filter(|_| bundle.is_active != Some(false))),
        )
        .await?;
        Ok(active)
    }

    /// Creates an instance from a snapshot in its Region ([CreateInstancesFromSnapshot]), in the
    /// first Availability Zone, with its tags and without add-ons.
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
        let answer = self
            .call(call, |client| {
                client
                    .create_instances_from_snapshot()
                    .instance_names(new.name)
                    .instance_snapshot_name(new.snapshot)
                    .bundle_id(new.bundle)
                    .availability_zone(format!("{region}a"))
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await?;
        accepted(call.operation, answer.operations).map(|_operations| ())
    }

    /// Deletes an instance ([DeleteInstance]). An instance that is gone counts as deleted.
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
            client.delete_instance().instance_name(name).send()
        });
        match deleted.await {
            Ok(answer) => accepted(call.operation, answer.operations).map(|_operations| ()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}
