//! The AWS Regions that Lightsail has.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{Excerpt, InvalidValue};

/// All Regions of the API's `RegionName`, in order.
const NAMES: [&str; 20] = [
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// A Region that Lightsail has: a place in `NAMES`. A run of a large fleet holds hundreds of
/// thousands of Regions, so each takes a byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(u8);

impl Region {
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(NAMES.len())
    }

    /// `us-east-1`.
    pub fn as_str(self) -> &'static str {
        let name = NAMES.get(usize::from(self.0));
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
                NAMES.join(", ")
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
    use aws_sdk_lightsail::types::RegionName;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_region_of_the_sdk_is_known_by_its_exact_name() {
        assert_eq!(NAMES, RegionName::values());
        assert!(NAMES.is_sorted());
        for region in Region::all() {
            assert_eq!(region.as_str().parse(), Ok(region));
            assert_eq!(format!("{region:?}"), region.as_str());
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
