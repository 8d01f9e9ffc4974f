//! The vocabulary of the Lightsail API: names, parameters, members, errors. It knows nothing of
//! what the emulator holds.

pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod instance;
pub(crate) mod operation;
pub(crate) mod paging;
pub(crate) mod parameters;
pub(crate) mod read;
pub(crate) mod region;
pub(crate) mod resource;
