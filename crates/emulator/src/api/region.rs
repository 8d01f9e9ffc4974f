//! The Regions of Lightsail.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! regions {
    ($($variant:ident $name:literal $display_name:literal $continent:literal)*) => {
        /// A Region of Lightsail, in the order of the API model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        // Deserialized from text, not as an enum: only then do errors inside a map keyed by Region
        // name the Region in their path.
        #[serde(try_from = "String")]
        pub enum Region {
            $(#[doc = concat!("`", $name, "`, ", $display_name)] #[serde(rename = $name)] $variant,)*
        }

        impl Region {
            pub const ALL: &[Region] = &[$(Region::$variant),*];

            /// The Region's name in the API: `us-east-1`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Region::$variant => $name),* }
            }

            /// The Region's name for people: `Virginia`.
            pub const fn display_name(self) -> &'static str {
                match self { $(Region::$variant => $display_name),* }
            }

            /// The continent that the Region is on: `NA`, `EU`, `AP` or `SA`.
            pub const fn continent_code(self) -> &'static str {
                match self { $(Region::$variant => $continent),* }
            }
        }
    };
}

regions! {
    UsEast1 "us-east-1" "Virginia" "NA"
    UsEast2 "us-east-2" "Ohio" "NA"
    UsWest1 "us-west-1" "N. California" "NA"
    UsWest2 "us-west-2" "Oregon" "NA"
    EuWest1 "eu-west-1" "Ireland" "EU"
    EuWest2 "eu-west-2" "London" "EU"
    EuWest3 "eu-west-3" "Paris" "EU"
    EuCentral1 "eu-central-1" "Frankfurt" "EU"
    EuNorth1 "eu-north-1" "Stockholm" "EU"
    EuSouth2 "eu-south-2" "Spain" "EU"
    CaCentral1 "ca-central-1" "Montreal" "NA"
    ApEast1 "ap-east-1" "Hong Kong" "AP"
    ApSouth1 "ap-south-1" "Mumbai" "AP"
    ApSoutheast1 "ap-southeast-1" "Singapore" "AP"
    ApSoutheast2 "ap-southeast-2" "Sydney" "AP"
    ApSoutheast3 "ap-southeast-3" "Jakarta" "AP"
    ApSoutheast5 "ap-southeast-5" "Malaysia" "AP"
    ApNortheast1 "ap-northeast-1" "Tokyo" "AP"
    ApNortheast2 "ap-northeast-2" "Seoul" "AP"
    SaEast1 "sa-east-1" "Sao Paulo" "SA"
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Lightsail has no Region of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Lightsail has no Region {0:?}")]
pub struct UnknownRegion(pub String);

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(name: &str) -> Result<Self, UnknownRegion> {
        Self::ALL
            .iter()
            .copied()
            .find(|region| region.as_str() == name)
            .ok_or_else(|| UnknownRegion(name.to_owned()))
    }
}

impl TryFrom<String> for Region {
    type Error = UnknownRegion;

    fn try_from(name: String) -> Result<Self, UnknownRegion> {
        name.parse()
    }
}
