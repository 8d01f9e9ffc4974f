//! What somebody has to know before a plan is carried out.

use lightsail_snapshot_copier::{ResourceKind, read_ports};

use super::{Level, Notice, Plan, Planner, bundle};
use crate::console::counted;
use crate::lightsail::Existing;

/// The instances of an account whose quota cannot be read.
const DEFAULT_QUOTA: f64 = 20.0;

/// The vCPUs of an instance.
fn cpus(instance: &Existing) -> u32 {
    let status = instance.resource.instance.as_ref();
    let hardware = status.and_then(|status| status.hardware);
    hardware.map_or(0, |hardware| hardware.cpus)
}

pub fn notices(planner: &Planner<'_>, plan: &Plan) -> Vec<Notice> {
    let mut notices = Notices(Vec::new());
    notices.zone(planner);
    notices.names(planner);
    notices.bundles(planner);
    notices.quota(planner, plan);
    notices.originals(planner, plan);
    notices.firewalls(planner, plan);
    notices.0
}

struct Notices(Vec<Notice>);

impl Notices {
    fn add(&mut self, level: Level, text: String) {
        self.0.push(Notice { level, text });
    }

    fn zone(&mut self, planner: &Planner<'_>) {
        let (region, zones) = (planner.wish.region, &planner.facts.zones);
        if zones.is_empty() {
            self.add(
                Level::Stops,
                format!("no Availability Zone of {region} is available"),
            );
        } else if !zones.contains(&planner.zone) {
            let zones = zones.join(", ");
            self.add(
                Level::Stops,
                format!(
                    "{} is not an available zone of {region}: {zones}",
                    planner.zone
                ),
            );
        }
    }

    fn names(&mut self, planner: &Planner<'_>) {
        for glob in planner.copies.unmatched(&planner.wish.names) {
            let region = planner.wish.region;
            let text = format!("no copy of {} in {region}", glob.as_str());
            self.add(Level::Stops, text);
        }
    }

    fn bundles(&mut self, planner: &Planner<'_>) {
        let selected = planner.copies.selected(&planner.wish.names);
        let copies: Vec<_> = selected.into_values().flatten().collect();
        for (old, new) in &planner.wish.bundles {
            if !copies.iter().any(|copy| bundle::own(copy) == old) {
                let text =
                    format!("--bundle {old}={new} has no effect: no copy has the bundle {old}");
                self.add(Level::Warning, text);
            }
        }
    }

    fn quota(&mut self, planner: &Planner<'_>, plan: &Plan) {
        let Some(quota) = &planner.facts.quota else {
            return;
        };
        let new = plan.new_instances();
        let existing = planner.facts.existing.iter();
        let existing = existing.filter(|found| found.kind == ResourceKind::Instance);
        let (mut instances, mut vcpus) = (0u32, 0u32);
        let sizes = new
            .map(|(_, new)| new.bundle.hardware.cpus)
            .chain(existing.map(cpus));
        for size in sizes {
            instances += 1;
            vcpus += size;
        }
        let limit = quota.as_ref().copied().unwrap_or(DEFAULT_QUOTA);
        if plan.new_instances().next().is_none() || f64::from(instances.max(vcpus)) <= limit {
            return;
        }
        let there_would_be = format!(
            "There would be {} with {}.",
            counted(instances as usize, "instance"),
            counted(vcpus as usize, "vCPU")
        );
        match quota {
            Ok(quota) => self.add(
                Level::Error,
                format!(
                    "the quota of the account is {quota}. {there_would_be} Ask for more: Service Quotas, Amazon Lightsail, Instances (it counts vCPUs), in {}",
                    plan.region
                ),
            ),
            Err(error) => self.add(
                Level::Warning,
                format!("the quota of the account cannot be read, and the default is {limit}. {there_would_be} ({error})"),
            ),
        }
    }

    fn originals(&mut self, planner: &Planner<'_>, plan: &Plan) {
        for (region, running) in &planner.facts.originals {
            if let Err(error) = running {
                self.add(
                    Level::Warning,
                    format!("{region} cannot be read, so nobody knows whether the originals still run: {error}"),
                );
            }
        }
        for (entry, new) in plan.new_instances() {
            if new.original_runs == Some(true) {
                self.add(
                    Level::Warning,
                    format!(
                        "{}: the original, {}/{}, still runs; two servers would send mail and run jobs",
                        entry.name, entry.source.region, entry.source.name
                    ),
                );
            }
        }
    }

    fn firewalls(&mut self, planner: &Planner<'_>, plan: &Plan) {
        for (entry, _) in plan.new_instances() {
            let Some(found) = planner.chosen(entry) else {
                continue;
            };
            let text = match read_ports(&found.snapshot.tags) {
                Ok((_, unread)) if unread.is_empty() => continue,
                Ok((_, unread)) => {
                    let unread: Vec<_> = unread.iter().map(ToString::to_string).collect();
                    format!("a part of its firewall stays closed: {}", unread.join("; "))
                }
                Err(why) => {
                    format!("its firewall is unknown, because {why}; it gets the default ports")
                }
            };
            self.add(Level::Warning, format!("{}: {text}", entry.name));
        }
    }
}
