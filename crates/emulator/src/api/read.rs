//! Deserializers of values that have a rule.

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de};

/// A length of time in seconds.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(json: D) -> Result<SignedDuration, D::Error> {
    let seconds = f64::deserialize(json)?;
    match SignedDuration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_negative() => Ok(duration),
        _ => Err(de::Error::custom(format!(
            "{seconds} is not a length of time in seconds"
        ))),
    }
}

/// A positive number.
pub(crate) fn at_least_one<'de, D: Deserializer<'de>>(json: D) -> Result<usize, D::Error> {
    match usize::deserialize(json)? {
        0 => Err(de::Error::custom("must be at least 1")),
        number => Ok(number),
    }
}
