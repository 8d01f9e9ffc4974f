//! What must hold for the result of a call, given its responses.

use std::collections::BTreeSet;

use lightsail_snapshot_copier::{
    ApiError, CopyResult, CopySource, Operation, Outcome, ResourceKind, Response, RunEvent,
    Snapshot, SnapshotCopy, SnapshotState, failure_message,
};
use serde_json::Value;

use super::wire::{Given, Request, Wire};

/// 26 minutes after the creation of the corpus's snapshots.
pub const EVENT_TIME: &str = "2019-09-27T20:08:45Z";

fn has_failed(operation: &Operation) -> bool {
    operation.status.as_deref() == Some("Failed")
}

/// The text with spaces instead of control characters; empty if absent.
fn plain(text: Option<&str>) -> String {
    text.unwrap_or_default().replace(|c: char| c < ' ', " ")
}

impl Wire {
    /// The call succeeded: the Operations are those of the response, and none failed.
    pub fn check_operations(&self, operations: &[Operation]) {
        self.check_returned(operations);
        assert!(!operations.iter().any(has_failed));
    }

    /// The Operations are those of the last response.
    fn check_returned(&self, operations: &[Operation]) {
        if self.is_unclear() {
            return;
        }
        let said = self.last_list("operations").expect("operations");
        let said: Vec<_> = said.iter().filter(|item| !item.is_null()).collect();
        assert_eq!(said.len(), operations.len());
        for (said, operation) in said.iter().zip(operations) {
            assert_eq!(plain(said["id"].as_str()), plain(operation.id.as_deref()));
        }
    }

    pub fn check_snapshot(&self, snapshot: &Snapshot) {
        if self.is_unclear() {
            return;
        }
        let body = self.last().accepted().expect("a snapshot");
        let (member, from, ready): (_, _, &[_]) = match snapshot.kind {
            ResourceKind::Instance => ("instanceSnapshot", "fromInstanceName", &["available"]),
            ResourceKind::Disk => ("diskSnapshot", "fromDiskName", &["available", "completed"]),
        };
        let said = &body[member];
        assert!(said.is_object());
        assert_eq!(plain(said["name"].as_str()), plain(Some(&snapshot.name)));
        if said[from].is_string() {
            assert_eq!(plain(said[from].as_str()), plain(snapshot.from.as_deref()));
        }
        let is_ready = said["state"]
            .as_str()
            .is_some_and(|state| ready.contains(&state));
        assert_eq!(snapshot.state == SnapshotState::Available, is_ready);
    }

    /// Lightsail reported the snapshot as missing, both as an instance's and as a disk's.
    pub fn check_not_found(&self) {
        for operation in ["GetInstanceSnapshot", "GetDiskSnapshot"] {
            let exchanges = self.exchanges();
            let last = exchanges
                .iter()
                .rfind(|(request, _)| request.operation == operation);
            let (_, given) = last.expect(operation);
            assert!(
                matches!(given, Given::Answer { status: 300.., .. }),
                "{operation}: {given:?}"
            );
        }
    }

