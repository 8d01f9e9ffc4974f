//! The API operations that the emulator has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! operations {
    ($($name:ident)*) => {
        /// An operation of the Lightsail API, by its name there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Operation {
            $(
                #[doc = concat!(
                    "[`", stringify!($name), "`](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_",
                    stringify!($name), ".html)"
                )]
                $name,
            )*
        }

        impl Operation {
            pub const ALL: &[Operation] = &[$(Operation::$name),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Operation::$name => stringify!($name)),* }
            }
        }
    };
}

operations! {
    AllocateStaticIp
    AttachDisk
    CopySnapshot
    CreateDisk
    CreateDiskFromSnapshot
    CreateDiskSnapshot
    CreateInstanceSnapshot
    CreateInstances
    CreateInstancesFromSnapshot
    DeleteDisk
    DeleteDiskSnapshot
    DeleteInstance
    DeleteInstanceSnapshot
    DisableAddOn
    EnableAddOn
    GetAutoSnapshots
    GetBundles
    GetDisk
    GetDiskSnapshot
    GetDiskSnapshots
    GetDisks
    GetInstance
    GetInstancePortStates
    GetInstanceSnapshot
    GetInstanceSnapshots
    GetInstanceState
    GetInstances
    GetOperation
    GetOperationsForResource
    GetRegions
    PutInstancePublicPorts
    ReleaseStaticIp
    TagResource
    UntagResource
}

impl Operation {
    /// The `operationType` of its Operations.
    pub(crate) const fn operation_type(self) -> &'static str {
        match self {
            Self::CreateInstances => "CreateInstance",
            _ => self.as_str(),
        }
    }

    /// The operations that list instances, disks and manual snapshots.
    pub const LISTS: [Operation; 4] = [
        Operation::GetInstances,
        Operation::GetDisks,
        Operation::GetInstanceSnapshots,
        Operation::GetDiskSnapshots,
    ];
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The emulator has no operation of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no operation {0:?}")]
pub struct UnknownOperation(pub String);

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(name: &str) -> Result<Self, UnknownOperation> {
        Self::ALL
            .iter()
            .copied()
            .find(|operation| operation.as_str() == name)
            .ok_or_else(|| UnknownOperation(name.to_owned()))
    }
}
