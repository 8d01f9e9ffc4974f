//! Carries out what an event or a plan asks for: the only place that changes anything in AWS.
//!
//! It decides nothing. What it adds is order, concurrency and time: in each destination first the
//! copies, then the tags, then the deletions, as many at once as [`CALLS_AT_ONCE`], and every step
//! such that a run can end after it, and the next one goes on from there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_lightsail::types::Operation;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::copy::{CopyResult, Outcome, look, make};
use crate::lightsail::{CALLS_AT_ONCE, Class, Failure, Lightsail, SnapshotState, Tries};
use crate::observe::{Unread, observe};
use crate::plan::{
    CopyStep, Coverage, ExistingCopy, Plan, SourceId, Steps, WantedCopy, plan,
    rules_without_sources,
};
use crate::policy::Policy;
use crate::region::Region;
use crate::request::Copy;

/// When which part of an invocation's work is to be over.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// When the last list of a policy's run is given up.
    pub lists: Instant,
    /// When the last call that reads for a policy's run is given up.
    pub observe: Instant,
    /// When the last call of CopySnapshot is given up. What is left is kept for finding out what
    /// became of calls whose answer was lost.
    pub copies: Instant,
    /// When the last of those look-ups is given up.
    pub look_ups: Instant,
    /// When everything is given up.
    pub all: Instant,
}

impl Deadline {
    /// For an event's copies, which may take this long.
    pub fn of_copies(time: Duration) -> Self {
        let now = Instant::now();
        let look_up = (time / 4).min(Duration::from_secs(3));
        Self {
            lists: now + time,
            observe: now + time,
            copies: now + (time - look_up),
            look_ups: now + time,
            all: now + time,
        }
    }

    /// For a policy's run, which may take this long: half of it to observe, of which a quarter is
    /// left when the lists are given up, so that a Region that does not answer leaves time to ask
    /// for automatic snapshots and make copies in the others; and an eighth for tags and deletions.
    pub fn of_policy(time: Duration) -> Self {
        let now = Instant::now();
        Self {
            lists: now + time * 3 / 8,
            observe: now + time / 2,
            copies: now + time * 3 / 4,
            look_ups: now + time * 7 / 8,
            all: now + time,
        }
    }
}

/// What became of one deletion.
#[derive(Debug)]
pub struct DeletionResult {
    /// The Region of the snapshot.
    pub region: Region,
    /// The snapshot.
    pub copy: ExistingCopy,
    /// How it came out.
    pub outcome: Outcome,
    /// What Lightsail returned.
    pub operations: Vec<Operation>,
    /// Why it failed or was deferred.
    pub error: Option<Failure>,
}

