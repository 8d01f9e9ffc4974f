//! Which copies to restore for a trial, and the next step of each trial in progress.
//!
//! The only state of a drill is in tags. A mark on the copy says when the drill was started, the tags
//! of its instance say what is tried and until when, and a verdict on the copy says how it ended.

mod instance;
mod start;
mod step;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, ToSpan};

pub use self::instance::{
    DRILL_EXPIRES_TAG, DRILL_STARTED_TAG, DRILL_TAG, DRILLED_TAG, DrillInstance, drill_tags,
    started_tag,
};
pub use self::start::{choose_bundle, choose_zone, not_created, not_marked, refused};
pub use self::step::{Conclusion, DrillStep, PlannedDrill};

use self::instance::instance_name;
use self::start::no_address;
use self::step::{cancellation, deletion};
use super::Planner;
use super::existing_copy::{
    has_verdict_since, last_valid_date, last_verdict, newest_available, undecided,
};
use crate::model::bundle::is_ipv6_only;
use crate::model::drill::{DrillOutcome, Drills};
use crate::model::failure::{ApiError, Code};
use crate::model::resource::{InstanceState, ResourceId, ResourceKind, SnapshotState};
use crate::model::snapshot_name::SnapshotName;
use crate::model::time::utc_date;

/// The longest `maxHours` of a policy. The limit for drills that the policy does not ask for.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// How long an instance may exist after its drill has ended: a day until the next run of its policy
/// deletes it, and two hours for Lightsail to do so.
const DELETION_TIME: SignedDuration = SignedDuration::from_hours(26);

#[derive(Debug, Clone, Default, PartialEq)]
pub struct DrillPlan {
    /// The drills that have ended: a verdict or a deletion is due.
    pub ended: Vec<PlannedDrill>,
    /// The others in progress, then those that may start, in the order in which they get free slots.
    pub others: Vec<PlannedDrill>,
    /// How many drills may start: the policy's limit, less those in progress.
    pub slots: usize,
    /// The number of drill instances, those of other policies included.
    pub instances: usize,
}

impl DrillPlan {
    /// What is left of the plan if the destination's snapshots could not be read: the drills that have
    /// ended. The others wait for a run that knows their copies.
    pub(super) fn without_copies(mut self) -> Self {
        self.others.clear();
        for drill in &mut self.ended {
            // The attempt to record the verdict shows whether the copy exists.
            drill.has_copy = true;
        }
        self
    }

    fn add(&mut self, drill: PlannedDrill) {
        match drill.has_ended() {
            true => self.ended.push(drill),
            false => self.others.push(drill),
        }
    }
}

