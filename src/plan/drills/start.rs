//! Whether and how a drill can start.

use super::instance::DrillInstance;
use super::step::{Conclusion, PlannedDrill};
use crate::model::bundle::{Bundle, Bundles, Hardware};
use crate::model::drill::DrillOutcome;
use crate::model::failure::{ApiError, Code, ErrorKind, Shortage};
use crate::model::region::Region;

/// The bundle with which to restore a copy of an instance with bundle `id`, and hardware `source`.
pub fn choose_bundle<'b>(
    bundles: &'b Bundles,
    id: &str,
    source: Option<Hardware>,
    region: Region,
) -> Result<&'b Bundle, Conclusion> {
    if let Some(bundle) = bundles.equal(id, source) {
        let has_address = bundle.hardware.ipv4_addresses > 0;
        return has_address.then_some(bundle).ok_or_else(no_address);
    }
    let hardware = bundles.hardware(id, source);
    let larger = hardware.and_then(|hardware| bundles.nearest_larger(hardware));
    let larger = larger.map_or_else(String::new, |bundle| {
        format!("; the nearest larger one is {}", bundle.id)
    });
    let message = format!("{region} offers no bundle with the hardware of {id:?}{larger}");
    let outcome = DrillOutcome::Inconclusive;
    Err(Conclusion::found(
        outcome,
        Code::BundleNotAvailable,
        message,
    ))
}

/// The Availability Zone of new instances: the Region's first one, or a guess if the zones could not
/// be read.
pub fn choose_zone(zones: Option<Vec<String>>, region: Region) -> String {
    let first = zones.and_then(|zones| zones.into_iter().next());
    first.unwrap_or_else(|| format!("{region}a"))
}

/// A drill of an instance without an IPv4 address.
pub fn no_address() -> Conclusion {
    let message = "the instance has no public IPv4 address, so it cannot be checked";
    Conclusion::found(DrillOutcome::NotDrillable, Code::NoIpv4Address, message)
}

/// What it means that a call of a start is refused.
pub fn refused(error: ApiError) -> Conclusion {
    let shortage = error.details.shortage;
    let is_denied = error.kind == ErrorKind::AccessDenied && shortage.is_none();
    let (passes, ends_starts) = match (error.kind, shortage) {
        (ErrorKind::NotFound, _) | (_, Some(Shortage::Capacity)) => (true, false),
        (_, Some(Shortage::Account)) => (true, true),
        // A permission can depend on the copy.
        (ErrorKind::AccessDenied, None) => (false, false),
        _ if error.retryable() => (true, false),
        _ => (error.may_have_happened, false),
    };
    let outcome = match passes {
        true => DrillOutcome::Inconclusive,
        false => DrillOutcome::Failed,
    };
    let advice = match is_denied {
        true => "; drills need the parameters DrillNames and DrillTagging=true of the template",
        false => "",
    };
    let message = format!("{}{advice}", error.message);
    Conclusion {
        ends_starts,
        ..Conclusion::new(outcome, Some(ApiError { message, ..error }))
    }
}

/// What it means that the copy was not marked, so that nothing is created.
pub fn not_marked(error: ApiError) -> Conclusion {
    Conclusion {
        clears_mark: error.may_have_happened,
        ..refused(error)
    }
}

