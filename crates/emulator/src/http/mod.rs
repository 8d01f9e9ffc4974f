//! HTTP: connections, signatures, and the AWS JSON 1.1 protocol.

pub(crate) mod protocol;
pub(crate) mod server;
pub(crate) mod signature;
