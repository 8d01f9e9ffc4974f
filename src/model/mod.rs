//! The nouns: what the other modules talk about. No client, no JSON, no clock.

pub mod bundle;
pub mod copy;
pub mod coverage;
pub mod drill;
pub mod event;
pub mod failure;
pub mod firewall;
pub mod operation;
pub mod policy;
pub mod region;
pub mod resource;
pub mod retention;
pub mod snapshot_name;
pub mod tags;
pub mod time;

use std::fmt;

/// A text that is not a value of the type it was parsed as: what was found, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub String);

/// The most characters of foreign text that a message quotes.
pub const EXCERPT_CHARS: usize = 80;

/// Foreign text, short enough for a message: at most [`EXCERPT_CHARS`] characters.
#[derive(Clone, Copy)]
pub struct Excerpt<'a>(pub &'a str);

impl Excerpt<'_> {
    fn parts(&self) -> (&str, &'static str) {
        match self.0.char_indices().nth(EXCERPT_CHARS) {
            Some((end, _)) => (self.0.get(..end).unwrap_or_default(), "…"),
            None => (self.0, ""),
        }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, ellipsis) = self.parts();
        write!(f, "{start}{ellipsis}")
    }
}

impl fmt::Debug for Excerpt<'_> {
    /// In quotation marks, with control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, ellipsis) = self.parts();
        write!(f, "{:?}", format!("{start}{ellipsis}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_end_between_characters() {
        assert_eq!(Excerpt("größe").to_string(), "größe");
        let long = "ö".repeat(200);
        let expected = format!("{}…", "ö".repeat(EXCERPT_CHARS));
        assert_eq!(Excerpt(&long).to_string(), expected);
        assert_eq!(format!("{:?}", Excerpt("a\nb")), r#""a\nb""#);
    }
}
