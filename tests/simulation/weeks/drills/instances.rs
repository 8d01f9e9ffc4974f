//! The instances of drills: how they behave, and how many there are.

use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::{Emulator, Instance, InstanceState, Region};
use lightsail_snapshot_copier::{DRILL_EXPIRES_TAG, DRILL_TAG};

use super::{ANSWERS_AT, Behavior, Drill, Drills, SILENT_AT, is_drill, is_own};

impl Drills {
    /// Updates what is known about the drill instances of a Region, and sets their addresses.
    pub(super) fn see(&mut self, emulator: &Emulator, region: Region) -> Result<(), String> {
        let in_region = |((at, _), _): &(&(Region, String), &mut Drill)| *at == region;
        for (_, drill) in self.drills.iter_mut().filter(in_region) {
            drill.exists = false;
        }
        let now = self.clock.now();
        let has_checks = self.rules.checks > 0;
        let mut own = Vec::new();
        for instance in emulator.instances(region) {
            if !is_drill(&instance) {
                continue;
            }
            let drill = self.drill(region, &instance);
            drill.exists = true;
            let answers = match drill.behavior {
                Behavior::Answers => true,
                Behavior::AnswersFrom(time) => time <= now,
                Behavior::NeverAnswers => false,
            };
            let passes = answers || !has_checks;
            if passes && instance.state == InstanceState::Running {
                drill.passes_since.get_or_insert(now);
            }
            if is_own(&drill.source) {
                own.push((region, instance.name.clone()));
            }
            let address = if answers { ANSWERS_AT } else { SILENT_AT };
            emulator
                .set_public_ip_address(region, &instance.name, address)
                .expect("it exists");
        }
        self.check_number(&own)
    }

    /// There are never more drill instances than the policy allows, with one exception: two runs at
    /// once can both see a free slot before either has used it.
    fn check_number(&self, own: &[(Region, String)]) -> Result<(), String> {
        let is_concurrent = |instance: &&(Region, String)| self.concurrent.contains(*instance);
        let limit = match own.iter().filter(is_concurrent).count() {
            0 | 1 => self.rules.at_once,
            _ => 2 * self.rules.at_once,
        };
        match own.len() <= limit {
            true => Ok(()),
            false => Err(format!("too many drill instances: {own:?}")),
        }
    }

    /// What is known about a drill instance. A new one gets its behavior.
    pub(super) fn drill(&mut self, region: Region, instance: &Instance) -> &mut Drill {
        let key = (region, instance.name.clone());
        let known = self.drills.get(&key);
        if known.is_none_or(|known| known.created_at != instance.created_at) {
            let drill = self.new_drill(instance);
            self.drills.insert(key.clone(), drill);
        }
        self.drills.get_mut(&key).expect("it was inserted")
    }

    fn new_drill(&mut self, instance: &Instance) -> Drill {
        let created_at = instance.created_at;
        let source = instance.tags[DRILL_TAG].clone();
        let longest = if is_own(&source) {
            self.rules.max_hours
        } else {
            24
        };
        let longest = created_at + SignedDuration::from_hours(longest);
        let expires = instance.tags.get(DRILL_EXPIRES_TAG);
        let expires = expires.and_then(|expires| expires.parse().ok());
        let behavior = match self.rng.u8(0..6) {
            0 => {
                self.counts.count("restored instances that never answer");
                Behavior::NeverAnswers
            }
            1 => {
                self.counts.count("restored instances that answer late");
                Behavior::AnswersFrom(
                    created_at + SignedDuration::from_mins(self.rng.i64(10..1500)),
                )
            }
            _ => Behavior::Answers,
        };
        Drill {
            created_at,
            ends_at: expires.map_or(longest, |expires: Timestamp| expires.min(longest)),
            source,
            behavior,
            passes_since: None,
            concluded_at: None,
            exists: true,
        }
    }
}
