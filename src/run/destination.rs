//! A run of a policy, and one destination while the plan is applied there.

use jiff::Timestamp;

use super::Mode;
use super::recorder::Recorder;
use crate::deadline::Deadline;
use crate::lightsail::{Lightsail, Until};
use crate::model::failure::{ApiError, Code, ErrorKind};
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::plan::{ExistingCopy, Inventory, MissingTags};

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
    /// Deletes a failed copy before it is started again. Sets its tags first if they are missing,
    /// because only tagged snapshots are deleted.
    pub async fn clear(&self, failed: &ExistingCopy) -> Result<(), ApiError> {
        let step = Until::once(Deadline::step(self.run.deadline.look_ups));
        if !failed.tagged {
            self.tag(MissingTags::of(failed), step).await?;
        }
        let deleted = self.call_delete(failed, step).await;
        // A throttled deletion is repeated.
        if !matches!(&deleted, Err(error) if error.kind == ErrorKind::Throttled) {
            self.record_deletion(failed.clone(), &deleted);
        }
        deleted.map(|_operations| ())
    }

    /// The error of a copy for which the policy leaves no room.
    pub fn no_slots(&self) -> ApiError {
        let message = format!(
            "as many copies are in progress in {} as the policy's maxCopiesInProgress allows",
            self.region
        );
        ApiError::new(ErrorKind::TooManyCopies, Code::MaxCopiesInProgress, message)
    }
}
