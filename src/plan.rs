//! Policy + what was observed + now → what to do, and how well every source is covered.
//!
//! Nothing here calls anything. A plan says for every destination which copies to make, which to
//! tag and which to delete; carrying it out and planning again comes to nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::lightsail::{Failure, RecoveryPoint, Resource, ResourceKind, Snapshot, SnapshotState};
use crate::policy::{Policy, SourceRule};
use crate::region::Region;
use crate::request::{Copy, SnapshotName, Source, parse_date, utc_date};

/// The tag that names a copy's source, as `{region}/{resource}`.
pub const SOURCE_TAG: &str = "snapshot-copier:source";
/// The tag that names a copy's recovery point, by its date.
pub const RECOVERY_POINT_TAG: &str = "snapshot-copier:recovery-point";

/// An instance or disk that a policy is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId {
    /// The Region that it is in.
    pub region: Region,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
}

impl SourceId {
    /// The tags of the copy of its recovery point of `date`.
    pub fn tags(&self, date: Date) -> [(&'static str, String); 2] {
        [
            (SOURCE_TAG, format!("{}/{}", self.region, self.name)),
            (RECOVERY_POINT_TAG, date.to_string()),
        ]
    }
}

/// What a policy run has seen.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The instances and disks that were read, selected or not.
    pub resources: BTreeMap<SourceId, Resource>,
    /// The Regions and kinds of resource that could be read in full.
    pub read: BTreeSet<(Region, ResourceKind)>,
    /// The automatic snapshots of the sources for which they were asked, or why they could not be read.
    pub recovery_points: BTreeMap<SourceId, Result<Vec<RecoveryPoint>, Failure>>,
    /// The copies in each destination that could be read.
    pub destinations: BTreeMap<Region, Destination>,
}

/// What there is in one destination.
#[derive(Debug, Clone, Default)]
pub struct Destination {
    /// The snapshots that are copies of the function's.
    pub copies: Vec<ExistingCopy>,
    /// How many snapshots are being made, anybody's.
    pub in_progress: usize,
}

impl Destination {
    /// Takes note of a snapshot that is there.
    pub fn note(&mut self, snapshot: &Snapshot) {
        if snapshot.state == SnapshotState::Pending {
            self.in_progress += 1;
        }
        self.copies.extend(ExistingCopy::of(snapshot));
    }
}

/// A snapshot that is a copy of the function's: by its tags, or, where a run ended before it
/// could tag it, by its name and origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingCopy {
    /// What it is a copy of.
    pub source: SourceId,
    /// The date of its recovery point.
    pub date: Date,
    /// The snapshot's name.
    pub name: String,
    /// How far it is.
    pub state: SnapshotState,
    /// Whether it has both of the function's tags.
    pub tagged: bool,
}

impl ExistingCopy {
    /// Takes a snapshot for what it is, `None` if it is not a copy of the function's.
    pub fn of(snapshot: &Snapshot) -> Option<Self> {
        let copy = |region, name: &str, date, tagged| Self {
            source: SourceId {
                region,
                name: name.to_owned(),
                kind: snapshot.kind,
            },
            date,
            name: snapshot.name.clone(),
            state: snapshot.state,
            tagged,
        };
        let comes_from = |region: Region| match &snapshot.from_region {
            Some(from) => from == region.as_str(),
            None => true,
        };
        let tags = snapshot
            .tags
            .get(SOURCE_TAG)
            .zip(snapshot.tags.get(RECOVERY_POINT_TAG));
        if let Some((source, date)) = tags {
            let (region, name) = source.split_once('/')?;
            let region = Region::parse(region).ok()?;
            let date = parse_date(date).ok()?;
            // Tags can be set by hand; a snapshot of something else is not a copy for that.
            let same_name = snapshot.from.as_ref().is_none_or(|from| from == name);
            return (same_name && comes_from(region)).then(|| copy(region, name, date, true));
        }
        let from = snapshot.from.as_deref()?;
        let (rest, date) = snapshot
            .name
            .split_at_checked(snapshot.name.len().checked_sub(10)?)?;
        let date = parse_date(date).ok()?;
        let region = Region::all()
            .filter(|region| comes_from(*region))
            .find(|region| rest.ends_with(&format!("-{region}-")))?;
        let name = SnapshotName::of_dated(from, region, date).ok()?;
        (name.as_str() == snapshot.name).then(|| copy(region, from, date, false))
    }
}

