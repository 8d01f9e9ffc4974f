//! What is checked in each call.

use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Call, Emulator, Fault, Operation, Region};
use lightsail_snapshot_copier::{
    DRILL_EXPIRES_TAG, DRILL_STARTED_TAG, DRILL_TAG, DRILLED_TAG, Verdict,
};

use super::faults::{is_verdict, mark_of};
use super::runs::Care;
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
            change if is_snapshot_change(change) => {
                self.check_snapshot_change(emulator, number, call)
            }
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
        let max_hours = SignedDuration::from_hours(self.rules.max_hours);
        let is_alone = self.run(number).is_alone;
        if !is_alone {
            self.concurrent.insert((call.region, name.clone()));
        }
        let run = self.run(number);
        run.created.push((call.region, name.clone()));
        let lives = ends_at.map(|time: Timestamp| time.duration_since(run.started_at));
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
        let started_at = run.started_at;
        let snapshot = emulator.snapshot(call.region, &snapshot.unwrap_or_default());
        let Some(copy) = snapshot else { return Ok(()) };
        if !copy.from.attached_disks.is_empty() {
            return Err(format!("starts {name}, whose disks would remain"));
        }
        // Another run may change the mark meanwhile.
        let mark = copy.tags.get(DRILL_STARTED_TAG);
        let marked_at = mark.and_then(|mark| mark.parse::<Timestamp>().ok());
        let age = marked_at.map(|time| started_at.duration_since(time));
        match is_alone && age.is_none_or(|age| age.abs().as_secs() > 1) {
            true => Err(format!(
                "starts {name} at {started_at} with the mark {mark:?}"
            )),
            false => Ok(()),
        }
    }

    /// Only instances of drills are deleted: those of this policy when their drill has ended or the
    /// policy has no drills any more, the others 26 hours after their drill has ended.
    fn check_deletion(
        &mut self,
        emulator: &Emulator,
        number: u64,
        call: &Call,
    ) -> Result<(), String> {
        let name = call.body["instanceName"].as_str().unwrap_or_default();
        let run = self.run(number);
        let mut instances = emulator.instances(call.region).into_iter();
        let Some(instance) = instances.find(|instance| instance.name == name) else {
            return Ok(());
        };
        if !is_drill(&instance) {
            return Err(format!("deletes {instance:?}, which no drill made"));
        }
        if call.body["forceDeleteAddOns"] != true {
            return Err(format!("cannot delete {name} if it has an add-on"));
        }
        let source = &instance.tags[DRILL_TAG];
        let (care, started_at) = (run.care(source), run.started_at);
        let drill = self.drill(call.region, &instance);
        let has_ended = care.ends_at(drill) <= started_at;
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
        if care == Care::None && has_ended {
            self.counts
                .count("drill instances of another policy deleted");
        }
        match has_ended || (is_concluded && care != Care::None) {
            true => Ok(()),
            false => Err(format!("deletes {name} before its drill has ended")),
        }
    }

    /// Tags are set on copies only, and before drills start, except marks.
    fn check_tags(&mut self, emulator: &Emulator, number: u64, call: &Call) -> Result<(), String> {
        let name = call.body["resourceName"].as_str().unwrap_or_default();
        let instances = emulator.instances(call.region);
        if instances.iter().any(|instance| instance.name == name) {
            return Err(format!("sets tags of the instance {name}"));
        }
        match mark_of(call) {
            // The end of a drill without a verdict.
            Some("-") => {}
            Some(_) => {
                self.run(number).starting.insert(call.region);
            }
            None => return self.check_order(emulator, number, call),
        }
        Ok(())
    }

    fn check_snapshot_change(
        &mut self,
        emulator: &Emulator,
        number: u64,
        call: &Call,
    ) -> Result<(), String> {
        if let Some(name) = call.body["instanceSnapshotName"].as_str() {
            let is_drilled = |((region, instance), drill): (&(Region, String), &super::Drill)| {
                let is_from = copy_name(&drill.source, instance).as_deref() == Some(name);
                *region == call.region && drill.exists && is_from
            };
            if self.drills.iter().any(is_drilled) {
                self.counts.count("copies deleted while they are drilled");
            }
        }
        self.check_order(emulator, number, call)
    }

    /// In each destination, a run first ends drills, then changes copies, then starts drills. Only what
    /// a fault has delayed is changed again beside the drills.
    fn check_order(&mut self, emulator: &Emulator, number: u64, call: &Call) -> Result<(), String> {
        let run = self.run(number);
        if run.starting.contains(&call.region) && run.faulted.is_empty() {
            let operation = call.operation.as_str();
            return Err(format!("{operation} after the start of a drill"));
        }
        if run.names.is_none() || run.faulted.contains(&call.region) {
            return Ok(());
        }
        self.check_ends(emulator, call.region, number)
            .map_err(|problem| format!("{} first: {problem}", call.operation.as_str()))
    }
}
