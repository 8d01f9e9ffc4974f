//! Which recovery points a policy keeps: the rules of [`restic forget`], over dates.
//!
//! Each rule walks the recovery points from the newest to the oldest and keeps the newest one of
//! each period (day, ISO week, month, year), until it has kept as many as its count. Periods
//! without a recovery point do not count. A recovery point is kept if any rule keeps it. A rule
//! with counts left also keeps the oldest recovery point.
//!
//! [`restic forget`]: https://restic.readthedocs.io/en/stable/060_forget.html

use jiff::civil::Date;

/// How many recovery points each rule keeps. At least one rule is set, and none is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    pub keep_last: Option<u32>,
    pub keep_daily: Option<u32>,
    pub keep_weekly: Option<u32>,
    pub keep_monthly: Option<u32>,
    pub keep_yearly: Option<u32>,
}

impl Retention {
    /// Decides for each recovery point of one source, from the newest to the oldest, whether it is
    /// kept. The answers are in the order of the dates.
    pub fn keeps(&self, newest_first: &[Date]) -> Vec<bool> {
        let mut rules = [
            Rule::new(self.keep_last, |_, index| Period::Index(index)),
            Rule::new(self.keep_daily, |date, _| Period::Day(date)),
            Rule::new(self.keep_weekly, |date, _| {
                let week = date.iso_week_date();
                Period::Week(week.year(), week.week())
            }),
            Rule::new(self.keep_monthly, |date, _| {
                Period::Month(date.year(), date.month())
            }),
            Rule::new(self.keep_yearly, |date, _| Period::Year(date.year())),
        ];
        newest_first
            .iter()
            .enumerate()
            .map(|(index, date)| {
                let oldest = index + 1 == newest_first.len();
                let mut kept = false;
                for rule in &mut rules {
                    // No short circuit: each rule counts what it keeps.
                    kept |= rule.keeps(*date, index, oldest);
                }
                kept
            })
            .collect()
    }
}

/// What a rule counts. Recovery points of one period are alike to it.
#[derive(PartialEq)]
enum Period {
    Index(usize),
    Day(Date),
    Week(i16, i8),
    Month(i16, i8),
    Year(i16),
}

/// One rule, and where it is in the list of recovery points.
struct Rule {
    left: u32,
    last: Option<Period>,
    period: fn(Date, usize) -> Period,
}

impl Rule {
    fn new(count: Option<u32>, period: fn(Date, usize) -> Period) -> Self {
        Self {
            left: count.unwrap_or(0),
            last: None,
            period,
        }
    }

