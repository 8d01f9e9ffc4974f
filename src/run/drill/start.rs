//! Starts drills in one destination.

use std::time::Duration;

use futures_util::future::join;

use super::DrillRun;
use crate::lightsail::{NewInstance, Until};
use crate::model::bundle::Bundles;
use crate::model::drill::DrillOutcome;
use crate::model::failure::ApiError;
use crate::model::snapshot_name::SnapshotName;
use crate::plan::{
    Conclusion, DrillInstance, DrillStep, PlannedDrill, choose_bundle, choose_zone, drill_tags,
    not_created, not_marked, refused, started_tag,
};

/// With less time, no drill starts.
const TIME_TO_START: Duration = Duration::from_secs(1);

impl DrillRun<'_> {
    /// Starts drills in their order, as long as there are slots and time. A drill that cannot start
    /// takes no slot. Returns the number of drills that started.
    pub(super) async fn start_due(&self, mut due: Vec<PlannedDrill>, mut slots: usize) -> usize {
        if due.is_empty() || slots == 0 {
            return 0;
        }
        let bundles = self.run.lightsail.bundles(self.region, self.deadline);
        let (bundles, zone) = join(bundles, self.zone()).await;
        if bundles.as_ref().is_err_and(ApiError::retryable) {
            due.truncate(slots);
        }
        let mut count = 0;
        for drill in due {
            // To report an error takes no time.
            if slots == 0 || bundles.is_ok() && self.time_left() < TIME_TO_START {
                break;
            }
            let started = match &bundles {
                Ok(bundles) => self.start(&drill, bundles, &zone).await,
                Err(error) => Err(refused(error.clone())),
            };
            let conclusion = match started {
                Ok(conclusion) => {
                    slots -= 1;
                    conclusion
                }
                Err(conclusion) => {
                    slots -= usize::from(conclusion.keeps_slot);
                    slots *= usize::from(!conclusion.ends_starts);
                    Some(conclusion)
                }
            };
            if let Some(conclusion) = conclusion {
                count += usize::from(conclusion.outcome == DrillOutcome::Started);
                self.conclude(&drill, conclusion, Vec::new()).await;
            }
        }
        count
    }

    /// Starts one drill. Returns `None` if another run started it.
    async fn start(
        &self,
        drill: &PlannedDrill,
        bundles: &Bundles,
        zone: &str,
    ) -> Result<Option<Conclusion>, Conclusion> {
        let DrillStep::Start { bundle, hardware } = &drill.step else {
            return Ok(None);
        };
        let (region, now) = (self.region, self.run.now);
        let bundle = choose_bundle(bundles, bundle, *hardware, region)?;
        if self.run.mode.dry_run {
            return Ok(Some(Conclusion::new(DrillOutcome::Planned, None)));
        }
        // Another run may have started drills since the list was read.
        let existing = self.drill_instances().await.map_err(refused)?;
        let is_same = |it: &DrillInstance| it.source == drill.source || it.name == drill.instance;
        let is_full = existing.len() >= self.policy.at_once;
        if is_full || existing.iter().any(is_same) || self.is_taken_over(drill).await {
            return Ok(None);
        }
        let snapshot = drill.snapshot.as_ref();
        let snapshot = snapshot.map_or("", SnapshotName::as_str);
        let mark = [started_tag(now)];
        let marked = self.run.lightsail.tag(region, snapshot, &mark, self.half());
        marked.await.map_err(not_marked)?;
        // Of two runs that mark a copy at once, the later mark counts.
        if self.is_taken_over(drill).await {
            return Ok(None);
        }
        let new = NewInstance {
            name: &drill.instance,
            snapshot,
            zone,
            bundle,
            disks: &[],
            tags: &drill_tags(&drill.source, self.policy, now),
        };
        let created = self
            .run
            .lightsail
            .create_instance(region, &new, self.half());
        match created.await {
            Ok(()) => Ok(Some(Conclusion::new(DrillOutcome::Started, None))),
            Err(error) => {
                let existing = self.drill_instances().await.ok();
                not_created(drill, error, existing.as_deref())
            }
        }
    }

    async fn zone(&self) -> String {
        let once = Until::once(self.half());
        let zones = self.run.lightsail.zones(self.region, once).await;
        choose_zone(zones.ok(), self.region)
    }
}