/// What a run is to do, and how well every source was covered before it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The steps in each destination that was read.
    pub destinations: BTreeMap<Region, Steps>,
    /// How well each selected source is covered in each destination.
    pub coverage: Vec<Coverage>,
}

/// What to do in one destination, in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Steps {
    /// The copies that the policy wants, those that are there included. Those that are to be made
    /// are in the order in which they get the room.
    pub copies: Vec<WantedCopy>,
    /// How many copies may be started: as many as the policy allows in progress, less those that are.
    pub room: usize,
    /// The copies that lack their tags.
    pub tags: Vec<ExistingCopy>,
    /// The copies that are not kept.
    pub deletions: Vec<ExistingCopy>,
}

/// A copy that the policy wants.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedCopy {
    /// What it is a copy of.
    pub source: SourceId,
    /// The date of its recovery point.
    pub date: Date,
    /// The call that makes it.
    pub copy: Copy,
    /// What is to be done about it.
    pub step: CopyStep,
}

/// What is to be done about a copy that the policy wants.
#[derive(Debug, Clone, PartialEq)]
pub enum CopyStep {
    /// Nothing: it is there.
    Exists,
    /// Nothing: it is being made.
    Pending,
    /// It is made.
    Make,
    /// The one that is there ended in state `error`: it is deleted, and made again.
    MakeAgain(ExistingCopy),
}

/// How well a source is covered in a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// The source.
    pub source: SourceId,
    /// The destination.
    pub destination: Region,
    /// The date of the newest copy that is available.
    pub newest: Option<Date>,
    /// How old that recovery point is, in hours.
    pub age_hours: Option<f64>,
    /// What that comes to.
    pub status: Status,
    /// Why it is not better.
    pub reason: Option<String>,
}

/// What the coverage of a source in a destination comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// There is a copy, and it is young enough.
    Protected,
    /// There is no copy yet, and one is on its way.
    Pending,
    /// The newest copy is too old, or it cannot be told.
    Stale,
    /// There is no copy, and none can be made.
    Unprotected,
}

impl Status {
    /// The status's name in answers and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Pending => "pending",
            Self::Stale => "stale",
            Self::Unprotected => "unprotected",
        }
    }
}

/// The sources whose automatic snapshots a run has to ask for: those whose copy of the current
/// UTC day is not there yet, available or on its way, in some destination that was read.
pub fn sources_to_ask(policy: &Policy, observed: &Observed, now: Timestamp) -> Vec<SourceId> {
    let today = utc_date(now);
    let mut there: BTreeMap<&SourceId, usize> = BTreeMap::new();
    for destination in observed.destinations.values() {
        let sources: BTreeSet<_> = destination
            .copies
            .iter()
            .filter(|copy| copy.date == today && copy.state != SnapshotState::Error)
            .map(|copy| &copy.source)
            .collect();
        for source in sources {
            *there.entry(source).or_default() += 1;
        }
    }
    selected(policy, observed)
        .filter(|source| there.get(source).copied().unwrap_or(0) < observed.destinations.len())
        .cloned()
        .collect()
}

/// The policy's rules that select nothing although all that they look at was read, by their index
/// in `sources`: most likely a name or tag is misspelt.
pub fn rules_without_sources(policy: &Policy, observed: &Observed) -> Vec<usize> {
    let selects_nothing = |rule: &SourceRule| {
        let read = [ResourceKind::Instance, ResourceKind::Disk]
            .into_iter()
            .filter(|kind| rule.looks_at(*kind))
            .all(|kind| observed.read.contains(&(rule.region, kind)));
        let mut resources = observed.resources.iter();
        read && !resources
            .any(|(id, resource)| rule.selects(id.region, id.kind, &id.name, &resource.tags))
    };
    let rules = policy.sources.iter().enumerate();
    rules
        .filter(|(_, rule)| selects_nothing(rule))
        .map(|(index, _)| index)
        .collect()
}

/// The sources among the resources that were read.
fn selected<'a>(policy: &'a Policy, observed: &'a Observed) -> impl Iterator<Item = &'a SourceId> {
    observed
        .resources
        .iter()
        .filter(|(id, resource)| policy.selects(id.region, id.kind, &id.name, &resource.tags))
        .map(|(id, _)| id)
}

