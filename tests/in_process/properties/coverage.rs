//! Coverage.

use super::*;

proptest! {
    #![proptest_config(config())]

    /// One entry of coverage for each selected source in each destination, in that order, and
    /// each says what is there.
    #[test]
    fn coverage_has_one_entry_for_each_source_and_destination(account in generate::account_listed_once()) {
        let (unselected, coverage): (Vec<_>, Vec<_>) = account
            .coverage()
            .into_iter()
            .partition(|entry| entry.status == CoverageStatus::Unselected);
        let mut of_nobody = BTreeSet::new();
        let (selected, resources) = (selected(&account), account.observed().resources);
        for region in &account.policy.destinations {
            if account.unread_destinations.contains(region) {
                continue;
            }
            let known = known_in(&account, *region);
            for source in resources.keys() {
                let newest = available(&known, source).first().map(|copy| copy.date);
                let is_old = newest.is_some_and(|date| {
                    let midnight = date.to_zoned(TimeZone::UTC).unwrap().timestamp();
                    account.now.duration_since(midnight).as_secs_f64() / 3600.0
                        > account.policy.max_recovery_point_age_hours
                });
                if is_old && !selected.contains(source) {
                    of_nobody.insert((source.clone(), *region));
                }
            }
        }
        let found = unselected.into_iter().map(|entry| (entry.source, entry.destination));
        prop_assert_eq!(found.collect::<BTreeSet<_>>(), of_nobody);
        let entries: Vec<_> =
            coverage.iter().map(|entry| (&entry.source, entry.destination)).collect();
        let mut expected = Vec::new();
        for source in &selected {
            expected.extend(account.policy.destinations.iter().map(|region| (*source, *region)));
        }
        prop_assert_eq!(entries, expected);
        let asked = account.observed().auto_snapshots;
        for entry in &coverage {
            if account.unread_destinations.contains(&entry.destination) {
                prop_assert_eq!(entry.status, CoverageStatus::Unknown);
                prop_assert_eq!(entry.newest, None);
                prop_assert!(entry.reason.is_some());
                continue;
            }
            let known = known_in(&account, entry.destination);
            let newest = available(&known, &entry.source).first().map(|copy| copy.date);
            prop_assert_eq!(entry.newest, newest);
            let Some(newest) = newest else {
                prop_assert_eq!(entry.age_hours, None);
                let without_copy = [CoverageStatus::Pending, CoverageStatus::Unprotected];
                prop_assert!(without_copy.contains(&entry.status), "{:?}", entry);
                prop_assert!(entry.reason.is_some());
                continue;
            };
            let points = asked.get(&entry.source);
            let points = points.and_then(|points| points.as_ref().ok());
            let point = points.and_then(|points| points.iter().find(|p| p.date == newest));
            let midnight = newest.to_zoned(TimeZone::UTC).unwrap().timestamp();
            let since = point.and_then(|point| point.created_at).unwrap_or(midnight);
            let age = (account.now.as_millisecond() - since.as_millisecond()) as f64 / 3_600_000.0;
            let age = age.max(0.0);
            prop_assert!((entry.age_hours.unwrap() - age).abs() < 0.001);
            let limit = account.policy.max_recovery_point_age_hours;
            let expected = if age <= limit { CoverageStatus::Protected } else { CoverageStatus::Stale };
            prop_assert_eq!(entry.status, expected);
            prop_assert_eq!(entry.reason.is_some(), expected == CoverageStatus::Stale);
        }
    }
}
