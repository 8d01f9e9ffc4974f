//! What happens in the account: servers, quotas, bundles, attached disks, and what people do.

use jiff::SignedDuration;
use jiff::civil::Date;
use lightsail_emulator::world::Source;
use lightsail_emulator::{Emulator, Region, Tags};
use lightsail_snapshot_copier::{DRILL_EXPIRES_TAG, DRILL_TAG, DRILLED_TAG, Policy};

use super::{Drills, is_drill, is_own};
use crate::copies::tagged;
use crate::weeks::HOME;

/// The bundle of all sources.
const BUNDLE: &str = "small_3_0";

impl Drills {
    /// What happens before the runs of a day.
    pub(in super::super) fn morning(
        &mut self,
        emulator: &Emulator,
        day: Date,
        policy: &mut Policy,
    ) {
        if !self.rules.are_wanted {
            return;
        }
        self.refuses_verdicts = self.rng.u8(0..8) == 0;
        if self.refuses_verdicts {
            self.counts
                .count("days on which no verdict can be recorded");
        }
        if policy.drills.is_none() || self.rng.u8(0..6) == 0 {
            self.change_names(policy);
        }
        for _ in 0..2 {
            self.change_account(emulator, day);
        }
    }

    fn change_account(&mut self, emulator: &Emulator, day: Date) {
        let region = self.destinations[self.rng.usize(0..self.destinations.len())];
        match self.rng.u8(0..14) {
            0 => self.limit_instances(emulator, region),
            1 => emulator.set_bundle_active(region, BUNDLE, false),
            2 => self.add_server(emulator, region),
            3 => self.add_drill_of_another_policy(emulator, region, day),
            4 => self.delete_a_drill_instance(emulator, region),
            5 => self.remove_a_verdict(emulator, region),
            6 => self.attach_or_detach(emulator),
            7..=10 => {
                emulator.set_bundle_active(region, BUNDLE, true);
                emulator.set_instance_quota(region, None);
            }
            _ => {}
        }
    }

    /// Sets the quota to the number of instances, so that none can be created.
    fn limit_instances(&mut self, emulator: &Emulator, region: Region) {
        let count = emulator.instances(region).len();
        emulator.set_instance_quota(region, Some(count));
    }

    /// A server that no drill made, although its name or its tag looks so.
    fn add_server(&mut self, emulator: &Emulator, region: Region) {
        let copies = emulator.snapshots(region);
        // Drills restore the newest copy.
        let drill = copies
            .iter()
            .filter_map(tagged)
            .max_by_key(|(_, date)| *date);
        let (name, tags) = match (self.rng.u8(0..5), drill) {
            (0, _) => ("drill-hall".to_owned(), Tags::new()),
            (1, _) => ("production".to_owned(), drill_tag("us-west-2/shop-1")),
            (2, _) => ("drill-theirs-2027-01-04".to_owned(), drill_tag("theirs")),
            (_, Some((source, date))) => {
                let (_, name) = source.split_once('/').expect("a Region and a name");
                (format!("drill-{name}-{date}"), Tags::new())
            }
            _ => return,
        };
        let server = Source {
            tags,
            ..Source::named(&name)
        };
        if emulator.add_instance(region, &server).is_err() {
            return;
        }
        let mut instances = emulator.instances(region).into_iter();
        let server = instances.find(|instance| instance.name == name);
        self.servers
            .insert((region, name), server.expect("it was added"));
        self.counts.count("servers that look like drill instances");
    }

    /// A drill instance of another policy, perhaps with a wrong time of its end or without one.
    fn add_drill_of_another_policy(&mut self, emulator: &Emulator, region: Region, day: Date) {
        let now = self.clock.now();
        let source = ["ap-northeast-1/theirs", "us-west-2/theirs"];
        let mut tags = drill_tag(source[self.rng.usize(0..source.len())]);
        let expires = match self.rng.u8(0..4) {
            0 => None,
            1 => Some("2062-01-01T00:00:00Z".to_owned()),
            _ => Some((now + SignedDuration::from_hours(self.rng.i64(1..24))).to_string()),
        };
        tags.extend(expires.map(|expires| (DRILL_EXPIRES_TAG.to_owned(), expires)));
        let drill = Source {
            tags,
            created_at: Some(now),
            ..Source::named(&format!("drill-theirs-{day}"))
        };
        if emulator.add_instance(region, &drill).is_ok() {
            self.counts.count("drill instances of another policy");
        }
    }

    /// Somebody deletes a drill instance.
    fn delete_a_drill_instance(&mut self, emulator: &Emulator, region: Region) {
        let instances = emulator.instances(region);
        let own = instances
            .iter()
            .find(|instance| is_drill(instance) && is_own(&instance.tags[DRILL_TAG]));
        if let Some(instance) = own {
            emulator
                .remove_instance(region, &instance.name)
                .expect("it exists");
            self.counts.count("drill instances deleted by people");
        }
    }

    /// Somebody removes the tag with the verdict from a copy.
    fn remove_a_verdict(&mut self, emulator: &Emulator, region: Region) {
        let mut copies = emulator.snapshots(region);
        copies.retain(|copy| copy.tags.contains_key(DRILLED_TAG));
        if copies.is_empty() {
            return;
        }
        let copy = copies.swap_remove(self.rng.usize(0..copies.len()));
        let mut tags = copy.tags;
        tags.remove(DRILLED_TAG);
        emulator
            .set_tags(region, &copy.name, tags)
            .expect("it exists");
        self.counts.count("verdicts removed by people");
    }

    /// Attaches a disk to a source, or detaches it. The next snapshots contain the attached disks.
    fn attach_or_detach(&mut self, emulator: &Emulator) {
        let region = HOME[self.rng.usize(0..HOME.len())];
        let mut sources = emulator.instances(region);
        sources.retain(|instance| instance.name.starts_with("shop-"));
        if sources.is_empty() {
            return;
        }
        let source = &sources[self.rng.usize(0..sources.len())].name;
        let disk = format!("volume-of-{source}");
        let mut disks = emulator.disks(region).into_iter();
        let existing = disks.find(|existing| existing.name == disk);
        let changed = match existing.map(|existing| existing.attached_to) {
            Some(Some(_)) => emulator.detach_disk(region, &disk),
            Some(None) => emulator.attach_disk(region, &disk, source),
            None => emulator.add_disk(
                region,
                &Source {
                    attached_to: Some(source.clone()),
                    ..Source::named(&disk)
                },
            ),
        };
        changed.expect("both exist");
    }

    /// Ends all faults, and removes the drill instances of other policies.
    pub(in super::super) fn stop_faults(&mut self, emulator: &Emulator) {
        self.is_quiet = true;
        self.refuses_verdicts = false;
        for region in self.destinations.clone() {
            emulator.set_bundle_active(region, BUNDLE, true);
            emulator.set_instance_quota(region, None);
            for instance in emulator.instances(region) {
                if is_drill(&instance) && !is_own(&instance.tags[DRILL_TAG]) {
                    emulator
                        .remove_instance(region, &instance.name)
                        .expect("it exists");
                }
            }
        }
    }
}

fn drill_tag(source: &str) -> Tags {
    [(DRILL_TAG.to_owned(), source.to_owned())].into()
}