/// What a run of `policy` at `now` is to do about what it has seen.
pub fn plan(policy: &Policy, observed: &Observed, now: Timestamp) -> Plan {
    let sources: BTreeSet<&SourceId> = selected(policy, observed).collect();
    let mut plan = Plan::default();
    for region in &policy.destinations {
        let Some(destination) = observed.destinations.get(region) else {
            let unread = sources.iter().map(|source| Coverage {
                source: (*source).clone(),
                destination: *region,
                newest: None,
                age_hours: None,
                status: Status::Stale,
                reason: Some(format!("{region} could not be read")),
            });
            plan.coverage.extend(unread);
            continue;
        };
        let planner = Planner {
            policy,
            observed,
            now,
            region: *region,
            by_source: by_source(&destination.copies),
        };
        let steps = planner.steps(&sources, destination.in_progress);
        plan.coverage
            .extend(planner.coverages(&sources, &steps.copies));
        plan.destinations.insert(*region, steps);
    }
    // By source; the sort is stable and leaves the destinations in the policy's order.
    plan.coverage.sort_by(|a, b| a.source.cmp(&b.source));
    plan
}

/// The copies of each source, from the newest to the oldest.
fn by_source(copies: &[ExistingCopy]) -> BTreeMap<&SourceId, Vec<&ExistingCopy>> {
    let mut by_source: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for copy in copies {
        by_source.entry(&copy.source).or_default().push(copy);
    }
    for copies in by_source.values_mut() {
        copies.sort_by(|a, b| {
            let newest_first = b.date.cmp(&a.date).then_with(|| a.name.cmp(&b.name));
            newest_first
                .then_with(|| short_of_restorable(a.state).cmp(&short_of_restorable(b.state)))
        });
        // A list that changes while it is read page by page can show a snapshot twice. Taken for
        // two, one of them would look superfluous; and one that failed may by the second time
        // have been made again, so the better state counts.
        copies.dedup_by(|a, b| a.name == b.name);
    }
    by_source
}

/// How far a copy is from being one that can be restored from; 0 is there.
fn short_of_restorable(state: SnapshotState) -> u8 {
    match state {
        SnapshotState::Available => 0,
        SnapshotState::Pending => 1,
        SnapshotState::Error => 2,
    }
}

/// Plans for one destination.
struct Planner<'a> {
    policy: &'a Policy,
    observed: &'a Observed,
    now: Timestamp,
    region: Region,
    by_source: BTreeMap<&'a SourceId, Vec<&'a ExistingCopy>>,
}

impl<'a> Planner<'a> {
    fn copies_of(&self, source: &SourceId) -> &[&'a ExistingCopy] {
        self.by_source.get(source).map_or(&[], Vec::as_slice)
    }

    fn steps(&self, sources: &BTreeSet<&SourceId>, in_progress: usize) -> Steps {
        let copies = sources
            .iter()
            .flat_map(|source| self.wanted(source))
            .collect();
        let room = self
            .policy
            .max_copies_in_progress
            .saturating_sub(in_progress);
        let copies = self.in_order(copies);
        let tags = sources
            .iter()
            .flat_map(|source| self.copies_of(source))
            .filter(|copy| !copy.tagged && !being_remade(&copies, copy))
            .map(|copy| (*copy).clone())
            .collect();
        let deletions = self
            .by_source
            .keys()
            .filter(|source| self.governs(sources, source))
            .flat_map(|source| self.not_kept(source))
            .filter(|copy| !being_remade(&copies, copy))
            .cloned()
            .collect();
        Steps {
            copies,
            room,
            tags,
            deletions,
        }
    }

    /// The copies of a source that the policy wants here, oldest first.
    fn wanted(&self, source: &SourceId) -> Vec<WantedCopy> {
        let existing = self.copies_of(source);
        let dates = match self.observed.recovery_points.get(source) {
            // Not asked for: today's copy is there, and there is nothing newer to want.
            None => vec![utc_date(self.now)],
            Some(Err(_)) => Vec::new(),
            Some(Ok(points)) => {
                let restorable: BTreeSet<Date> = points
                    .iter()
                    .filter(|point| point.restorable)
                    .map(|point| point.date)
                    .collect();
                let candidates = if self.policy.backfill {
                    restorable
                } else {
                    restorable.last().copied().into_iter().collect()
                };
                self.worth_keeping(candidates, existing)
            }
        };
        dates
            .into_iter()
            .filter_map(|date| {
                // A name that is too long shows in the coverage.
                let target = SnapshotName::of_dated(&source.name, source.region, date).ok()?;
                // The best there is; of those that failed, the one that has the name.
                let best = existing
                    .iter()
                    .filter(|copy| copy.date == date)
                    .min_by_key(|copy| {
                        (
                            short_of_restorable(copy.state),
                            copy.name != target.as_str(),
                        )
                    });
                Some(WantedCopy {
                    source: source.clone(),
                    date,
                    copy: Copy {
                        source_region: source.region,
                        source: Source::Dated {
                            resource: source.name.clone(),
                            date,
                        },
                        destination: self.region,
                        target,
                    },
                    step: match best {
                        None => CopyStep::Make,
                        Some(copy) => match copy.state {
                            SnapshotState::Available => CopyStep::Exists,
                            SnapshotState::Pending => CopyStep::Pending,
                            SnapshotState::Error => CopyStep::MakeAgain((*copy).clone()),
                        },
                    },
                })
            })
            .collect()
    }

