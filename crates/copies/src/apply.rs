//! Carries out the plan of a restore.
//!
//! All creations are asked for at once; the client keeps them within Lightsail's rate. Each server
//! gets its firewall as soon as it runs. None waits for another one.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use indicatif::ProgressBar;
use lightsail_snapshot_copier::{
    ApiError, ErrorKind, Existing, Lightsail, NewDisk, NewInstance, Readiness, Region, ResourceKind,
};
use tokio::time::{Instant, sleep_until};

use crate::aws::patience;
use crate::console::Console;
use crate::failure::Failure;
use crate::plan::{Action, Entry, PORTS_SET_TAG, Plan, RESTORED_TAG, ToDo};

/// How long to wait for servers to run. Most boot within five minutes.
const BOOT_PATIENCE: Duration = Duration::from_secs(20 * 60);
/// The pauses between two looks at the servers: they grow by the first up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Carries out a plan, and returns what failed. An entry that is not in `wanted` is left out.
pub async fn apply(
    lightsail: &Lightsail,
    plan: &Plan,
    wanted: impl Fn(&Entry) -> bool,
    console: &mut Console,
) -> io::Result<Vec<Failure>> {
    let mut restore = Restore::new(lightsail, plan, wanted, console);
    while restore.is_busy() {
        tokio::select! {
            Some((task, created)) = restore.creating.next() => restore.created(task, created, console)?,
            Some((name, failed)) = restore.finishing.next() => restore.finished(&name, failed, console)?,
            () = sleep_until(restore.next_look), if !restore.waiting.is_empty() => restore.look(console).await?,
        }
    }
    console.clear_bars()?;
    Ok(restore.failures)
}

/// One instance or disk that is being restored.
struct Task {
    name: String,
    kind: ResourceKind,
    snapshot: String,
    todo: ToDo,
}

type Creating<'a> = LocalBoxFuture<'a, (Task, Result<(), ApiError>)>;
type Finishing<'a> = LocalBoxFuture<'a, (String, Vec<Failure>)>;

struct Restore<'a> {
    lightsail: &'a Lightsail,
    region: Region,
    creating: FuturesUnordered<Creating<'a>>,
    waiting: BTreeMap<String, Task>,
    finishing: FuturesUnordered<Finishing<'a>>,
    failures: Vec<Failure>,
    next_look: Instant,
    pause: Duration,
    deadline: Instant,
    bars: Bars,
}

struct Bars {
    create: ProgressBar,
    boot: ProgressBar,
    finish: ProgressBar,
}

impl<'a> Restore<'a> {
    fn new(
        lightsail: &'a Lightsail,
        plan: &'a Plan,
        wanted: impl Fn(&Entry) -> bool,
        console: &Console,
    ) -> Self {
        let now = Instant::now();
        let creating: FuturesUnordered<_> = FuturesUnordered::new();
        let mut waiting = BTreeMap::new();
        for entry in plan.entries.iter().filter(|entry| wanted(entry)) {
            let Some(task) = Task::of(entry) else {
                continue;
            };
            match &entry.action {
                Action::Finish(_) => {
                    waiting.insert(task.name.clone(), task);
                }
                action => creating
                    .push(create(lightsail, (plan.region, &plan.zone), action, task).boxed_local()),
            }
        }
        let all = creating.len() + waiting.len();
        Self {
            lightsail,
            region: plan.region,
            bars: Bars {
                create: console.bar("create", creating.len()),
                boot: console.bar("boot", all),
                finish: console.bar("finish", all),
            },
            creating,
            waiting,
            finishing: FuturesUnordered::new(),
            failures: Vec::new(),
            next_look: now,
            pause: FIRST_PAUSE,
            deadline: now + BOOT_PATIENCE,
        }
    }

    fn is_busy(&self) -> bool {
        !(self.creating.is_empty() && self.waiting.is_empty() && self.finishing.is_empty())
    }

    fn fail(&mut self, failure: Failure, console: &mut Console) -> io::Result<()> {
        console.failure(format_args!("{}: {}", failure.name, failure.message))?;
        if let Some(advice) = failure.advice {
            console.failure(format_args!("{}: {advice}", failure.name))?;
        }
        self.failures.push(failure);
        Ok(())
    }

