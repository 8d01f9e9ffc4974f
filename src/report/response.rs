//! The answer of an invocation.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_with::skip_serializing_none;

use super::entries::{Attention, Entries, Shorten};
use crate::model::event::Transfer;
use crate::model::event::{CopyResult, DeletionResult, Event, Outcome};
use crate::model::failure::ApiError;
use crate::model::region::Region;

/// The largest answer in bytes. Lambda's destinations for asynchronous invocations carry 256 KB,
/// and the event takes its part.
pub(super) const MAX_BYTES: usize = 200_000;

/// The most bytes of an answer besides its entries.
const ENVELOPE_BYTES: usize = 500 + 30 * MAX_RULES;

/// How many rules that select nothing an answer shows, each with at most 30 bytes. The log has all.
const MAX_RULES: usize = 100;

#[skip_serializing_none]
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub(super) dry_run: bool,
    pub(super) summary: Summary,
    copies: Vec<Box<RawValue>>,
    deletions: Option<Vec<Box<RawValue>>>,
    coverage: Option<Vec<Box<RawValue>>>,
    drills: Option<Vec<Box<RawValue>>>,
    /// The Regions and sources that a dry run could not read. Absent if there are none.
    unread: Option<Vec<Box<RawValue>>>,
    /// What the copies that a dry run plans hold at most, by destination.
    transfer: Option<BTreeMap<Region, Transfer>>,
    /// Absent if there are none.
    rules_selecting_nothing: Option<Vec<String>>,
    omitted: Option<Omitted>,
}

/// The number of copies and deletions by outcome.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    pub(super) started: usize,
    pub(super) exists: usize,
    pub(super) pending: usize,
    pub(super) planned: usize,
    pub(super) deferred: usize,
    pub(super) failed: usize,
    pub(super) deleted: usize,
}

/// The number of entries left out to keep the answer small enough.
#[skip_serializing_none]
#[derive(Debug, Serialize)]
struct Omitted {
    copies: usize,
    coverage: usize,
    deletions: usize,
    drills: Option<usize>,
    unread: Option<usize>,
}

impl Response {
    /// The answer to an event with copies, in their order.
    pub fn for_copies(dry_run: bool, events: &[Event]) -> Self {
        Self {
            deletions: None,
            coverage: None,
            transfer: None,
            ..Self::for_run(dry_run, events)
        }
    }

    /// The answer to a policy run. Entries that need the least attention are left out first if it
    /// would be larger than 200 KB.
    pub fn for_run(dry_run: bool, events: &[Event]) -> Self {
        let copies = events.iter().filter_map(Event::try_as_copy_result_ref);
        let mut copies: Vec<&CopyResult> = copies.collect();
        copies.sort_by_key(|result| result.position);
        let coverage = events.iter().filter_map(Event::try_as_coverage_ref);
        let deletions = events.iter().filter_map(Event::try_as_delete_result_ref);
        let deletions = deletions.map(DeletionEntry::from);
        let drills = events.iter().filter_map(Event::try_as_drill_result_ref);
        let unread = events.iter().filter_map(Event::try_as_region_unread_ref);
        let copies = copies.into_iter().map(|copy| (copy.outcome.into(), copy));
        let mut copies = Entries::new(copies);
        let mut coverage = Entries::new(coverage.map(|entry| (entry.status.into(), entry)));
        let mut deletions = Entries::new(deletions.map(|entry| (entry.outcome.into(), entry)));
        let mut drills = Entries::new(drills.map(|drill| (drill.outcome.into(), drill)));
        let mut unread = Entries::new(unread.map(|failure| (Attention::Problem, failure)));
        let mut lists: [&mut dyn Shorten; 5] = [
            &mut copies,
            &mut coverage,
            &mut deletions,
            &mut drills,
            &mut unread,
        ];
        let bytes = ENVELOPE_BYTES + lists.iter().map(|list| list.bytes()).sum::<usize>();
        let mut excess = bytes.saturating_sub(MAX_BYTES);
        let mut omitted = [0; 5];
        for attention in Attention::ALL {
            for (list, omitted) in lists.iter_mut().zip(&mut omitted) {
                *omitted += list.omit(attention, &mut excess);
            }
        }
        // Each destination of a policy with drills has this event.
        let mut with_drills = events.iter().filter_map(Event::try_as_drill_instances_ref);
        let has_drills = with_drills.next().is_some();
        let idle = events.iter().filter_map(Event::try_as_selects_nothing_ref);
        let idle = idle.map(|idle| idle.rule.clone()).take(MAX_RULES);
        let idle: Vec<String> = idle.collect();
        let (drills, unread) = (drills.into_json(), unread.into_json());
        Self {
            dry_run,
            summary: Summary::new(events),
            copies: copies.into_json(),
            deletions: Some(deletions.into_json()),
            coverage: Some(coverage.into_json()),
            drills: has_drills.then_some(drills),
            unread: (!unread.is_empty()).then_some(unread),
            transfer: dry_run.then(|| transfers(events)),
            rules_selecting_nothing: (!idle.is_empty()).then_some(idle),
            omitted: (bytes > MAX_BYTES).then(|| Omitted::new(omitted, has_drills)),
        }
    }
}

