//! Names of copies: the pattern that Lightsail requires, and the names that requests leave out.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;

use super::region::Region;
use super::{Excerpt, InvalidValue};

/// The name of a copy, as [CopySnapshot] requires: `\w[\w\-]*\w` in ASCII, 2 to 255 characters.
///
/// [CopySnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SnapshotName(Arc<str>);

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
            Ok(Self(name.into()))
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

    /// `{name}-{suffix}`. Instances and disks can have names that a snapshot cannot have, such as
    /// `shop.example.com`. Each character outside the pattern becomes its UTF-8 bytes in
    /// hexadecimal: `shop_2E_example_2E_com`.
    pub(super) fn generate(name: &str, suffix: fmt::Arguments<'_>) -> Result<Self, InvalidValue> {
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
                "the generated name {:?} has {} characters, more than {MAX_CHARS}",
                Excerpt(&generated),
                generated.len()
            )));
        }
        Ok(Self(generated.into()))
    }

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
    use super::*;

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
}
