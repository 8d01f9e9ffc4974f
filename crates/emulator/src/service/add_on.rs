//! [EnableAddOn](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_EnableAddOn.html) and
//! [DisableAddOn](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DisableAddOn.html)
//! for the AutoSnapshot add-on.

use serde::Deserialize;

use super::auto_snapshots::AutoSnapshots;
use super::context::{Answer, Context, Target};
use crate::api::error::ServiceError;
use crate::api::parameters;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddOnRequest<'a> {
    add_on_type: Option<&'a str>,
    #[serde(borrow)]
    auto_snapshot_add_on_request: Option<TimeOfDay<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimeOfDay<'a> {
    snapshot_time_of_day: Option<&'a str>,
}

pub(super) fn enable_add_on(context: &mut Context<'_>) -> Answer {
    let request = parameters::optional::<AddOnRequest<'_>>(context.body, "addOnRequest")?;
    let request =
        request.ok_or_else(|| ServiceError::invalid_input("addOnRequest is required."))?;
    let time_of_day = request.time_of_day()?;
    change(context, |auto_snapshots| {
        auto_snapshots.enabled = true;
        auto_snapshots.time_of_day = time_of_day;
    })
}

/// Keeps the automatic snapshots.
pub(super) fn disable_add_on(context: &mut Context<'_>) -> Answer {
    check_type(Some(context.name("addOnType")?))?;
    change(context, |auto_snapshots| auto_snapshots.enabled = false)
}

/// The add-ons of a new instance or disk.
pub(super) fn of_new(context: &Context<'_>) -> Result<AutoSnapshots, ServiceError> {
    let requests: Option<Vec<AddOnRequest<'_>>> = parameters::optional(context.body, "addOns")?;
    let mut auto_snapshots = AutoSnapshots::default();
    for request in requests.unwrap_or_default() {
        auto_snapshots.time_of_day = request.time_of_day()?;
        auto_snapshots.enabled = true;
    }
    Ok(auto_snapshots)
}

impl AddOnRequest<'_> {
    /// Checks the request, and returns the full hour, UTC, at which snapshots are made.
    fn time_of_day(&self) -> Result<Option<String>, ServiceError> {
        check_type(self.add_on_type)?;
        let request = self.auto_snapshot_add_on_request.as_ref();
        let Some(text) = request.and_then(|request| request.snapshot_time_of_day) else {
            return Ok(None);
        };
        match (0..24).any(|hour| text == format!("{hour:02}:00")) {
            true => Ok(Some(text.to_owned())),
            false => Err(ServiceError::invalid_input(format!(
                "snapshotTimeOfDay must be a full hour, such as 06:00: {text}"
            ))),
        }
    }
}

fn check_type(add_on_type: Option<&str>) -> Result<(), ServiceError> {
    match add_on_type {
        Some("AutoSnapshot") => Ok(()),
        _ => Err(ServiceError::invalid_input(
            "addOnType must be AutoSnapshot.",
        )),
    }
}

fn change(context: &mut Context<'_>, change: impl FnOnce(&mut AutoSnapshots)) -> Answer {
    let name = context.name("resourceName")?;
    let has_effect = context.has_effect();
    let found = context.here_mut().resources.get_mut(name);
    let found = found.filter(|found| found.auto_snapshots().is_some());
    let found = found.ok_or_else(|| ServiceError::not_found("Instance or Disk", name))?;
    let target = Target::named(name, found);
    if found.is_windows() {
        return Err(ServiceError::operation_failure(format!(
            "Automatic snapshots are not supported for Windows: {name}"
        )));
    }
    if let Some(auto_snapshots) = found.auto_snapshots_mut().filter(|_| has_effect) {
        change(auto_snapshots);
    }
    context.done(target)
}
