//! What is checked in each call.

use lightsail_emulator::{Call, Emulator, Fault, Operation, Region};
use lightsail_snapshot_copier::{DRILL_EXPIRES_TAG, DRILL_TAG, DRILLED_TAG, Verdict};

use super::faults::is_verdict;
use super::{Drills, RUN, Run, copy_name, is_drill, is_own, is_snapshot_change};
use crate::copies::day;

impl Drills {
    /// Checks a call and decides its fault. `fault` is what happens to any call.
    pub(in super::super) fn call(
        &mut self,
        emulator: &Emulator,
        call: &Call,
        fault: Fault,
    ) -> Fault {
        if !self.rules.are_wanted {
            return fault;
        }
        let number = RUN.get();
        let fault = self.decide(call, fault);
        if fault != Fault::None {
            self.count_fault(call, &fault);
            self.run(number).faulted.insert(call.region);
        }
        let checked = match call.operation {
            Operation::GetInstances => self.see(emulator, call.region),
            Operation::CreateInstancesFromSnapshot => self.check_start(emulator, number, call),
            Operation::DeleteInstance => self.check_deletion(emulator, number, call),
            Operation::TagResource if is_verdict(call) => {
                self.check_verdict(emulator, number, call, &fault)
            }
            Operation::TagResource => self.check_tags(emulator, number, call),
            change if is_snapshot_change(change) => self.check_snapshot_change(number, call),
            other if other.as_str().starts_with("Get") => Ok(()),
            other => Err(format!("calls {}", other.as_str())),
        };
        if let Err(problem) = checked {
            self.broken.get_or_insert(problem);
        }
        self.interfere(emulator, call);
        fault
    }

    pub(super) fn run(&mut self, number: u64) -> &mut Run {
        self.runs.get_mut(&number).expect("the run has begun")
    }

    /// A drill starts from the right copy, with both tags, and only if the policy asks for it.
    fn check_start(&mut self, emulator: &Emulator, number: u64, call: &Call) -> Result<(), String> {
        let tag = |key: &str| {
            let tags = call.body["tags"].as_array()?;
            let tag = tags.iter().find(|tag| tag["key"] == key)?;
            tag["value"].as_str().map(str::to_owned)
        };
        let text = |member: &str| call.body[member].as_str().map(str::to_owned);
        let [name] = call.body["instanceNames"]
            .as_array()
            .map_or(&[][..], Vec::as_slice)
        else {
            return Err(format!("not one instance: {call:?}"));
        };
        let name = name.as_str().unwrap_or_default().to_owned();
        let source = tag(DRILL_TAG).unwrap_or_default();
        let ends_at = tag(DRILL_EXPIRES_TAG).and_then(|time| time.parse().ok());
        let max_hours = jiff::SignedDuration::from_hours(self.rules.max_hours);
        if self.runs.len() > 1 {
            self.concurrent.insert((call.region, name.clone()));
        }
        let run = self.run(number);
        run.drilling.insert(call.region);
        run.created.push((call.region, name.clone()));
        let lives = ends_at.map(|time: jiff::Timestamp| time.duration_since(run.started_at));
        if lives.is_none_or(|lives| (lives - max_hours).abs().as_secs() > 1) {
            return Err(format!("starts {name}, which expires at {ends_at:?}"));
        }
        if !is_own(&source) || !run.wants(&source) {
            return Err(format!("starts {name}, which the policy does not want"));
        }
        let snapshot = text("instanceSnapshotName");
        if snapshot.is_none() || copy_name(&source, &name) != snapshot {
            return Err(format!("starts {name} from {snapshot:?}"));
        }
        let snapshot = emulator.snapshot(call.region, &snapshot.unwrap_or_default());
        match snapshot {
            Some(copy) if !copy.from.attached_disks.is_empty() => {
                Err(format!("starts {name}, whose disks would remain"))
            }
            _ => Ok(()),
        }
    }

    /// Only instances of drills are deleted: those of this policy when their drill has ended or the
    /// policy does not want it, the others when they expire.
    fn check_deletion(
        &mut self,
        emulator: &Emulator,
        number: u64,
        call: &Call,
    ) -> Result<(), String> {
        let name = call.body["instanceName"].as_str().unwrap_or_default();
        let run = self.run(number);
        run.drilling.insert(call.region);
        let mut instances = emulator.instances(call.region).into_iter();
        let Some(instance) = instances.find(|instance| instance.name == name) else {
            return Ok(());
        };
        if !is_drill(&instance) {
            return Err(format!("deletes {instance:?}, which no drill made"));
        }
        let source = &instance.tags[DRILL_TAG];
        let is_wanted = !is_own(source) || run.wants(source);
        let started_at = run.started_at;
        let drill = self.drill(call.region, &instance);
        let has_ended = drill.ends_at <= started_at;
        let created = day(drill.created_at);
        let copy = copy_name(source, name).filter(|_| is_own(source));
        let copy = copy.map(|copy| emulator.snapshot(call.region, &copy));
        let is_concluded = copy.is_some_and(|copy| {
            // Nobody needs the verdict of a copy that is gone.
            copy.is_none_or(|copy| {
                let verdict = copy.tags.get(DRILLED_TAG);
                let verdict = verdict.and_then(|verdict| verdict.parse::<Verdict>().ok());
                verdict.is_some_and(|verdict| verdict.date >= created)
            })
        });
        match has_ended || is_concluded || !is_wanted {
            true => Ok(()),
            false => Err(format!("deletes {name} before its drill has ended")),
        }
    }

    /// Tags are set on copies only, before drills.
    fn check_tags(&mut self, emulator: &Emulator, number: u64, call: &Call) -> Result<(), String> {
        let name = call.body["resourceName"].as_str().unwrap_or_default();
        let instances = emulator.instances(call.region);
        match instances.iter().any(|instance| instance.name == name) {
            true => Err(format!("sets tags of the instance {name}")),
            false => self.check_order(number, call),
        }
    }

    fn check_snapshot_change(&mut self, number: u64, call: &Call) -> Result<(), String> {
        if let Some(name) = call.body["instanceSnapshotName"].as_str() {
            let is_drilled = |((region, instance), drill): (&(Region, String), &super::Drill)| {
                let is_from = copy_name(&drill.source, instance).as_deref() == Some(name);
                *region == call.region && drill.exists && is_from
            };
            if self.drills.iter().any(is_drilled) {
                self.counts.count("copies deleted while they are drilled");
            }
        }
        self.check_order(number, call)
    }

    /// In each destination, a run changes copies before it starts with drills.
    fn check_order(&mut self, number: u64, call: &Call) -> Result<(), String> {
        match self.run(number).drilling.contains(&call.region) {
            true => Err(format!("{} after drills", call.operation.as_str())),
            false => Ok(()),
        }
    }
}
