//! The drills after the faults have stopped: every source gets a verdict, and no instance remains.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::Date;
use lightsail_emulator::{Region, SnapshotState, SourceKind};
use lightsail_snapshot_copier::{DRILLED_TAG, Verdict};

use super::is_drill;
use crate::copies::tagged;
use crate::weeks::Weeks;
use crate::weeks::account::{SourceKey, id, is_selected};

impl Weeks {
    /// Runs until every source has a verdict since the day on which the faults stopped, then
    /// without drills. No automatic snapshots are made meanwhile.
    pub(in super::super) async fn end_drills(
        &mut self,
        seed: u64,
        stopped: Date,
    ) -> Result<(), String> {
        if !self.drills.lock().unwrap().rules.are_wanted {
            return Ok(());
        }
        self.set_drill_names(&["*"]);
        let (pause, limit) = self.time_for_drills();
        let limit = self.clock.now() + limit;
        loop {
            let waiting = self.without_verdict(stopped);
            if waiting.is_empty() {
                break;
            }
            if self.clock.now() > limit {
                return Err(format!("by {limit}, no verdict of {waiting:?}"));
            }
            self.run_without_faults(seed, pause).await?;
        }
        self.remove_verdicts();
        self.run_without_faults(seed, SignedDuration::from_mins(1))
            .await?;
        self.set_drill_names(&[]);
        for _ in 0..2 {
            self.run_without_faults(seed, pause).await?;
        }
        self.check_instances()
    }

    fn set_drill_names(&mut self, names: &[&str]) {
        let drills = self.drills.lock().unwrap();
        drills.set_names(&mut self.rules.policy, Some(names));
    }

    async fn run_without_faults(&mut self, seed: u64, pause: SignedDuration) -> Result<(), String> {
        let run = self.run(seed).await;
        self.check_without_faults(&run)?;
        self.check_drills()?;
        self.clock.wait_until(self.clock.now() + pause).await;
        Ok(())
    }

    /// The time between two runs, and how long all drills may take. A drill starts in one run and
    /// ends in the next. The one after that has its slot.
    fn time_for_drills(&self) -> (SignedDuration, SignedDuration) {
        let drills = self.drills.lock().unwrap();
        let rules = &drills.rules;
        let pause =
            SignedDuration::from_hours(rules.max_hours.max(8)) + SignedDuration::from_mins(1);
        let needed = drills.destinations.iter().map(|region| {
            let sources = self.drillable(*region);
            let names: BTreeSet<&String> = sources.iter().map(|source| &source.name).collect();
            // Instances of two sources with the same name cannot exist at once.
            let namesakes = sources.len() - names.len();
            let instances = self.emulator.instances(*region);
            let existing = instances.iter().filter(|instance| is_drill(instance));
            (sources.len() + existing.count()).div_ceil(rules.at_once) + namesakes
        });
        let needed = needed.max().unwrap_or_default();
        let needed = pause * i32::try_from(2 * needed + 2).expect("few drills");
        (
            pause,
            needed + SignedDuration::from_hours(24 * rules.every_days),
        )
    }

    /// The sources with a copy that a drill can restore.
    fn drillable(&self, region: Region) -> Vec<SourceKey> {
        let snapshots = self.emulator.snapshots(region);
        let instances = self.emulator.instances(region);
        let sources = self.sources.iter();
        let instances_of_policy = sources
            .filter(|(source, kind)| **kind == SourceKind::Instance && is_selected(source))
            .map(|(source, _)| source);
        let drillable = instances_of_policy.filter(|source| {
            let of_source = snapshots.iter().filter_map(|copy| {
                let (of, date) = tagged(copy)?;
                let is_available = copy.state == SnapshotState::Available;
                (is_available && of == id(source)).then_some((date, copy))
            });
            let newest = of_source.max_by_key(|(date, _)| *date);
            newest.is_some_and(|(date, copy)| {
                let name = format!("drill-{}-{date}", source.name);
                let mut instances = instances.iter();
                let is_taken =
                    instances.any(|instance| instance.name == name && !is_drill(instance));
                copy.from.attached_disks.is_empty() && !is_taken
            })
        });
        drillable.cloned().collect()
    }

    /// The drillable sources without a verdict since this day, each with the Region.
    fn without_verdict(&self, since: Date) -> Vec<(Region, SourceKey)> {
        let mut waiting = Vec::new();
        for region in &self.rules.destinations {
            let copies = self.emulator.snapshots(*region);
            let drilled: BTreeSet<String> = copies
                .iter()
                .filter(|copy| {
                    let verdict = copy.tags.get(DRILLED_TAG);
                    let verdict = verdict.and_then(|verdict| verdict.parse::<Verdict>().ok());
                    verdict.is_some_and(|verdict| verdict.date >= since)
                })
                .filter_map(|copy| tagged(copy).map(|(source, _)| source))
                .collect();
            let drillable = self.drillable(*region).into_iter();
            let without = drillable.filter(|source| !drilled.contains(&id(source)));
            waiting.extend(without.map(|source| (*region, source)));
        }
        waiting
    }

    /// All verdicts are gone, so that the next run starts drills.
    fn remove_verdicts(&self) {
        for region in &self.rules.destinations {
            for copy in self.emulator.snapshots(*region) {
                let mut tags = copy.tags;
                if tags.remove(DRILLED_TAG).is_some() {
                    self.emulator
                        .set_tags(*region, &copy.name, tags)
                        .expect("it exists");
                }
            }
        }
    }

    /// No drill instance remains, and the servers that no drill made are as they were.
    fn check_instances(&self) -> Result<(), String> {
        for region in &self.rules.destinations {
            let instances = self.emulator.instances(*region);
            if let Some(drill) = instances.iter().find(|instance| is_drill(instance)) {
                return Err(format!("{drill:?} remains in {region}"));
            }
        }
        let drills = self.drills.lock().unwrap();
        for ((region, name), server) in &drills.servers {
            let mut instances = self.emulator.instances(*region).into_iter();
            let now = instances.find(|instance| instance.name == *name);
            if now.as_ref() != Some(server) {
                return Err(format!("{server:?} in {region} is now {now:?}"));
            }
        }
        Ok(())
    }

    /// Fails if a call or a run has broken an invariant of drills.
    pub(in super::super) fn check_drills(&self) -> Result<(), String> {
        let broken = self.drills.lock().unwrap().broken.clone();
        broken.map_or(Ok(()), Err)
    }
}
