//! The AWS Regions that Lightsail has.

use std::fmt;

use aws_sdk_lightsail::types::RegionName;
use serde::Serialize;

/// A Region of Lightsail's, one of the SDK's [`RegionName`]s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Region(&'static str);

impl Region {
    /// Reads a Region's name, `us-east-1` say.
    ///
    /// # Errors
    ///
    /// What is wrong, if Lightsail has no such Region.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::all().find(|known| known.0 == name).ok_or_else(|| {
            format!(
                "{:?} is not a Region of Lightsail's ({})",
                crate::fields::quoted(name),
                RegionName::values().join(", ")
            )
        })
    }

    /// All Regions that Lightsail has.
    pub fn all() -> impl Iterator<Item = Self> {
        RegionName::values().iter().copied().map(Self)
    }

    /// The Region's name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_region_of_the_sdk_is_known_by_its_exact_name() {
        assert!(Region::all().count() >= 15);
        for region in Region::all() {
            assert_eq!(Region::parse(region.as_str()), Ok(region));
            assert!(Region::parse(&region.as_str().to_uppercase()).is_err());
            assert!(Region::parse(&format!("{region} ")).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_other_name_is_a_region(name in "[a-z]{2}-[a-z]{4,9}-[1-9]|\\PC*") {
            let known = Region::all().any(|region| region.as_str() == name);
            prop_assert_eq!(Region::parse(&name).is_ok(), known);
        }
    }
}
