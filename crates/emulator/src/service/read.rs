//! The operations that read.

use std::ops::Bound;

use serde_json::{Value, json};

use super::catalog::Bundle;
use super::context::{Answer, Context};
use super::json;
use super::open::RegionAccess;
use super::resource::{Instance, Resource};
use crate::api::error::ServiceError;
use crate::api::id::Id;
use crate::api::paging;
use crate::api::region::Region;
use crate::api::resource::ResourceType;

/// `GetInstance` and its like: `{"instance": {…}}`.
pub(super) fn get(context: &mut Context<'_>, resource_type: ResourceType) -> Answer {
    let name = context.name(&resource_type.parameter())?;
    if is_hidden(context, name) {
        return Err(ServiceError::not_found(resource_type.as_str(), name));
    }
    let found = context.find(resource_type, name)?;
    let attachments = context.here().attachments(resource_type);
    let json = json::resource(found, context.region, &attachments, context.state.now);
    Ok(json!({ (resource_type.member()): json }))
}

/// Whether a lookup does not find a snapshot that exists. Counts this lookup.
fn is_hidden(context: &mut Context<'_>, name: &str) -> bool {
    let now = context.state.now;
    let here = context.here_mut();
    let lookups = here.hidden.get_mut(name).filter(|lookups| **lookups > 0);
    match (here.resources.get(name), lookups) {
        (Some(Resource::Snapshot(found)), _) if found.visible_at > now => true,
        (Some(Resource::Snapshot(_)), Some(lookups)) => {
            *lookups -= 1;
            true
        }
        _ => false,
    }
}

/// `GetInstances` and its like, in the order of names: `{"instances": […], "nextPageToken": "…"}`.
pub(super) fn list(context: &Context<'_>, resource_type: ResourceType) -> Answer {
    let here = context.here();
    let attachments = here.attachments(resource_type);
    page(context, &format!("{}s", resource_type.member()), |after| {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        here.resources
            .range::<str, _>((start, Bound::Unbounded))
            .filter(move |(_, found)| found.resource_type() == resource_type)
            .filter(|(_, found)| {
                !matches!(found, Resource::Snapshot(copy) if copy.visible_at > context.state.now)
            })
            .map(|(name, found)| {
                let json = json::resource(found, context.region, &attachments, context.state.now);
                (name.clone(), json)
            })
    })
}

/// The page of a list that the request asks for. `items` returns the keys and items of the list
/// that come after a key.
fn page<'a, I>(context: &Context<'a>, member: &str, items: impl FnOnce(Option<&str>) -> I) -> Answer
where
    I: Iterator<Item = (String, Value)>,
{
    let after = paging::read_token(context.operation, context.body)?;
    let size = context.state.settings.page_size;
    let mut items: Vec<_> = items(after.as_deref()).take(size + 1).collect();
    let is_last = items.len() <= size;
    items.truncate(size);
    let next = items
        .last()
        .map(|(key, _)| paging::token(context.operation, key));
    let items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
    let mut json = json!({ member: items });
    if !is_last {
        json["nextPageToken"] = json!(next);
    }
    Ok(json)
}

/// Skips the items up to the one with this key.
fn from<I: Iterator<Item = (String, Value)>>(
    items: I,
    after: Option<&str>,
) -> impl Iterator<Item = (String, Value)> + use<I> {
    let after = after.map(str::to_owned);
    let skipped = usize::from(after.is_some());
    items
        .skip_while(move |(key, _)| after.as_ref().is_some_and(|after| after != key))
        .skip(skipped)
}

/// [GetBundles](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetBundles.html):
/// the bundles that the Region offers. `includeInactive` adds the others.
pub(super) fn get_bundles(context: &Context<'_>) -> Answer {
    let all = context.flag("includeInactive")?;
    page(context, "bundles", |after| {
        let bundles = Bundle::all_in(context.region)
            .map(|bundle| (bundle, context.offers(&bundle)))
            .filter(move |(_, is_active)| all || *is_active)
            .map(|(bundle, is_active)| (bundle.id(), json::bundle(&bundle, is_active)));
        from(bundles, after)
    })
}

/// [GetRegions](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetRegions.html).
/// The answer is the same in every Region.
pub(super) fn get_regions(context: &Context<'_>) -> Answer {
    let zones = context.flag("includeAvailabilityZones")?;
    let database_zones = context.flag("includeRelationalDatabaseAvailabilityZones")?;
    let regions = Region::ALL.iter();
    let regions = regions.map(|&region| (region, context.state.region(region)));
    let regions = regions.filter(|(_, here)| here.access != RegionAccess::NoEndpoint);
    let regions: Vec<_> = regions
        .map(|(region, here)| {
            let letters = |asked: bool| if asked { &*here.zones } else { "" };
            json::region(region, letters(zones), letters(database_zones))
        })
        .collect();
    Ok(json!({ "regions": regions }))
}

/// The instance that the request names.
pub(super) fn named_instance<'c>(context: &'c Context<'_>) -> Result<&'c Instance, ServiceError> {
    let name = context.name("instanceName")?;
    let found = context.here().get(name);
    found.ok_or_else(|| ServiceError::not_found("Instance", name))
}

/// [GetInstanceState](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstanceState.html).
pub(super) fn get_instance_state(context: &Context<'_>) -> Answer {
    let instance = named_instance(context)?;
    Ok(json!({ "state": json::instance_state(instance.state) }))
}

/// [GetInstancePortStates](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstancePortStates.html).
pub(super) fn get_instance_port_states(context: &Context<'_>) -> Answer {
    let ports = named_instance(context)?.ports.iter();
    Ok(json!({ "portStates": ports.map(json::port_state).collect::<Vec<_>>() }))
}

/// [GetAutoSnapshots](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetAutoSnapshots.html),
/// newest first.
pub(super) fn get_auto_snapshots(context: &Context<'_>) -> Answer {
    let name = context.name("resourceName")?;
    let found = context.here().resources.get(name);
    let source = found.and_then(|found| Some((found.resource_type(), found.auto_snapshots()?)));
    let (resource_type, auto_snapshots) =
        source.ok_or_else(|| ServiceError::not_found("Instance or Disk", name))?;
    let newest_first = auto_snapshots.by_date.iter().rev();
    Ok(json!({
        "resourceName": name,
        "resourceType": resource_type,
        "autoSnapshots": newest_first
            .map(|(date, snapshot)| json::auto_snapshot(*date, snapshot))
            .collect::<Vec<_>>(),
    }))
}

/// [GetOperation](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetOperation.html).
pub(super) fn get_operation(context: &Context<'_>) -> Answer {
    let id = context.name("operationId")?;
    let record = Id::parse(id)
        .and_then(|id| context.here().ledger.get(id))
        .ok_or_else(|| ServiceError::not_found("Operation", id))?;
    let json = json::operation(record, context.region, context.state.now);
    Ok(json!({ "operation": json }))
}

/// [GetOperationsForResource](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetOperationsForResource.html),
/// newest first, also for a deleted resource.
pub(super) fn get_operations_for_resource(context: &Context<'_>) -> Answer {
    let name = context.name("resourceName")?;
    page(context, "operations", |after| {
        let records = context.here().ledger.of_resource(name).map(|record| {
            let json = json::operation(record, context.region, context.state.now);
            (record.id.to_string(), json)
        });
        from(records, after)
    })
}
