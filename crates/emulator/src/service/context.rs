//! What an operation works with.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalog::Bundle;
use super::fault::CallFault;
use super::json;
use super::ledger::{OperationError, Record};
use super::region::RegionState;
use super::resource::Resource;
use super::state::State;
use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::parameters::{self, required};
use crate::api::region::Region;
use crate::api::resource::{ResourceType, SourceKind};

/// The JSON of an answer.
pub(crate) type Answer = Result<Value, ServiceError>;

/// One call that Lightsail carries out.
pub(crate) struct Context<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) region: Region,
    pub(crate) operation: Operation,
    pub(crate) body: &'a Value,
    pub(crate) fault: &'a CallFault,
}

/// What an operation is recorded for.
#[derive(Clone)]
pub(crate) struct Target<'a> {
    pub(crate) name: &'a str,
    pub(crate) resource_type: ResourceType,
    pub(crate) zone: String,
}

impl<'a> Target<'a> {
    /// An existing resource, named by the request.
    pub(crate) fn named(name: &'a str, resource: &Resource) -> Self {
        Self {
            name,
            resource_type: resource.resource_type(),
            zone: resource.zone().to_owned(),
        }
    }

    pub(crate) fn snapshot(name: &'a str, kind: SourceKind) -> Self {
        Self {
            name,
            resource_type: kind.snapshot_type(),
            zone: "all".to_owned(),
        }
    }
}

impl<'a> Context<'a> {
    pub(crate) fn parameters<T: Deserialize<'a>>(&self) -> Result<T, ServiceError> {
        parameters::read(self.body)
    }

    /// A required text, such as the name of a resource.
    pub(crate) fn name(&self, parameter: &str) -> Result<&'a str, ServiceError> {
        required(parameter, parameters::optional(self.body, parameter)?)
    }

    /// A truth value, `false` where it is not given.
    pub(crate) fn flag(&self, parameter: &str) -> Result<bool, ServiceError> {
        let value = parameters::optional(self.body, parameter)?;
        Ok(value.unwrap_or_default())
    }

    pub(crate) fn here(&self) -> &RegionState {
        self.state.region(self.region)
    }

    pub(crate) fn here_mut(&mut self) -> &mut RegionState {
        self.state.region_mut(self.region)
    }

    pub(crate) fn find(
        &self,
        resource_type: ResourceType,
        name: &str,
    ) -> Result<&Resource, ServiceError> {
        let found = self.here().resources.get(name);
        found
            .filter(|found| found.resource_type() == resource_type)
            .ok_or_else(|| ServiceError::not_found(resource_type.as_str(), name))
    }

    /// Checks the name of a new resource.
    pub(crate) fn check_new_name(&self, name: &str) -> Result<(), ServiceError> {
        parameters::check_new_name(name)?;
        self.check_free(name)
    }

    pub(crate) fn check_free(&self, name: &str) -> Result<(), ServiceError> {
        match self.here().resources.contains_key(name) {
            true => Err(ServiceError::name_in_use(name)),
            false => Ok(()),
        }
    }

    /// Checks that the caller has the permission for an operation, on resources of this type.
    pub(crate) fn authorize(
        &self,
        operation: Operation,
        resource_type: Option<ResourceType>,
    ) -> Result<(), ServiceError> {
        let mut denied = self.state.settings.denied.iter();
        let is_denied = denied.any(|denial| {
            denial.operation == operation
                && (denial.resource_type.is_none() || denial.resource_type == resource_type)
        });
        match is_denied {
            true => Err(ServiceError::access_denied(
                operation,
                self.region,
                resource_type,
            )),
            false => Ok(()),
        }
    }

    /// Whether instances can be created with the bundle.
    pub(crate) fn offers(&self, bundle: &Bundle) -> bool {
        bundle.is_of(self.region) && !self.here().inactive_bundles.contains(&bundle.id())
    }

    /// Whether the call changes anything: no, if its Operation fails.
    pub(crate) fn has_effect(&self) -> bool {
        self.fault.failure.is_none()
    }

    /// Adds a resource, unless the call's Operation fails. Call [`Context::check_free`] first.
    pub(crate) fn add(&mut self, new: impl Into<Resource>) -> Result<(), ServiceError> {
        if !self.has_effect() {
            return Ok(());
        }
        self.state
            .add(self.region, new)
            .map_err(|error| ServiceError::invalid_input(error.to_string()))
    }

    /// Records an Operation of this call, which succeeds at `ends_at`, and returns its JSON.
    pub(crate) fn record(
        &mut self,
        target: Target<'_>,
        details: Option<String>,
        ends_at: Timestamp,
    ) -> Value {
        let operation_type = self.operation.operation_type();
        self.record_as(operation_type, target, details, ends_at, None)
    }

    /// Records an Operation of any type, which ends at `ends_at`, with this error if there is one.
    pub(crate) fn record_as(
        &mut self,
        operation_type: &'static str,
        target: Target<'_>,
        details: Option<String>,
        ends_at: Timestamp,
        error: Option<OperationError>,
    ) -> Value {
        let created_at = self.state.now;
        let record = Record {
            id: self.state.ids.next(),
            created_at,
            operation_type,
            resource_name: target.name.to_owned(),
            resource_type: target.resource_type,
            availability_zone: target.zone,
            details,
            ends_at: if self.has_effect() {
                ends_at
            } else {
                created_at
            },
            error: self.fault.failure.clone().or(error),
        };
        let json = json::operation(&record, self.region, created_at);
        self.here_mut().ledger.add(record);
        json
    }

    /// The answer of a call with one Operation, which succeeded at once.
    pub(crate) fn done(&mut self, target: Target<'_>) -> Answer {
        let operation = self.record(target, None, self.state.now);
        Ok(json!({ "operations": [operation] }))
    }
}
