//! The copies of a Region, and which of them somebody asked for.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::lightsail::Restorable;
use glob::Pattern;
use jiff::Timestamp;
use lightsail_snapshot_copier::{
    ExistingCopy, Region, ResourceId, by_source, last_valid_date, parse_glob,
};

/// A glob over the names of instances and disks, or with a slash over `region/name`.
#[derive(Debug, Clone)]
pub struct NameGlob(Pattern);

impl FromStr for NameGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pattern = parse_glob(text).map_err(|error| error.to_string())?;
        Ok(Self(pattern))
    }
}

impl NameGlob {
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub fn matches(&self, source: &ResourceId) -> bool {
        match self.as_str().contains('/') {
            true => self
                .0
                .matches(&format!("{}/{}", source.region, source.name)),
            false => self.0.matches(&source.name),
        }
    }

    /// Whether it selects the name in some Region.
    pub fn matches_name(&self, name: &str) -> bool {
        let (_, of_name) = self
            .as_str()
            .rsplit_once('/')
            .unwrap_or(("", self.as_str()));
        Pattern::new(of_name).is_ok_and(|pattern| pattern.matches(name))
    }
}

/// The snapshots of a Region, and which of them are copies that policies made.
#[derive(Debug)]
pub struct RegionCopies<'a> {
    pub region: Region,
    snapshots: BTreeMap<&'a str, &'a Restorable>,
    /// The copies, not those with a date that cannot be.
    copies: Vec<ExistingCopy>,
    now: Timestamp,
}

impl<'a> RegionCopies<'a> {
    pub fn new(region: Region, snapshots: &'a [Restorable], now: Timestamp) -> Self {
        let last_date = last_valid_date(now);
        let recognised = snapshots
            .iter()
            .filter_map(|found| ExistingCopy::recognise(&found.snapshot, region));
        let by_name = |found: &'a Restorable| (found.snapshot.name.as_str(), found);
        Self {
            region,
            copies: recognised.filter(|copy| copy.date <= last_date).collect(),
            snapshots: snapshots.iter().map(by_name).collect(),
            now,
        }
    }

    /// The copies of each source that one of the globs selects, the newest first. Without globs, of
    /// all sources.
    pub fn selected(&self, names: &[NameGlob]) -> BTreeMap<&ResourceId, Vec<&ExistingCopy>> {
        let mut by_source = by_source(&self.copies, last_valid_date(self.now));
        by_source
            .retain(|source, _| names.is_empty() || names.iter().any(|glob| glob.matches(source)));
        by_source
    }

    /// The globs that select nothing.
    pub fn unmatched<'g>(&self, names: &'g [NameGlob]) -> impl Iterator<Item = &'g NameGlob> {
        let selects = |glob: &&NameGlob| !self.selected(std::slice::from_ref(glob)).is_empty();
        names.iter().filter(move |glob| !selects(glob))
    }

    /// A copy by the name of its snapshot.
    pub fn find(&self, snapshot: &str) -> Option<&ExistingCopy> {
        self.copies
            .iter()
            .find(|copy| copy.name.as_str() == snapshot)
    }

    /// The snapshot of a copy.
    pub fn snapshot(&self, copy: &ExistingCopy) -> Option<&'a Restorable> {
        self.snapshots.get(copy.name.as_str()).copied()
    }

    /// The snapshots that are no copies.
    pub fn others(&self) -> impl Iterator<Item = &'a Restorable> {
        let snapshots = self.snapshots.values().copied();
        snapshots.filter(|found| self.find(&found.snapshot.name).is_none())
    }
}
