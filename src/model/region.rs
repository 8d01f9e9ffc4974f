//! The AWS Regions that Lightsail has.

use std::fmt;
use std::str::FromStr;

use aws_sdk_lightsail::types::RegionName;
use serde::{Serialize, Serializer};

use super::{Excerpt, InvalidValue};

/// A Region that Lightsail has: the place of one of the SDK's [`RegionName`]s, which are in order. A
/// run of a large fleet holds hundreds of thousands of Regions, so each takes a byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(u8);

impl Region {
    /// All Regions that Lightsail has.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(RegionName::values().len())
    }

    /// The Region's name, such as `us-east-1`.
    pub fn as_str(self) -> &'static str {
        let name = RegionName::values().get(usize::from(self.0));
        name.copied().unwrap_or_default()
    }

    /// The API's list of Regions has one without an endpoint.
    pub fn has_endpoint(self) -> bool {
        self.as_str() != "us-west-1"
    }
}

impl FromStr for Region {
    type Err = InvalidValue;

    fn from_str(name: &str) -> Result<Self, InvalidValue> {
        if let Some(known) = Self::all().find(|known| known.as_str() == name) {
            return Ok(known);
        }
        let without_letter = name.strip_suffix(|letter: char| letter.is_ascii_lowercase());
        let region = Self::all().find(|known| Some(known.as_str()) == without_letter);
        Err(InvalidValue(match region {
            Some(region) => format!("{name:?} is an Availability Zone; its Region is {region}"),
            None => format!(
                "{:?} is not a Lightsail Region ({})",
                Excerpt(name),
                RegionName::values().join(", ")
            ),
        }))
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_region_of_the_sdk_is_known_by_its_exact_name() {
        assert!(Region::all().count() >= 15);
        assert!(RegionName::values().is_sorted());
        for region in Region::all() {
            assert_eq!(region.as_str().parse(), Ok(region));
            assert!(region.as_str().to_uppercase().parse::<Region>().is_err());
            assert!(format!("{region} ").parse::<Region>().is_err());
        }
    }

    #[test]
    fn a_zone_is_an_error_that_names_its_region() {
        let message = |name: &str| name.parse::<Region>().unwrap_err().to_string();
        assert_eq!(
            message("us-west-2a"),
            "\"us-west-2a\" is an Availability Zone; its Region is us-west-2"
        );
        for name in ["us-west-9a", "us-west-2A", "us-west-2ab", "us-west-", "a"] {
            assert!(
                message(name).contains("is not a Lightsail Region ("),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_other_name_is_a_region(name in "[a-z]{2}-[a-z]{4,9}-[1-9]|\\PC*") {
            let known = Region::all().any(|region| region.as_str() == name);
            prop_assert_eq!(name.parse::<Region>().is_ok(), known);
        }
    }
}
