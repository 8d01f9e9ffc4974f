//! The restore of one instance or disk.

use lightsail_snapshot_copier::{
    ApiError, ErrorKind, Lightsail, NewInstance, Region, ResourceKind,
};
use tokio::time::Instant;

use crate::aws::patience;
use crate::failure::Failure;
use crate::lightsail::{Existing, NewDisk, Readiness, create_disk, put_ports};
use crate::plan::{Action, Entry, PORTS_SET_TAG, RESTORED_TAG, ToDo};

/// One instance or disk that is being restored.
pub struct Task {
    pub name: String,
    kind: ResourceKind,
    snapshot: String,
    todo: ToDo,
}

impl Task {
    /// What an entry needs done. `None`: nothing.
    pub fn of(entry: &Entry) -> Option<Self> {
        let todo = match &entry.action {
            Action::CreateInstance(new) => ToDo {
                wait: true,
                ports: new.ports.clone(),
                tag_disks: new.disks.iter().map(|disk| disk.name.clone()).collect(),
            },
            Action::CreateDisk { .. } => ToDo::default(),
            Action::Finish(restored) => restored.todo.clone(),
            _ => return None,
        };
        Some(Self {
            name: entry.name.clone(),
            kind: entry.kind,
            snapshot: entry.snapshot_name.clone()?,
            todo,
        })
    }

    fn tag(&self) -> [(String, String); 1] {
        [(RESTORED_TAG.to_owned(), self.snapshot.clone())]
    }

    /// Whether this or another run restored it from the same copy.
    fn is_own(&self, found: &Existing) -> bool {
        let tag = found.resource.tags.get(RESTORED_TAG);
        *found.resource.name == *self.name && found.kind == self.kind && tag == Some(&self.snapshot)
    }

    /// Whether it and its disks can be used. Something new may be missing in the lists for seconds.
    pub fn progress(&self, found: &[Existing]) -> Result<Readiness, String> {
        let find = |name: &str| found.iter().find(|found| *found.resource.name == *name);
        let Some(own) = find(&self.name) else {
            return Ok(Readiness::Pending);
        };
        if !self.is_own(own) {
            return Err("the name belongs to another resource; use --suffix".to_owned());
        }
        if own.readiness == Readiness::Lost {
            return Err(format!("Lightsail reports it as {}", own.state));
        }
        let disks = self.todo.tag_disks.iter().map(|disk| find(disk));
        let is_ready = |found: Option<&Existing>| {
            found.is_some_and(|found| found.readiness == Readiness::Ready)
        };
        let all_ready = is_ready(Some(own)) && disks.into_iter().all(is_ready);
        Ok(if all_ready {
            Readiness::Ready
        } else {
            Readiness::Pending
        })
    }
}

/// Asks for a new instance or disk. `false`: another run has done so.
pub async fn create(
    lightsail: &Lightsail,
    (region, zone): (Region, &str),
    action: &Action,
    task: Task,
) -> (Task, Result<bool, ApiError>) {
    let (name, snapshot, tags) = (&task.name, &task.snapshot, &task.tag());
    let created = match action {
        Action::CreateInstance(new) => {
            let disks = new.disks.iter();
            let disks = disks.map(|disk| (disk.path.clone(), disk.name.clone()));
            let new = NewInstance {
                name,
                snapshot,
                zone,
                bundle: &new.bundle,
                disks: &disks.collect::<Vec<_>>(),
                tags,
            };
            lightsail.create_instance(region, &new, patience()).await
        }
        Action::CreateDisk { size_gb } => {
            let new = NewDisk {
                name,
                snapshot,
                zone,
                size_gb: *size_gb,
                tags,
            };
            create_disk(lightsail, region, &new, patience()).await
        }
        _ => Ok(()),
    };
    let created = match created {
        Err(error) if error.kind == ErrorKind::NameInUse => {
            match existing(lightsail, region, patience()).await {
                // Perhaps it was an earlier attempt, whose answer was lost.
                Ok(found) if found.iter().any(|found| task.is_own(found)) => {
                    Ok(error.may_have_happened)
                }
                _ => Err(error),
            }
        }
        created => created.map(|()| true),
    };
    (task, created)
}

/// Sets the firewall, once because its owner may change it afterwards, and tags the disks.
pub async fn finish(lightsail: &Lightsail, region: Region, task: Task) -> (String, Vec<Failure>) {
    let mut failures = Vec::new();
    let name = &task.name;
    if let Some(ports) = &task.todo.ports {
        let mut call = "its firewall was not set, run this again".to_owned();
        let mut set = put_ports(lightsail, region, name, ports, patience()).await;
        if set.is_ok() {
            call = format!(
                "its firewall was set, but its tag {PORTS_SET_TAG} was not, run this again before you change the firewall"
            );
            let tag = [(PORTS_SET_TAG.to_owned(), "true".to_owned())];
            set = lightsail.tag(region, name, &tag, patience()).await;
        }
        if let Err(error) = set {
            failures.push(Failure::of_call(name, &call, &error));
        }
    }
    for disk in &task.todo.tag_disks {
        let tagged = lightsail.tag(region, disk, &task.tag(), patience()).await;
        if let Err(error) = tagged {
            let call = "it was not tagged, run this again";
            failures.push(Failure::of_call(disk, call, &error));
        }
    }
    (task.name, failures)
}

/// The instances and disks of a Region.
pub async fn existing(
    lightsail: &Lightsail,
    region: Region,
    deadline: Instant,
) -> Result<Vec<Existing>, ApiError> {
    let instances = lightsail.instances(region, deadline);
    let disks = lightsail.disks(region, deadline);
    let (mut all, disks) = tokio::try_join!(instances, disks)?;
    all.extend::<Vec<_>>(disks);
    Ok(all)
}
