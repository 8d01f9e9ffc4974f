//! [TagResource](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_TagResource.html) and
//! [UntagResource](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_UntagResource.html).

use std::borrow::Cow;

use serde::Deserialize;

use super::context::{Answer, Context, Target};
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters;
use crate::api::resource::{ResourceType, Tags};

const MAX_TAGS: usize = 50;
/// In characters.
const MAX_KEY_LENGTH: usize = 128;
/// In characters.
const MAX_VALUE_LENGTH: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tag<'a> {
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    value: Option<Cow<'a, str>>,
}

/// Adds tags to a resource. An existing tag gets the new value.
pub(super) fn tag_resource(context: &mut Context<'_>) -> Answer {
    let new = read_tags(context)?;
    if new.is_empty() {
        return Err(ServiceError::invalid_input("tags is required."));
    }
    change_tags(context, |tags| tags.extend(new))
}

/// Removes tags from a resource. Unknown keys are ignored.
pub(super) fn untag_resource(context: &mut Context<'_>) -> Answer {
    let keys: Option<Vec<&str>> = parameters::optional(context.body, "tagKeys")?;
    let keys = keys.unwrap_or_default();
    if keys.is_empty() {
        return Err(ServiceError::invalid_input("tagKeys is required."));
    }
    change_tags(context, |tags| {
        tags.retain(|key, _| !keys.contains(&key.as_str()))
    })
}

/// Checks the tags of a new resource, and the permission to set them.
pub(super) fn of_new(
    context: &Context<'_>,
    resource_type: ResourceType,
) -> Result<Tags, ServiceError> {
    let tags = read_tags(context)?;
    if !tags.is_empty()
        && context
            .state
            .settings
            .open
            .create_with_tags_needs_tag_resource
    {
        context.authorize(Operation::TagResource, Some(resource_type))?;
    }
    Ok(tags)
}

/// The tags of a request.
fn read_tags(context: &Context<'_>) -> Result<Tags, ServiceError> {
    let given: Option<Vec<Tag<'_>>> = parameters::optional(context.body, "tags")?;
    let mut tags = Tags::new();
    for tag in given.unwrap_or_default() {
        let key = tag.key.unwrap_or_default().into_owned();
        let value = tag.value.unwrap_or_default().into_owned();
        if !(1..=MAX_KEY_LENGTH).contains(&key.chars().count()) {
            return Err(ServiceError::invalid_input(format!(
                "A tag's key must have 1 to {MAX_KEY_LENGTH} characters: {key:?}"
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(ServiceError::invalid_input(format!(
                "A tag's key must not start with aws: {key:?}"
            )));
        }
        let allowed = |char: char| char.is_alphanumeric() || " +-=._:/@".contains(char);
        if !key.chars().chain(value.chars()).all(allowed) {
            return Err(ServiceError::invalid_input(format!(
                "A tag must have only letters, digits, spaces and + - = . _ : / @: {key:?} {value:?}"
            )));
        }
        if value.chars().count() > MAX_VALUE_LENGTH {
            return Err(ServiceError::invalid_input(format!(
                "A tag's value must have at most {MAX_VALUE_LENGTH} characters: {value:?}"
            )));
        }
        tags.insert(key, value);
    }
    check_number(&tags)?;
    Ok(tags)
}

fn check_number(tags: &Tags) -> Result<(), ServiceError> {
    match tags.len() {
        ..=MAX_TAGS => Ok(()),
        _ => Err(ServiceError::invalid_input(format!(
            "A resource can have at most {MAX_TAGS} tags."
        ))),
    }
}

/// Changes the tags of the resource with the name and, if given, the ARN of the request.
fn change_tags(context: &mut Context<'_>, change: impl FnOnce(&mut Tags)) -> Answer {
    let name = context.name("resourceName")?;
    let arn = parameters::optional::<&str>(context.body, "resourceArn")?;
    let found = context.here().resources.get(name);
    let found = found.filter(|found| arn.is_none_or(|arn| arn == found.arn()));
    let found = found.ok_or_else(|| ServiceError::not_found("resource", arn.unwrap_or(name)))?;
    let target = Target::named(name, found);
    context.authorize(context.operation, Some(target.resource_type))?;
    if found.is_pending_copy() && !context.state.settings.open.pending_copy_can_be_tagged {
        return Err(ServiceError::operation_failure(format!(
            "The snapshot is pending: {name}"
        )));
    }
    let has_effect = context.has_effect();
    if let Some(found) = context.here_mut().resources.get_mut(name) {
        let mut tags = found.tags_mut().clone();
        change(&mut tags);
        check_number(&tags)?;
        if has_effect {
            *found.tags_mut() = tags;
        }
    }
    context.done(target)
}
