//! What is checked when a verdict is recorded.

use jiff::Timestamp;
use lightsail_emulator::{Call, Emulator, Fault, Region};
use lightsail_snapshot_copier::{Verdict, VerdictOutcome};

use super::faults::verdict_of;
use super::{Drill, Drills, copy_name};
use crate::copies::day;

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
        run.drilling.insert(call.region);
        let started_at = run.started_at;
        let copy = call.body["resourceName"].as_str().unwrap_or_default();
        let text = verdict_of(call).unwrap_or_default();
        let verdict: Verdict = text.parse().map_err(|error| format!("{copy}: {error}"))?;
        let Some((instance, drill)) = self.drill_of(call.region, copy) else {
            return Err(format!("records {text:?} on {copy} without a drill"));
        };
        check(drill, verdict, started_at)
            .map_err(|problem| format!("records {text:?} on {copy} at {started_at}: {problem}"))?;
        let instance = instance.to_owned();
        if *fault == Fault::None && emulator.snapshot(call.region, copy).is_some() {
            let verdicts = &mut self.run(number).verdicts;
            verdicts.push((call.region, instance, verdict));
        }
        Ok(())
    }

    /// The last drill instance that was made from a copy.
    fn drill_of(&self, region: Region, copy: &str) -> Option<(&str, &Drill)> {
        let mut instances = self.drills.iter().filter(|((at, _), _)| *at == region);
        let found = instances
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
