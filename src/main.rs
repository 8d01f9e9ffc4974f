//! Keeps Amazon Lightsail backups in another Region.

fn main() {}
