//! Whether and how a drill can start.

use super::step::Conclusion;
use crate::model::bundle::{Bundle, Bundles, Hardware};
use crate::model::event::DrillOutcome;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;

/// The bundle with which to restore a copy of an instance with bundle `id`, and hardware `source`.
pub fn choose_bundle<'b>(
    bundles: &'b Bundles,
    id: &str,
    source: Option<Hardware>,
    region: Region,
) -> Result<&'b Bundle, Refusal> {
    if let Some(bundle) = bundles.equal(id, source) {
        let has_address = bundle.hardware.ipv4_addresses > 0;
        return has_address
            .then_some(bundle)
            .ok_or_else(|| no_address().into());
    }
    let hardware = bundles.hardware(id, source);
    let larger = hardware.and_then(|hardware| bundles.nearest_larger(hardware));
    let larger = larger.map_or_else(String::new, |bundle| {
        format!("; the nearest larger one is {}", bundle.id)
    });
    let message = format!("{region} offers no bundle with the hardware of {id:?}{larger}");
    let outcome = DrillOutcome::Inconclusive;
    Err(Conclusion::found(outcome, "BundleNotAvailable", message).into())
}

/// A drill of an instance without an IPv4 address.
pub fn no_address() -> Conclusion {
    let message = "the instance has no public IPv4 address, so it cannot be checked";
    Conclusion::found(DrillOutcome::NotDrillable, "NoIpv4Address", message)
}

/// Why a drill does not start.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub conclusion: Box<Conclusion>,
    /// Whether every other start of this run would be refused too.
    pub ends_starts: bool,
}

/// Words of refusals that pass and concern the account. Lightsail has no error codes for them.
const ACCOUNT: [&str; 10] = [
    "limit",
    "maximum",
    "quota",
    "plan size",
    "verification",
    "customer support",
    "again later",
    "try later",
    "retry later",
    "try again in",
];

/// Words of refusals that pass and concern only this instance.
const INSTANCE: [&str; 2] = ["capacity", "bundle"];

/// Whether an error speaks of one of these words or phrases. A word counts only as a whole, because a
/// message can contain names such as `rate-limit-1`.
fn speaks_of(error: &ApiError, words: &[&str]) -> bool {
    let said = [
        Some(&error.message),
        error.details.reason.as_ref(),
        error.details.tip.as_ref(),
    ];
    let said: String = said
        .into_iter()
        .flatten()
        .map(|text| format!("{text} "))
        .collect();
    let (said, code) = (said.to_ascii_lowercase(), error.code.to_ascii_lowercase());
    let is_whole = |word: &str| {
        let mut all = said.split_whitespace();
        all.any(|one| {
            let bare = one.trim_matches(|c: char| !c.is_alphanumeric());
            bare.trim_end_matches('s') == word
        })
    };
    words.iter().any(|word| match word.contains(' ') {
        true => said.contains(word),
        false => code.contains(word) || is_whole(word),
    })
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let is_denied = error.code.starts_with("AccessDenied");
        let (passes, ends_starts) = match error.kind {
            _ if is_denied => (false, true),
            ErrorKind::NotFound => (true, false),
            _ if speaks_of(&error, &INSTANCE) => (true, false),
            _ if speaks_of(&error, &ACCOUNT) || error.retryable() => (true, true),
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
        let error = ApiError {
            message: format!("{}{advice}", error.message),
            ..error
        };
        Self {
            ends_starts,
            ..Self::from(Conclusion::new(outcome, Some(error)))
        }
    }
}

impl From<Conclusion> for Refusal {
    /// Others may start.
    fn from(conclusion: Conclusion) -> Self {
        Self {
            conclusion: Box::new(conclusion),
            ends_starts: false,
        }
    }
}

/// What it means that the copy was not marked, so that nothing is created.
pub fn not_marked(error: ApiError) -> Refusal {
    let may_be_marked = error.may_have_happened;
    let mut refusal = Refusal::from(error);
    refusal.conclusion.clears_mark = may_be_marked;
    refusal
}

