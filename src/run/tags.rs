//! Sets the tags of copies in one destination.

use tokio::time::Instant;

use super::destination::Destination;
use super::rounds::rounds;
use crate::lightsail::Until;
use crate::model::event::{Event, FirewallNotStored, TagFailure};
use crate::model::failure::ApiError;
use crate::model::firewall::NOT_STORED;
use crate::model::tags::copy_tags;
use crate::plan::MissingTags;

impl Destination<'_> {
    /// Sets the tags of copies. The two that make a copy deletable come first, in a call of their own,
    /// so that no firewall can keep a copy from getting them.
    pub async fn set_tags(&self, missing: Vec<MissingTags>) {
        let deadline = self.run.deadline.tags;
        let mut firewalls = Vec::new();
        let attempt = async |copy: &MissingTags| self.call_tag(copy, deadline).await;
        rounds(
            self.run.lightsail,
            missing,
            deadline,
            attempt,
            |copy, tagged| match tagged {
                Ok(()) => firewalls.push(copy),
                Err(error) => self.record_tag_failure(&copy, error),
            },
        )
        .await;
        firewalls.retain(|copy| self.firewall(copy).is_some());
        let attempt = async |copy: &MissingTags| self.call_tag_firewall(copy, deadline).await;
        rounds(
            self.run.lightsail,
            firewalls,
            deadline,
            attempt,
            |copy, tagged| {
                if let Err(error) = tagged {
                    self.record_tag_failure(&copy, error);
                }
            },
        )
        .await;
    }

    /// Sets the two tags of a copy, so that it can be deleted.
    pub async fn tag(&self, copy: MissingTags, deadline: Instant) -> Result<(), ApiError> {
        let tagged = self.call_tag(&copy, deadline).await;
        tagged.inspect_err(|error| self.record_tag_failure(&copy, error.clone()))
    }

    async fn call_tag(&self, copy: &MissingTags, deadline: Instant) -> Result<(), ApiError> {
        let tags = copy_tags(&copy.source, copy.date);
        let until = Until::once(deadline);
        let lightsail = self.run.lightsail;
        lightsail.tag(self.region, &copy.name, &tags, until).await
    }

    async fn call_tag_firewall(
        &self,
        copy: &MissingTags,
        deadline: Instant,
    ) -> Result<(), ApiError> {
        let Some(tags) = self.firewall(copy) else {
            return Ok(());
        };
        let until = Until::once(deadline);
        let lightsail = self.run.lightsail;
        lightsail.tag(self.region, &copy.name, tags, until).await?;
        if tags.iter().any(|(_, value)| value == NOT_STORED) {
            self.run.recorder.record(Event::FirewallNotStored(FirewallNotStored {
                region: self.region,
                name: copy.name.clone(),
                reason: "the firewall has more rules than fit into 40 tags; note them elsewhere",
            }));
        }
        Ok(())
    }

    /// The tags with the firewall of a copy's instance, if it is known.
    fn firewall(&self, copy: &MissingTags) -> Option<&[(String, String)]> {
        self.run
            .inventory
            .resources
            .get(&copy.source)?
            .ports
            .as_deref()
    }

    fn record_tag_failure(&self, copy: &MissingTags, error: ApiError) {
        self.run.recorder.record(Event::TagFailed(TagFailure {
            region: self.region,
            name: copy.name.clone(),
            is_failure: copy.is_failure(&error, self.run.now),
            error,
        }));
    }
}
