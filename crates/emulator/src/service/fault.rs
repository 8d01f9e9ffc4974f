//! What a fault changes about a call that Lightsail carries out.

use jiff::SignedDuration;

use super::ledger::OperationError;

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

/// How a copy proceeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyBehavior {
    /// How long the copy is pending. `None`: as long as the world says.
    pub duration: Option<SignedDuration>,
    /// Whether the copy ends in state `error`.
    pub fails: bool,
}

impl CopyBehavior {
    pub const FAILS: Self = Self {
        duration: None,
        fails: true,
    };

    pub const NEVER_ENDS: Self = Self::takes(SignedDuration::MAX);

    /// The copy is pending for this long.
    pub const fn takes(duration: SignedDuration) -> Self {
        Self {
            duration: Some(duration),
            fails: false,
        }
    }
}
