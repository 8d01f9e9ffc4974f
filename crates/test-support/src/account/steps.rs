//! What a plan does in one destination.

use lightsail_snapshot_copier::{
    ApiError, CopyResult, CopyStep, DestinationPlan, ErrorKind, Outcome, PlannedCopy,
};

/// The results of a plan's copies in one destination, if every copy that has a slot starts.
pub(super) fn results(steps: &DestinationPlan) -> impl Iterator<Item = CopyResult> {
    let mut slots = steps.slots;
    steps.copies.iter().map(move |planned| {
        let error = |kind, code: &str, why: &str| Some(ApiError::new(kind, code, why.to_owned()));
        let (outcome, error) = match &planned.step {
            CopyStep::Exists => (Outcome::Exists, None),
            CopyStep::Pending => (Outcome::Pending, None),
            CopyStep::Wait { reason } => {
                let error = error(ErrorKind::NotYet, "CopyErrored", reason);
                (Outcome::Deferred, error)
            }
            CopyStep::NameInUse(owner) => (
                Outcome::Failed,
                error(ErrorKind::Refused, "NameInUse", owner),
            ),
            CopyStep::Start | CopyStep::Replace(_) if slots > 0 => {
                slots -= 1;
                (Outcome::Started, None)
            }
            CopyStep::Start | CopyStep::Replace(_) => {
                let error = error(ErrorKind::TooManyCopies, "MaxCopiesInProgress", "full");
                (Outcome::Deferred, error)
            }
        };
        CopyResult {
            error: error.map(Box::new),
            ..CopyResult::new(planned.copy.clone(), outcome)
        }
    })
}

fn to_make(steps: &DestinationPlan) -> impl Iterator<Item = &PlannedCopy> {
    let copies = steps.copies.iter();
    copies.filter(|wanted| matches!(wanted.step, CopyStep::Start | CopyStep::Replace(_)))
}

/// The copies that a plan starts in a destination, if none of them fails.
pub fn made(steps: &DestinationPlan) -> Vec<&PlannedCopy> {
    to_make(steps).take(steps.slots).collect()
}

/// The copies that a plan leaves to the next run, unless others fail.
pub fn deferred(steps: &DestinationPlan) -> Vec<&PlannedCopy> {
    to_make(steps).skip(steps.slots).collect()
}

/// Whether a plan leaves a destination as it is.
pub fn is_idle(steps: &DestinationPlan) -> bool {
    steps.copies.is_empty() && steps.tags.is_empty() && steps.deletions.is_empty()
}

/// Their names, in the plan's order.
pub fn made_names(steps: &DestinationPlan) -> Vec<String> {
    let names = made(steps).into_iter();
    names.map(|wanted| wanted.copy.target.to_string()).collect()
}

/// The names of the copies that a plan leaves to the next run, in the plan's order.
pub fn deferred_names(steps: &DestinationPlan) -> Vec<String> {
    let deferred = deferred(steps).into_iter();
    deferred
        .map(|wanted| wanted.copy.target.to_string())
        .collect()
}

/// The names of the copies that a plan tags.
pub fn tagged_names(steps: &DestinationPlan) -> Vec<&str> {
    steps.tags.iter().map(|copy| copy.name.as_str()).collect()
}

/// The names of the copies that a plan deletes.
pub fn deleted_names(steps: &DestinationPlan) -> Vec<&str> {
    let deletions = steps.deletions.iter();
    deletions
        .filter(|deletion| !deletion.refused)
        .map(|deletion| deletion.copy.name.as_str())
        .collect()
}
