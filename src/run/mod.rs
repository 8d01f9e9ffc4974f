//! Carries out what an event or a plan asks for: the only place that changes anything in AWS.
//!
//! It decides nothing. It adds order, concurrency and deadlines: first the drills that have ended, whose
//! instances cost money, then in each destination one attempt of each copy, tag and deletion, and at
//! last the other drills, beside the retries. So nothing that fails or hangs takes the place of the
//! rest. A run can end after any step, and the next one continues.

mod apply;
mod check;
mod deletions;
mod destination;
mod drill;
mod observe;
mod owner;
mod preview;
mod recorder;
mod rounds;
mod start;
mod starts;
mod tags;

use std::collections::BTreeMap;
use std::mem::take;

use futures_util::future::{OptionFuture, join, join_all};
use jiff::Timestamp;
use tokio::time::Instant;

pub use self::recorder::Recorder;

use self::destination::{Destination, PolicyRun};
use self::drill::DrillRun;
use self::start::Start;
use self::starts::Starts;
use crate::deadline::Deadline;
use crate::lightsail::Lightsail;
use crate::model::copy::SnapshotCopy;
use crate::model::event::{DestinationStorage, Event, IdleRule};
use crate::model::policy::Policy;
use crate::model::region::Region;
use crate::plan::{
    DrillPlan, Inventory, MassDeletion, coverage, plan, plan_drills, rules_selecting_nothing,
    storage, transfer,
};

/// Starts an event's copies, all destinations at once, and records each when it ends. A dry run only
/// looks.
pub async fn copies(
    lightsail: &Lightsail,
    copies: Vec<SnapshotCopy>,
    dry_run: bool,
    deadline: Deadline,
    recorder: &Recorder<'_>,
) {
    let mut by_destination: BTreeMap<Region, Vec<Start>> = BTreeMap::new();
    for (position, copy) in copies.into_iter().enumerate() {
        let destination = by_destination.entry(copy.destination).or_default();
        destination.push(Start::new(copy, position, None));
    }
    let destinations = by_destination.into_values().map(|starts| async move {
        match dry_run {
            true => preview::preview_all(lightsail, starts, deadline, recorder).await,
            false => {
                let starts = Starts::for_event(lightsail, recorder, deadline, starts);
                starts.run().await;
            }
        }
    });
    join_all(destinations).await;
}

#[derive(Debug, Clone, Copy)]
pub struct Mode {
    pub dry_run: bool,
    /// Whether it may delete most copies of a source.
    pub mass_deletion: MassDeletion,
}

/// Runs a policy once, at `now`: observes, plans, applies the plan. Passes each event to `log` when it
/// happens, and returns all of them. A dry run reports what would be done, and changes nothing.
pub async fn policy(
    lightsail: &Lightsail,
    policy: &Policy,
    now: Timestamp,
    mode: Mode,
    deadline: Deadline,
    log: &(dyn Fn(&Event) + Sync),
) -> Vec<Event> {
    let recorder = Recorder::new(log);
    let run = PolicyRun {
        lightsail,
        policy,
        now,
        mode,
        deadline,
        recorder: &recorder,
    };
    let (inventory, drills) = run.observe().await;
    run.apply(&inventory, drills).await;
    let mut events = recorder.into_events();
    if mode.dry_run {
        record_storage(&inventory, &mut events, log);
    }
    let coverage = coverage(policy, &inventory, now, &events);
    // Of a large fleet, the inventory takes as much memory as the events.
    drop(inventory);
    events.reserve_exact(coverage.len());
    let coverage = coverage.into_iter().map(Event::Coverage);
    events.extend(coverage.inspect(|event| log(event)));
    events
}

impl PolicyRun<'_> {
    /// Reads what exists, and ends drills meanwhile. Returns the drills that are left.
    async fn observe(&self) -> (Inventory, BTreeMap<Region, DrillPlan>) {
        let (lightsail, policy, now) = (self.lightsail, self.policy, self.now);
        let (deadline, recorder) = (self.deadline, self.recorder);
        let mut inventory = observe::lists(lightsail, policy, deadline, recorder).await;
        let mut drills = plan_drills(policy, &inventory, now);
        let ended = drills.iter_mut().filter_map(|(region, plan)| {
            let run = self.drills(*region, deadline.ended_drills)?;
            Some(run.end(take(&mut plan.ended)))
        });
        let queries =
            observe::auto_snapshots(lightsail, policy, now, deadline, &mut inventory, recorder);
        join(join_all(ended), queries).await;
        (inventory, drills)
    }

    /// Does what is missing in all destinations at once.
    async fn apply(&self, inventory: &Inventory, mut drills: BTreeMap<Region, DrillPlan>) {
        for rule in rules_selecting_nothing(self.policy, inventory) {
            self.recorder
                .record(Event::SelectsNothing(IdleRule { rule }));
        }
        let mut plan = plan(self.policy, inventory, self.now, self.mode.mass_deletion);
        for copy in plan.ignored {
            self.recorder.record(Event::CopyIgnored(copy));
        }
        let applied = self.policy.destinations.iter().map(|region| {
            let to = Destination {
                run: self,
                inventory,
                region: *region,
            };
            let drills = drills.remove(region).and_then(|plan| {
                let run = self.drills(*region, self.deadline.all)?;
                Some(run.go_on(plan))
            });
            let drills = OptionFuture::from(drills);
            let plan = plan.destinations.remove(region);
            async {
                match plan {
                    Some(plan) => apply::apply(to, plan, drills).await,
                    None => _ = drills.await,
                }
            }
        });
        join_all(applied).await;
    }

    /// The drills of a destination. `None` if the policy has none.
    fn drills(&self, region: Region, deadline: Instant) -> Option<DrillRun<'_>> {
        let policy = self.policy.drills.as_ref()?;
        Some(DrillRun {
            run: self,
            policy,
            region,
            deadline,
        })
    }
}

/// Adds what the copies in each destination hold, and what this dry run would add.
fn record_storage(inventory: &Inventory, events: &mut Vec<Event>, log: &(dyn Fn(&Event) + Sync)) {
    let transfers = transfer(inventory, events);
    let storage = storage(inventory).into_iter().map(|(region, storage)| {
        Event::Storage(DestinationStorage {
            region,
            storage,
            transfer: transfers.get(&region).copied().unwrap_or_default(),
        })
    });
    events.extend(storage.inspect(|event| log(event)));
}
