//! Which copies to restore for a trial, and the next step of each trial in progress.
//!
//! A drill's only state is in tags: those of its instance say what is tried and until when, that of
//! the copy says how the last drill ended.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, ToSpan};

use super::drill_instance::{DrillInstance, instance_name};
use super::existing_copy::ExistingCopy;
use super::history::{last_valid_date, last_verdict, newest_available, valid_verdict};
use super::planner::Planner;
use crate::model::drill::Drills;
use crate::model::resource::{InstanceState, ResourceId, ResourceKind, SnapshotState};
use crate::model::restore_date::utc_date;
use crate::model::snapshot_name::SnapshotName;
use crate::model::verdict::Verdict;

/// The longest `maxHours` of a policy. The limit for drills whose policy is not this one.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// How long an instance may exist after its drill has ended: a day until the next run deletes it, and
/// two hours for Lightsail to do so.
const DELETION_TIME: SignedDuration = SignedDuration::from_hours(26);

/// What to do about drills in one destination.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DrillPlan {
    /// The next step of each drill in progress.
    pub in_progress: Vec<PlannedDrill>,
    /// The drills that are due, in the order in which they get free slots.
    pub due: Vec<PlannedDrill>,
    /// How many drills may start: the policy's limit, less the drill instances.
    pub slots: usize,
    /// The number of drill instances, those of other policies included.
    pub instances: usize,
}

/// A drill and its next step.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedDrill {
    /// The instance whose copy is restored. The drill instance itself if its tag does not tell.
    pub source: ResourceId,
    /// The copy's name. `None` if the name of the drill instance does not tell.
    pub snapshot: Option<String>,
    /// Whether the copy exists. Another one can get its name, and proves nothing.
    pub has_copy: bool,
    /// The name of the drill instance.
    pub instance: String,
    /// Whether the instance should be gone long ago: its drill ended more than 26 hours before.
    pub is_overdue: bool,
    /// What to do.
    pub step: DrillStep,
}

/// What to do about a drill.
#[derive(Debug, Clone, PartialEq)]
pub enum DrillStep {
    /// Create the instance.
    Start {
        /// The bundle of the instance that the copy was made from.
        bundle: Option<String>,
    },
    /// Nothing: the disks of the copy would remain.
    NotDrillable,
    /// Nothing: a server that no drill made has the name.
    NameInUse,
    /// Nothing yet: the instance boots, or it is being deleted.
    Wait,
    /// Run the checks. Delete the instance and record the verdict if they pass.
    Check {
        /// The instance's public IPv4 address.
        address: Option<String>,
        /// Minutes since its creation.
        minutes: u64,
        /// Whether this is the last try: the instance is deleted in any case.
        is_last: bool,
    },
    /// Record that the drill failed, because the instance does not run, and delete it.
    Fail {
        /// Minutes since its creation.
        minutes: u64,
    },
    /// Delete the instance. The verdict is recorded, or nobody wants one any more.
    Delete {
        /// Whether the drill ends without a verdict.
        is_cancelled: bool,
    },
}

/// Whether the copies of a source are restored for a trial.
fn drills_select(drills: &Drills, source: &ResourceId) -> bool {
    source.kind == ResourceKind::Instance && drills.selects(&source.name)
}

