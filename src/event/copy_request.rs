//! Copy requests: the fields of [CopySnapshot], and the destinations. A request becomes one
//! [`SnapshotCopy`], and so one call of CopySnapshot, for each destination.
//!
//! [CopySnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::input::{Object, SOME};
use crate::model::copy::{CopySource, NameOrigin, SnapshotCopy};
use crate::model::region::Region;
use crate::model::snapshot_name::SnapshotName;
use crate::model::time::RestoreDate;

/// The most copies that an event may ask for. Each destination counts.
pub const MAX_COPIES: usize = 10_000;

/// What fills in the fields that a request leaves out.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// The event's time: part of the name of a copy of the latest automatic snapshot.
    pub time: Timestamp,
    /// The destination: the Region that the function runs in. `None` if Lightsail does not have it.
    pub region: Option<Region>,
}

/// The copies of an event's requests, in their order.
pub struct Copies {
    defaults: Defaults,
    pub all: Vec<SnapshotCopy>,
    /// The number of copies, also if there are too many.
    pub count: usize,
    /// The paths of the requests by what they ask for.
    taken: HashMap<(Region, SnapshotName), String>,
}

impl Copies {
    pub fn new(defaults: Defaults) -> Self {
        Self {
            defaults,
            all: Vec::new(),
            count: 0,
            taken: HashMap::new(),
        }
    }

    /// Reads a request. The caller reads or refuses the object's other fields.
    pub fn read(&mut self, object: &mut Object<'_>) -> Option<()> {
        let errors_before = object.errors.len();
        let source_region = object.required("sourceRegion", |it| it.parsed());
        let source = read_source(object);
        let requested = object.optional("targetSnapshotName", |it| it.parsed());
        if object.has("destinationRegion") && object.has("destinationRegions") {
            let message = "give either destinationRegion or destinationRegions, not both";
            object.error("destinationRegions", message);
        }
        let one = object.optional("destinationRegion", |it| it.parsed());
        let many = object.optional("destinationRegions", |it| {
            it.distinct(SOME, |it| it.parsed())
        });
        if object.errors.len() > errors_before {
            return None;
        }
        let destinations = one.map(|region| vec![region]).or(many).unwrap_or_default();
        self.count += destinations.len().max(1);
        if self.count > MAX_COPIES {
            return None;
        }
        self.add(object, source_region?, source?, requested, destinations)
    }

    /// Adds a request's copies, one for each destination.
    fn add(
        &mut self,
        object: &mut Object<'_>,
        source_region: Region,
        source: CopySource,
        requested: Option<SnapshotName>,
        mut destinations: Vec<Region>,
    ) -> Option<()> {
        let Defaults { time, region } = self.defaults;
        let name_origin = match requested {
            Some(_) => NameOrigin::Requested { event_time: time },
            None => NameOrigin::Generated,
        };
        let generated = || source.default_name(source_region, time);
        let target = match requested.map_or_else(generated, Ok) {
            Ok(target) => target,
            Err(error) => {
                let message = format_args!("{error}; give a shorter one");
                object.error("targetSnapshotName", message);
                return None;
            }
        };
        if destinations.is_empty() {
            let Some(region) = region else {
                let message = "required, because Lightsail does not have the Region that this function runs in";
                object.error("destinationRegion", message);
                return None;
            };
            destinations.push(region);
        }
        let is_source =
            matches!(&source, CopySource::Manual { snapshot } if **snapshot == *target.as_str());
        if is_source && destinations.contains(&source_region) {
            let message =
                "the copy would be the source itself; give another name or another Region";
            object.error("targetSnapshotName", message);
            return None;
        }
        for destination in destinations {
            let copy = SnapshotCopy {
                source_region,
                source: source.clone(),
                destination,
                target: target.clone(),
                name_origin,
            };
            self.add_copy(object, copy);
        }
        Some(())
    }

    /// Two copies with the same target are an error: the second would find the first one.
    fn add_copy(&mut self, object: &mut Object<'_>, copy: SnapshotCopy) {
        match self.taken.entry((copy.destination, copy.target.clone())) {
            Entry::Vacant(free) => _ = free.insert(object.path.to_string()),
            Entry::Occupied(first) => {
                let (first, target) = (first.get(), &copy.target);
                let message =
                    format_args!("{first} already asks for {target} in {}", copy.destination);
                object.error("targetSnapshotName", message);
            }
        }
        self.all.push(copy);
    }
}