    /// Each page was requested once, with the token of the page before it, and no item is missing.
    pub fn check_list(&self, list: &str, names: &[String]) {
        if self.is_unclear() {
            return;
        }
        let mut said = Vec::new();
        let mut tokens = BTreeSet::new();
        let exchanges = self.exchanges();
        for (index, (request, given)) in exchanges.iter().enumerate() {
            let next = exchanges
                .get(index + 1)
                .map(|(request, _)| &request.page_token);
            if next == Some(&request.page_token) {
                // The page could not be read and was requested again.
                continue;
            }
            let page = given.accepted().expect("a page");
            let token = plain(page["nextPageToken"].as_str());
            assert_eq!(plain(next.and_then(Option::as_deref)), token);
            assert!(tokens.insert(&request.page_token), "{token} twice");
            // A response that is not from AWS must not count as an empty Region.
            assert!(page[list].is_array() || given.has_request_id(), "{given:?}");
            let items = page[list]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|item| !item.is_null());
            said.extend(items.map(|item| plain(item["name"].as_str())));
        }
        let names: Vec<_> = names.iter().map(|name| plain(Some(name))).collect();
        assert_eq!(said, names);
    }

    pub fn check_failure(&self, failure: &ApiError) {
        assert!(
            !failure.code.as_ref().is_empty() && !failure.message.is_empty(),
            "{failure:?}"
        );
    }

    /// A failed change has the Operations of an accepted call, or says whether it may have taken
    /// effect.
    pub fn check_failed_change(&self, failure: &ApiError) {
        self.check_failure(failure);
        if !failure.details.operations.is_empty() {
            self.check_returned(&failure.details.operations);
            assert!(failure.details.operations.iter().any(has_failed));
            return;
        }
        let exchanges = self.exchanges();
        let mut given = exchanges.iter().map(|(_, given)| given);
        let unclear = given.any(|given| match given {
            Given::ConnectionBreaks | Given::Nothing => true,
            Given::Answer { status, .. } => (200..300).contains(status),
            Given::NoConnection => false,
        });
        assert!(failure.may_have_happened || !unclear, "{failure:?}");
    }

    pub fn check_copy(&self, result: CopyResult) {
        let failed = result.outcome == Outcome::Failed;
        match result.outcome {
            Outcome::Started => self.check_operations(&result.operations),
            Outcome::Exists | Outcome::Pending | Outcome::Planned if self.is_unclear() => {}
            Outcome::Exists => assert!(self.has_copy(&result.copy, &["available", "completed"])),
            Outcome::Pending => assert!(self.has_copy(&result.copy, &[])),
            Outcome::Planned => self.check_planned(&result.copy),
            Outcome::Failed => self.check_failure(result.error.as_ref().expect("an error")),
            other => panic!("{other:?}"),
        }
        assert_eq!(result.error.is_some(), failed);
        assert_eq!(result.operations.iter().any(has_failed), {
            let error = result.error.as_ref();
            error.is_some_and(|error| !error.details.operations.is_empty())
        });
        let events = [RunEvent::CopyResult(result)];
        let answer = Response::for_copies(false, &events);
        assert!(serde_json::to_vec(&answer).unwrap().len() <= 200_000);
        let message = failure_message(&events);
        assert_eq!(message.is_some(), failed);
        assert!(message.is_none_or(|message| message.lines().count() == 1));
    }

    /// Whether a response has a snapshot that is a copy of the same source, in one of these states. An
    /// empty list allows any state.
    fn has_copy(&self, copy: &SnapshotCopy, states: &[&str]) -> bool {
        let snapshots = self.exchanges().into_iter().filter_map(|(request, given)| {
            let member = match request.operation.as_str() {
                "GetInstanceSnapshot" => "instanceSnapshot",
                "GetDiskSnapshot" => "diskSnapshot",
                _ => return None,
            };
            Some(given.accepted()?[member].clone())
        });
        let origins = ["fromInstanceName", "fromDiskName"];
        snapshots.into_iter().any(|snapshot| {
            let is_from = |name: &str| origins.iter().any(|origin| snapshot[origin] == name);
            let same_source = match &copy.source {
                // Without tags, only its age tells that it is not the copy of an earlier event.
                CopySource::Dated { resource, .. } => {
                    let is_tagged = snapshot["tags"].is_array();
                    let created_at = snapshot["createdAt"].as_f64().unwrap_or_default();
                    let oldest =
                        EVENT_TIME.parse::<jiff::Timestamp>().unwrap().as_second() - 6 * 3600;
                    is_tagged || (is_from(resource) && created_at >= oldest as f64)
                }
                // It names the origin of the source snapshot.
                _ => snapshot.is_object(),
            };
            let state = snapshot["state"].as_str().unwrap_or_default();
            same_source && (states.is_empty() || states.contains(&state))
        })
    }

    /// The dry run changed nothing and found the source.
    fn check_planned(&self, copy: &SnapshotCopy) {
        let changes = |(request, _): &(Request, _)| request.operation == "CopySnapshot";
        assert!(!self.exchanges().iter().any(changes));
        if let CopySource::Dated { date, .. } = &copy.source {
            let is_it = |point: &Value| {
                point["date"] == date.to_string().as_str() && point["status"] == "Success"
            };
            assert!(self.items("autoSnapshots").iter().any(is_it));
        }
    }
}
