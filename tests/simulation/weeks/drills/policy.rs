//! The drills that a policy asks for, and their changes.

use fastrand::Rng;
use lightsail_snapshot_copier::{Policy, parse_policy};
use serde_json::{Value, json};

use super::{Drills, OPEN_PORT};

/// How the policy of a seed asks for drills.
pub(in super::super) struct Rules {
    /// Whether the policy ever has drills.
    pub(in super::super) are_wanted: bool,
    /// The runs of a day besides the usual one.
    pub(in super::super) more_runs: usize,
    pub(super) every_days: i64,
    pub(super) at_once: usize,
    pub(super) max_hours: i64,
    /// The number of checks.
    pub(super) checks: usize,
}

impl Rules {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let are_wanted = rng.bool();
        Self {
            are_wanted,
            more_runs: if are_wanted {
                [0, 0, 1][rng.usize(0..3)]
            } else {
                0
            },
            every_days: rng.i64(1..4),
            at_once: rng.usize(1..4),
            max_hours: [1, 2, 4, 12, 24][rng.usize(0..5)],
            checks: rng.usize(0..3),
        }
    }
}

impl Drills {
    /// Sets the names of the policy's drills. `None`: the policy has no drills, and a run does not
    /// look for drill instances.
    pub(super) fn set_names(&self, policy: &mut Policy, names: Option<&[&str]>) {
        let drills = names.map(|names| {
            json!({
                "names": names,
                "everyDays": self.rules.every_days,
                "atOnce": self.rules.at_once,
                "maxHours": self.rules.max_hours,
                "checks": vec![json!({ "port": *OPEN_PORT }); self.rules.checks],
            })
        });
        policy.drills = drills.map(|drills| parse(&drills)).unwrap_or_default();
    }

    /// Changes the names now and then, also to none and to no drills at all.
    pub(super) fn change_names(&mut self, policy: &mut Policy) {
        let names: Option<&[&str]> = match self.rng.u8(0..8) {
            0 => Some(&[]),
            1 => None,
            2 => Some(&["shop-1", "shop-2"]),
            3 => Some(&["shop-[3-5]*"]),
            _ => Some(&["*"]),
        };
        let has_drills = policy.drills.is_some();
        self.set_names(policy, names);
        match names {
            None if has_drills => self.counts.count("drills removed from the policy"),
            Some([]) => self.counts.count("names of drills emptied"),
            Some(_) => self.counts.count("other names of drills"),
            None => {}
        }
    }
}

fn parse(drills: &Value) -> Option<lightsail_snapshot_copier::Drills> {
    let policy = json!({
        "sources": [{ "region": "us-west-2" }],
        "destinations": ["us-east-1"],
        "drills": drills,
    });
    let policy = parse_policy(&policy.to_string()).expect("a valid policy");
    policy.drills
}