    /// Those of the candidates that retention would keep together with the copies that are there.
    /// To copy the others would be to delete them again, run after run.
    fn worth_keeping(&self, candidates: BTreeSet<Date>, existing: &[&ExistingCopy]) -> Vec<Date> {
        let Some(retention) = &self.policy.retention else {
            return candidates.into_iter().collect();
        };
        // Copies count, not days: somebody may have made and tagged a second one of a day, and it
        // takes a place of its own when it comes to deleting.
        let there = existing
            .iter()
            .filter(|copy| copy.state != SnapshotState::Error)
            .map(|copy| copy.date);
        let mut newest_first: Vec<Date> = there.collect();
        let missing = candidates
            .iter()
            .filter(|date| !newest_first.contains(date));
        let missing: Vec<Date> = missing.copied().collect();
        newest_first.extend(missing);
        newest_first.sort_by(|a, b| b.cmp(a));
        let mut kept: Vec<Date> = newest_first
            .iter()
            .zip(retention.keeps(&newest_first))
            .filter_map(|(date, keep)| (keep && candidates.contains(date)).then_some(*date))
            .collect();
        kept.dedup();
        kept.reverse();
        kept
    }

    /// Puts the copies that are to be made in order, after those that are there. Sources whose
    /// newest available copy is oldest go first, those without one before all; sources alike take
    /// turns, each with its oldest recovery point first.
    fn in_order(&self, copies: Vec<WantedCopy>) -> Vec<WantedCopy> {
        let (to_make, mut ordered): (Vec<_>, Vec<_>) = copies
            .into_iter()
            .partition(|wanted| matches!(wanted.step, CopyStep::Make | CopyStep::MakeAgain(_)));
        let mut turns: BTreeMap<SourceId, usize> = BTreeMap::new();
        let mut to_make: Vec<_> = to_make
            .into_iter()
            .map(|wanted| {
                let newest = newest_available(self.copies_of(&wanted.source));
                let turn = turns.entry(wanted.source.clone()).or_default();
                *turn += 1;
                ((newest.map(|copy| copy.date), *turn), wanted)
            })
            .collect();
        to_make.sort_by_key(|(key, _)| *key);
        ordered.extend(to_make.into_iter().map(|(_, wanted)| wanted));
        ordered
    }

    /// Whether copies of a source may be deleted in this run: the policy is about it, or was
    /// while it existed, and everything there is to know about it was read.
    fn governs(&self, sources: &BTreeSet<&SourceId>, source: &SourceId) -> bool {
        if !self.observed.read.contains(&(source.region, source.kind)) {
            return false;
        }
        if sources.contains(source) {
            return !matches!(self.observed.recovery_points.get(source), Some(Err(_)));
        }
        !self.observed.resources.contains_key(source)
            && self
                .policy
                .selects_former(source.region, source.kind, &source.name)
    }

