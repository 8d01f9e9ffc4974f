//! The plan of a restore.

use jiff::civil::Date;
use lightsail_snapshot_copier::{Bundle, PortRule, Region, ResourceId, ResourceKind, ports_tags};
use serde::{Serialize, Serializer};

use super::bundle;

/// What a restore would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    pub region: Region,
    pub zone: String,
    pub notices: Vec<Notice>,
    /// By name.
    #[serde(rename = "resources")]
    pub entries: Vec<Entry>,
    /// Snapshots that are left alone, because they are no copies of a policy.
    pub others: Vec<Other>,
}

/// Something to know before the plan is carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    pub level: Level,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// The plan is not carried out.
    Stops,
    /// Lightsail will probably refuse something.
    Error,
    Warning,
}

/// What happens to one source.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    #[serde(flatten)]
    pub source: ResourceId,
    #[serde(rename = "resourceType", serialize_with = "kind_of")]
    pub kind: ResourceKind,
    /// The name of what is restored.
    pub name: String,
    /// The copy, and the date of its recovery point.
    pub snapshot_name: Option<String>,
    pub recovery_point: Option<Date>,
    #[serde(flatten)]
    pub action: Action,
}

fn kind_of<S: Serializer>(kind: &ResourceKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(<&str>::from(*kind))
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "camelCase")]
pub enum Action {
    CreateInstance(Box<Creation>),
    #[serde(rename_all = "camelCase")]
    CreateDisk {
        size_gb: u32,
    },
    /// An earlier restore created it, and did not finish.
    Finish(Restored),
    /// An earlier restore created it.
    Done(Restored),
    /// Somebody else's resource has the name.
    Skip,
    /// The disk comes with the copy of an instance.
    Contained,
    Blocked {
        problem: String,
    },
}

/// An instance to create.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Creation {
    #[serde(flatten, serialize_with = "bundle::serialize")]
    pub bundle: Bundle,
    /// The bundle of the original.
    pub from_bundle_id: Option<String>,
    pub disks: Vec<CreatedDisk>,
    /// `None`: unknown, so it gets the ports of its blueprint.
    #[serde(serialize_with = "tokens")]
    pub ports: Option<Vec<PortRule>>,
    /// Whether the original runs, if its Region could be read.
    pub original_runs: Option<bool>,
}

/// A disk that is created with its instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedDisk {
    #[serde(skip)]
    pub path: String,
    pub name: String,
    pub size_gb: u32,
}

/// What an earlier restore created.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    pub state: String,
    #[serde(rename = "publicAddress")]
    pub address: Option<String>,
    /// Whether it is a disk that is attached to nothing.
    #[serde(skip)]
    pub is_free_disk: bool,
    #[serde(skip)]
    pub todo: ToDo,
    /// A newer copy than the one that was restored.
    pub newer_recovery_point: Option<Date>,
}

impl Restored {
    /// What is left to do, and whether there is a newer copy.
    pub fn note(&self) -> String {
        let todo = [
            (self.todo.wait, "wait"),
            (self.todo.ports.is_some(), "ports"),
            (!self.todo.tag_disks.is_empty(), "disk tags"),
        ];
        let todo: Vec<_> = todo
            .iter()
            .filter(|(is_left, _)| *is_left)
            .map(|(_, what)| *what)
            .collect();
        let todo = (!todo.is_empty()).then(|| format!("to do: {}", todo.join(", ")));
        let newer = self.newer_recovery_point;
        let newer = newer.map(|date| format!("a newer copy is of {date}"));
        let notes: Vec<_> = todo.into_iter().chain(newer).collect();
        notes.join("; ")
    }
}

/// What is left to do after something was created.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToDo {
    pub wait: bool,
    pub ports: Option<Vec<PortRule>>,
    /// The instance's disks that have no tag yet.
    pub tag_disks: Vec<String>,
}

impl ToDo {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Other {
    pub snapshot_name: String,
    pub from: Option<String>,
}

fn tokens<S: Serializer>(ports: &Option<Vec<PortRule>>, serializer: S) -> Result<S::Ok, S::Error> {
    ports.as_deref().map(port_tokens).serialize(serializer)
}

/// A firewall as its tags have it: `tcp:22 tcp:443`.
pub fn port_tokens(rules: &[PortRule]) -> String {
    let values: Vec<_> = ports_tags(rules)
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    values.join(" ")
}

impl Plan {
    /// Whether something cannot be restored, or probably not.
    pub fn has_errors(&self) -> bool {
        let is_error = |notice: &Notice| notice.level < Level::Warning;
        self.notices.iter().any(is_error) || self.has_blocked()
    }

    /// Whether something cannot be restored.
    pub fn has_blocked(&self) -> bool {
        self.entries.iter().any(Entry::is_blocked)
    }

    /// Whether the plan cannot be carried out at all.
    pub fn is_stopped(&self) -> bool {
        self.notices
            .iter()
            .any(|notice| notice.level == Level::Stops)
    }

    /// The instances to create.
    pub fn new_instances(&self) -> impl Iterator<Item = (&Entry, &Creation)> {
        self.entries.iter().filter_map(|entry| match &entry.action {
            Action::CreateInstance(new) => Some((entry, &**new)),
            _ => None,
        })
    }
}

impl Entry {
    pub fn is_blocked(&self) -> bool {
        matches!(self.action, Action::Blocked { .. })
    }

    pub fn block(&mut self, problem: String) {
        self.action = Action::Blocked { problem };
    }
}