/// One thing done or found, as it is told while a run goes on.
#[derive(Debug)]
pub enum Done<'a> {
    /// A copy came out.
    Copy(&'a CopyResult),
    /// A deletion came out.
    Deletion(&'a DeletionResult),
    /// A Region could not be read.
    Unread(&'a Unread),
    /// A rule of the policy selects nothing.
    SelectsNothing {
        /// Its index in the policy's `sources`.
        rule: usize,
    },
    /// A source is covered so well.
    Coverage(&'a Coverage),
    /// A copy could not be tagged.
    Untagged {
        /// The copy's Region.
        region: Region,
        /// The copy's name.
        name: &'a str,
        /// Why.
        failure: &'a Failure,
    },
}

/// Makes an event's copies, at most [`CALLS_AT_ONCE`] at once in a destination, and tells `done` of
/// each as it comes out. The results are in the order of `copies`. A dry run only looks.
pub async fn copies(
    lightsail: &Lightsail,
    copies: Vec<Copy>,
    dry_run: bool,
    deadline: Deadline,
    done: impl Fn(Done<'_>),
) -> Vec<CopyResult> {
    let mut by_destination: BTreeMap<Region, Vec<(usize, Copy)>> = BTreeMap::new();
    for (index, copy) in copies.into_iter().enumerate() {
        let of_destination = by_destination.entry(copy.destination).or_default();
        of_destination.push((index, copy));
    }
    let streams = by_destination.into_values().map(|copies| {
        stream::iter(copies)
            .map(|(index, copy)| async move {
                let result = if dry_run {
                    look(lightsail, copy, deadline).await
                } else {
                    make(lightsail, copy, deadline).await
                };
                (index, result)
            })
            .buffer_unordered(CALLS_AT_ONCE)
    });
    let mut all = stream::select_all(streams);
    let mut results = BTreeMap::new();
    while let Some((index, result)) = all.next().await {
        done(Done::Copy(&result));
        results.insert(index, result);
    }
    results.into_values().collect()
}

/// What a run has done and found.
#[derive(Debug, Default)]
pub struct RunResults {
    /// The Regions that could not be read.
    pub unread: Vec<Unread>,
    /// How well each source was covered before the run.
    pub coverage: Vec<Coverage>,
    /// What became of each copy that the policy wants.
    pub copies: Vec<CopyResult>,
    /// What became of each deletion.
    pub deletions: Vec<DeletionResult>,
}

/// Runs a policy once, at `now`: observes, plans, carries the plan out, and tells `done` of each
/// finding and step as it comes. A dry run says what would be done, and changes nothing.
pub async fn policy(
    lightsail: &Lightsail,
    policy: &Policy,
    now: Timestamp,
    dry_run: bool,
    deadline: Deadline,
    done: impl Fn(Done<'_>),
) -> RunResults {
    let (observed, unread) =
        observe(lightsail, policy, now, deadline.lists, deadline.observe).await;
    for unread in &unread {
        done(Done::Unread(unread));
    }
    for rule in rules_without_sources(policy, &observed) {
        done(Done::SelectsNothing { rule });
    }
    let Plan {
        destinations,
        coverage,
    } = plan(policy, &observed, now);
    // A large fleet's lists are not kept while copies are made.
    drop(observed);
    for coverage in &coverage {
        done(Done::Coverage(coverage));
    }
    RunResults {
        unread,
        coverage,
        ..carry_out(lightsail, destinations, dry_run, deadline, done).await
    }
}

/// Carries a plan out in all destinations at once, and tells `done` of each step as it comes out.
/// A dry run says what would be done, and calls nothing.
async fn carry_out(
    lightsail: &Lightsail,
    plan: BTreeMap<Region, Steps>,
    dry_run: bool,
    deadline: Deadline,
    done: impl Fn(Done<'_>),
) -> RunResults {
    let done = &done;
    let destinations = plan.into_iter().map(|(region, steps)| async move {
        let run = DestinationRun {
            lightsail,
            region,
            dry_run,
            deadline,
            done,
            room: Room::new(steps.room),
            limit: Mutex::new(None),
            deletions: Mutex::default(),
        };
        run.carry_out(steps).await
    });
    let mut all = RunResults::default();
    for results in join_all(destinations).await {
        all.copies.extend(results.copies);
        all.deletions.extend(results.deletions);
    }
    all
}

/// The places for copies that may be started in one destination. A copy holds one while it is
/// being asked for, and gives it back if it was not started: one that fails, run after run, must
/// not keep the others waiting for ever.
struct Room {
    free: Semaphore,
    left: Mutex<usize>,
}

impl Room {
    fn new(places: usize) -> Self {
        let places = places.min(Semaphore::MAX_PERMITS);
        let room = Self {
            free: Semaphore::new(places),
            left: Mutex::new(places),
        };
        if places == 0 {
            room.free.close();
        }
        room
    }

    /// A place, as soon as one is free; `None` if all are taken for good.
    async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.free.acquire().await.ok()
    }

    /// Takes a place for good.
    fn take(&self, place: SemaphorePermit<'_>) {
        place.forget();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.free.close();
        }
    }
}

/// A plan being carried out in one destination.
struct DestinationRun<'a, D> {
    lightsail: &'a Lightsail,
    region: Region,
    dry_run: bool,
    deadline: Deadline,
    done: &'a D,
    room: Room,
    /// What Lightsail said when it refused a copy for the number of copies in progress. It would
    /// refuse all later ones of this run too.
    limit: Mutex<Option<Failure>>,
    deletions: Mutex<Vec<DeletionResult>>,
}

impl<D: Fn(Done<'_>)> DestinationRun<'_, D> {
    async fn carry_out(self, steps: Steps) -> RunResults {
        let mut copies = Vec::with_capacity(steps.copies.len());
        let mut to_tag: Vec<(SourceId, Date, String)> = steps
            .tags
            .into_iter()
            .map(|copy| (copy.source, copy.date, copy.name))
            .collect();
        let mut made = stream::iter(steps.copies)
            .map(|wanted| self.copy(wanted))
            .buffer_unordered(CALLS_AT_ONCE);
        while let Some((result, untagged)) = made.next().await {
            (self.done)(Done::Copy(&result));
            copies.push(result);
            to_tag.extend(untagged);
        }
        drop(made);
        if !self.dry_run {
            let run = &self;
            stream::iter(to_tag)
                .for_each_concurrent(CALLS_AT_ONCE, |(source, date, name)| async move {
                    // The next run sets a tag that could not be set.
                    let _ = run.tag(&source, date, &name).await;
                })
                .await;
        }
        stream::iter(steps.deletions)
            .for_each_concurrent(CALLS_AT_ONCE, |copy| async {
                self.delete(copy).await;
            })
            .await;
        let deletions = self.deletions.into_inner();
        RunResults {
            copies,
            deletions: deletions.unwrap_or_else(PoisonError::into_inner),
            ..RunResults::default()
        }
    }

    /// Does what is to be done about one copy. What is new and so has no tags yet comes with it.
    async fn copy(&self, wanted: WantedCopy) -> (CopyResult, Option<(SourceId, Date, String)>) {
        let copy = wanted.copy;
        let without_a_call = |outcome, error| {
            let result = CopyResult {
                copy: copy.clone(),
                outcome,
                operations: Vec::new(),
                error,
            };
            (result, None)
        };
        let again = match wanted.step {
            CopyStep::Exists => return without_a_call(Outcome::Exists, None),
            CopyStep::Pending => return without_a_call(Outcome::Pending, None),
            CopyStep::Make => None,
            CopyStep::MakeAgain(errored) => Some(errored),
        };
        let Some(place) = self.room.place().await else {
            return without_a_call(Outcome::Deferred, Some(self.no_room()));
        };
        if self.dry_run {
            self.room.take(place);
            if let Some(errored) = again {
                self.delete(errored).await;
            }
            return without_a_call(Outcome::Planned, None);
        }
        if let Some(limit) = self.limit() {
            return without_a_call(Outcome::Deferred, Some(limit));
        }
        let again_after = again.is_some();
        if let Some(errored) = again
            && let Err(failure) = self.clear(errored).await
        {
            return without_a_call(outcome_of(&failure), Some(failure));
        }
        let mut result = make(self.lightsail, copy, self.deadline).await;
        if let Some(failure) = &result.error
            && result.outcome == Outcome::Failed
        {
            result.outcome = outcome_of(failure);
            if again_after && failure.code == "CopyErrored" {
                // The deletion was accepted and takes its time.
                result.outcome = Outcome::Deferred;
            }
            if failure.class == Class::TooManyCopies {
                let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
                limit.get_or_insert_with(|| failure.clone());
            }
        }
        let may_be_in_progress = match &result.error {
            Some(failure) => failure.may_have_happened,
            None => result.outcome != Outcome::Exists,
        };
        if may_be_in_progress {
            self.room.take(place);
        }
        let there = matches!(
            result.outcome,
            Outcome::Started | Outcome::Exists | Outcome::Pending
        );
        let name = result.copy.target.to_string();
        let untagged = there.then_some((wanted.source, wanted.date, name));
        (result, untagged)
    }

    fn no_room(&self) -> Failure {
        Failure {
            code: "MaxCopiesInProgress".to_owned(),
            message: format!(
                "as many copies are in progress in {} as the policy's maxCopiesInProgress allows",
                self.region
            ),
            class: Class::TooManyCopies,
            may_have_happened: false,
        }
    }

    fn limit(&self) -> Option<Failure> {
        let limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit.clone()
    }

    /// Deletes a copy that ended in state `error`, to make it again. It is tagged first where it
    /// is not yet, because only what has the tags is ever deleted.
    async fn clear(&self, errored: ExistingCopy) -> Result<(), Failure> {
        if !errored.tagged {
            self.tag(&errored.source, errored.date, &errored.name)
                .await?;
        }
        match self.delete(errored).await {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    async fn tag(&self, source: &SourceId, date: Date, name: &str) -> Result<(), Failure> {
        let tags = source.tags(date);
        let tagged = self
            .lightsail
            .tag_snapshot(self.region, name, &tags, self.deadline.all)
            .await;
        if let Err(failure) = &tagged {
            (self.done)(Done::Untagged {
                region: self.region,
                name,
                failure,
            });
        }
        tagged
    }

    /// Deletes a copy, unless this is a dry run; why, if it could not be deleted.
    async fn delete(&self, copy: ExistingCopy) -> Option<Failure> {
        let (outcome, operations, error) = if self.dry_run {
            (Outcome::Planned, Vec::new(), None)
        } else {
            match self.call_delete(&copy).await {
                Ok(Some(operations)) => (Outcome::Deleted, operations, None),
                Ok(None) => return None,
                Err(failure) => (outcome_of(&failure), Vec::new(), Some(failure)),
            }
        };
        let result = DeletionResult {
            region: self.region,
            copy,
            outcome,
            operations,
            error,
        };
        (self.done)(Done::Deletion(&result));
        let failure = result.error.clone();
        let mut deletions = self
            .deletions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        deletions.push(result);
        failure
    }

    /// The calls that delete a copy; `None` if there is nothing to delete any more.
    ///
    /// A name that a failed copy had can by now be a good one's: another run at the same time has
    /// deleted the one and made the other. So a failed copy is looked at once more, and its
    /// deletion said once only. What retention does not keep, no run makes again.
    async fn call_delete(&self, copy: &ExistingCopy) -> Result<Option<Vec<Operation>>, Failure> {
        let deadline = self.deadline.all;
        let mut tries = Tries::WhileTheyHelp;
        if copy.state == SnapshotState::Error {
            let found = self
                .lightsail
                .find_snapshot(self.region, &copy.name, deadline)
                .await?;
            if found.is_some_and(|found| found.state != SnapshotState::Error) {
                return Ok(None);
            }
            tries = Tries::One;
        }
        self.lightsail
            .delete_snapshot(self.region, copy.source.kind, &copy.name, tries, deadline)
            .await
            .map(Some)
    }
}

/// Whether what failed in a policy's run is for the next run to do, or for a person.
fn outcome_of(failure: &Failure) -> Outcome {
    match failure.class {
        Class::TooManyCopies | Class::Throttled | Class::NoTime => Outcome::Deferred,
        _ => Outcome::Failed,
    }
}
