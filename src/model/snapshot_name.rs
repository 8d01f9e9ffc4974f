//! Names of copies: the pattern that Lightsail requires, and the names that requests leave out.

use std::fmt::{self, Write};
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::copy::CopySource;
use super::region::Region;
use super::{Excerpt, InvalidValue};

/// The name of a copy, as [CopySnapshot] requires: `\w[\w\-]*\w` in ASCII, 2 to 255 characters.
///
/// [CopySnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SnapshotName(String);

const MAX_CHARS: usize = 255;

impl FromStr for SnapshotName {
    type Err = InvalidValue;

    fn from_str(name: &str) -> Result<Self, InvalidValue> {
        let chars = name.chars().count();
        let ends_with_word = |c: Option<char>| c.is_some_and(is_word);
        if !(2..=MAX_CHARS).contains(&chars) {
            Err(InvalidValue(format!(
                "{:?} has {chars} characters; a snapshot name has 2 to {MAX_CHARS}",
                Excerpt(name)
            )))
        } else if !name.chars().all(|c| is_word(c) || c == '-')
            || !ends_with_word(name.chars().next())
            || !ends_with_word(name.chars().next_back())
        {
            Err(InvalidValue(format!(
                "{:?} is not a snapshot name: use ASCII letters, digits, _ and -, and neither start nor end with -",
                Excerpt(name)
            )))
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

impl SnapshotName {
    /// The name of the copy of the automatic snapshot of `date`: `{resource}-{region}-{date}`.
    ///
    /// # Errors
    ///
    /// The name would be longer than 255 characters.
    pub fn for_dated(resource: &str, region: Region, date: Date) -> Result<Self, InvalidValue> {
        Self::generate(resource, format_args!("{region}-{date}"))
    }

    /// The name of a copy whose request has none. It depends only on the request and the event's
    /// time, so an event that is delivered twice asks for the same name.
    ///
    /// # Errors
    ///
    /// The name would be longer than 255 characters.
    pub fn for_source(
        source: &CopySource,
        region: Region,
        time: Timestamp,
    ) -> Result<Self, InvalidValue> {
        match source {
            CopySource::Manual { snapshot } => Self::generate(snapshot, format_args!("{region}")),
            CopySource::Dated { resource, date } => Self::for_dated(resource, region, *date),
            CopySource::Latest { resource } => {
                let time = time.strftime("%Y%m%dT%H%M%SZ");
                Self::generate(resource, format_args!("{region}-{time}"))
            }
        }
    }

    /// `{name}-{suffix}`. Instances and disks can have names that a snapshot cannot have, such as
    /// `shop.example.com`. Each character outside the pattern becomes its UTF-8 bytes in
    /// hexadecimal: `shop_2E_example_2E_com`.
    fn generate(name: &str, suffix: fmt::Arguments<'_>) -> Result<Self, InvalidValue> {
        let mut generated = String::with_capacity(name.len() + 32);
        for (index, c) in name.chars().enumerate() {
            if is_word(c) || (c == '-' && index > 0) {
                generated.push(c);
            } else {
                generated.push('_');
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(generated, "{byte:02X}");
                }
                generated.push('_');
            }
        }
        let _ = write!(generated, "-{suffix}");
        if generated.len() > MAX_CHARS {
            return Err(InvalidValue(format!(
                "the generated name {:?} has {} characters, more than {MAX_CHARS}; give a shorter targetSnapshotName",
                Excerpt(&generated),
                generated.len()
            )));
        }
        Ok(Self(generated))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `\w` in ASCII.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    #[test]
    fn a_snapshots_name_keeps_the_pages_pattern() {
        for good in [
            "ab",
            "a-b",
            "a--b",
            "__",
            "A1",
            "WordPress-1",
            "1569608575",
            &"a".repeat(255),
        ] {
            assert_eq!(good.parse::<SnapshotName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a",
            "-a",
            "a-",
            "--",
            "a b",
            "a.b",
            "a\n",
            "\na",
            "aß",
            "ßa",
            "ab\u{200b}",
            &"a".repeat(256),
        ] {
            assert!(bad.parse::<SnapshotName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn generated_names() {
        let time: Timestamp = "2026-11-22T06:12:45.890+00:00".parse().unwrap();
        let name = |source| {
            SnapshotName::for_source(&source, region("us-west-2"), time)
                .unwrap()
                .0
        };
        let manual = |snapshot: &str| CopySource::Manual {
            snapshot: snapshot.to_owned(),
        };
        let latest = |resource: &str| CopySource::Latest {
            resource: resource.to_owned(),
        };
        let dated = |resource: &str| CopySource::Dated {
            resource: resource.to_owned(),
            date: jiff::civil::date(2026, 11, 2),
        };
        assert_eq!(name(manual("snap-1")), "snap-1-us-west-2");
        assert_eq!(
            name(dated("WordPress-1")),
            "WordPress-1-us-west-2-2026-11-02"
        );
        assert_eq!(
            name(latest("WordPress-1")),
            "WordPress-1-us-west-2-20261122T061245Z"
        );
        assert_eq!(
            name(latest("größe 1")),
            "gr_C3B6__C39F_e_20_1-us-west-2-20261122T061245Z"
        );
        assert_eq!(name(dated("-x")), "_2D_x-us-west-2-2026-11-02");
        assert!(
            SnapshotName::for_source(&dated(&"a".repeat(235)), region("us-west-2"), time).is_err()
        );
    }

    /// Names that Lightsail lets resources have, and some that it might.
    fn resource_name() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[A-Za-z0-9_][A-Za-z0-9_-]{0,20}[A-Za-z0-9_]",
            1 => "[A-Za-z0-9.]{2,20}",
            1 => "\\PC{1,300}",
        ]
    }

    fn any_region() -> impl Strategy<Value = Region> {
        proptest::sample::select(Region::all().collect::<Vec<_>>())
    }

    fn any_date() -> impl Strategy<Value = Date> {
        (2000i16..2100, 1i8..=12, 1i8..=28).prop_map(|(y, m, d)| jiff::civil::date(y, m, d))
    }

    fn any_source() -> impl Strategy<Value = CopySource> {
        prop_oneof![
            resource_name().prop_map(|snapshot| CopySource::Manual { snapshot }),
            (resource_name(), any_date())
                .prop_map(|(resource, date)| CopySource::Dated { resource, date }),
            resource_name().prop_map(|resource| CopySource::Latest { resource }),
        ]
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        (0i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
    }

    /// Whether Lightsail's own pattern lets a resource have this name.
    fn is_plain(name: &str) -> bool {
        name.parse::<SnapshotName>().is_ok()
    }

    proptest! {
        #[test]
        fn a_generated_name_is_valid_or_refused_and_always_the_same(
            source in any_source(), region in any_region(), time in any_time(),
        ) {
            let name = SnapshotName::for_source(&source, region, time);
            prop_assert_eq!(&name, &SnapshotName::for_source(&source, region, time));
            match name {
                Ok(name) => prop_assert_eq!(name.as_str().parse::<SnapshotName>(), Ok(name)),
                Err(message) => prop_assert!(message.0.contains("more than 255"), "{}", message.0),
            }
        }

        #[test]
        fn sources_that_differ_have_names_that_differ(
            sources in proptest::collection::vec((any_source(), any_region()), 2..20), time in any_time(),
        ) {
            // Names that Lightsail's pattern allows stand in the generated name as they are.
            let mut names = HashMap::new();
            for (source, region) in sources {
                if !is_plain(source.name()) {
                    continue;
                }
                let Ok(name) = SnapshotName::for_source(&source, region, time) else { continue };
                prop_assert!(name.as_str().starts_with(source.name()));
                let first = names.entry(name.0).or_insert_with(|| (source.clone(), region));
                prop_assert_eq!(&*first, &(source, region));
            }
        }

        #[test]
        fn times_that_differ_by_a_second_give_names_that_differ(time in any_time()) {
            let source = CopySource::Latest { resource: "WordPress-1".to_owned() };
            let later = time + jiff::SignedDuration::from_secs(1);
            let region = region("us-west-2");
            prop_assert_ne!(SnapshotName::for_source(&source, region, time), SnapshotName::for_source(&source, region, later));
        }
    }
}
