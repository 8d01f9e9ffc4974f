//! What is there already under the name of a restore.

use std::collections::BTreeMap;

use jiff::civil::Date;
use lightsail_snapshot_copier::{ExistingCopy, ResourceId, ResourceKind, Snapshot, SnapshotState};

use super::{Action, Entry, PORTS_SET_TAG, Planner, RESTORED_TAG, Restored, ToDo, ports};
use crate::lightsail::{Existing, Readiness, Restorable};

/// The copy that an earlier restore used.
struct Used<'a> {
    source: Option<ResourceId>,
    date: Option<Date>,
    /// `None`: somebody has deleted it.
    snapshot: Option<&'a Restorable>,
}

impl Planner<'_> {
    /// What to do if something has the name. `None`: nothing has it.
    pub fn decide(&self, name: &str, source: &ResourceId, copy: &ExistingCopy) -> Option<Action> {
        let found = self.existing(name)?;
        let restored = found.resource.tags.get(RESTORED_TAG);
        let Some(restored) = restored.filter(|_| found.kind == source.kind) else {
            return Some(Action::Skip);
        };
        let used = self.used_copy(restored, source);
        if let Some(problem) = self.mismatch(name, source, restored, &used, copy) {
            return Some(Action::Blocked { problem });
        }
        if found.readiness == Readiness::Lost {
            // A lost instance is being deleted, a lost disk could not be created.
            let remedy = match found.kind {
                ResourceKind::Instance => "wait until it is gone",
                ResourceKind::Disk => "delete it",
            };
            let problem = format!(
                "an earlier restore created it, and it is in state {}; {remedy}, then restore again",
                found.state
            );
            return Some(Action::Blocked { problem });
        }
        let restored = Restored {
            state: found.state.clone(),
            address: found.address.clone(),
            is_free_disk: found.kind == ResourceKind::Disk && found.resource.attached_to.is_none(),
            todo: self.todo(found, used.snapshot),
            newer_recovery_point: Some(copy.date)
                .filter(|date| used.date.is_some_and(|used| *date > used)),
        };
        Some(match restored.todo.is_empty() {
            true => Action::Done(restored),
            false => Action::Finish(restored),
        })
    }

    fn used_copy(&self, snapshot: &str, source: &ResourceId) -> Used<'_> {
        if let Some(copy) = self.copies.find(snapshot) {
            return Used {
                source: Some(copy.source.clone()),
                date: Some(copy.date),
                snapshot: self.copies.snapshot(copy),
            };
        }
        // Only its name is left.
        let gone = Snapshot {
            name: snapshot.to_owned(),
            tags: BTreeMap::new(),
            kind: source.kind,
            state: SnapshotState::Unknown,
            created_at: None,
            from: Some(source.name.to_string()),
            from_region: None,
            attached_disks: Vec::new(),
            bundle: None,
            size_gb: 0,
        };
        let copy = ExistingCopy::recognise(&gone, self.wish.region);
        Used {
            date: copy.as_ref().map(|copy| copy.date),
            source: copy.map(|copy| copy.source),
            snapshot: None,
        }
    }

    /// Why an earlier restore is not the one that is asked for. Without `--as-of`, it may have used
    /// an older copy, because newer ones arrive between two runs.
    fn mismatch(
        &self,
        name: &str,
        source: &ResourceId,
        restored: &str,
        used: &Used<'_>,
        copy: &ExistingCopy,
    ) -> Option<String> {
        let contains = used.snapshot.is_some_and(|used| {
            let mut disks = used.disks.iter();
            disks.any(|disk| disk.name.as_deref() == Some(&source.name))
        });
        let is_own = used.source.as_ref().is_some_and(|used| {
            used.region == source.region && (used.name == source.name || contains)
        });
        if !is_own {
            let of = match &used.source {
                Some(used) => format!("{}/{}", used.region, used.name),
                None => format!("the snapshot {restored}"),
            };
            return Some(format!(
                "the name {name} is taken by the restore of {of}; use --suffix"
            ));
        }
        (self.wish.as_of.is_some() && restored != copy.name.as_str()).then(|| {
            format!(
                "{name} was made from {restored}, not from {}; use another --suffix",
                copy.name
            )
        })
    }

    fn todo(&self, found: &Existing, used: Option<&Restorable>) -> ToDo {
        let tags = &found.resource.tags;
        let is_instance = found.kind == ResourceKind::Instance;
        let ports = used.and_then(ports);
        let is_untagged_disk = |disk: &&Existing| {
            disk.kind == ResourceKind::Disk
                && disk.resource.attached_to.as_deref() == Some(&found.resource.name)
                && !disk.is_system_disk
                && !disk.resource.tags.contains_key(RESTORED_TAG)
        };
        let untagged = self.facts.existing.iter().filter(is_untagged_disk);
        ToDo {
            wait: found.readiness == Readiness::Pending,
            ports: ports.filter(|_| is_instance && !tags.contains_key(PORTS_SET_TAG)),
            tag_disks: untagged
                .map(|disk| disk.resource.name.to_string())
                .collect(),
        }
    }

    /// An entry that exists names the copy that it was made from.
    pub fn name_used_copy(&self, entry: &mut Entry) {
        if !matches!(entry.action, Action::Finish(_) | Action::Done(_)) {
            return;
        }
        let restored = self.existing(&entry.name);
        let restored = restored.and_then(|found| found.resource.tags.get(RESTORED_TAG));
        if let Some(restored) = restored {
            entry.recovery_point = self.used_copy(restored, &entry.source).date;
            entry.snapshot_name = Some(restored.clone());
        }
    }
}