impl Omitted {
    fn new([copies, coverage, deletions, drills, unread]: [usize; 5], has_drills: bool) -> Self {
        Self {
            copies,
            coverage,
            deletions,
            drills: has_drills.then_some(drills),
            unread: (unread > 0).then_some(unread),
        }
    }
}

/// What the copies that a dry run plans hold at most, in each destination that has any.
fn transfers(events: &[Event]) -> BTreeMap<Region, Transfer> {
    let storage = events.iter().filter_map(Event::try_as_storage_ref);
    let transfers = storage.map(|storage| (storage.region, storage.transfer));
    transfers
        .filter(|(_, transfer)| transfer.copies > 0)
        .collect()
}

/// The keys of a deletion in the answer. They differ from those in the log.
#[skip_serializing_none]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeletionEntry<'a> {
    region: Region,
    snapshot_name: &'a str,
    outcome: Outcome,
    error: Option<&'a ApiError>,
}

impl<'a> From<&'a DeletionResult> for DeletionEntry<'a> {
    fn from(result: &'a DeletionResult) -> Self {
        Self {
            region: result.region,
            snapshot_name: result.name.as_str(),
            outcome: result.outcome,
            error: result.error.as_deref(),
        }
    }
}

impl Summary {
    fn new(events: &[Event]) -> Self {
        let mut summary = Self::default();
        for event in events {
            match event {
                Event::CopyResult(result) => summary.count(result.outcome),
                // A dry run counts planned copies only.
                Event::DeleteResult(result) if result.outcome != Outcome::Planned => {
                    summary.count(result.outcome);
                }
                _ => {}
            }
        }
        summary
    }

    fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Started => &mut self.started,
            Outcome::Exists => &mut self.exists,
            Outcome::Pending => &mut self.pending,
            Outcome::Planned => &mut self.planned,
            Outcome::Deferred => &mut self.deferred,
            Outcome::Deleted => &mut self.deleted,
            Outcome::Failed => &mut self.failed,
        } += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::model::copy::{CopySource, NameOrigin, SnapshotCopy};
    use crate::model::coverage::Coverage;
    use crate::model::coverage::CoverageStatus;
    use crate::model::drill::DrillOutcome;
    use crate::model::drill::DrillResult;
    use crate::model::event::{DrillInstances, IdleRule};
    use crate::model::operation::Operation;
    use crate::model::resource::{ResourceId, ResourceKind};

    const OUTCOMES: [Outcome; 5] = [
        Outcome::Started,
        Outcome::Exists,
        Outcome::Pending,
        Outcome::Planned,
        Outcome::Failed,
    ];

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    fn copy_result(number: usize, outcome: Outcome, name_length: usize) -> CopyResult {
        let error = ApiError::found("NotFoundException", "There is no such thing.".repeat(3));
        CopyResult {
            copy: SnapshotCopy {
                source_region: region("us-west-2"),
                source: CopySource::Latest {
                    resource: "r".repeat(name_length).into(),
                },
                destination: region("us-east-1"),
                target: format!("copy-{number}-{}", "n".repeat(name_length))
                    .parse()
                    .unwrap(),
                name_origin: NameOrigin::Generated,
            },
            outcome,
            operations: match outcome {
                Outcome::Started => vec![Operation {
                    id: Some("o".repeat(36)),
                    is_terminal: Some(false),
                    ..Operation::default()
                }],
                _ => Vec::new(),
            },
            error: (outcome == Outcome::Failed).then(|| error.into()),
            position: number,
        }
    }

    fn answer_of(copies: Vec<CopyResult>) -> Value {
        let events: Vec<_> = copies.into_iter().map(Event::CopyResult).collect();
        let answer = Response::for_copies(false, &events);
        let json = serde_json::to_string(&answer).unwrap();
        assert!(json.len() <= MAX_BYTES, "{}", json.len());
        serde_json::from_str(&json).unwrap()
    }

    fn in_copies(answer: &Value, outcome: &str) -> usize {
        let copies = answer["copies"].as_array().unwrap();
        copies
            .iter()
            .filter(|copy| copy["outcome"] == outcome)
            .count()
    }

    #[test]
    fn an_answer_that_fits_is_whole() {
        let results: Vec<_> = (0..50)
            .map(|n| copy_result(n, Outcome::Exists, 10))
            .collect();
        let answer = answer_of(results);
        assert_eq!(in_copies(&answer, "exists"), 50);
        assert_eq!(answer.get("omitted"), None);
        assert_eq!(answer.get("coverage"), None);
    }

    #[test]
    fn what_needs_no_attention_is_left_out_first() {
        let mut results: Vec<_> = (0..2000)
            .map(|n| copy_result(n, Outcome::Exists, 20))
            .collect();
        results.extend((2000..2100).map(|n| copy_result(n, Outcome::Pending, 20)));
        let answer = answer_of(results);
        assert_eq!(in_copies(&answer, "pending"), 100);
        let shown = in_copies(&answer, "exists");
        assert!(shown > 0);
        assert_eq!(answer["omitted"]["copies"], 2000 - shown);
        assert_eq!(answer["summary"]["exists"], 2000);
        // What is left stands in the order of the event.
        let copies = answer["copies"].as_array().unwrap();
        assert_eq!(copies.last().unwrap()["outcome"], "pending");
    }

    #[test]
    fn a_runs_answer_is_shortened_over_all_its_lists() {
        let source = |number: usize| ResourceId {
            region: region("us-west-2"),
            kind: ResourceKind::Instance,
            name: format!("{}-{number}", "n".repeat(50)).into(),
        };
        let copies = (0..500).map(|n| copy_result(n, Outcome::Exists, 50));
        let deletions = (0..500).map(|n| DeletionResult {
            region: region("us-east-1"),
            source: source(n),
            date: jiff::civil::date(2026, 11, 22),
            name: source(n).name.parse().unwrap(),
            outcome: if n == 7 {
                Outcome::Deferred
            } else {
                Outcome::Deleted
            },
            operations: Vec::new(),
            error: None,
        });
        let coverage = (0..1000).map(|n| Coverage {
            last_drill: None,
            source: source(n),
            destination: region("us-east-1"),
            newest: None,
            age_hours: Some(23.449),
            status: if n == 7 {
                CoverageStatus::Stale
            } else {
                CoverageStatus::Protected
            },
            reason: None,
            through: None,
            size_gb: None,
            copies: 1,
        });
        let events: Vec<_> = copies
            .map(Event::CopyResult)
            .chain(deletions.map(Event::DeleteResult))
            .chain(coverage.map(Event::Coverage))
            .collect();
        let json = serde_json::to_value(Response::for_run(false, &events)).unwrap();
        assert!(json.to_string().len() <= MAX_BYTES);
        let left = |list: &str| json[list].as_array().unwrap().len() as u64;
        let omitted = |list: &str| json["omitted"][list].as_u64().unwrap();
        assert_eq!(left("copies") + omitted("copies"), 500);
        assert_eq!(left("deletions") + omitted("deletions"), 500);
        assert_eq!(left("coverage") + omitted("coverage"), 1000);
        let stale = json["coverage"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["status"] == "stale");
        assert_eq!(stale.unwrap()["recoveryPointAgeHours"], 23.4);
        let deferred = json["deletions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["outcome"] == "deferred");
        assert!(deferred.is_some());
        assert_eq!(json["summary"]["deleted"], 499);
    }

    #[test]
    fn drills_and_idle_rules_are_shortened_too() {
        let drill = |number: usize, outcome| DrillResult {
            source: ResourceId {
                region: region("us-west-2"),
                kind: ResourceKind::Instance,
                name: format!("web-{number}").into(),
            },
            destination: region("us-east-1"),
            snapshot: Some("s".repeat(200).parse().unwrap()),
            instance: format!("drill-web-{number}"),
            outcome,
            minutes: None,
            checks: Vec::new(),
            verdict: None,
            error: Some(ApiError::found("AttachedDisks", "m".repeat(100))),
        };
        let mut drills: Vec<_> = (0..2000)
            .map(|number| drill(number, DrillOutcome::NotDrillable))
            .collect();
        drills.push(drill(2000, DrillOutcome::Failed));
        let idle = (0..1000).map(|n| IdleRule {
            rule: format!("drills.names[{n}]"),
        });
        let instances = DrillInstances {
            region: region("us-east-1"),
            instances: 0,
        };
        let events: Vec<_> = drills
            .into_iter()
            .map(|drill| Event::DrillResult(Box::new(drill)))
            .chain(idle.map(Event::SelectsNothing))
            .chain([Event::DrillInstances(instances)])
            .collect();
        let answer = serde_json::to_value(Response::for_run(false, &events)).unwrap();
        assert!(answer.to_string().len() <= MAX_BYTES);
        let shown = answer["drills"].as_array().unwrap();
        assert!(shown.len() > 100);
        assert_eq!(answer["omitted"]["drills"], 2001 - shown.len());
        assert_eq!(shown.last().unwrap()["outcome"], "failed");
        let rules = answer["rulesSelectingNothing"].as_array().unwrap();
        assert_eq!(rules.len(), MAX_RULES);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_answer_fits_and_counts_what_it_leaves_out(
            outcomes in proptest::collection::vec(proptest::sample::select(OUTCOMES.to_vec()), 0..1500),
            name_length in 1usize..200,
        ) {
            let results: Vec<_> = outcomes
                .iter()
                .enumerate()
                .map(|(number, outcome)| copy_result(number, *outcome, name_length))
                .collect();
            let answer = answer_of(results);
            let shown = answer["copies"].as_array().unwrap().len() as u64;
            let omitted = answer["omitted"]["copies"].as_u64().unwrap_or_default();
            prop_assert_eq!(shown + omitted, outcomes.len() as u64);
            for outcome in OUTCOMES {
                let count = outcomes.iter().filter(|o| **o == outcome).count();
                prop_assert_eq!(&answer["summary"][<&str>::from(outcome)], count);
            }
        }
    }
}
