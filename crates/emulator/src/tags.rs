//! [TagResource](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_TagResource.html) and
//! [UntagResource](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_UntagResource.html).

use crate::error::ServiceError;
use crate::ledger::{Outcome, Record};
use crate::members::{self, OperationsResult};
use crate::operation::Operation;
use crate::parameters::{self, required};
use crate::region::Region;
use crate::resource::{ResourceType, Tags};
use crate::state::{Answer, RegionState, State};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// How many tags a resource can have.
const MOST_TAGS: usize = 50;
/// How many characters the key of a tag can have.
const LONGEST_KEY: usize = 128;
/// How many characters the value of a tag can have.
const LONGEST_VALUE: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tag<'a> {
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

/// Adds tags to a resource; one of a key that is there gets the new value.
pub(crate) fn tag_resource(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Answer {
    let parameters: TagParameters<'_> = parameters::read(body)?;
    let name = required("resourceName", parameters.resource_name)?;
    let new = read_tags(parameters.tags.unwrap_or_default())?;
    change_tags(
        state,
        now,
        region,
        Operation::TagResource,
        (name, parameters.resource_arn),
        |tags| {
            let added = new.keys().filter(|key| !tags.contains_key(*key)).count();
            if tags.len() + added > MOST_TAGS {
                return Err(ServiceError::invalid_input(format!(
                    "A resource can have at most {MOST_TAGS} tags."
                )));
            }
            tags.extend(new);
            Ok(())
        },
    )
}

/// Removes tags from a resource; keys that it does not have are passed over.
pub(crate) fn untag_resource(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
) -> Answer {
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
        |tags| {
            tags.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(())
        },
    )
}

fn read_tags(given: Vec<Tag<'_>>) -> Result<Tags, ServiceError> {
    if given.is_empty() {
        return Err(ServiceError::invalid_input("tags is required."));
    }
    let mut tags = Tags::new();
    for tag in given {
        let key = tag.key.unwrap_or_default().into_owned();
        let value = tag.value.unwrap_or_default().into_owned();
        if !(1..=LONGEST_KEY).contains(&key.chars().count()) {
            return Err(ServiceError::invalid_input(format!(
                "A tag's key must have 1 to {LONGEST_KEY} characters: {key:?}"
            )));
        }
        if value.chars().count() > LONGEST_VALUE {
            return Err(ServiceError::invalid_input(format!(
                "A tag's value must have at most {LONGEST_VALUE} characters: {value:?}"
            )));
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

/// Changes the tags of the resource of this name, whose ARN has to be the one given, if one is.
fn change_tags(
    state: &mut State,
    now: Timestamp,
    region: Region,
    operation: Operation,
    (name, arn): (&str, Option<&str>),
    change: impl FnOnce(&mut Tags) -> Result<(), ServiceError>,
) -> Answer {
    let id = state.ids.next();
    let there = state.region_mut(region);
    let resource = find(there, name).filter(|found| arn.is_none_or(|arn| arn == found.arn));
    let Some(found) = resource else {
        return Err(ServiceError::not_found("resource", arn.unwrap_or(name)));
    };
    change(found.tags)?;
    let record = Record {
        id,
        created_at: now,
        operation,
        resource_name: name.to_owned(),
        resource_type: found.resource_type,
        details: None,
        outcome: Outcome::Done,
    };
    let answer = members::json(&OperationsResult::one(&record, region, now));
    there.ledger.add(record);
    Ok(answer)
}

struct Tagged<'a> {
    resource_type: ResourceType,
    arn: &'a str,
    tags: &'a mut Tags,
}

fn find<'a>(region: &'a mut RegionState, name: &str) -> Option<Tagged<'a>> {
    if let Some(source) = region.sources.get_mut(name) {
        return Some(Tagged {
            resource_type: source.kind.resource_type(),
            arn: &source.arn,
            tags: &mut source.tags,
        });
    }
    let snapshot = region.snapshots.get_mut(name)?;
    Some(Tagged {
        resource_type: snapshot.kind.snapshot_type(),
        arn: &snapshot.arn,
        tags: &mut snapshot.tags,
    })
}
