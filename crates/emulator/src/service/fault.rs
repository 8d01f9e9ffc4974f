//! What a fault changes about a call that Lightsail carries out.

use jiff::{SignedDuration, Timestamp};

use super::ledger::{OperationError, Outcome};
use super::snapshot::CopyBehavior;

/// The fault of one call. The default is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallFault {
    /// How the copy proceeds that this call starts.
    pub(crate) copy: CopyBehavior,
    /// How long the instance or disk is pending that this call creates.
    pub(crate) start_duration: Option<SignedDuration>,
    /// If set, the call's Operation has status `Failed` with this error, and the call has no
    /// effect.
    pub(crate) failure: Option<OperationError>,
}

impl CallFault {
    /// The copy proceeds like this.
    pub(crate) fn copy(behavior: CopyBehavior) -> Self {
        Self {
            copy: behavior,
            ..Self::default()
        }
    }

    /// The instance or disk is pending for this long.
    pub(crate) fn start(duration: SignedDuration) -> Self {
        Self {
            start_duration: Some(duration),
            ..Self::default()
        }
    }

    /// The call's Operation fails.
    pub(crate) fn failure(code: String, details: String) -> Self {
        Self {
            failure: Some(OperationError { code, details }),
            ..Self::default()
        }
    }

    /// The outcome of an operation that takes effect at once.
    pub(crate) fn outcome(&self) -> Outcome {
        match &self.failure {
            Some(error) => Outcome::Failed(error.clone()),
            None => Outcome::Done,
        }
    }
    /// The outcome of an operation that succeeds at a time.
    pub(crate) fn outcome_at(&self, time: Timestamp) -> Outcome {
        match &self.failure {
            Some(error) => Outcome::Failed(error.clone()),
            None => Outcome::Finishing(time),
        }
    }
}
