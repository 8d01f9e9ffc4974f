//! Sets the tags of copies in one destination.

use tokio::time::Instant;

use super::destination::Destination;
use super::rounds::Rounds;
use crate::lightsail::Until;
use crate::model::event::{Event, FirewallNotStored, TagFailure};
use crate::model::failure::ApiError;
use crate::model::firewall::NOT_STORED;
use crate::model::tags::copy_tags;
use crate::plan::MissingTags;

#[derive(Default)]
pub struct Tags {
    /// The two that make a copy deletable.
    own: Rounds<MissingTags>,
    /// Those of its firewall.
    firewalls: Rounds<MissingTags>,
}

impl Tags {
    pub fn add(&mut self, missing: impl IntoIterator<Item = MissingTags>) {
        let (own, firewalls): (Vec<_>, Vec<_>) = missing.into_iter().partition(|it| it.lacks_own);
        self.own.add(own);
        self.firewalls.add(firewalls);
    }

    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.firewalls.is_empty()
    }
}

impl Destination<'_> {
    /// Makes one attempt to set the missing tags of each copy. The two that make a copy deletable come
    /// first, in a call of their own, so that no firewall can keep a copy from getting them.
    pub async fn set_tags(&self, missing: &mut Tags) {
        let (lightsail, time) = (self.run.lightsail, self.run.deadline.tags.into());
        let Tags { own, firewalls } = missing;
        let attempt = async |copy: &MissingTags, until| self.call_tag(copy, until).await;
        let done = |copy, tagged| match tagged {
            Ok(()) if self.firewall(&copy).is_some() => firewalls.add([copy]),
            tagged => self.end_tags(&copy, tagged),
        };
        own.attempt_all(lightsail, time, attempt, done).await;
        let attempt = async |copy: &MissingTags, until| self.call_tag_firewall(copy, until).await;
        let done = |copy, tagged| self.end_tags(&copy, tagged);
        firewalls.attempt_all(lightsail, time, attempt, done).await;
    }

    /// Leaves the tags that are missing to the next run, unless there is time at `next`.
    pub fn end_tags_at(&self, next: Instant, missing: &mut Tags) {
        let done = |copy, tagged| self.end_tags(&copy, tagged);
        missing.own.end_at(self.run.deadline.tags, next, done);
        missing.firewalls.end_at(self.run.deadline.tags, next, done);
    }

    fn end_tags(&self, copy: &MissingTags, tagged: Result<(), ApiError>) {
        if let Err(error) = tagged {
            self.record_tag_failure(copy, error);
        }
    }

    /// Makes one attempt to set the two tags of a copy, so that it can be deleted.
    pub async fn call_tag(&self, copy: &MissingTags, until: Until) -> Result<(), ApiError> {
        let tags = copy_tags(&copy.source, copy.date);
        let (lightsail, name) = (self.run.lightsail, copy.name.as_str());
        lightsail.tag(self.region, name, &tags, until).await
    }

    async fn call_tag_firewall(&self, copy: &MissingTags, until: Until) -> Result<(), ApiError> {
        let Some(tags) = self.firewall(copy) else {
            return Ok(());
        };
        let (lightsail, name) = (self.run.lightsail, copy.name.as_str());
        lightsail.tag(self.region, name, tags, until).await?;
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
        self.inventory.resources.get(&copy.source)?.ports.as_deref()
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
