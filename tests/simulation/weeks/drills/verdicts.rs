//! What is checked when a verdict is recorded.

use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Call, Emulator, Fault, Region, Snapshot};
use lightsail_snapshot_copier::{DRILL_STARTED_TAG, DRILLED_TAG, Verdict, VerdictOutcome};

use super::faults::verdict_of;
use super::{Drill, Drills, copy_name, is_drill};
use crate::copies::{copy_of, day};

impl Drills {
    /// A verdict is true, and on the copy that the instance was made from.
    pub(super) fn check_verdict(
        &mut self,
        emulator: &Emulator,
        number: u64,
        call: &Call,
        fault: &Fault,
    ) -> Result<(), String> {
        let run = self.run(number);
        let started_at = run.started_at;
        // A run that cannot read the copies does not know their verdicts.
        let has_fault = run.faulted.contains(&call.region);
        let copy = call.body["resourceName"].as_str().unwrap_or_default();
        let text = verdict_of(call).unwrap_or_default();
        let verdict: Verdict = text.parse().map_err(|error| format!("{copy}: {error}"))?;
        let snapshot = emulator.snapshot(call.region, copy);
        let now = self.clock.now();
        let max_hours = SignedDuration::from_hours(self.rules.max_hours);
        let (name, drill) = self.drill_of(call.region, copy).unzip();
        let by_instance = match &drill {
            Some(drill) => check(drill, verdict, started_at),
            None => Err("it never had an instance".to_owned()),
        };
        let Some(snapshot) = snapshot else {
            return Ok(());
        };
        // Another run may have deleted it after this run's list was asked for, and before the answer.
        // Without a drill's tag, it is somebody's server with the same name.
        let mut instances = emulator.instances(call.region).into_iter();
        let exists = instances.any(|it| Some(it.name.as_str()) == name && is_drill(&it));
        let is_without_instance = !exists && by_mark(&snapshot, verdict, started_at, max_hours);
        if !is_without_instance {
            by_instance.map_err(|problem| {
                format!("records {text:?} on {copy} at {started_at}: {problem}")
            })?;
        }
        let concluded_at = drill.as_ref().and_then(|drill| drill.concluded_at);
        let is_concluded = concluded_at.is_some_and(|time| time < started_at);
        if is_concluded
            && !is_without_instance
            && !has_fault
            && snapshot.tags.contains_key(DRILLED_TAG)
        {
            return Err(format!("records {text:?} on {copy} again"));
        }
        if *fault == Fault::None {
            if let Some(drill) = drill {
                drill.concluded_at = Some(now);
            }
            let name = name.map(str::to_owned).or_else(|| instance_name(&snapshot));
            let verdict = (call.region, name.unwrap_or_default(), verdict);
            self.run(number).verdicts.push(verdict);
        }
        Ok(())
    }

    /// The last drill instance that was made from a copy, with its name.
    fn drill_of(&mut self, region: Region, copy: &str) -> Option<(&str, &mut Drill)> {
        let mut drills = self.drills.iter_mut().filter(|((at, _), _)| *at == region);
        let found = drills
            .find(|((_, name), drill)| copy_name(&drill.source, name).as_deref() == Some(copy));
        found.map(|((_, name), drill)| (name.as_str(), drill))
    }
}

/// Whether a run that started at this time may come to this verdict.
fn check(drill: &Drill, verdict: Verdict, started_at: Timestamp) -> Result<(), String> {
    let minutes = started_at.duration_since(drill.created_at).as_mins();
    let passes = drill.passes_since;
    if verdict.date != day(started_at) || i64::try_from(verdict.minutes) != Ok(minutes.max(0)) {
        return Err(format!("the instance was created at {}", drill.created_at));
    }
    match verdict.outcome {
        VerdictOutcome::Passed if passes.is_none() => Err("the checks did not pass".to_owned()),
        VerdictOutcome::Failed if passes.is_some_and(|since| since <= started_at) => {
            Err(format!("the checks pass since {passes:?}"))
        }
        VerdictOutcome::Failed if drill.ends_at > started_at => {
            Err(format!("the drill ends at {}", drill.ends_at))
        }
        _ => Ok(()),
    }
}

/// Whether the mark of a copy shows that its drill has ended without an instance, or the verdict is
/// there already: the answer was lost, or another run has recorded it.
fn by_mark(
    copy: &Snapshot,
    verdict: Verdict,
    started_at: Timestamp,
    max_hours: SignedDuration,
) -> bool {
    if copy.tags.get(DRILLED_TAG) == Some(&verdict.to_string()) {
        return true;
    }
    let mark = copy.tags.get(DRILL_STARTED_TAG);
    let marked_at = mark.and_then(|mark| mark.parse::<Timestamp>().ok());
    marked_at.is_some_and(|time| {
        let waited = started_at.duration_since(time);
        verdict.outcome == VerdictOutcome::Failed
            && verdict.date == day(started_at)
            && i64::try_from(verdict.minutes) == Ok(waited.as_mins())
            && waited >= max_hours
    })
}

/// The name of the instance of a copy's drill.
fn instance_name(copy: &Snapshot) -> Option<String> {
    let (source, date) = copy_of(copy)?;
    let (_, name) = source.split_once('/')?;
    Some(format!("drill-{name}-{date}"))
}