    fn created(
        &mut self,
        task: Task,
        created: Result<(), ApiError>,
        console: &mut Console,
    ) -> io::Result<()> {
        self.bars.create.inc(1);
        match created {
            Ok(()) => console.step(format_args!("created {}", task.name))?,
            // An earlier attempt whose answer was lost created it. Its tag will show that.
            Err(error) if error.kind == ErrorKind::NameInUse && error.may_have_happened => {}
            Err(error) => {
                let failure = Failure::of_call(&task.name, "it was not created", &error);
                self.bars.boot.dec_length(1);
                self.bars.finish.dec_length(1);
                return self.fail(failure, console);
            }
        }
        self.deadline = Instant::now() + BOOT_PATIENCE;
        self.waiting.insert(task.name.clone(), task);
        Ok(())
    }

    /// Looks which servers run.
    async fn look(&mut self, console: &mut Console) -> io::Result<()> {
        let found = existing(self.lightsail, self.region, Instant::now() + LAST_PAUSE * 6).await;
        let found = found.unwrap_or_default();
        let is_late = Instant::now() >= self.deadline;
        let mut left = BTreeMap::new();
        for (name, task) in std::mem::take(&mut self.waiting) {
            match task.progress(&found) {
                Ok(Readiness::Ready) => {
                    self.bars.boot.inc(1);
                    let finish = finish(self.lightsail, self.region, task);
                    self.finishing.push(finish.boxed_local());
                }
                Ok(_) if is_late => {
                    let message = "it does not run after 20 minutes; run this again later";
                    self.fail(Failure::found(&name, message.to_owned()), console)?;
                }
                Ok(_) => {
                    left.insert(name, task);
                }
                Err(message) => self.fail(Failure::found(&name, message), console)?,
            }
        }
        self.waiting = left;
        self.next_look = Instant::now() + self.pause;
        self.pause = LAST_PAUSE.min(self.pause + FIRST_PAUSE);
        Ok(())
    }

    fn finished(
        &mut self,
        name: &str,
        failures: Vec<Failure>,
        console: &mut Console,
    ) -> io::Result<()> {
        self.bars.finish.inc(1);
        if failures.is_empty() {
            console.step(format_args!("ready {name}"))?;
        }
        for failure in failures {
            self.fail(failure, console)?;
        }
        Ok(())
    }
}

impl Task {
    /// What an entry needs done. `None`: nothing.
    fn of(entry: &Entry) -> Option<Self> {
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

    /// Whether it and its disks can be used. Something new may be missing in the lists for seconds.
    fn progress(&self, found: &[Existing]) -> Result<Readiness, String> {
        let find = |name: &str| found.iter().find(|found| found.resource.name == name);
        let Some(own) = find(&self.name) else {
            return Ok(Readiness::Pending);
        };
        let is_ours = own.resource.tags.get(RESTORED_TAG) == Some(&self.snapshot);
        if own.kind != self.kind || !is_ours {
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

async fn create(
    lightsail: &Lightsail,
    (region, zone): (Region, &str),
    action: &Action,
    task: Task,
) -> (Task, Result<(), ApiError>) {
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
            lightsail.create_disk(region, &new, patience()).await
        }
        _ => Ok(()),
    };
    (task, created)
}

/// Sets the firewall, once because its owner may change it afterwards, and tags the disks.
async fn finish(lightsail: &Lightsail, region: Region, task: Task) -> (String, Vec<Failure>) {
    let mut failures = Vec::new();
    let name = &task.name;
    if let Some(ports) = &task.todo.ports {
        let set = lightsail.put_ports(region, name, ports, patience()).await;
        let set = match set {
            Ok(()) => {
                let tag = [(PORTS_SET_TAG.to_owned(), "true".to_owned())];
                lightsail.tag(region, name, &tag, patience()).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = set {
            let call = "its firewall was not set, run this again";
            failures.push(Failure::of_call(name, call, &error));
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
    let instances = lightsail.existing_instances(region, deadline);
    let disks = lightsail.existing_disks(region, deadline);
    let (instances, disks) = tokio::try_join!(instances, disks)?;
    Ok(instances.into_iter().chain(disks).collect())
}