impl Planner<'_> {
    /// The drills of this destination. Empty if its instances could not be read.
    pub(super) fn drills(&self, drills: &Drills) -> DrillPlan {
        let Some(instances) = self.inventory.drill_instances.get(&self.region) else {
            return DrillPlan::default();
        };
        let in_progress = instances.iter();
        let mut due: Vec<(Option<Verdict>, PlannedDrill)> = self
            .sources
            .iter()
            .filter(|source| drills_select(drills, source))
            .filter_map(|source| self.due(drills, source, instances))
            .collect();
        // Never drilled first. The others follow the source with the newest verdict in turn, so that
        // none waits for ever if verdicts are lost with their copies. The sort is stable.
        let newest = self.newest_verdict();
        due.sort_by_key(|(last, drill)| {
            let had_turn = newest.is_some_and(|newest| drill.source <= *newest);
            (last.map(|last| last.date), had_turn)
        });
        // Sources of two Regions can have the same name, and so the same drill instance.
        let mut names = BTreeSet::new();
        due.retain(|(_, drill)| {
            !matches!(drill.step, DrillStep::Start { .. }) || names.insert(drill.instance.clone())
        });
        DrillPlan {
            in_progress: in_progress
                .filter_map(|instance| self.next_step(drills, instance))
                .collect(),
            due: due.into_iter().map(|(_, drill)| drill).collect(),
            slots: drills.at_once.saturating_sub(instances.len()),
            instances: instances.len(),
        }
    }

    /// The source with the newest verdict, the last one of several.
    fn newest_verdict(&self) -> Option<&ResourceId> {
        let last_date = last_valid_date(self.now);
        let verdicts = self.sources.iter().filter_map(|source| {
            let last = last_verdict(self.own_copies(source), last_date)?;
            Some((last.date, source))
        });
        verdicts.max().map(|(_, source)| source)
    }

    /// The drills that must end although the destination's snapshots could not be read. Those that can
    /// still pass later wait for a run that knows their copies.
    pub(super) fn ended_drills(&self, drills: &Drills) -> DrillPlan {
        let mut plan = self.drills(drills);
        plan.in_progress
            .retain(|drill| !matches!(drill.step, DrillStep::Check { is_last: false, .. }));
        for drill in &mut plan.in_progress {
            // The attempt to record the verdict shows whether the copy exists.
            drill.has_copy = true;
        }
        plan
    }

    /// The drill of a source, if it is due, with the source's last verdict.
    fn due(
        &self,
        drills: &Drills,
        source: &ResourceId,
        instances: &[DrillInstance],
    ) -> Option<(Option<Verdict>, PlannedDrill)> {
        let copies = self.own_copies(source);
        let copy = newest_available(copies)?;
        let last = last_verdict(copies, last_valid_date(self.now));
        let next = last.map(|last| {
            last.date
                .saturating_add(i64::from(drills.every_days).days())
        });
        if next.is_some_and(|next| next > utc_date(self.now)) {
            return None;
        }
        let name = instance_name(source, copy.date);
        let named = ResourceId {
            region: self.region,
            name: name.clone(),
            kind: ResourceKind::Instance,
        };
        let has_drill = |instance: &DrillInstance| {
            instance.source.as_ref() == Some(source) || instance.name == name
        };
        if instances.iter().any(has_drill) {
            return None;
        }
        let step = if !copy.attached_disks.is_empty() {
            DrillStep::NotDrillable
        } else if self.inventory.resources.contains_key(&named) {
            DrillStep::NameInUse
        } else {
            DrillStep::Start {
                bundle: copy.bundle.clone(),
            }
        };
        let drill = PlannedDrill {
            source: source.clone(),
            snapshot: Some(copy.name.clone()),
            has_copy: true,
            instance: name,
            is_overdue: false,
            step,
        };
        Some((last, drill))
    }

    /// The next step of a drill in progress. `None` if another policy takes care of it.
    fn next_step(&self, drills: &Drills, instance: &DrillInstance) -> Option<PlannedDrill> {
        let source = instance.source.as_ref();
        let own = source.filter(|source| self.is_own(source));
        let is_own = own.is_some();
        let longest = if is_own {
            SignedDuration::from_hours(drills.max_hours.into())
        } else {
            LONGEST
        };
        let ends_at = instance.ends_at(longest);
        let has_ended = self.now >= ends_at;
        if !is_own && !has_ended {
            return None;
        }
        let is_wanted = own.is_some_and(|source| drills_select(drills, source));
        let copy = self.copy_of(instance);
        let step = self.step_of(instance, copy, is_wanted, has_ended);
        let generated = || {
            let source = source?;
            let name = SnapshotName::for_dated(&source.name, source.region, instance.date()?);
            Some(name.ok()?.to_string())
        };
        Some(PlannedDrill {
            source: source.cloned().unwrap_or_else(|| ResourceId {
                region: self.region,
                name: instance.name.clone(),
                kind: ResourceKind::Instance,
            }),
            snapshot: copy.map(|copy| copy.name.clone()).or_else(generated),
            has_copy: copy.is_some(),
            instance: instance.name.clone(),
            is_overdue: self.now
                >= ends_at
                    .saturating_add(DELETION_TIME)
                    .unwrap_or(Timestamp::MAX),
            step,
        })
    }

    /// What to do about a drill instance that was made from this copy.
    fn step_of(
        &self,
        instance: &DrillInstance,
        copy: Option<&ExistingCopy>,
        is_wanted: bool,
        has_ended: bool,
    ) -> DrillStep {
        let created_at = instance.created_at.unwrap_or(self.now);
        let minutes = self.now.duration_since(created_at).as_mins();
        let minutes = u64::try_from(minutes).unwrap_or(0);
        let has_verdict = copy
            .and_then(|copy| valid_verdict(copy, last_valid_date(self.now)))
            .is_some_and(|verdict| verdict.date >= utc_date(created_at));
        match instance.state {
            InstanceState::Ending => DrillStep::Wait,
            _ if has_verdict => DrillStep::Delete {
                is_cancelled: false,
            },
            _ if !is_wanted => DrillStep::Delete { is_cancelled: true },
            InstanceState::Running => DrillStep::Check {
                address: instance.address.clone(),
                minutes,
                is_last: has_ended,
            },
            InstanceState::Pending | InstanceState::Stopped if has_ended => {
                DrillStep::Fail { minutes }
            }
            InstanceState::Pending | InstanceState::Stopped => DrillStep::Wait,
        }
    }

    /// The copy that a drill instance was made from.
    fn copy_of(&self, instance: &DrillInstance) -> Option<&ExistingCopy> {
        let date = instance.date()?;
        let mut copies = self.copies_of(instance.source.as_ref()?).iter();
        copies
            .find(|copy| copy.date == date && copy.state == SnapshotState::Available)
            .copied()
    }

    /// Whether this policy selects a drill's source, or did while it existed.
    fn is_own(&self, source: &ResourceId) -> bool {
        if self.sources.selects(source) {
            return true;
        }
        let exists = self.inventory.resources.contains_key(source);
        let policy = self.policy;
        !exists && policy.selects_former(source.region, source.kind, &source.name)
    }
}