/// What it means that the instance was not created. `existing` are the drill instances after that, if
/// they could be read. `None`: another run started the drill. The mark stays if the instance may still
/// appear.
pub fn not_created(
    drill: &PlannedDrill,
    error: ApiError,
    existing: Option<&[DrillInstance]>,
) -> Result<Option<Conclusion>, Conclusion> {
    let may_exist = error.may_have_happened;
    let is_this = |it: &DrillInstance| it.name == drill.instance && it.source == drill.source;
    let exists = existing.map(|existing| existing.iter().any(is_this));
    let is_in_use = error.kind == ErrorKind::NameInUse;
    // An earlier attempt whose answer was lost created it, or another run. The plan knows the names of
    // other instances.
    if exists == Some(true) || is_in_use && (may_exist || exists.is_none()) {
        return Ok(may_exist.then(|| Conclusion::new(DrillOutcome::Started, None)));
    }
    let conclusion = match is_in_use {
        true => {
            let message = "the name belongs to a resource that no drill created: a disk, a static IP, a key pair or another one";
            Conclusion::found(DrillOutcome::Failed, Code::NameInUse, message)
        }
        false => refused(error.clone()),
    };
    // A fault that the service reports is an answer: it creates nothing later.
    let is_answer = error.kind == ErrorKind::ServiceFault && exists == Some(false);
    let clears_mark = !may_exist || is_answer;
    Err(Conclusion {
        clears_mark,
        keeps_slot: !clears_mark,
        ..conclusion
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;
    use crate::model::resource::{InstanceState, InstanceStatus, ResourceId, ResourceKind};
    use crate::plan::drills::step::DrillStep;

    fn refusal(message: &str) -> ApiError {
        ApiError::found("InvalidInputException", message)
    }

    fn drill() -> PlannedDrill {
        let DrillInstance { source, name, .. } = drill_instance();
        PlannedDrill {
            source,
            snapshot: None,
            has_copy: true,
            instance: name,
            started: None,
            step: DrillStep::Conclude(no_address()),
        }
    }

    fn drill_instance() -> DrillInstance {
        DrillInstance {
            source: ResourceId {
                region: "us-west-2".parse().unwrap(),
                name: "web".into(),
                kind: ResourceKind::Instance,
            },
            date: Date::constant(2026, 11, 22),
            name: "drill-web-2026-11-22".to_owned(),
            created_at: None,
            expires_at: None,
            status: InstanceStatus {
                state: InstanceState::Running,
                public_address: None,
                hardware: None,
            },
        }
    }

    #[test]
    fn a_refusal_is_judged_by_its_kind_and_what_is_short() {
        let of_kind = |kind| ApiError::new(kind, "AnyException", "No.");
        let short_of = |shortage| {
            let mut error = refusal("No.");
            error.details.shortage = Some(shortage);
            error
        };
        let lost = ApiError {
            may_have_happened: true,
            ..refusal("No.")
        };
        let denied = of_kind(ErrorKind::AccessDenied);
        let denied_for_limit = ApiError {
            kind: ErrorKind::AccessDenied,
            ..short_of(Shortage::Account)
        };
        let (failed, inconclusive) = (DrillOutcome::Failed, DrillOutcome::Inconclusive);
        for (error, outcome, ends_starts) in [
            (short_of(Shortage::Account), inconclusive, true),
            (short_of(Shortage::Capacity), inconclusive, false),
            (of_kind(ErrorKind::Throttled), inconclusive, false),
            (of_kind(ErrorKind::NoTime), inconclusive, false),
            (of_kind(ErrorKind::NotFound), inconclusive, false),
            (lost, inconclusive, false),
            (refusal("No."), failed, false),
            (denied.clone(), failed, false),
            (denied_for_limit, inconclusive, true),
        ] {
            let is_denied = error == denied;
            let conclusion = refused(error);
            let found = (conclusion.outcome, conclusion.ends_starts);
            assert_eq!(found, (outcome, ends_starts), "{conclusion:?}");
            let message = conclusion.error.unwrap().message;
            assert_eq!(
                message.contains("DrillTagging=true"),
                is_denied,
                "{message}"
            );
        }
    }

    #[test]
    fn the_mark_stays_if_the_instance_may_still_appear() {
        let in_use = ApiError::new(ErrorKind::NameInUse, "InvalidInputException", String::new());
        let lost = |error: &ApiError| ApiError {
            may_have_happened: true,
            ..error.clone()
        };
        let fault = ApiError::new(ErrorKind::ServiceFault, "InternalFailure", "No.");
        let drill = drill();
        let mut other = drill_instance();
        other.source.region = "eu-west-3".parse().unwrap();
        let (this, none) = ([drill_instance()], [other]);
        let outcome = |error: &ApiError, existing: Option<&[DrillInstance]>| match not_created(
            &drill,
            error.clone(),
            existing,
        ) {
            Ok(conclusion) => Ok(conclusion.map(|conclusion| conclusion.outcome)),
            Err(conclusion) => Err((conclusion.outcome, conclusion.clears_mark)),
        };
        let started = Ok(Some(DrillOutcome::Started));
        let (failed, inconclusive) = (DrillOutcome::Failed, DrillOutcome::Inconclusive);
        for (error, of_unread, of_this, of_none) in [
            (&lost(&in_use), started, started, started),
            (&in_use, Ok(None), Ok(None), Err((failed, true))),
            (
                &refusal("No."),
                Err((failed, true)),
                Ok(None),
                Err((failed, true)),
            ),
            (
                &lost(&refusal("No.")),
                Err((inconclusive, false)),
                started,
                Err((inconclusive, false)),
            ),
            (
                &lost(&fault),
                Err((inconclusive, false)),
                started,
                Err((inconclusive, true)),
            ),
        ] {
            assert_eq!(outcome(error, None), of_unread, "{error:?}");
            assert_eq!(outcome(error, Some(&this)), of_this, "{error:?}");
            assert_eq!(outcome(error, Some(&none)), of_none, "{error:?}");
        }
        let may_be_marked = |error| not_marked(error).clears_mark;
        assert!(may_be_marked(lost(&refusal("No."))));
        assert!(!may_be_marked(refusal("No.")));
    }

    #[test]
    fn a_missing_bundle_names_the_nearest_larger_one() {
        let region = "us-east-1".parse().unwrap();
        let hardware = |disk_gb, ipv4_addresses| Hardware {
            cpus: 2,
            ram_mib: 1024,
            disk_gb,
            is_windows: false,
            ipv4_addresses,
        };
        let bundle = |id: &str, disk_gb, ipv4_addresses| Bundle {
            id: id.to_owned(),
            hardware: hardware(disk_gb, ipv4_addresses),
            price_cents: 700,
            is_active: true,
        };
        let bundles = vec![bundle("micro_3_2", 40, 1), bundle("micro_ipv6_3_2", 40, 0)];
        let bundles = Bundles::from(bundles);
        let choose = |id, source| choose_bundle(&bundles, id, source, region);
        assert_eq!(choose("micro_3_0", None).unwrap().id, "micro_3_2");
        let source = Some(hardware(20, 1));
        let missing = choose("nano_3_0", source).unwrap_err();
        assert_eq!(missing.outcome, DrillOutcome::Inconclusive);
        assert_eq!(
            missing.error.unwrap().to_string(),
            "BundleNotAvailable: us-east-1 offers no bundle with the hardware of \"nano_3_0\"; \
             the nearest larger one is micro_3_2"
        );
        let unknown = choose("nano_3_0", None).unwrap_err();
        let unknown = unknown.error.unwrap();
        assert!(unknown.message.ends_with("of \"nano_3_0\""), "{unknown}");
        let ipv6_only = choose("micro_ipv6_3_0", None).unwrap_err();
        assert_eq!(ipv6_only.outcome, DrillOutcome::NotDrillable);
    }
}
