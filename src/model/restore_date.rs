//! Dates as CopySnapshot takes them.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

use super::{Excerpt, InvalidValue};

/// A date in the only form that CopySnapshot's `restoreDate` has: `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreDate(pub Date);

impl FromStr for RestoreDate {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let digits_and_hyphens = text.char_indices().all(|(index, c)| match index {
            4 | 7 => c == '-',
            _ => c.is_ascii_digit(),
        });
        if text.len() != 10 || !digits_and_hyphens {
            return Err(InvalidValue(format!(
                "expected a date as YYYY-MM-DD, found {:?}",
                Excerpt(text)
            )));
        }
        match text.parse() {
            Ok(date) => Ok(Self(date)),
            Err(_) => Err(InvalidValue(format!("{text} is not a date"))),
        }
    }
}

/// The UTC day of an instant. Lightsail dates automatic snapshots by UTC days.
pub fn utc_date(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_real_ones_in_one_form() {
        for good in ["2026-11-22", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(good.parse::<RestoreDate>().unwrap().0.to_string(), good);
        }
        for bad in [
            "2026-02-30",
            "2025-02-29",
            "2026-00-10",
            "2026-13-01",
            "2026-11-31",
            "2026-11-00",
            "2026-11-2",
            "26-11-22",
            "2026/11/22",
            "20261122",
            "2026-W47-7",
            "+2026-11-2",
            "2026-11-22T00:00:00Z",
            " 2026-11-22",
            "2026-11-22\n",
            "２０２６-11-22",
            "",
        ] {
            assert!(bad.parse::<RestoreDate>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_day_of_an_instant_is_that_of_utc() {
        let day = |time: &str| utc_date(time.parse().unwrap()).to_string();
        assert_eq!(day("2026-11-22T23:59:59.999Z"), "2026-11-22");
        assert_eq!(day("2026-11-23T00:30:00+01:00"), "2026-11-22");
    }
}
