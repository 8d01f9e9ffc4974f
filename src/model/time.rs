//! Dates and times as text.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};

use super::{Excerpt, InvalidValue};

/// A date in the only form that CopySnapshot's `restoreDate` has: `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreDate(pub Date);

impl FromStr for RestoreDate {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if !has_form(text, "0000-00-00") {
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

/// Whether a text is the same as the form, but for its digits and the case of its letters.
fn has_form(text: &str, form: &str) -> bool {
    let is_like = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte.eq_ignore_ascii_case(&form),
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(is_like)
}

/// Parses RFC 3339. `jiff` accepts other forms as well, such as `20261122T060000Z`.
///
/// # Errors
///
/// The text has another form, or is no time.
pub fn rfc_3339(text: &str) -> Result<Timestamp, InvalidValue> {
    let is_right = || {
        let (time, rest) = text.split_at_checked("0000-00-00T00:00:00".len())?;
        let fraction = rest.strip_prefix('.').unwrap_or("0");
        let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
        let offset = zone.strip_prefix(['+', '-']);
        let has_zone = has_form(zone, "Z") || offset.is_some_and(|it| has_form(it, "00:00"));
        let has_fraction = fraction.starts_with(|c: char| c.is_ascii_digit());
        Some(has_form(time, "0000-00-00T00:00:00") && has_fraction && has_zone)
    };
    let time = is_right().filter(|is_right| *is_right);
    time.and_then(|_| text.parse().ok()).ok_or_else(|| {
        InvalidValue(format!(
            "expected a time as 2026-11-22T06:00:00Z (RFC 3339), found {:?}",
            Excerpt(text)
        ))
    })
}

/// The UTC day of an instant. Lightsail dates automatic snapshots by UTC days.
pub fn utc_date(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// An instant, reported in RFC 3339 (UTC) with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
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

    #[test]
    fn times_always_have_milliseconds() {
        let time = Time(Timestamp::from_second(1_569_613_365).unwrap());
        let json = serde_json::to_value(time).unwrap();
        assert_eq!(json, "2019-09-27T19:42:45.000Z");
    }
}
