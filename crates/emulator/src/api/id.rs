//! Ids that look like Lightsail's and are the same in every run.
//!
//! Deterministic ids make test failures reproducible.

use std::fmt;

/// An id, printed in the form of a version 4 UUID.
///
/// The last twelve digits are a sequence number, so that an id can be parsed back. The other digits
/// are a hash of that number, so that ids are easy to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) u64);

impl Id {
    /// Parses a printed id. `None` if no id prints as this text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let id = Id(u64::from_str_radix(text.get(24..)?, 16).ok()?);
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0;
        // The finalizer of splitmix64. It is a bijection, so the hashes are distinct.
        let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        write!(
            f,
            "{:08x}-{:04x}-4{:03x}-{:04x}-{number:012x}",
            mixed >> 32,
            (mixed >> 16) & 0xffff,
            (mixed >> 4) & 0x0fff,
            0x8000 | (mixed & 0x3fff),
        )
    }
}

/// Generates ids, each one once.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    last: u64,
}

impl Ids {
    pub(crate) fn next(&mut self) -> Id {
        self.last += 1;
        Id(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_id_parses() {
        let mut ids = Ids::default();
        for _ in 0..1000 {
            let id = ids.next();
            assert_eq!(Id::parse(&id.to_string()), Some(id));
            assert_eq!(id.to_string().len(), 36);
        }
    }

    #[test]
    fn other_text_does_not_parse() {
        for text in [
            "",
            "1",
            "00000000-0000-4000-8000-000000000001",
            "ä".repeat(20).as_str(),
        ] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
