//! Retention, implemented a second time from its definition and independent of the function's
//! code. It is simple and slow.

use std::collections::BTreeSet;

use jiff::civil::Date;
use lightsail_snapshot_copier::Retention;

/// For each of these dates, newest first: whether `restic forget` would keep it.
pub fn keeps(retention: &Retention, newest_first: &[Date]) -> Vec<bool> {
    let by = |format: &str| -> Vec<String> {
        let period = |date: &Date| date.strftime(format).to_string();
        newest_first.iter().map(period).collect()
    };
    let indexes = (0..newest_first.len()).map(|index| index.to_string());
    let rules = [
        (retention.keep_last, indexes.collect()),
        (retention.keep_daily, by("%Y-%m-%d")),
        (retention.keep_weekly, by("%G week %V")),
        (retention.keep_monthly, by("%Y-%m")),
        (retention.keep_yearly, by("%Y")),
    ];
    let mut kept = vec![false; newest_first.len()];
    for (count, periods) in rules {
        let Some(count) = count else { continue };
        let mut seen = BTreeSet::new();
        for (index, period) in periods.iter().enumerate() {
            if (seen.len() as u64) < u64::from(count) && seen.insert(period) {
                kept[index] = true;
            }
        }
        if (seen.len() as u64) < u64::from(count)
            && let Some(oldest) = kept.last_mut()
        {
            *oldest = true;
        }
    }
    kept
}
