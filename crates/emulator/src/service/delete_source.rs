//! [DeleteInstance](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteInstance.html)
//! and [DeleteDisk](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_DeleteDisk.html).

use jiff::Timestamp;
use serde_json::Value;

use super::describe;
use super::fault::CallFault;
use super::ledger::Record;
use super::source::{Source, SourceDetail};
use super::state::State;
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters;
use crate::api::region::Region;
use crate::api::resource::SourceKind;

/// Deletes an instance or disk. It remains for a while. The disks of an instance are detached at the
/// end.
pub(crate) fn delete_source(
    state: &mut State,
    now: Timestamp,
    region: Region,
    body: &Value,
    kind: SourceKind,
    fault: &CallFault,
) -> Result<Vec<u8>, ServiceError> {
    let (operation, parameter) = match kind {
        SourceKind::Instance => (Operation::DeleteInstance, "instanceName"),
        SourceKind::Disk => (Operation::DeleteDisk, "diskName"),
    };
    let name = parameters::name(body, parameter)?;
    let found = state.region(region).sources.get(name);
    let source = found
        .filter(|source| source.kind() == kind)
        .ok_or_else(|| ServiceError::not_found(kind.resource_type().as_str(), name))?;
    check(source, name)?;

    let duration = state.settings.deletion_duration;
    let gone_at = now.checked_add(duration).unwrap_or(Timestamp::MAX);
    if fault.failure.is_none() {
        state.start_deletion(region, name, gone_at);
        state.end_deletions(now);
    }
    let record = Record {
        id: state.ids.next(),
        created_at: now,
        operation,
        resource_name: name.to_owned(),
        resource_type: kind.resource_type(),
        details: None,
        outcome: fault.outcome_at(gone_at),
    };
    let answer = describe::started(&record, region, now);
    state.region_mut(region).ledger.add(record);
    Ok(answer)
}

fn check(source: &Source, name: &str) -> Result<(), ServiceError> {
    let refused = |message| Err(ServiceError::refused("OperationFailureException", message));
    if source.gone_at.is_some() {
        return refused(format!("The resource is being deleted: {name}"));
    }
    match &source.detail {
        SourceDetail::Disk(disk) if disk.attachment.is_some() => {
            refused(format!("The disk is attached: {name}"))
        }
        _ => Ok(()),
    }
}

impl State {
    fn start_deletion(&mut self, region: Region, name: &str, gone_at: Timestamp) {
        if let Some(source) = self.region_mut(region).sources.get_mut(name) {
            source.gone_at = Some(gone_at);
            self.deletions.push((gone_at, region, name.to_owned()));
        }
    }

    /// Removes the instances and disks whose deletion has ended.
    pub(crate) fn end_deletions(&mut self, now: Timestamp) {
        let deletions = std::mem::take(&mut self.deletions);
        for (gone_at, region, name) in deletions {
            if gone_at > now {
                self.deletions.push((gone_at, region, name));
                continue;
            }
            let source = self.region(region).sources.get(&name);
            // An edit may have removed it, and created another one with its name.
            if let Some(source) = source.filter(|source| source.gone_at == Some(gone_at)) {
                let kind = source.kind();
                self.remove_source(region, kind, &name)
                    .expect("the resource exists");
            }
        }
    }
}
