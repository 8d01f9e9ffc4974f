//! What people do in Lightsail's console. It calls the API too, but adds tags.

use serde_json::{Value, json};

use super::emulator::Emulator;
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::region::Region;
use crate::api::resource::SourceKind;
use crate::service::context::Context;
use crate::service::dispatch;
use crate::service::fault::CallFault;
use crate::service::json::tags;
use crate::service::resource::Resource;

/// The console. Its calls have no faults and are not counted.
impl Emulator {
    /// Makes a snapshot of an instance or disk, with the tags of the instance or disk.
    pub fn snapshot_in_console(
        &self,
        region: Region,
        source: &str,
        snapshot: &str,
    ) -> Result<(), ServiceError> {
        let state = self.state();
        let (operation, body) = match state.region(region).resources.get(source) {
            Some(Resource::Instance(instance)) => (
                Operation::CreateInstanceSnapshot,
                json!({ "instanceName": source, "instanceSnapshotName": snapshot,
                    "tags": tags(&instance.tags) }),
            ),
            Some(Resource::Disk(disk)) => (
                Operation::CreateDiskSnapshot,
                json!({ "diskName": source, "diskSnapshotName": snapshot,
                    "tags": tags(&disk.tags) }),
            ),
            _ => return Err(ServiceError::not_found("Instance or Disk", source)),
        };
        drop(state);
        self.call_from_console(region, operation, &body)
    }

    /// Makes an instance or disk from a snapshot, with the tags of the snapshot and the size of the
    /// original.
    pub fn restore_in_console(
        &self,
        region: Region,
        snapshot: &str,
        name: &str,
    ) -> Result<(), ServiceError> {
        let Some(found) = self.snapshot(region, snapshot) else {
            return Err(ServiceError::not_found("snapshot", snapshot));
        };
        let zone = self.state().region(region).zones.chars().next();
        let zone = format!("{region}{}", zone.unwrap_or('a'));
        let (operation, body) = match found.kind {
            SourceKind::Instance => (
                Operation::CreateInstancesFromSnapshot,
                json!({ "instanceNames": [name], "instanceSnapshotName": snapshot,
                    "availabilityZone": zone, "bundleId": found.from.bundle_id,
                    "tags": tags(&found.tags) }),
            ),
            SourceKind::Disk => (
                Operation::CreateDiskFromSnapshot,
                json!({ "diskName": name, "diskSnapshotName": snapshot, "availabilityZone": zone,
                    "sizeInGb": found.size_in_gb, "tags": tags(&found.tags) }),
            ),
        };
        self.call_from_console(region, operation, &body)
    }

    fn call_from_console(
        &self,
        region: Region,
        operation: Operation,
        body: &Value,
    ) -> Result<(), ServiceError> {
        dispatch::answer(&mut Context {
            state: &mut self.state(),
            region,
            operation,
            body,
            fault: &CallFault::default(),
        })?;
        Ok(())
    }
}
