//! The events of a run, by kind.

use lightsail_snapshot_copier::{
    CopyResult, Coverage, DeletionResult, DrillResult, ReadFailure, RunEvent, TagFailure,
};

/// What a run did and found.
#[derive(Debug)]
pub struct Results {
    pub events: Vec<RunEvent>,
}

impl Results {
    pub fn copies(&self) -> impl Iterator<Item = &CopyResult> {
        self.events
            .iter()
            .filter_map(RunEvent::try_as_copy_result_ref)
    }

    pub fn deletions(&self) -> impl Iterator<Item = &DeletionResult> {
        self.events
            .iter()
            .filter_map(RunEvent::try_as_delete_result_ref)
    }

    pub fn drills(&self) -> impl Iterator<Item = &DrillResult> {
        self.events
            .iter()
            .filter_map(RunEvent::try_as_drill_result_ref)
            .map(AsRef::as_ref)
    }

    pub fn coverage(&self) -> Vec<&Coverage> {
        let events = self.events.iter();
        events.filter_map(RunEvent::try_as_coverage_ref).collect()
    }

    pub fn tag_failures(&self) -> impl Iterator<Item = &TagFailure> {
        self.events
            .iter()
            .filter_map(RunEvent::try_as_tag_failed_ref)
    }

    pub fn read_failures(&self) -> impl Iterator<Item = &ReadFailure> {
        self.events
            .iter()
            .filter_map(RunEvent::try_as_region_unread_ref)
    }
}
