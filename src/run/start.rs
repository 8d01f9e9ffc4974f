//! A copy to start, and one attempt to start it.

use tokio::time::Instant;

use super::destination::Destination;
use super::owner::find_owner;
use crate::deadline::Deadline;
use crate::lightsail::{Attempts, Lightsail, Until};
use crate::model::copy::SnapshotCopy;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::operation::Operation;
use crate::plan::{CopyState, MissingTags, PlannedDeletion};

pub struct Start {
    pub copy: SnapshotCopy,
    pub position: usize,
    /// The failed copy to delete first. `None`: there is none, or it is deleted.
    pub failed: Option<Box<PlannedDeletion>>,
    /// Whether that deletion failed.
    pub is_undeleted: bool,
    pub replaces: bool,
    pub attempts: Attempts,
    /// When another attempt may be made.
    pub due: Instant,
    /// Whether its last attempt had no answer in time.
    pub hangs: bool,
    /// Whether its next attempt does not wait for the next round.
    pub is_extra: bool,
    /// Whether it holds one of the destination's slots.
    pub has_slot: bool,
    /// When its last answer was lost.
    pub lost_at: Option<Instant>,
    /// Whether its name is in use, and a look-up found no snapshot with it.
    pub is_unseen: bool,
}

impl Start {
    /// `failed` is the failed copy that this one replaces.
    pub fn new(copy: SnapshotCopy, position: usize, failed: Option<Box<PlannedDeletion>>) -> Self {
        Self {
            copy,
            position,
            replaces: failed.is_some(),
            failed,
            is_undeleted: false,
            attempts: Attempts::default(),
            due: Instant::now(),
            hangs: false,
            is_extra: false,
            has_slot: false,
            lost_at: None,
            is_unseen: false,
        }
    }
}

pub enum Attempt {
    Started(Vec<Operation>),
    /// A snapshot has the name: the copy itself or, as an error, something else.
    Owned(Result<CopyState, ApiError>),
    /// The name is in use. Its owner is looked up after all other copies.
    NameInUse(ApiError),
    Failed(ApiError),
    /// Nobody knows whether the copy started, so it keeps its slot.
    Lost(ApiError),
    /// The failed copy that this one replaces could not be deleted.
    NotDeleted(ApiError),
}

/// Makes one attempt to start a copy. Deletes the failed copy first that it replaces, and sets its tags
/// before if they are missing, because only tagged snapshots are deleted.
pub async fn attempt(
    lightsail: &Lightsail,
    deadline: Deadline,
    policy: Option<&Destination<'_>>,
    mut start: Start,
) -> (Start, Attempt) {
    if let (Some(to), Some(failed)) = (policy, &start.failed) {
        let step = Until::once(Deadline::step(deadline.look_ups));
        if !failed.copy.tagged
            && let Err(error) = to.call_tag(&MissingTags::of(&failed.copy), step).await
        {
            return (start, Attempt::Failed(error.before_effect()));
        }
        match to.attempt_deletion(failed, step).await {
            Ok(deleted) => to.record_deletion(failed.copy.clone(), &Ok(deleted)),
            Err(error) => return (start, Attempt::NotDeleted(error)),
        }
        start.failed = None;
    }
    let until = Until::once(deadline.copies);
    let error = match lightsail.copy_snapshot(&start.copy, until).await {
        Ok(operations) => return (start, Attempt::Started(operations)),
        Err(error) => error,
    };
    if error.kind == ErrorKind::NameInUse {
        return (start, Attempt::NameInUse(error));
    }
    if !error.may_have_happened {
        return (start, Attempt::Failed(error));
    }
    // A retry shows whether the copy has started. Until then it keeps its slot, unless the service
    // answered and there is no copy.
    if policy.is_none() || error.kind != ErrorKind::ServiceFault {
        return (start, Attempt::Lost(error));
    }
    let step = Until::once(Deadline::step(deadline.look_ups));
    let attempt = match find_owner(lightsail, &start.copy, step).await {
        Ok(Some(owner)) => Attempt::Owned(owner),
        Ok(None) => Attempt::Failed(error),
        Err(_) => Attempt::Lost(error),
    };
    (start, attempt)
}
