//! The tags that say what a copy is a copy of.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::Date;

use super::region::Region;
use super::resource::ResourceId;
use super::snapshot_name::SnapshotName;
use super::time::RestoreDate;
use super::{Excerpt, InvalidValue};

/// The tag of a copy's source: a [`SourceTag`].
pub const SOURCE_TAG: &str = "snapshot-copier:source";
/// The tag of a copy's recovery point: its date.
pub const RECOVERY_POINT_TAG: &str = "snapshot-copier:recovery-point";

/// The value of a tag that names an instance or disk: `{region}/{resource}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTag {
    pub region: Region,
    /// Its name, as Lightsail has it.
    pub name: Arc<str>,
}

impl From<&ResourceId> for SourceTag {
    fn from(source: &ResourceId) -> Self {
        Self {
            region: source.region,
            name: source.name.clone(),
        }
    }
}

impl fmt::Display for SourceTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.region, self.name)
    }
}

impl FromStr for SourceTag {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.split_once('/') {
            Some((region, name)) if !name.is_empty() => Ok(Self {
                region: region.parse()?,
                name: name.into(),
            }),
            _ => Err(InvalidValue(format!(
                "{:?} does not name a source as region/name",
                Excerpt(text)
            ))),
        }
    }
}

/// What the two tags of a copy say: the source, and the date of the recovery point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyTags {
    pub source: SourceTag,
    pub date: Date,
}

impl CopyTags {
    /// Returns `None` if one of the tags is missing.
    pub fn read(tags: &BTreeMap<String, String>) -> Option<Result<Self, InvalidValue>> {
        let (source, date) = tags.get(SOURCE_TAG).zip(tags.get(RECOVERY_POINT_TAG))?;
        let source = source.parse();
        Some(source.and_then(|source| {
            let RestoreDate(date) = date.parse()?;
            Ok(Self { source, date })
        }))
    }

    /// The name that a policy gives this copy.
    ///
    /// # Errors
    ///
    /// The name would be longer than 255 characters.
    pub fn snapshot_name(&self) -> Result<SnapshotName, InvalidValue> {
        SnapshotName::for_dated(&self.source.name, self.source.region, self.date)
    }
}

/// The tags of the copy of a source's recovery point of `date`.
pub fn copy_tags(source: &ResourceId, date: Date) -> [(String, String); 2] {
    [
        (SOURCE_TAG.to_owned(), SourceTag::from(source).to_string()),
        (RECOVERY_POINT_TAG.to_owned(), date.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_tags_are_read_as_they_are_written() {
        for text in ["us-west-2/WordPress-1", "eu-central-1/shop.example.com"] {
            assert_eq!(text.parse::<SourceTag>().unwrap().to_string(), text);
        }
        for bad in ["", "/", "us-west-2", "us-west-2/", "us-west-9/web", "/web"] {
            assert!(bad.parse::<SourceTag>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_copys_tags_are_read_only_together() {
        let source = ResourceId {
            region: "us-west-2".parse().unwrap(),
            name: "web".into(),
            kind: super::super::resource::ResourceKind::Disk,
        };
        let date = jiff::civil::date(2026, 11, 22);
        let mut tags = BTreeMap::from(copy_tags(&source, date));
        let read = CopyTags::read(&tags).unwrap().unwrap();
        assert_eq!((read.source, read.date), (SourceTag::from(&source), date));
        tags.insert(RECOVERY_POINT_TAG.to_owned(), "2026-02-30".to_owned());
        assert!(CopyTags::read(&tags).unwrap().is_err());
        tags.remove(RECOVERY_POINT_TAG);
        assert_eq!(CopyTags::read(&tags), None);
    }
}
