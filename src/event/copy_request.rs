//! Copy requests: the fields of [CopySnapshot], and the destinations.
//!
//! A request says what to copy and where to. It becomes one [`SnapshotCopy`], and so one call of
//! CopySnapshot, for each destination.
//!
//! [CopySnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CopySnapshot.html

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::validation::{FromJson, Object, Path, ValidationErrors};
use super::values::Distinct;
use crate::model::copy::{CopySource, NameOrigin, SnapshotCopy};
use crate::model::region::Region;
use crate::model::restore_date::RestoreDate;
use crate::model::snapshot_name::SnapshotName;

/// A copy request, before defaults fill in its name and destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRequest {
    source_region: Region,
    source: CopySource,
    target: Option<SnapshotName>,
    destinations: Vec<Region>,
}

/// What fills in the fields that a request leaves out.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// The event's time: part of the name of a copy of the latest automatic snapshot.
    pub time: Timestamp,
    /// The destination: the Region that the function runs in. `None` if Lightsail does not have it.
    pub region: Option<Region>,
}

impl FromJson for CopyRequest {
    /// Reads a request that has no other fields.
    fn from_json(value: &Value, path: Path<'_>, errors: &mut ValidationErrors) -> Option<Self> {
        let mut object = Object::new(value, path, errors)?;
        let request = Self::read(&mut object);
        object.finish();
        request
    }
}

impl CopyRequest {
    /// Reads the request's fields. The caller reads or refuses the others.
    pub fn read(object: &mut Object<'_, '_>) -> Option<Self> {
        let errors_before = object.errors.len();
        let source_region = object.required("sourceRegion");
        let source = read_source(object);
        let target = object.optional("targetSnapshotName");
        if object.has("destinationRegion") && object.has("destinationRegions") {
            object.error(
                "destinationRegions",
                "give either destinationRegion or destinationRegions, not both",
            );
        }
        let one = object
            .optional("destinationRegion")
            .map(|region| vec![region]);
        let many = object
            .optional("destinationRegions")
            .map(|Distinct(regions)| regions);
        if object.errors.len() > errors_before {
            return None;
        }
        Some(Self {
            source_region: source_region?,
            source: source?,
            target,
            destinations: one.or(many).unwrap_or_default(),
        })
    }

    /// The number of its copies.
    pub fn count(&self) -> usize {
        self.destinations.len().max(1)
    }

    /// The request's copies, one for each destination. Errors go against `path`, where the request
    /// stands.
    pub fn copies(
        &self,
        defaults: Defaults,
        path: Path<'_>,
        errors: &mut ValidationErrors,
    ) -> Vec<SnapshotCopy> {
        let Some(target) = self.target(defaults.time, path, errors) else {
            return Vec::new();
        };
        let destinations = match (self.destinations.as_slice(), defaults.region) {
            ([], Some(region)) => vec![region],
            ([], None) => {
                let message = "required, because Lightsail does not have the Region that this function runs in";
                errors.add(Path::Field(&path, "destinationRegion"), message);
                return Vec::new();
            }
            (given, _) => given.to_vec(),
        };
        let is_source =
            matches!(&self.source, CopySource::Manual { snapshot } if snapshot == target.as_str());
        if is_source && destinations.contains(&self.source_region) {
            let message =
                "the copy would be the source itself; give another name or another Region";
            errors.add(Path::Field(&path, "targetSnapshotName"), message);
            return Vec::new();
        }
        let name_origin = match self.target {
            Some(_) => NameOrigin::Requested {
                event_time: defaults.time,
            },
            None => NameOrigin::Generated,
        };
        let copy = |destination| SnapshotCopy {
            source_region: self.source_region,
            source: self.source.clone(),
            destination,
            target: target.clone(),
            name_origin,
        };
        destinations.into_iter().map(copy).collect()
    }

    /// The name of the copies.
    fn target(
        &self,
        time: Timestamp,
        path: Path<'_>,
        errors: &mut ValidationErrors,
    ) -> Option<SnapshotName> {
        if self.target.is_some() {
            return self.target.clone();
        }
        let name = self.source.default_name(self.source_region, time);
        let add = |error| {
            let message = format_args!("{error}; give a shorter one");
            errors.add(Path::Field(&path, "targetSnapshotName"), message);
        };
        name.map_err(add).ok()
    }
}

/// Reads what to copy: a manual snapshot or an automatic one.
fn read_source(object: &mut Object<'_, '_>) -> Option<CopySource> {
    let resource = object.optional("sourceResourceName");
    let snapshot = object.optional("sourceSnapshotName");
    let automatic = read_recovery_point(object);
    let missing = "required: the instance or disk whose automatic snapshot to copy (or sourceSnapshotName, a manual snapshot)";
    if object.one_of("sourceResourceName", "sourceSnapshotName", missing)? == "sourceResourceName" {
        return match automatic? {
            Some(date) => resource.map(|resource| CopySource::Dated { resource, date }),
            None => resource.map(|resource| CopySource::Latest { resource }),
        };
    }
    for name in ["restoreDate", "useLatestRestorableAutoSnapshot"] {
        if object.has(name) {
            let message = "only for an automatic snapshot, with sourceResourceName";
            object.error(name, message);
        }
    }
    snapshot.map(|snapshot| CopySource::Manual { snapshot })
}

/// Reads which automatic snapshot to copy: that of a date, or the latest (`None`). Fields that
/// contradict each other are an error only beside `sourceResourceName`.
fn read_recovery_point(object: &mut Object<'_, '_>) -> Option<Option<Date>> {
    let date = object.optional("restoreDate").map(|RestoreDate(date)| date);
    let latest = object.optional("useLatestRestorableAutoSnapshot");
    let message = match (object.has("restoreDate"), latest) {
        (true, Some(true)) => "not together with useLatestRestorableAutoSnapshot: true",
        (false, Some(false)) => "required where useLatestRestorableAutoSnapshot is false",
        (true, _) => return date.map(Some),
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

    use super::*;

    /// Names that Lightsail lets resources have, and some that it might.
    fn resource_name() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[A-Za-z0-9_][A-Za-z0-9_-]{0,20}[A-Za-z0-9_]",
            1 => "[A-Za-z0-9.]{2,20}",
            1 => "\\PC{1,300}",
        ]
    }

    fn any_region() -> impl Strategy<Value = Region> {
        proptest::sample::select(Region::all().collect::<Vec<_>>())
    }

    fn any_date() -> impl Strategy<Value = Date> {
        (2000i16..2100, 1i8..=12, 1i8..=28).prop_map(|(y, m, d)| jiff::civil::date(y, m, d))
    }

    fn any_source() -> impl Strategy<Value = CopySource> {
        prop_oneof![
            resource_name().prop_map(|snapshot| CopySource::Manual { snapshot }),
            (resource_name(), any_date())
                .prop_map(|(resource, date)| CopySource::Dated { resource, date }),
            resource_name().prop_map(|resource| CopySource::Latest { resource }),
        ]
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        (0i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
    }

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
            let request = CopyRequest::from_json(&Value::Object(event), Path::Root, &mut errors).unwrap();
            let defaults = Defaults { time, region: Some(own) };
            let copies = request.copies(defaults, Path::Root, &mut errors);
            let name = match &target {
                Some(target) => target.parse(),
                None => source.default_name(source_region, time),
            };
            let Ok(name) = name else {
                prop_assert!(copies.is_empty() && !errors.is_empty());
                return Ok(());
            };
            let expected = if destinations.is_empty() { vec![own] } else { destinations };
            if matches!(&source, CopySource::Manual { snapshot } if snapshot == name.as_str())
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