/// What it means that the instance was not created. `None`: another run started the drill. The mark
/// stays if the instance may still appear.
pub fn not_created(error: ApiError) -> Result<Option<Conclusion>, Refusal> {
    let may_exist = error.may_have_happened;
    if error.kind == ErrorKind::NameInUse {
        // The plan knows the names of other instances. So an earlier attempt whose answer was lost
        // created it, or another run.
        return Ok(may_exist.then(|| Conclusion::new(DrillOutcome::Started, None)));
    }
    let mut refusal = Refusal::from(error);
    refusal.conclusion.clears_mark = !may_exist;
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(message: &str) -> ApiError {
        let code = "InvalidInputException";
        ApiError::new(ErrorKind::Refused, code, message.to_owned())
    }

    #[test]
    fn a_refusal_is_judged_by_its_wording() {
        let (failed, inconclusive) = (DrillOutcome::Failed, DrillOutcome::Inconclusive);
        for (message, outcome, ends_starts) in [
            (
                "Sorry, you've reached your maximum limit of Lightsail Instances : 2.",
                inconclusive,
                true,
            ),
            ("The request would exceed the Quota.", inconclusive, true),
            (
                "Sorry, your account can not create an instance using this Lightsail plan size. \
                 Please try a smaller plan size or contact Customer Support.",
                inconclusive,
                true,
            ),
            (
                "Your AWS account is pending verification. Please try again later.",
                inconclusive,
                true,
            ),
            ("Please try later.", inconclusive, true),
            (
                "There is not enough capacity in the zone. Please try again later.",
                inconclusive,
                false,
            ),
            (
                "The bundle is too small for the snapshot.",
                inconclusive,
                false,
            ),
            ("The snapshot is damaged.", failed, false),
            (
                "Some names are already in use: drill-rate-limit-bundle-quota-2026-11-22",
                failed,
                false,
            ),
            (
                "This name is wrong: rate-limit-bundle-quota-us-west-2-2026-11-22",
                failed,
                false,
            ),
        ] {
            let refusal = Refusal::from(refused(message));
            let found = (refusal.conclusion.outcome, refusal.ends_starts);
            assert_eq!(found, (outcome, ends_starts), "{message}");
        }
    }

    #[test]
    fn a_refusal_that_passes_or_needs_permission_is_known_by_its_kind() {
        let of_kind = |kind| ApiError::new(kind, "AnyException", "No.".to_owned());
        let lost = ApiError {
            may_have_happened: true,
            ..refused("No.")
        };
        let mut with_tip = refused("No.");
        with_tip.details.tip = Some("Contact Customer Support.".to_owned());
        let denied = ApiError::found(
            "AccessDeniedException",
            "not authorized to perform: lightsail:TagResource on rate-limit".to_owned(),
        );
        for (error, outcome, ends_starts) in [
            (with_tip, DrillOutcome::Inconclusive, true),
            (
                of_kind(ErrorKind::Throttled),
                DrillOutcome::Inconclusive,
                true,
            ),
            (of_kind(ErrorKind::NoTime), DrillOutcome::Inconclusive, true),
            (
                of_kind(ErrorKind::NotFound),
                DrillOutcome::Inconclusive,
                false,
            ),
            (lost, DrillOutcome::Inconclusive, false),
            (denied, DrillOutcome::Failed, true),
        ] {
            let is_denied = error.code.starts_with("AccessDenied");
            let refusal = Refusal::from(error);
            let found = (refusal.conclusion.outcome, refusal.ends_starts);
            assert_eq!(found, (outcome, ends_starts), "{refusal:?}");
            let message = refusal.conclusion.error.unwrap().message;
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
        let outcome = |error: &ApiError| match not_created(error.clone()) {
            Ok(conclusion) => Ok(conclusion.map(|conclusion| conclusion.outcome)),
            Err(refusal) => Err(refusal.conclusion.clears_mark),
        };
        assert_eq!(outcome(&lost(&in_use)), Ok(Some(DrillOutcome::Started)));
        assert_eq!(outcome(&in_use), Ok(None));
        assert_eq!(outcome(&refused("No.")), Err(true));
        assert_eq!(outcome(&lost(&refused("No."))), Err(false));
        let may_be_marked = |error| not_marked(error).conclusion.clears_mark;
        assert!(may_be_marked(lost(&refused("No."))));
        assert!(!may_be_marked(refused("No.")));
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
        let missing = choose("nano_3_0", source).unwrap_err().conclusion;
        assert_eq!(missing.outcome, DrillOutcome::Inconclusive);
        assert_eq!(
            missing.error.unwrap().to_string(),
            "BundleNotAvailable: us-east-1 offers no bundle with the hardware of \"nano_3_0\"; \
             the nearest larger one is micro_3_2"
        );
        let unknown = choose("nano_3_0", None).unwrap_err().conclusion;
        let unknown = unknown.error.unwrap();
        assert!(unknown.message.ends_with("of \"nano_3_0\""), "{unknown}");
        let ipv6_only = choose("micro_ipv6_3_0", None).unwrap_err().conclusion;
        assert_eq!(ipv6_only.outcome, DrillOutcome::NotDrillable);
    }
}
