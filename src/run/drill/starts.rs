//! Starts the drills that are due in one destination.

use std::collections::BTreeSet;

use super::context::DrillRun;
use crate::lightsail::NewInstance;
use crate::model::event::{DrillOutcome, DrillResult};
use crate::model::failure::{ApiError, ErrorKind};
use crate::plan::{DrillInstance, DrillStep, PlannedDrill, drill_tags};

/// What may still start in this run.
struct Starts {
    /// How many drills may still start.
    slots: usize,
    /// The ids of the bundles that the Region offers, once they were read.
    bundles: Option<BTreeSet<String>>,
}

/// A drill that did not start.
struct Refusal {
    outcome: DrillOutcome,
    error: ApiError,
    /// Whether every later one of this run would be refused too.
    applies_to_all: bool,
}

impl DrillRun<'_> {
    /// Starts drills in their order, as long as there are slots. A drill that cannot start takes no
    /// slot.
    pub async fn start_due(&self, due: Vec<PlannedDrill>, slots: usize) -> Vec<DrillResult> {
        let mut starts = Starts {
            slots,
            bundles: None,
        };
        let mut results = Vec::new();
        for drill in due {
            let result = match &drill.step {
                DrillStep::Start { bundle } if starts.slots > 0 => {
                    self.start(&drill, bundle.as_deref(), &mut starts).await
                }
                DrillStep::NotDrillable => Some(self.not_drillable(&drill)),
                DrillStep::NameInUse => Some(self.name_in_use(&drill)),
                _ => None,
            };
            results.extend(result);
        }
        results
    }

    /// Starts one drill. Returns `None` if another run started it.
    async fn start(
        &self,
        drill: &PlannedDrill,
        bundle: Option<&str>,
        starts: &mut Starts,
    ) -> Option<DrillResult> {
        match self.try_start(drill, bundle, starts).await {
            Ok(outcome) => {
                starts.slots = starts.slots.saturating_sub(1);
                outcome.map(|outcome| self.result(drill, outcome))
            }
            Err(refusal) => {
                if refusal.applies_to_all {
                    starts.slots = 0;
                }
                Some(DrillResult {
                    error: Some(refusal.error),
                    ..self.result(drill, refusal.outcome)
                })
            }
        }
    }

    async fn try_start(
        &self,
        drill: &PlannedDrill,
        bundle: Option<&str>,
        starts: &mut Starts,
    ) -> Result<Option<DrillOutcome>, Refusal> {
        let bundle = self.active_bundle(bundle, starts).await?;
        if self.to.run.dry_run {
            return Ok(Some(DrillOutcome::Planned));
        }
        // Another run may have started drills since the list was read.
        let existing = self.drill_instances().await?;
        let has_drill = |other: &DrillInstance| other.source.as_ref() == Some(&drill.source);
        if existing.iter().any(has_drill) || existing.len() >= self.policy.at_once {
            return Ok(None);
        }
        let new = NewInstance {
            name: &drill.instance,
            snapshot: drill.snapshot.as_deref().unwrap_or_default(),
            bundle,
            tags: &drill_tags(&drill.source, self.policy, self.to.run.now),
        };
        let created = self
            .to
            .run
            .lightsail
            .create_instance(self.to.region, &new, self.to.run.deadline.all)
            .await;
        match created {
            Ok(()) => Ok(Some(DrillOutcome::Started)),
            Err(error) if error.kind == ErrorKind::NameInUse => {
                let existing = self.drill_instances().await?;
                let is_this = |other: &DrillInstance| other.name == drill.instance;
                // The answer to an earlier attempt was lost, or another run started it.
                let is_own = error.may_have_happened.then_some(DrillOutcome::Started);
                match existing.iter().any(is_this) {
                    true => Ok(is_own),
                    false => Err(Refusal::from(error)),
                }
            }
            Err(error) => Err(Refusal::from(error)),
        }
    }

    /// The bundle of the copy's instance, if the Region offers it.
    async fn active_bundle<'b>(
        &self,
        bundle: Option<&'b str>,
        starts: &mut Starts,
    ) -> Result<&'b str, Refusal> {
        if starts.bundles.is_none() {
            let read = self
                .to
                .run
                .lightsail
                .active_bundles(self.to.region, self.to.run.deadline.all);
            starts.bundles = Some(read.await?);
        }
        let bundles = starts.bundles.as_ref();
        let active = bundle.filter(|id| bundles.is_some_and(|bundles| bundles.contains(*id)));
        active.ok_or_else(|| {
            let id = bundle.unwrap_or("(unknown)");
            let message = format!("the bundle {id} is not available in {}", self.to.region);
            Refusal {
                outcome: DrillOutcome::Inconclusive,
                error: ApiError::found("BundleNotAvailable", message),
                applies_to_all: false,
            }
        })
    }

    fn not_drillable(&self, drill: &PlannedDrill) -> DrillResult {
        let message = "the copy contains attached disks, which a drill would leave behind";
        DrillResult {
            error: Some(ApiError::found("AttachedDisks", message.to_owned())),
            ..self.result(drill, DrillOutcome::NotDrillable)
        }
    }

    fn name_in_use(&self, drill: &PlannedDrill) -> DrillResult {
        let message = format!(
            "{} in {} is an instance that no drill made",
            drill.instance, self.to.region
        );
        DrillResult {
            error: Some(ApiError::found("NameInUse", message)),
            ..self.result(drill, DrillOutcome::Failed)
        }
    }
}

impl From<ApiError> for Refusal {
    /// Whether a refusal needs a person or another run, by its wording: Lightsail has no codes for
    /// quotas and capacity.
    fn from(error: ApiError) -> Self {
        let text = format!("{} {}", error.code, error.message).to_ascii_lowercase();
        let is_capacity = text.contains("capacity");
        let is_quota = ["maximum", "limit", "quota"]
            .iter()
            .any(|word| text.contains(word));
        // The bundle of the copy is missing, or does not fit.
        let is_bundle = text.contains("bundle");
        let is_forbidden = error.code.starts_with("AccessDenied");
        let passes =
            error.retryable() || error.kind == ErrorKind::NotFound || error.may_have_happened;
        Self {
            outcome: match is_capacity || is_quota || is_bundle || passes {
                true => DrillOutcome::Inconclusive,
                false => DrillOutcome::Failed,
            },
            applies_to_all: !is_capacity && (is_quota || is_forbidden || error.retryable()),
            error,
        }
    }
}
