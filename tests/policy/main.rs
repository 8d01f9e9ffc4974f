//! A policy from outside: what it plans for worlds of every kind, and what its runs do to a
//! Lightsail that they reach through the function's own front door.

mod bench;
mod binary;
mod generate;
mod guide;
mod metrics;
mod plan;
mod properties;
mod runs;
mod world;