    /// The copies of a source that are not to be kept. Only available copies count for retention:
    /// one that is still being made may never become a backup.
    fn not_kept(&self, source: &SourceId) -> Vec<&'a ExistingCopy> {
        let copies = self.copies_of(source);
        let newest = newest_available(copies);
        let available: Vec<&ExistingCopy> = copies
            .iter()
            .copied()
            .filter(|copy| copy.state == SnapshotState::Available)
            .collect();
        let dates: Vec<Date> = available.iter().map(|copy| copy.date).collect();
        let aged = self.policy.retention.iter().flat_map(|retention| {
            available
                .iter()
                .copied()
                .zip(retention.keeps(&dates))
                .filter_map(|(copy, keep)| (!keep).then_some(copy))
        });
        let errored = copies
            .iter()
            .copied()
            .filter(|copy| copy.state == SnapshotState::Error);
        aged.chain(errored)
            .filter(|copy| copy.tagged && newest.is_none_or(|newest| *copy != newest))
            .collect()
    }

    /// How well each source is covered here.
    fn coverages(&self, sources: &BTreeSet<&SourceId>, wanted: &[WantedCopy]) -> Vec<Coverage> {
        // The newest recovery point of each source that is being copied, or is about to be.
        let mut on_their_way: BTreeMap<&SourceId, Date> = BTreeMap::new();
        let wanted = wanted
            .iter()
            .filter(|wanted| wanted.step != CopyStep::Exists)
            .map(|wanted| (&wanted.source, wanted.date));
        let pending = self
            .by_source
            .values()
            .flatten()
            .filter(|copy| copy.state == SnapshotState::Pending)
            .map(|copy| (&copy.source, copy.date));
        for (source, date) in wanted.chain(pending) {
            let newest = on_their_way.entry(source).or_insert(date);
            *newest = date.max(*newest);
        }
        sources
            .iter()
            .map(|source| self.coverage(source, on_their_way.get(source).copied()))
            .collect()
    }

    fn coverage(&self, source: &SourceId, on_its_way: Option<Date>) -> Coverage {
        let now = self.now;
        let points = self.observed.recovery_points.get(source);
        let age = |date: Date| age_hours(date, points, now);
        let newest = newest_available(self.copies_of(source)).map(|copy| copy.date);
        let limit = self.policy.max_recovery_point_age_hours;
        let too_old = |date| age(date) > limit;
        let automatic = self
            .observed
            .resources
            .get(source)
            .is_some_and(|resource| resource.automatic_snapshots);
        let none_new = || match points {
            Some(Err(failure)) => Some(format!(
                "its automatic snapshots could not be read: {failure}"
            )),
            _ if !automatic => Some("automatic snapshots are off".to_owned()),
            Some(Ok(points)) if !points.iter().any(|point| point.restorable) => {
                Some("no automatic snapshot can be restored".to_owned())
            }
            _ => SnapshotName::of_dated(&source.name, source.region, utc_date(now)).err(),
        };
        let newest_but_old =
            |date| format!("the newest recovery point that can be copied is of {date}");
        let (status, reason) = match (newest, on_its_way) {
            (Some(date), _) if !too_old(date) => (Status::Protected, None),
            (Some(_), Some(date)) => (
                Status::Stale,
                Some(format!("a copy of {date} is on its way")),
            ),
            (Some(date), None) => (
                Status::Stale,
                none_new().or_else(|| Some(newest_but_old(date))),
            ),
            (None, Some(date)) if !too_old(date) => (Status::Pending, None),
            (None, Some(date)) => (Status::Stale, Some(newest_but_old(date))),
            (None, None) if matches!(points, Some(Err(_))) => (Status::Stale, none_new()),
            (None, None) => (Status::Unprotected, none_new()),
        };
        Coverage {
            source: source.clone(),
            destination: self.region,
            newest,
            age_hours: newest.map(age),
            status,
            reason,
        }
    }
}

/// Whether a copy is in state `error` and about to be made again, now or in a later run.
fn being_remade(wanted: &[WantedCopy], copy: &ExistingCopy) -> bool {
    let by = |wanted: &WantedCopy| matches!(&wanted.step, CopyStep::MakeAgain(errored) if errored.name == copy.name);
    copy.state == SnapshotState::Error && wanted.iter().any(by)
}

/// The newest of a source's copies that is available. They are in order.
fn newest_available<'a>(newest_first: &[&'a ExistingCopy]) -> Option<&'a ExistingCopy> {
    newest_first
        .iter()
        .copied()
        .find(|copy| copy.state == SnapshotState::Available)
}

/// How old a recovery point is, in hours: since its automatic snapshot was made, where that is
/// known, or else since its date's midnight UTC.
fn age_hours(
    date: Date,
    points: Option<&Result<Vec<RecoveryPoint>, Failure>>,
    now: Timestamp,
) -> f64 {
    let known = points
        .and_then(|points| points.as_ref().ok())
        .and_then(|points| points.iter().find(|point| point.date == date))
        .and_then(|point| point.created_at);
    let midnight = || date.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let age = known
        .or_else(midnight)
        .map_or(SignedDuration::ZERO, |made| now.duration_since(made));
    (age.as_secs_f64() / 3600.0).max(0.0)
}
