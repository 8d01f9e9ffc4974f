//! What must be true, written down a second time and as plainly as can be.

use std::collections::BTreeSet;

use jiff::civil::Date;

/// The retention of a policy, rule by rule; zero is no such rule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    pub last: usize,
    pub daily: usize,
    pub weekly: usize,
    pub monthly: usize,
    pub yearly: usize,
}

impl Keep {
    /// The dates that are kept: for each rule, the newest of each of the last so many periods, and
    /// the oldest of all where there are fewer periods than that.
    pub fn kept(&self, dates: &BTreeSet<Date>) -> BTreeSet<Date> {
        let week = |date: &Date| {
            let week = date.iso_week_date();
            format!("{}-{}", week.year(), week.week())
        };
        type Period<'a> = &'a dyn Fn(&Date) -> String;
        let rules: [(usize, Period<'_>); 5] = [
            (self.last, &|date| date.to_string()),
            (self.daily, &|date| date.to_string()),
            (self.weekly, &week),
            (self.monthly, &|date| date.strftime("%Y-%m").to_string()),
            (self.yearly, &|date| date.strftime("%Y").to_string()),
        ];
        let mut kept = BTreeSet::new();
        for (count, period) in rules {
            let mut periods = Vec::new();
            for date in dates.iter().rev() {
                if !periods.contains(&period(date)) && periods.len() < count {
                    periods.push(period(date));
                    kept.insert(*date);
                }
            }
            if periods.len() < count {
                kept.extend(dates.first());
            }
        }
        kept
    }
}