impl Planner<'_> {
    /// The drills of this destination. Empty if its instances could not be read.
    pub(super) fn drills(&self, drills: &Drills) -> DrillPlan {
        let Some(instances) = self.inventory.drill_instances.get(&self.region) else {
            return DrillPlan::default();
        };
        let mut plan = DrillPlan {
            slots: drills.at_once.saturating_sub(instances.len()),
            instances: instances.len(),
            ..DrillPlan::default()
        };
        let in_progress = instances.iter();
        in_progress
            .filter_map(|instance| self.next_step(drills, instance))
            .for_each(|drill| plan.add(drill));
        let mut idle = Vec::new();
        for source in self.sources.iter() {
            let is_wanted = source.kind == ResourceKind::Instance && drills.selects(&source.name);
            if !is_wanted || instances.iter().any(|instance| instance.source == *source) {
                continue;
            }
            let undecided = self.without_instance(drills, source);
            if undecided.is_empty() {
                idle.push(source);
            }
            for drill in undecided {
                let takes_slot = usize::from(!drill.has_ended());
                plan.slots = plan.slots.saturating_sub(takes_slot);
                plan.add(drill);
            }
        }
        plan.others.extend(self.due(drills, &idle, instances));
        plan
    }

    /// The drills of these sources that are due: never drilled sources first, then the oldest drill.
    fn due(
        &self,
        drills: &Drills,
        sources: &[&ResourceId],
        instances: &[DrillInstance],
    ) -> Vec<PlannedDrill> {
        let every = i64::from(drills.every_days).days();
        let last = |source| {
            let verdict = last_verdict(self.own_copies(source), last_valid_date(self.now));
            verdict.map(|verdict| verdict.date)
        };
        // Sources with the same day take turns, from the one that was drilled last. Otherwise some would
        // wait for ever if verdicts are lost with their copies.
        let newest = self.sources.iter();
        let newest = newest.filter_map(|source| Some((last(source)?, source)));
        let newest = newest.max().map(|(_, source)| source);
        let due = sources.iter().map(|source| (last(source), *source));
        let due = due.filter(|(last, _)| {
            last.is_none_or(|last| last.saturating_add(every) <= utc_date(self.now))
        });
        let due = due.filter_map(|(last, source)| {
            let had_turn = newest.is_some_and(|newest| source <= newest);
            Some(((last, had_turn), self.start(source, instances)?))
        });
        let mut due: Vec<_> = due.collect();
        due.sort_by_key(|(turn, _)| *turn);
        // Sources of two Regions can have the same name, and so the same drill instance.
        let mut names = BTreeSet::new();
        let due = due.into_iter().map(|(_, drill)| drill);
        due.filter(|drill| !drill.starts() || names.insert(drill.instance.clone()))
            .collect()
    }

    /// How the drill of a source starts. `None` if it has no copy, or the drill of a source with the
    /// same name has to end first.
    fn start(&self, source: &ResourceId, instances: &[DrillInstance]) -> Option<PlannedDrill> {
        let copy = newest_available(self.own_copies(source))?;
        let named = ResourceId {
            region: self.region,
            name: instance_name(source, copy.date).into(),
            kind: ResourceKind::Instance,
        };
        if instances
            .iter()
            .any(|instance| *instance.name == *named.name)
        {
            return None;
        }
        let status = self.sources.resource(source)?.instance.as_ref();
        let hardware = status.and_then(|status| status.hardware);
        let bundle = copy.bundle.clone().unwrap_or_default();
        let found = |outcome, code, message| Some(Conclusion::found(outcome, code, message));
        let obstacle = if !copy.attached_disks.is_empty() {
            let message = "the copy contains attached disks, which would stay behind";
            found(DrillOutcome::NotDrillable, Code::AttachedDisks, message)
        } else if is_ipv6_only(&bundle) || hardware.is_some_and(|it| it.ipv4_addresses == 0) {
            Some(no_address())
        } else if self.inventory.resources.contains_key(&named) {
            let message = "the name belongs to an instance that no drill created";
            found(DrillOutcome::Failed, Code::NameInUse, message)
        } else {
            None
        };
        let start = DrillStep::Start { bundle, hardware };
        let step = obstacle.map_or(start, DrillStep::Conclude);
        Some(PlannedDrill::of_copy(copy, None, step))
    }

    /// The drills of a source that were started and have neither an instance nor a verdict.
    fn without_instance(&self, drills: &Drills, source: &ResourceId) -> Vec<PlannedDrill> {
        let copies = self.own_copies(source).iter();
        let started = copies.filter_map(|copy| Some((copy, undecided(copy, self.now)?)));
        let steps = started.map(|(copy, started)| {
            let conclusion = if self.now.duration_since(started) < drills.max_time() {
                Conclusion::new(DrillOutcome::Waiting, None)
            } else {
                let message = format!(
                    "the drill started at {started:.0} and has no instance: it never appeared, or \
                     somebody deleted it"
                );
                Conclusion {
                    // By now, another instance may have the name.
                    deletes_instance: false,
                    ..self.failure(started, Code::NoInstance, message)
                }
            };
            PlannedDrill::of_copy(copy, Some(started), DrillStep::Conclude(conclusion))
        });
        steps.collect()
    }

    /// The next step of a drill with an instance. `None` if the policy does not ask for it and it has not
    /// ended.
    fn next_step(&self, drills: &Drills, instance: &DrillInstance) -> Option<PlannedDrill> {
        let source = &instance.source;
        let is_own = self.is_own(source);
        let is_wanted = is_own && drills.selects(&source.name);
        let is_asked = is_wanted || is_own && drills.names.is_empty();
        let ends_at = match is_own {
            true if is_asked => instance.ends_at(drills.max_time()),
            true => instance.ends_at(LONGEST),
            false if self.may_be_own(source) => instance.ends_at(LONGEST),
            false => later(instance.ends_at(LONGEST)),
        };
        if !is_asked && self.now < ends_at {
            return None;
        }
        let copies = self.copies_of(source).iter();
        let mut available = copies.filter(|copy| copy.state == SnapshotState::Available);
        let copy = available.find(|copy| copy.date == instance.date);
        let created_at = instance.created_at.unwrap_or(self.now);
        let step = if instance.is_ending()
            || copy.is_some_and(|copy| has_verdict_since(copy, created_at, self.now))
        {
            DrillStep::Conclude(deletion(instance, self.now >= later(ends_at)))
        } else if is_wanted {
            self.trial(instance, created_at, self.now >= ends_at)
        } else {
            let has_mark = copy.is_some_and(|copy| copy.drill_started.is_some());
            DrillStep::Conclude(cancellation(is_own, has_mark))
        };
        let name = SnapshotName::for_dated(&source.name, source.region, instance.date);
        Some(PlannedDrill {
            source: source.clone(),
            snapshot: name.ok(),
            has_copy: copy.is_some(),
            instance: instance.name.clone(),
            started: Some(created_at),
            step,
        })
    }

    fn trial(&self, instance: &DrillInstance, created: Timestamp, has_ended: bool) -> DrillStep {
        let minutes = self.minutes_since(created);
        match instance.status.state {
            InstanceState::Running => DrillStep::Check {
                address: instance.status.public_address.clone(),
                minutes,
                is_last: has_ended,
            },
            _ if has_ended => {
                let message = format!("the instance does not run after {minutes} min");
                DrillStep::Conclude(self.failure(created, Code::NotRunning, message))
            }
            _ => DrillStep::Conclude(Conclusion::new(DrillOutcome::Waiting, None)),
        }
    }

    fn failure(&self, since: Timestamp, code: Code, message: String) -> Conclusion {
        let error = ApiError::found(code, message);
        Conclusion::verdict(utc_date(self.now), self.minutes_since(since), Some(error))
    }

    fn minutes_since(&self, time: Timestamp) -> u64 {
        u64::try_from(self.now.duration_since(time).as_mins()).unwrap_or(0)
    }

    /// Whether a drill may be of this policy: its source is gone or could not be read, and only the
    /// tags of the source would say more.
    fn may_be_own(&self, source: &ResourceId) -> bool {
        let ResourceId { region, kind, name } = source;
        let exists = self.inventory.resources.contains_key(source);
        !exists && self.policy.may_have_selected(*region, *kind, name)
    }
}

/// When an instance should be gone whose drill ends at `time`.
fn later(time: Timestamp) -> Timestamp {
    time.saturating_add(DELETION_TIME).unwrap_or(Timestamp::MAX)
}
