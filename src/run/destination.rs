//! A run of a policy, and one destination while the plan is applied there.

use jiff::Timestamp;

use super::Mode;
use super::recorder::Recorder;
use crate::deadline::Deadline;
use crate::lightsail::Lightsail;
use crate::model::failure::{ApiError, Code, ErrorKind};
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::plan::Inventory;

pub struct PolicyRun<'a> {
    pub lightsail: &'a Lightsail,
    pub policy: &'a Policy,
    pub now: Timestamp,
    pub mode: Mode,
    pub deadline: Deadline,
    pub recorder: &'a Recorder<'a>,
}

pub struct Destination<'a> {
    pub run: &'a PolicyRun<'a>,
    pub inventory: &'a Inventory,
    pub region: Region,
}

impl Destination<'_> {
    /// The error of a copy for which the policy leaves no room.
    pub fn no_slots(&self) -> ApiError {
        let message = format!(
            "as many copies are in progress in {} as the policy's maxCopiesInProgress allows",
            self.region
        );
        ApiError::new(ErrorKind::TooManyCopies, Code::MaxCopiesInProgress, message)
    }
}
