//! [TagResource](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_TagResource.html) and
//! [UntagResource](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_UntagResource.html).

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::describe;
use super::fault::CallFault;
use super::ledger::{Outcome, Record};
use super::state::{RegionState, State};
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters::{self, required};
use crate::api::region::Region;
use crate::api::resource::{ResourceType, Tags};

const MAX_TAGS: usize = 50;
/// In characters.
const MAX_KEY_LENGTH: usize = 128;
/// In characters.
const MAX_VALUE_LENGTH: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tag<'a> {
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    value: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TagParameters<'a> {
    resource_name: Option<&'a str>,
    resource_arn: Option<&'a str>,
    #[serde(borrow)]
    tags: Option<Vec<Tag<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UntagParameters<'a> {
    resource_name: Option<&'a str>,
    resource_arn: Option<&'a str>,
    #[serde(borrow)]
    tag_keys: Option<Vec<&'a str>>,
}

/// Adds tags to a resource. An existing tag gets the new value.
pub(crate) fn tag_resource(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
    fault: &CallFault,
) -> Result<Vec<u8>, ServiceError> {
    let parameters: TagParameters<'_> = parameters::read(body)?;
    let name = required("resourceName", parameters.resource_name)?;
    let new = read_tags(parameters.tags.unwrap_or_default())?;
    if new.is_empty() {
        return Err(ServiceError::invalid_input("tags is required."));
    }
    change_tags(
        state,
        now,
        region,
        Operation::TagResource,
        (name, parameters.resource_arn),
        fault,
        |tags| {
            let added = new.keys().filter(|key| !tags.contains_key(*key)).count();
            if tags.len() + added > MAX_TAGS {
                return Err(too_many_tags());
            }
            tags.extend(new);
            Ok(())
        },
    )
}

/// Removes tags from a resource. Unknown keys are ignored.
pub(crate) fn untag_resource(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
    fault: &CallFault,
) -> Result<Vec<u8>, ServiceError> {
    let parameters: UntagParameters<'_> = parameters::read(body)?;
    let name = required("resourceName", parameters.resource_name)?;
    let keys = parameters.tag_keys.unwrap_or_default();
    if keys.is_empty() {
        return Err(ServiceError::invalid_input("tagKeys is required."));
    }
    change_tags(
        state,
        now,
        region,
        Operation::UntagResource,
        (name, parameters.resource_arn),
        fault,
        |tags| {
            tags.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(())
        },
    )
}

/// Checks the tags of a request.
pub(super) fn read_tags(given: Vec<Tag<'_>>) -> Result<Tags, ServiceError> {
    let mut tags = Tags::new();
    for tag in given {
        let key = tag.key.unwrap_or_default().into_owned();
        let value = tag.value.unwrap_or_default().into_owned();
        if !(1..=MAX_KEY_LENGTH).contains(&key.chars().count()) {
            return Err(ServiceError::invalid_input(format!(
                "A tag's key must have 1 to {MAX_KEY_LENGTH} characters: {key:?}"
            )));
        }
        if value.chars().count() > MAX_VALUE_LENGTH {
            return Err(ServiceError::invalid_input(format!(
                "A tag's value must have at most {MAX_VALUE_LENGTH} characters: {value:?}"
            )));
        }
        tags.insert(key, value);
    }
    if tags.len() > MAX_TAGS {
        return Err(too_many_tags());
    }
    Ok(tags)
}

fn too_many_tags() -> ServiceError {
    ServiceError::invalid_input(format!("A resource can have at most {MAX_TAGS} tags."))
}

/// Changes the tags of the resource with this name and, if given, this ARN.
fn change_tags(
    state: &mut State,
    now: Timestamp,
    region: Region,
    operation: Operation,
    (name, arn): (&str, Option<&str>),
    fault: &CallFault,
    change: impl FnOnce(&mut Tags) -> Result<(), ServiceError>,
) -> Result<Vec<u8>, ServiceError> {
    let id = state.ids.next();
    let resources = state.region_mut(region);
    let resource = find(resources, name).filter(|found| arn.is_none_or(|arn| arn == found.arn));
    let Some(found) = resource else {
        return Err(ServiceError::not_found("resource", arn.unwrap_or(name)));
    };
    let mut tags = found.tags.clone();
    change(&mut tags)?;
    let outcome = fault.outcome();
    if matches!(outcome, Outcome::Done) {
        *found.tags = tags;
    }
    let record = Record {
        id,
        created_at: now,
        operation,
        resource_name: name.to_owned(),
        resource_type: found.resource_type,
        details: None,
        outcome,
    };
    let answer = describe::started(&record, region, now);
    resources.ledger.add(record);
    Ok(answer)
}

struct Taggable<'a> {
    resource_type: ResourceType,
    arn: &'a str,
    tags: &'a mut Tags,
}

fn find<'a>(region: &'a mut RegionState, name: &str) -> Option<Taggable<'a>> {
    if let Some(source) = region.sources.get_mut(name) {
        return Some(Taggable {
            resource_type: source.kind().resource_type(),
            arn: &source.arn,
            tags: &mut source.tags,
        });
    }
    let snapshot = region.snapshots.get_mut(name)?;
    Some(Taggable {
        resource_type: snapshot.kind().snapshot_type(),
        arn: &snapshot.arn,
        tags: &mut snapshot.tags,
    })
}
