//! Lightsail in every Region: one method for each use of an API operation.
//!
//! Nothing else knows the SDK's client. `calls` and `lists` have the methods, `retry` makes their attempts,
//! `classify`, `answer` and `convert` turn errors and answers into the model's.

mod answer;
mod calls;
mod classify;
mod client;
mod convert;
mod lists;
mod retry;
mod settings;

pub use self::calls::NewInstance;
pub use self::classify::chain;
pub use self::client::{CALLS_AT_ONCE, Lightsail};
pub use self::convert::{sdk_tags, whole};
pub use self::retry::{Attempts, Call, Until};
pub use self::settings::{TLS_PROVIDER, config, http_client};
