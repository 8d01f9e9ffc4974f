//! What is checked when a verdict is recorded.

use jiff::Timestamp;
use lightsail_emulator::{Call, Emulator, Fault, Region};
use lightsail_snapshot_copier::{DRILLED_TAG, Verdict, VerdictOutcome};

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
        // A run that cannot read the copies does not know their verdicts.
        let has_fault = run.faulted.contains(&call.region);
        let copy = call.body["resourceName"].as_str().unwrap_or_default();
        let text = verdict_of(call).unwrap_or_default();
        let verdict: Verdict = text.parse().map_err(|error| format!("{copy}: {error}"))?;
        let snapshot = emulator.snapshot(call.region, copy);
        let now = self.clock.now();
        let Some((name, drill)) = self.drill_of(call.region, copy) else {
            return Err(format!("records {text:?} on {copy} without a drill"));
        };
        check(drill, verdict, started_at)
            .map_err(|problem| format!("records {text:?} on {copy} at {started_at}: {problem}"))?;
        let Some(snapshot) = snapshot else {
            return Ok(());
        };
        let is_concluded = drill.concluded_at.is_some_and(|time| time < started_at);
        if is_concluded && !has_fault && snapshot.tags.contains_key(DRILLED_TAG) {
            return Err(format!("records {text:?} on {copy} again"));
        }
        if *fault == Fault::None {
            drill.concluded_at = Some(now);
            let verdict = (call.region, name.to_owned(), verdict);
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