    fn keeps(&mut self, date: Date, index: usize, oldest: bool) -> bool {
        if self.left == 0 {
            return false;
        }
        let period = Some((self.period)(date, index));
        if period == self.last && !oldest {
            return false;
        }
        self.last = period;
        self.left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the dates a retention keeps.
    fn kept<'d>(retention: Retention, newest_first: &[&'d str]) -> Vec<&'d str> {
        let dates: Vec<Date> = newest_first
            .iter()
            .map(|date| date.parse().unwrap())
            .collect();
        let keeps = retention.keeps(&dates);
        assert_eq!(keeps.len(), dates.len());
        let kept = newest_first.iter().zip(keeps);
        kept.filter_map(|(date, keep)| keep.then_some(*date))
            .collect()
    }

    fn last(count: u32) -> Retention {
        Retention {
            keep_last: Some(count),
            ..Retention::default()
        }
    }

    fn daily(count: u32) -> Retention {
        Retention {
            keep_daily: Some(count),
            ..Retention::default()
        }
    }

    fn weekly(count: u32) -> Retention {
        Retention {
            keep_weekly: Some(count),
            ..Retention::default()
        }
    }

    fn monthly(count: u32) -> Retention {
        Retention {
            keep_monthly: Some(count),
            ..Retention::default()
        }
    }

    fn yearly(count: u32) -> Retention {
        Retention {
            keep_yearly: Some(count),
            ..Retention::default()
        }
    }

    const WEEK: [&str; 7] = [
        "2026-11-22",
        "2026-11-21",
        "2026-11-20",
        "2026-11-19",
        "2026-11-18",
        "2026-11-17",
        "2026-11-16",
    ];

    #[test]
    fn nothing_is_kept_of_nothing() {
        assert!(kept(last(1), &[]).is_empty());
        assert!(kept(yearly(9), &[]).is_empty());
    }

    #[test]
    fn the_newest_is_always_kept() {
        for retention in [last(1), daily(1), weekly(1), monthly(1), yearly(1)] {
            assert_eq!(kept(retention, &WEEK), ["2026-11-22"]);
        }
    }

    #[test]
    fn keep_last_counts_recovery_points() {
        assert_eq!(kept(last(3), &WEEK), WEEK[..3]);
        assert_eq!(kept(last(7), &WEEK), WEEK);
        assert_eq!(kept(last(u32::MAX), &WEEK), WEEK);
        // Even those of one day.
        assert_eq!(
            kept(last(2), &["2026-11-22", "2026-11-22", "2026-11-21"]),
            ["2026-11-22", "2026-11-22"]
        );
    }

    #[test]
    fn keep_daily_counts_days_that_have_one() {
        assert_eq!(kept(daily(3), &WEEK), WEEK[..3]);
        assert_eq!(
            kept(
                daily(2),
                &["2026-11-22", "2026-10-01", "2026-10-01", "2025-01-01"]
            ),
            ["2026-11-22", "2026-10-01"]
        );
    }

    #[test]
    fn keep_weekly_counts_iso_weeks() {
        // 2026-11-16 is a Monday.
        assert_eq!(
            kept(
                weekly(2),
                &[
                    "2026-11-22",
                    "2026-11-16",
                    "2026-11-15",
                    "2026-11-09",
                    "2026-11-08"
                ]
            ),
            ["2026-11-22", "2026-11-15"]
        );
        // The week of New Year is one week: 2026-12-28 to 2027-01-03 are all in 2026's week 53.
        assert_eq!(
            kept(
                weekly(3),
                &[
                    "2027-01-04",
                    "2027-01-03",
                    "2026-12-28",
                    "2026-12-27",
                    "2026-12-20"
                ]
            ),
            ["2027-01-04", "2027-01-03", "2026-12-27"]
        );
        // The same number in another year is another week.
        assert_eq!(
            kept(weekly(2), &["2026-11-18", "2025-11-19", "2025-11-18"]),
            ["2026-11-18", "2025-11-19"]
        );
    }

    #[test]
    fn keep_monthly_counts_months_of_their_year() {
        assert_eq!(
            kept(
                monthly(3),
                &[
                    "2026-11-22",
                    "2026-11-01",
                    "2026-10-31",
                    "2025-10-31",
                    "2025-10-30",
                    "2025-09-01"
                ]
            ),
            ["2026-11-22", "2026-10-31", "2025-10-31"]
        );
    }

    #[test]
    fn keep_yearly_counts_years() {
        assert_eq!(
            kept(
                yearly(2),
                &["2026-11-22", "2026-01-01", "2020-12-31", "2019-12-31"]
            ),
            ["2026-11-22", "2020-12-31"]
        );
    }

    #[test]
    fn the_rules_add_up() {
        let retention = Retention {
            keep_last: Some(1),
            keep_daily: Some(2),
            keep_weekly: Some(2),
            keep_monthly: Some(2),
            keep_yearly: Some(2),
        };
        assert_eq!(
            kept(
                retention,
                &[
                    "2026-11-22", // every rule
                    "2026-11-21", // the second day
                    "2026-11-20",
                    "2026-11-15", // the second week
                    "2026-11-14",
                    "2026-10-31", // the second month
                    "2026-10-30",
                    "2025-12-31", // the second year
                    "2025-12-30",
                ]
            ),
            [
                "2026-11-22",
                "2026-11-21",
                "2026-11-15",
                "2026-10-31",
                "2025-12-31"
            ]
        );
    }

    #[test]
    fn a_rule_that_finds_too_few_periods_keeps_the_oldest_as_well() {
        // One week of two is found, so the oldest is kept until there is a second.
        assert_eq!(kept(weekly(2), &WEEK), ["2026-11-22", "2026-11-16"]);
        assert_eq!(kept(yearly(3), &WEEK), ["2026-11-22", "2026-11-16"]);
        // Two of two are found.
        assert_eq!(
            kept(weekly(2), &["2026-11-22", "2026-11-15", "2026-11-14"]),
            ["2026-11-22", "2026-11-15"]
        );
    }
}
