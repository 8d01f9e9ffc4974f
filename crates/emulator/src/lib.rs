//! An Amazon Lightsail endpoint on this machine, for development and tests.
//!
//! It holds the part of Lightsail that has to do with snapshots, for every Region at once: instances and disks with
//! their automatic snapshots, manual snapshots, and copies of either that take a while and may fail. A client finds
//! the same protocol, constraints and error codes as at Lightsail itself, so the AWS SDKs, boto3 and the AWS CLI work
//! unchanged once they are given its URL.
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
//! # Rooms
//!
//! | module | holds |
//! | --- | --- |
//! | [`world`] | what there is at the start: the JSON that describes it |
//! | [`region`], [`operation`], [`resource`] | the API's own words, as types |
//! | `state` | everything in all Regions; pure, without a clock or I/O. `copy`, `delete`, `tags`, `lists` and `ledger` are its operations, `members` the JSON that they answer |
//! | `signature`, `protocol` | one HTTP request: who signed it and what it asks for |
//! | [`fault`] | what can go wrong on purpose |
//! | [`emulator`] | all of it behind one handle: calls, faults, inspection, edits |
//! | [`server`] | the handle on a TCP port |

pub mod emulator;
pub mod error;
pub mod fault;
pub mod operation;
pub mod region;
pub mod resource;
pub mod server;
pub mod world;

mod copy;
mod delete;
mod id;
mod ledger;
mod lists;
mod members;
mod paging;
mod parameters;
mod protocol;
mod signature;
mod state;
mod tags;
mod traffic;

pub use emulator::{Answered, Call, Dropped, Emulator, SnapshotView};
pub use error::{EditError, ServiceError, WorldError};
pub use fault::Fault;
pub use http::StatusCode;
pub use operation::Operation;
pub use region::Region;
pub use resource::{AutoSnapshotStatus, ResourceType, SnapshotState, SourceKind, Tags};
pub use server::Running;
pub use world::World;

/// The access key id that requests have to be signed with.
pub const ACCESS_KEY_ID: &str = "emulator";

/// The secret access key that requests have to be signed with.
pub const SECRET_ACCESS_KEY: &str = "emulator";

/// The session token that is refused with `ExpiredTokenException`. Any other that is part of the signature is accepted.
pub const EXPIRED_SESSION_TOKEN: &str = "expired";
