//! What a restore would do, from what was read. Pure.

mod bundle;
mod entry;
mod existing;
mod names;
mod notices;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use lightsail_snapshot_copier::{
    ApiError, Bundles, ExistingCopy, PortRule, Region, ResourceId, ResourceKind, SnapshotState,
    newest_available, read_ports,
};

pub use self::bundle::price as bundle_price;
pub use self::entry::{
    Action, CreatedDisk, Creation, Entry, Level, Notice, Other, Plan, Restored, ToDo, port_tokens,
};
use crate::copies::{NameGlob, RegionCopies};
use crate::lightsail::{ContainedDisk, Existing, Restorable};

/// The tag of everything that a restore creates: the snapshot's name.
pub const RESTORED_TAG: &str = "snapshot-copier:restored";
/// The tag of an instance whose firewall a restore has set. Its owner may change it afterwards.
pub const PORTS_SET_TAG: &str = "snapshot-copier:ports-set";

/// What somebody wants restored, and how.
#[derive(Debug, Clone)]
pub struct Wish {
    pub region: Region,
    /// Empty: everything.
    pub names: Vec<NameGlob>,
    pub as_of: Option<Date>,
    pub zone: Option<String>,
    pub suffix: String,
    /// Bundles to use in place of others.
    pub bundles: BTreeMap<String, String>,
}

/// What was read before a restore.
#[derive(Debug)]
pub struct Facts {
    pub snapshots: Vec<Restorable>,
    /// The instances and disks of the Region.
    pub existing: Vec<Existing>,
    pub bundles: Bundles,
    /// The Availability Zones that are available.
    pub zones: Vec<String>,
    /// The instances that run in the source Regions, as far as they were asked.
    pub originals: BTreeMap<Region, Result<BTreeSet<Arc<str>>, ApiError>>,
    /// How many instances, or vCPUs, the account may have. `None`: not asked.
    pub quota: Option<Result<f64, String>>,
    pub now: Timestamp,
}

/// Plans a restore.
pub fn plan(wish: &Wish, facts: &Facts) -> Plan {
    let copies = RegionCopies::new(wish.region, &facts.snapshots, facts.now);
    let zone = wish.zone.clone().or_else(|| facts.zones.first().cloned());
    let planner = Planner {
        wish,
        facts,
        copies: &copies,
        zone: zone.unwrap_or_default(),
    };
    let selected = copies.selected(&wish.names);
    let mut entries: Vec<Entry> = selected
        .iter()
        .map(|(source, newest_first)| planner.entry(source, newest_first))
        .collect();
    planner.contain_disks(&mut entries);
    names::block_duplicates(&mut entries);
    // Again, for those of instances that are blocked now.
    planner.contain_disks(&mut entries);
    entries.sort_by(|a, b| (&a.name, &a.source).cmp(&(&b.name, &b.source)));
    let mut plan = Plan {
        region: wish.region,
        zone: planner.zone.clone(),
        notices: Vec::new(),
        entries,
        others: planner.others(),
    };
    plan.notices = notices::notices(&planner, &plan);
    plan
}

struct Planner<'a> {
    wish: &'a Wish,
    facts: &'a Facts,
    copies: &'a RegionCopies<'a>,
    zone: String,
}

