//! What is checked after each run.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Emulator, InstanceState, Region};
use lightsail_snapshot_copier::{
    DRILL_TAG, DrillOutcome, DrillResult, Policy, VerdictOutcome, failure_message,
};

use super::{Drill, Drills, Run, is_drill, is_own};
use crate::results::Results;
use crate::weeks::HOME;

impl Run {
    /// Whether the policy of this run asks for drills of a source.
    pub(super) fn wants(&self, source: &str) -> bool {
        let name = source.split_once('/').map_or(source, |(_, name)| name);
        let mut names = self.names.iter().flatten();
        names.any(|glob| glob.matches(name))
    }

    /// How this run takes care of the drills of a source.
    pub(super) fn care(&self, source: &str) -> Care {
        let has_no_names = self.names.as_ref().is_some_and(Vec::is_empty);
        match is_own(source) {
            true if has_no_names => Care::Deletion,
            true if self.wants(source) => Care::Drill,
            true => Care::End,
            false => Care::None,
        }
    }
}

/// How a run takes care of a drill instance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// The policy asks for the drill.
    Drill,
    /// The policy has no drills any more.
    Deletion,
    /// The policy has no drills of this source any more.
    End,
    /// Another policy started the drill.
    None,
}

impl Care {
    /// When a run deletes the instance at the latest.
    pub(super) fn ends_at(self, drill: &Drill) -> Timestamp {
        match self {
            Self::Drill | Self::End => drill.ends_at,
            Self::Deletion => Timestamp::MIN,
            Self::None => drill.ends_at + SignedDuration::from_hours(26),
        }
    }
}

impl Drills {
    /// Begins to watch a run that starts so long after now. Returns its number.
    pub(in super::super) fn start_run(&mut self, policy: &Policy, after: Duration) -> u64 {
        self.next_run += 1;
        let names = policy.drills.as_ref().map(|drills| drills.names.clone());
        if names.is_some() && !self.runs.is_empty() {
            self.counts.count("two runs with drills at once");
        }
        let is_alone = self.runs.is_empty();
        self.runs.values_mut().for_each(|run| run.is_alone = false);
        let run = Run {
            started_at: self.clock.now() + after,
            is_alone,
            names,
            faulted: BTreeSet::new(),
            starting: BTreeSet::new(),
            created: Vec::new(),
            verdicts: Vec::new(),
        };
        self.runs.insert(self.next_run, run);
        self.next_run
    }

    /// The run in progress has crashed.
    pub(in super::super) fn crash(&mut self, emulator: &Emulator) {
        for run in std::mem::take(&mut self.runs).into_values() {
            for (region, name) in run.created {
                self.counts.count(match is_left(emulator, region, &name) {
                    true => "drill instances of crashed runs",
                    false => "marks of crashed runs without an instance",
                });
            }
            for (region, name, _) in run.verdicts {
                if is_left(emulator, region, &name) {
                    self.counts
                        .count("drill instances left with a verdict by crashed runs");
                }
            }
        }
    }

    /// A run has ended.
    pub(in super::super) fn end_run(
        &mut self,
        emulator: &Emulator,
        number: u64,
        results: &Results,
    ) {
        if let Err(problem) = self.check_run(emulator, number, results) {
            self.broken.get_or_insert(problem);
        }
        self.runs.remove(&number);
    }

    fn check_run(
        &mut self,
        emulator: &Emulator,
        number: u64,
        results: &Results,
    ) -> Result<(), String> {
        let message = failure_message(&results.events).unwrap_or_default();
        for result in results.drills() {
            self.count_result(result);
            check_message(result, &message)?;
        }
        for region in self.destinations.clone() {
            self.see(emulator, region)?;
            let run = self.run(number);
            if run.names.is_some() && !run.faulted.contains(&region) {
                check_results(region, run, results)?;
                self.check_ends(emulator, region, number)?;
            }
        }
        for (region, instance, verdict) in &self.run(number).verdicts {
            let mut drills = results.drills();
            let result =
                drills.find(|result| is_in(result, *region) && result.instance == *instance);
            check_outcome(result, verdict.outcome)
                .map_err(|problem| format!("{instance} is {verdict}: {problem}"))?;
        }
        Ok(())
    }

