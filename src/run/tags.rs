//! Sets the tags of copies in one destination.

use jiff::civil::Date;
use tokio::time::Instant;

use super::destination::Destination;
use super::rounds::rounds;
use crate::lightsail::Until;
use crate::model::event::{Event, TagFailure};
use crate::model::failure::ApiError;
use crate::model::resource::ResourceId;
use crate::model::tags::copy_tags;
use crate::plan::ExistingCopy;

/// A copy that needs its tags.
pub struct Untagged {
    pub source: ResourceId,
    pub date: Date,
    pub name: String,
}

impl From<ExistingCopy> for Untagged {
    fn from(copy: ExistingCopy) -> Self {
        Self {
            source: copy.source,
            date: copy.date,
            name: copy.name,
        }
    }
}

impl Destination<'_> {
    /// Sets the tags of copies. The next run sets those that are missing.
    pub async fn set_tags(&self, untagged: Vec<Untagged>) {
        let deadline = self.run.deadline.tags;
        let attempt = async |copy: &Untagged| self.call_tag(copy, Until::once(deadline)).await;
        rounds(
            self.run.lightsail,
            untagged,
            deadline,
            attempt,
            |copy, tagged| {
                if let Err(error) = tagged {
                    self.add_tag_failure(&copy.name, &error);
                }
            },
        )
        .await;
    }

    /// Sets the tags of one copy.
    pub async fn tag(&self, copy: &ExistingCopy, deadline: Instant) -> Result<(), ApiError> {
        let tagged = self.call_tag(&copy.clone().into(), deadline.into()).await;
        tagged.inspect_err(|error| self.add_tag_failure(&copy.name, error))
    }

    async fn call_tag(&self, copy: &Untagged, until: Until) -> Result<(), ApiError> {
        let run = self.run;
        let resource = run.inventory.resources.get(&copy.source);
        let ports = resource.and_then(|resource| resource.ports.clone());
        let own = copy_tags(&copy.source, copy.date).into_iter();
        let tags: Vec<_> = own.chain(ports.into_iter().flatten()).collect();
        let tagged = run
            .lightsail
            .tag_snapshot(self.region, &copy.name, &tags, until);
        tagged.await
    }

    pub fn add_tag_failure(&self, name: &str, error: &ApiError) {
        self.run.recorder.record(Event::TagFailed(TagFailure {
            region: self.region,
            name: name.to_owned(),
            error: error.clone(),
        }));
    }
}