impl Planner<'_> {
    fn entry(&self, source: &ResourceId, newest_first: &[&ExistingCopy]) -> Entry {
        let name = format!("{}{}", source.name, self.wish.suffix);
        let until = |copy: &&ExistingCopy| self.wish.as_of.is_none_or(|date| copy.date <= date);
        let candidates: Vec<_> = newest_first.iter().copied().filter(until).collect();
        let chosen = newest_available(&candidates);
        let found = chosen.and_then(|copy| Some((copy, self.copies.snapshot(copy)?)));
        let action = match found {
            None => Action::Blocked {
                problem: self.no_copy(newest_first),
            },
            Some((copy, snapshot)) => self
                .decide(&name, source, copy)
                .unwrap_or_else(|| self.create(&name, copy, snapshot)),
        };
        let mut entry = Entry {
            source: source.clone(),
            kind: source.kind,
            name,
            snapshot_name: chosen.map(|copy| copy.name.to_string()),
            recovery_point: chosen.map(|copy| copy.date),
            action,
        };
        self.name_used_copy(&mut entry);
        entry
    }

    fn no_copy(&self, newest_first: &[&ExistingCopy]) -> String {
        let is_available = |copy: &&&ExistingCopy| copy.state == SnapshotState::Available;
        let oldest = newest_first
            .iter()
            .filter(is_available)
            .map(|copy| copy.date)
            .min();
        match oldest.zip(self.wish.as_of) {
            Some((oldest, as_of)) => {
                format!("no copy of {as_of} or earlier; the oldest one is of {oldest}")
            }
            None => {
                let count = |state| {
                    newest_first
                        .iter()
                        .filter(|copy| copy.state == state)
                        .count()
                };
                format!(
                    "no available copy ({} pending, {} failed, {} unknown)",
                    count(SnapshotState::Pending),
                    count(SnapshotState::Error),
                    count(SnapshotState::Unknown)
                )
            }
        }
    }

    fn create(&self, name: &str, copy: &ExistingCopy, found: &Restorable) -> Action {
        let blocked = |problem| Action::Blocked { problem };
        if !names::is_valid(name) {
            return blocked("Lightsail accepts no such name; restore it by hand".to_owned());
        }
        if copy.source.kind == ResourceKind::Disk {
            let size_gb = found.size_gb;
            return Action::CreateDisk { size_gb };
        }
        let disks = self.new_disks(name, found);
        if let Some(disk) = disks
            .iter()
            .find(|disk| self.existing(&disk.name).is_some())
        {
            return blocked(format!(
                "the name of its disk {} is in use; use --suffix",
                disk.name
            ));
        }
        match bundle::choose(self.wish, &self.facts.bundles, copy, found) {
            Err(problem) => blocked(problem),
            Ok(bundle) => Action::CreateInstance(Box::new(Creation {
                bundle: bundle.clone(),
                from_bundle_id: copy.bundle.clone(),
                disks,
                ports: ports(found),
                original_runs: self.original_runs(&copy.source),
            })),
        }
    }

    /// The disks that are created with an instance.
    fn new_disks(&self, name: &str, found: &Restorable) -> Vec<CreatedDisk> {
        let new_disk = |(disk, number): (&ContainedDisk, i32)| CreatedDisk {
            path: disk.path.clone(),
            name: match &disk.name {
                Some(own) => format!("{own}{}", self.wish.suffix),
                None => format!("{name}-disk-{number}"),
            },
            size_gb: disk.size_gb,
        };
        found.disks.iter().zip(1..).map(new_disk).collect()
    }

    fn original_runs(&self, source: &ResourceId) -> Option<bool> {
        let running = self.facts.originals.get(&source.region)?;
        Some(running.as_ref().ok()?.contains(&source.name))
    }

    fn existing(&self, name: &str) -> Option<&Existing> {
        let mut existing = self.facts.existing.iter();
        existing.find(|found| *found.resource.name == *name)
    }

    /// The copy of an entry.
    fn chosen(&self, entry: &Entry) -> Option<&Restorable> {
        let copy = self.copies.find(entry.snapshot_name.as_deref()?)?;
        self.copies.snapshot(copy)
    }

    /// An instance that is restored brings the disks in its copy. One that is blocked needs their
    /// names when its problem is solved, so they are not created before it.
    fn contain_disks(&self, entries: &mut [Entry]) {
        let (mut brought, mut awaited) = (BTreeSet::new(), BTreeMap::new());
        for entry in entries.iter() {
            let found = self.chosen(entry).into_iter();
            let disks = found.flat_map(|found| &found.disks);
            for name in disks.filter_map(|disk| disk.name.as_deref()) {
                let id = (entry.source.region, Arc::from(name));
                match entry.action {
                    Action::Skip => {}
                    Action::Blocked { .. } => {
                        awaited.insert(id, entry.source.name.clone());
                    }
                    _ => {
                        brought.insert(id);
                    }
                }
            }
        }
        for entry in entries.iter_mut() {
            let id = (entry.source.region, entry.source.name.clone());
            let may_come = matches!(entry.action, Action::CreateDisk { .. } | Action::Contained);
            if entry.kind == ResourceKind::Disk && brought.contains(&id) {
                entry.action = Action::Contained;
            } else if let Some(instance) = awaited.get(&id).filter(|_| may_come) {
                let (region, name) = id;
                entry.block(format!("it is in the copy of {instance}: solve the problem of {instance}, or restore the disk alone with --name {region}/{name}"));
            }
        }
    }

    fn others(&self) -> Vec<Other> {
        let others = self.copies.others().filter(|found| {
            let from = found.snapshot.from.as_deref().unwrap_or_default();
            let names = &self.wish.names;
            names.is_empty() || names.iter().any(|glob| glob.matches_name(from))
        });
        let other = |found: &Restorable| Other {
            snapshot_name: found.snapshot.name.clone(),
            from: found.snapshot.from.clone(),
        };
        others.map(other).collect()
    }
}

/// The firewall in a copy's tags, as far as it can be read.
fn ports(found: &Restorable) -> Option<Vec<PortRule>> {
    let read = read_ports(&found.snapshot.tags);
    read.ok().map(|(rules, _)| rules)
}
