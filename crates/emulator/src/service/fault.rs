//! What a fault changes about a call that Lightsail carries out.

use super::ledger::{OperationError, Outcome};
use super::snapshot::CopyBehavior;

/// The fault of one call. The default is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallFault {
    /// How the copy proceeds that this call starts.
    pub(crate) copy: CopyBehavior,
    /// If set, the call's Operation has status `Failed` with this error, and the call has no
    /// effect.
    pub(crate) failure: Option<OperationError>,
}

impl CallFault {
    /// The copy proceeds like this.
    pub(crate) fn copy(behavior: CopyBehavior) -> Self {
        Self {
            copy: behavior,
            failure: None,
        }
    }

    /// The call's Operation fails.
    pub(crate) fn failure(code: String, details: String) -> Self {
        Self {
            copy: CopyBehavior::default(),
            failure: Some(OperationError { code, details }),
        }
    }

    /// The outcome of an operation that takes effect at once.
    pub(crate) fn outcome(&self) -> Outcome {
        match &self.failure {
            Some(error) => Outcome::Failed(error.clone()),
            None => Outcome::Done,
        }
    }
}
