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
use lightsail_snapshot_copier::{ApiError, ErrorKind, Lightsail, Region};
use tokio::time::{Instant, sleep};

use crate::console::Console;
use crate::failure::Failure;
use crate::lightsail::{Existing, Readiness};
use crate::plan::{Action, Entry, Plan};
use crate::task::{Task, create, existing, finish};

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
            found = &mut restore.looking, if !restore.waiting.is_empty() => restore.looked(&found, console)?,
        }
    }
    console.clear_bars()?;
    Ok(restore.failures)
}

type Creating<'a> = LocalBoxFuture<'a, (Task, Result<bool, ApiError>)>;
type Finishing<'a> = LocalBoxFuture<'a, (String, Vec<Failure>)>;
type Looking<'a> = LocalBoxFuture<'a, Vec<Existing>>;

struct Restore<'a> {
    lightsail: &'a Lightsail,
    region: Region,
    creating: FuturesUnordered<Creating<'a>>,
    waiting: BTreeMap<String, Task>,
    finishing: FuturesUnordered<Finishing<'a>>,
    failures: Vec<Failure>,
    /// The next look at the servers. It goes on beside the creations, because all of them share the
    /// places among the calls of a Region.
    looking: Looking<'a>,
    pause: Duration,
    deadline: Instant,
    bars: Bars,
}

/// The instances and disks of a Region after a pause; none if they cannot be read.
fn look(lightsail: &Lightsail, region: Region, pause: Duration) -> Looking<'_> {
    let found = async move {
        sleep(pause).await;
        existing(lightsail, region, Instant::now() + LAST_PAUSE * 6).await
    };
    found.map(Result::unwrap_or_default).boxed_local()
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
            looking: look(lightsail, plan.region, Duration::ZERO),
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
        created: Result<bool, ApiError>,
        console: &mut Console,
    ) -> io::Result<()> {
        self.bars.create.inc(1);
        match created {
            Ok(true) => console.step(format_args!("created {}", task.name))?,
            Ok(false) => console.step(format_args!("{}: another run creates it", task.name))?,
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

    /// Goes on with the servers that run, and plans the next look.
    fn looked(&mut self, found: &[Existing], console: &mut Console) -> io::Result<()> {
        let is_late = Instant::now() >= self.deadline;
        let mut left = BTreeMap::new();
        for (name, task) in std::mem::take(&mut self.waiting) {
            match task.progress(found) {
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
        self.looking = look(self.lightsail, self.region, self.pause);
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
