//! The policy of a seed.

use fastrand::Rng;
use lightsail_emulator::Region;
use lightsail_snapshot_copier::{Policy, Retention, parse_policy};
use serde_json::json;

use super::{AWAY, HOME};

/// A random policy, and its values for the checks.
pub(super) struct Rules {
    pub(super) policy: Policy,
    pub(super) keep: Option<Retention>,
    pub(super) backfill: bool,
    pub(super) destinations: Vec<Region>,
    pub(super) room: usize,
}

impl Rules {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let mut retention = serde_json::Map::new();
        if rng.u8(0..5) > 0 {
            while retention.is_empty() {
                for (rule, most) in [
                    ("keepLast", 8),
                    ("keepDaily", 12),
                    ("keepWeekly", 4),
                    ("keepMonthly", 3),
                    ("keepYearly", 2),
                ] {
                    if rng.bool() {
                        retention.insert(rule.to_owned(), json!(rng.u32(1..=most)));
                    }
                }
            }
        }
        let destinations = AWAY[..rng.usize(1..=AWAY.len())].to_vec();
        let backfill = rng.bool();
        let room = [2, 5, 60][rng.usize(0..3)];
        let mut policy = json!({
            "sources": HOME.map(|region| json!({ "region": region.as_str(), "names": ["shop-*", "data-*"] })),
            "destinations": destinations.iter().map(|region| region.as_str()).collect::<Vec<_>>(),
            "backfill": backfill,
            "maxCopiesInProgress": room,
        });
        if !retention.is_empty() {
            policy["retention"] = retention.into();
        }
        let policy = parse_policy(&policy.to_string()).expect("a valid policy");
        Self {
            keep: policy.retention,
            policy,
            backfill,
            destinations,
            room,
        }
    }
}
