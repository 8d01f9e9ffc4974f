//! An Amazon Lightsail endpoint on this machine, for development and tests.
//!
//! It has the part of Lightsail that concerns snapshots, in all Regions: instances and disks with
//! their automatic snapshots, manual snapshots, and copies of both, which take time and can fail.
//! Protocol, constraints and error codes are those of Lightsail, so the AWS SDKs, boto3 and the AWS
//! CLI work unchanged with its URL.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use lightsail_emulator::{Emulator, Fault, Operation, World};
//!
//! let emulator = Emulator::new(World::demo());
//! emulator.fault_next(Operation::CopySnapshot, 1, Fault::LoseAnswer);
//! let running = emulator.clone().start().await?;
//! println!("AWS_ENDPOINT_URL_LIGHTSAIL={}", running.url());
//! # Ok(())
//! # }
//! ```
//!
//! # Folders
//!
//! Each folder uses only those above it.
//!
//! | folder | holds |
//! | --- | --- |
//! | `api` | the vocabulary of the API: Regions, operations, parameters, members, errors |
//! | `service` | Lightsail itself: the state and the operations on it, without clock and I/O |
//! | `http` | connections, signatures and the protocol |
//! | `control` | the [`Emulator`] handle: the [`world`] at the start, faults, inspection, edits |

#![allow(clippy::restriction, reason = "tests and tools may panic")]

mod api;
mod control;
mod http;
mod service;

pub use ::http::StatusCode;
pub use api::error::ServiceError;
pub use api::instance::{InstanceState, Port, Protocol};
pub use api::operation::{Operation, UnknownOperation};
pub use api::region::{Region, UnknownRegion};
pub use api::resource::{AutoSnapshotStatus, ResourceType, SnapshotState, SourceKind, Tags};
pub use control::world::{self, World, WorldError};
pub use control::{Answered, Call, Emulator, Fault};
pub use http::server::{Dropped, Running};
pub use http::signature::{ACCESS_KEY_ID, EXPIRED_SESSION_TOKEN, SECRET_ACCESS_KEY};
pub use service::auto_snapshots::{AutoSnapshot, AutoSnapshots};
pub use service::fault::CopyBehavior;
pub use service::open::{
    CopyArnRegion, CopyCreatedAt, CopyLimitWording, Denial, OpenFacts, RegionAccess,
};
pub use service::origin::{AttachedDisk, Origin};
pub use service::resource::{Disk, DiskState, Instance, Snapshot};
pub use service::state::EditError;
