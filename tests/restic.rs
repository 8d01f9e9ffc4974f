//! Compares retention with `restic forget` on the same dates.
//!
//! The test makes a restic repository with backups at generated dates, in several histories. For many
//! combinations of rules it compares the result of `restic forget --dry-run` with the function's.
//! `RESTIC_SEED` selects other dates and rules. Without restic (Debian's package `restic`) the test
//! is skipped with a message. In CI it fails.
//!
//! Since version 0.16, restic also keeps the oldest snapshot if there are fewer periods than a rule's
//! count, and so does a policy. For older versions, the test computes this case itself.

#![allow(clippy::restriction, reason = "tests and tools may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, thread};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use lightsail_snapshot_copier::Retention;
use serde_json::Value;

/// The number of combinations of rules. Each is compared on all histories.
const COMBINATIONS: usize = 26;

#[test]
fn retention_keeps_what_restic_forget_keeps() {
    let Some(version) = version() else {
        assert!(
            env::var_os("CI").is_none(),
            "restic is not installed (apt-get install restic)"
        );
        eprintln!("skipped: restic is not installed");
        return;
    };
    let seed = env::var("RESTIC_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    eprintln!("restic {}.{}, RESTIC_SEED={seed}", version.0, version.1);
    let mut random = fastrand::Rng::with_seed(seed);
    let repository = Repository::new();
    let histories = histories(&mut random);
    repository.back_up(&histories);

    let mut compared = 0;
    let mut differently_kept = BTreeSet::new();
    let combinations = combinations(&mut random);
    let kept = two_at_a_time(&combinations, |combination| repository.forget(combination));
    for (combination, kept_by_restic) in combinations.iter().zip(kept) {
        let ours = retention(combination);
        for (history, newest_first) in &histories {
            let dates: Vec<Date> = newest_first.iter().map(|time| utc_date(*time)).collect();
            let keeps = ours.keeps(&dates);
            let kept = &kept_by_restic[history];
            for (index, time) in newest_first.iter().enumerate() {
                let restic_keeps = kept.contains(time);
                let is_oldest = index + 1 == newest_first.len();
                let expected = if is_oldest && version < (0, 16) {
                    restic_keeps || has_too_few_periods(combination, &dates)
                } else {
                    restic_keeps
                };
                assert_eq!(
                    keeps[index], expected,
                    "{time} of {history}, {combination:?}, seed {seed}\n{newest_first:?}"
                );
                compared += 1;
            }
            differently_kept.insert(keeps);
        }
    }
    // The combinations give different results.
    assert!(compared > 1000, "{compared}");
    assert!(
        differently_kept.len() > COMBINATIONS,
        "{}",
        differently_kept.len()
    );
}

/// restic's version, if it is installed.
fn version() -> Option<(u32, u32)> {
    let output = Command::new(restic()).arg("version").output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    // restic 0.14.0 compiled with go1.19.8 on linux/amd64
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    let mut number = || numbers.next().and_then(|number| number.parse().ok());
    Some((number()?, number()?))
}

/// The program: `RESTIC`, or `restic` on the path.
fn restic() -> std::ffi::OsString {
    env::var_os("RESTIC").unwrap_or_else(|| "restic".into())
}

/// Options of `restic forget` with their counts.
type Combination = Vec<(&'static str, u32)>;

const RULES: [&str; 5] = [
    "--keep-last",
    "--keep-daily",
    "--keep-weekly",
    "--keep-monthly",
    "--keep-yearly",
];

/// Each rule alone, then random combinations.
fn combinations(random: &mut fastrand::Rng) -> Vec<Combination> {
    let mut combinations: Vec<Combination> = Vec::new();
    for rule in RULES {
        for count in [1, 2, 7] {
            combinations.push(vec![(rule, count)]);
        }
    }
    while combinations.len() < COMBINATIONS {
        let mut combination = Vec::new();
        for rule in RULES {
            if random.bool() {
                combination.push((rule, random.u32(1..12)));
            }
        }
        if !combination.is_empty() {
            combinations.push(combination);
        }
    }
    combinations
}

fn retention(combination: &Combination) -> Retention {
    let count = |rule| {
        let found = combination.iter().find(|(given, _)| *given == rule);
        found.map(|(_, count)| *count)
    };
    Retention {
        keep_last: count("--keep-last"),
        keep_daily: count("--keep-daily"),
        keep_weekly: count("--keep-weekly"),
        keep_monthly: count("--keep-monthly"),
        keep_yearly: count("--keep-yearly"),
    }
}

/// Whether any rule's count is larger than the number of its periods.
fn has_too_few_periods(combination: &Combination, newest_first: &[Date]) -> bool {
    combination.iter().any(|(rule, count)| {
        let format = match *rule {
            "--keep-last" => return newest_first.len() < *count as usize,
            "--keep-daily" => "%Y-%m-%d",
            "--keep-weekly" => "%G-%V",
            "--keep-monthly" => "%Y-%m",
            _ => "%Y",
        };
        let periods = newest_first.iter();
        let periods: BTreeSet<String> = periods
            .map(|date| date.strftime(format).to_string())
            .collect();
        periods.len() < *count as usize
    })
}

/// The backup times of each history, newest first, by restic host name. Each history is one source.
fn histories(random: &mut fastrand::Rng) -> BTreeMap<String, Vec<Timestamp>> {
    let start: Timestamp = "2027-01-09T00:00:00Z".parse().unwrap();
    let mut history = |name: &str, backups: usize, longest_gap_in_hours: i64| {
        let mut time = start - random.i64(0..400).hours();
        let mut times = Vec::new();
        for _ in 0..backups {
            time -= (random.i64(1..=longest_gap_in_hours).hours()).minutes(random.i64(0..60));
            times.push(time);
        }
        (name.to_owned(), times)
    };
    BTreeMap::from([
        // About daily, over New Year, with some days twice.
        history("daily", 16, 36),
        history("weekly", 12, 24 * 9),
        history("monthly", 12, 24 * 60),
        history("few", 3, 24 * 5),
        history("one", 1, 24),
    ])
}

fn utc_date(time: Timestamp) -> Date {
    time.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The results of a function, in order. Two calls at a time, because deriving the key from the password
/// is slow.
fn two_at_a_time<T: Sync, R: Send>(inputs: &[T], call: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (some, others) = inputs.split_at(inputs.len() / 2);
    let call_all = |inputs: &[T]| inputs.iter().map(&call).collect::<Vec<R>>();
    thread::scope(|scope| {
        let others = scope.spawn(|| call_all(others));
        let mut results = call_all(some);
        results.extend(others.join().unwrap());
        results
    })
}

/// A restic repository in its own folder. Dropping it removes the folder.
struct Repository {
    folder: PathBuf,
}

impl Repository {
    fn new() -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("restic-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), "what is backed up").unwrap();
        let repository = Self { folder };
        repository.run(&["init"]);
        repository
    }

    fn back_up(&self, histories: &BTreeMap<String, Vec<Timestamp>>) {
        let of_history = |(host, times): (&String, &Vec<Timestamp>)| -> Vec<(String, Timestamp)> {
            times.iter().map(|time| (host.clone(), *time)).collect()
        };
        let backups: Vec<_> = histories.iter().flat_map(of_history).collect();
        two_at_a_time(&backups, |(host, time)| {
            let time = time.strftime("%Y-%m-%d %H:%M:%S").to_string();
            self.run(&["backup", "--host", host, "--time", &time, "file"]);
        });
    }

    /// The backups of each history that `restic forget` would keep.
    fn forget(&self, combination: &Combination) -> BTreeMap<String, BTreeSet<Timestamp>> {
        let mut arguments = vec![
            "forget",
            "--dry-run",
            "--no-lock",
            "--json",
            "--group-by",
            "host",
        ];
        let counts: Vec<String> = combination.iter().map(|(_, n)| n.to_string()).collect();
        for ((rule, _), count) in combination.iter().zip(&counts) {
            arguments.extend([rule, count.as_str()]);
        }
        let output = self.run(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        // With --dry-run, a line of text may follow the JSON.
        let json = text.lines().find(|line| line.starts_with('[')).unwrap();
        let groups: Vec<Value> = serde_json::from_str(json).unwrap();
        let of_group = |group: &Value| {
            let kept = group["keep"].as_array().unwrap();
            let time = |snapshot: &Value| snapshot["time"].as_str().unwrap().parse().unwrap();
            let host = group["host"].as_str().unwrap().to_owned();
            (host, kept.iter().map(time).collect())
        };
        groups.iter().map(of_group).collect()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = Command::new(restic())
            .args(["--repo", "repository", "--no-cache", "--quiet"])
            .args(arguments)
            .env("RESTIC_PASSWORD", "not a secret")
            .env("TZ", "UTC")
            .current_dir(&self.folder)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        output
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        // A leftover folder in the target directory does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
