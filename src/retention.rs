//! Which recovery points a policy keeps: the rules of [`restic forget`], over dates.
//!
//! Each rule goes over the recovery points from the newest to the oldest and keeps the newest of
//! each period (day, ISO week, month, year), until it has kept one of as many distinct periods as
//! it names. Periods without a recovery point do not count. The rules add up. Where there are
//! fewer periods than a rule names, it also keeps the oldest recovery point of all, so that a
//! young history is as long as it can be.
//!
//! [`restic forget`]: https://restic.readthedocs.io/en/stable/060_forget.html

use jiff::civil::Date;

use crate::fields::Fields;

/// How many recovery points are kept, by rule; at least one rule is given, and none is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// The newest recovery points.
    pub keep_last: Option<u32>,
    /// One for each of so many days.
    pub keep_daily: Option<u32>,
    /// One for each of so many ISO weeks.
    pub keep_weekly: Option<u32>,
    /// One for each of so many months.
    pub keep_monthly: Option<u32>,
    /// One for each of so many years.
    pub keep_yearly: Option<u32>,
}

impl Retention {
    /// Reads the member `retention` of a policy. `None`, with the mistakes noted, if it is wrong.
    pub fn read(mut fields: Fields<'_, '_>) -> Option<Self> {
        let retention = Self {
            keep_last: fields.count("keepLast"),
            keep_daily: fields.count("keepDaily"),
            keep_weekly: fields.count("keepWeekly"),
            keep_monthly: fields.count("keepMonthly"),
            keep_yearly: fields.count("keepYearly"),
        };
        let rules = [
            "keepLast",
            "keepDaily",
            "keepWeekly",
            "keepMonthly",
            "keepYearly",
        ];
        if !rules.iter().any(|rule| fields.has(rule)) {
            fields.mistake(
                "",
                "at least one rule is needed: keepLast, keepDaily, keepWeekly, keepMonthly or keepYearly",
            );
        }
        fields.finish();
        (retention != Self::default()).then_some(retention)
    }

    /// Which of the recovery points of one source are kept, by their dates from the newest to the
    /// oldest: an answer for each, in their order.
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
                    // Every rule is asked, because each one counts what it keeps.
                    kept |= rule.keeps(*date, index, oldest);
                }
                kept
            })
            .collect()
    }
}

/// What a rule tells recovery points apart by.
#[derive(PartialEq)]
enum Period {
    Index(usize),
    Day(Date),
    Week(i16, i8),
    Month(i16, i8),
    Year(i16),
}

/// One rule on its way through the recovery points.
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