    fn count_result(&mut self, result: &DrillResult) {
        let code = result.error.as_ref().map(|error| error.code.as_ref());
        let message = result.error.as_ref().map_or("", |error| &error.message);
        let situation = match (result.outcome, code) {
            (DrillOutcome::Started, _) => "drills started",
            (DrillOutcome::Passed, _) => "drills passed",
            (DrillOutcome::NotDrillable, _) => "copies with attached disks not drilled",
            (DrillOutcome::Failed, Some("NameInUse")) => "names of drill instances in use",
            (DrillOutcome::Failed, Some("NotRunning" | "ChecksFailed")) => "drills failed",
            (DrillOutcome::Failed, Some("NoInstance")) => "drills failed without an instance",
            (DrillOutcome::Inconclusive, Some("DrillCancelled")) => "drills cancelled",
            (DrillOutcome::Inconclusive, Some("BundleNotAvailable")) => "bundles not available",
            (DrillOutcome::Inconclusive, Some("InsufficientInstanceCapacity")) => {
                "refusals for lack of capacity"
            }
            (DrillOutcome::Inconclusive, _) if message.contains("maximum limit") => {
                "refusals by the quota of instances"
            }
            (DrillOutcome::Inconclusive, _) => "other inconclusive drills",
            _ => return,
        };
        self.counts.count(situation);
        if situation == "drills started" && HOME.iter().any(|home| is_in(result, *home)) {
            self.counts.count("drills started in a Region of sources");
        }
    }

    /// A run without a fault in a Region deletes the instances there whose drill has ended.
    pub(super) fn check_ends(
        &mut self,
        emulator: &Emulator,
        region: Region,
        number: u64,
    ) -> Result<(), String> {
        for instance in emulator.instances(region) {
            if !is_drill(&instance) || instance.state == InstanceState::ShuttingDown {
                continue;
            }
            let run = self.run(number);
            let (care, started_at) = (run.care(&instance.tags[DRILL_TAG]), run.started_at);
            let ends_at = care.ends_at(self.drill(region, &instance));
            if ends_at <= started_at {
                return Err(format!(
                    "{} in {region}, which ends at {ends_at}, is left by the run at {started_at}",
                    instance.name
                ));
            }
        }
        Ok(())
    }
}

/// Whether an instance exists and is not being deleted.
fn is_left(emulator: &Emulator, region: Region, name: &str) -> bool {
    let mut instances = emulator.instances(region).into_iter();
    let instance = instances.find(|instance| instance.name == name);
    instance.is_some_and(|instance| instance.state != InstanceState::ShuttingDown)
}

/// A failed drill is in the message of the function error, and no other drill.
fn check_message(result: &DrillResult, message: &str) -> Result<(), String> {
    let source = &result.source;
    let start = format!(
        "drill of {} from {} in {} as {}: ",
        source.name, source.region, result.destination, result.instance
    );
    let is_named = message.lines().any(|line| line.starts_with(&start));
    match is_named == (result.outcome == DrillOutcome::Failed) {
        true => Ok(()),
        false => Err(format!("the function error {message:?} of {result:?}")),
    }
}

/// The verdicts that a run reports are those that it recorded.
fn check_results(region: Region, run: &Run, results: &Results) -> Result<(), String> {
    let recorded = run.verdicts.iter().filter(|(at, ..)| *at == region);
    let recorded: BTreeSet<_> = recorded
        .map(|(_, name, verdict)| (name, *verdict))
        .collect();
    let drills = results.drills();
    let reported = drills.filter(|result| is_in(result, region));
    let reported: BTreeSet<_> = reported
        .filter_map(|result| Some((&result.instance, result.verdict?)))
        .collect();
    match recorded == reported {
        true => Ok(()),
        false => Err(format!("reports {reported:?} and recorded {recorded:?}")),
    }
}

/// A run reports a drill as its verdict says, unless the instance could not be deleted.
fn check_outcome(result: Option<&DrillResult>, verdict: VerdictOutcome) -> Result<(), String> {
    let result = result.ok_or("it is not reported")?;
    let code = result.error.as_ref().map(|error| error.code.as_ref());
    let fits = match verdict {
        VerdictOutcome::Failed => result.outcome == DrillOutcome::Failed,
        VerdictOutcome::Passed if result.outcome == DrillOutcome::Failed => {
            matches!(code, Some("AccessDeniedException" | "InternalError"))
        }
        VerdictOutcome::Passed => result.outcome == DrillOutcome::Passed,
    };
    match fits {
        true => Ok(()),
        false => Err(format!("reported as {result:?}")),
    }
}

fn is_in(result: &DrillResult, region: Region) -> bool {
    result.destination.as_str() == region.as_str()
}