/// Reads what to copy: a manual snapshot or an automatic one.
fn read_source(object: &mut Object<'_>) -> Option<CopySource> {
    let resource = object.optional("sourceResourceName", |it| it.name().map(Arc::from));
    let snapshot = object.optional("sourceSnapshotName", |it| it.name().map(Arc::from));
    let automatic = read_recovery_point(object);
    let missing = "required: the instance or disk whose automatic snapshot to copy (or sourceSnapshotName, a manual snapshot)";
    if object.one_of("sourceResourceName", "sourceSnapshotName", missing)? == "sourceResourceName" {
        let resource = resource?;
        return Some(match automatic? {
            Some(date) => CopySource::Dated { resource, date },
            None => CopySource::Latest { resource },
        });
    }
    let automatic = ["restoreDate", "useLatestRestorableAutoSnapshot"];
    let message = "only for an automatic snapshot, with sourceResourceName";
    object.refuse(&automatic, message);
    snapshot.map(|snapshot| CopySource::Manual { snapshot })
}

/// Reads which automatic snapshot to copy: that of a date, or the latest (`None`). Fields that
/// contradict each other are an error only beside `sourceResourceName`.
fn read_recovery_point(object: &mut Object<'_>) -> Option<Option<Date>> {
    let date = object.optional("restoreDate", |it| it.parsed());
    let latest = object.optional("useLatestRestorableAutoSnapshot", |it| it.flag());
    let message = match (object.has("restoreDate"), latest) {
        (true, Some(true)) => "not together with useLatestRestorableAutoSnapshot: true",
        (false, Some(false)) => "required where useLatestRestorableAutoSnapshot is false",
        (true, _) => return date.map(|RestoreDate(date)| Some(date)),
        (false, _) => return Some(None),
    };
    if object.has("sourceResourceName") && !object.has("sourceSnapshotName") {
        object.error("restoreDate", message);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::super::errors::{Path, ValidationErrors};
    use super::super::input::Input;
    use super::*;
    use crate::model::copy::tests::{any_region, any_source, any_time};

    proptest! {
        #[test]
        fn a_request_that_keeps_the_rules_becomes_one_copy_for_each_destination(
            source in any_source(),
            source_region in any_region(),
            target in proptest::option::of("[a-z_][a-z_-]{0,50}[a-z_]"),
            destinations in proptest::sample::subsequence(Region::all().collect::<Vec<_>>(), 0..5),
            own in any_region(),
            time in any_time(),
            says_latest in any::<bool>(),
            says_one in any::<bool>(),
        ) {
            prop_assume!(!source.name().trim().is_empty());
            let mut event = Map::new();
            event.insert("sourceRegion".to_owned(), json!(source_region));
            let field = match source {
                CopySource::Manual { .. } => "sourceSnapshotName",
                _ => "sourceResourceName",
            };
            event.insert(field.to_owned(), json!(source.name()));
            match &source {
                CopySource::Manual { .. } => {}
                CopySource::Dated { date, .. } => {
                    event.insert("restoreDate".to_owned(), json!(date.to_string()));
                    if says_latest {
                        event.insert("useLatestRestorableAutoSnapshot".to_owned(), json!(false));
                    }
                }
                CopySource::Latest { .. } => {
                    if says_latest {
                        event.insert("useLatestRestorableAutoSnapshot".to_owned(), json!(true));
                    }
                }
            }
            if let Some(target) = &target {
                event.insert("targetSnapshotName".to_owned(), json!(target));
            }
            match destinations.as_slice() {
                [] => {}
                [one] if says_one => {
                    event.insert("destinationRegion".to_owned(), json!(one));
                }
                many => {
                    event.insert("destinationRegions".to_owned(), json!(many));
                }
            }

            let mut errors = ValidationErrors::default();
            let input = Input {
                value: &event.into(),
                path: Path::Root,
                errors: &mut errors,
            };
            let mut copies = Copies::new(Defaults { time, region: Some(own) });
            input.object(|object| copies.read(object));
            let copies = copies.all;
            let name = match &target {
                Some(target) => target.parse(),
                None => source.default_name(source_region, time),
            };
            let Ok(name) = name else {
                prop_assert!(copies.is_empty() && !errors.is_empty());
                return Ok(());
            };
            let expected = if destinations.is_empty() { vec![own] } else { destinations };
            if matches!(&source, CopySource::Manual { snapshot } if **snapshot == *name.as_str())
                && expected.contains(&source_region)
            {
                prop_assert!(copies.is_empty() && !errors.is_empty());
                return Ok(());
            }
            prop_assert!(errors.is_empty(), "{}", errors);
            let name_origin = match target {
                Some(_) => NameOrigin::Requested { event_time: time },
                None => NameOrigin::Generated,
            };
            let expected: Vec<_> = expected
                .into_iter()
                .map(|destination| SnapshotCopy {
                    source_region,
                    source: source.clone(),
                    destination,
                    target: name.clone(),
                    name_origin,
                })
                .collect();
            prop_assert_eq!(copies, expected);
        }
    }
}
