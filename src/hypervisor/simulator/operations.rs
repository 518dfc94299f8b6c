//! The life of an operation: begun under its key with the fence checked, carried out after its latency, recorded
//! in the world before anybody can see it done.
//!
//! Everything about one machine happens under that machine's lock, so the check of a fence and the change that
//! it allows are one step, even where a newer worker came between `begin` and the effect.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::capacity::{Capacity, HostSize};
use super::entries::{Machine, Record, TagFile};
use super::faults::{Effect, Faults, Settings};
use super::run::{self, Ended};
use super::world::World;
use super::{Locks, REMEMBERED};
use crate::hypervisor::{DriverError, Guard, Handle, Observation, Operation};

/// An operation that this process has begun and not ended.
#[derive(Debug)]
pub(super) struct Running {
    operation: Operation,
    /// That of the newest worker who began it.
    fence: AtomicI64,
    cancel: CancellationToken,
    since: Instant,
    latency: Duration,
    pub(super) ended: watch::Sender<Option<Observation>>,
}

impl Running {
    /// How much of the latency is over, 0-99.
    pub(super) fn percent(&self) -> u8 {
        if self.latency.is_zero() {
            return 0;
        }
        let share = self.since.elapsed().as_secs_f64() / self.latency.as_secs_f64();
        (share * 100.0).clamp(0.0, 99.0) as u8
    }
}

/// What `observe` finds first.
pub(super) enum Look {
    Running(Arc<Running>),
    Ended(Observation),
}

/// What a fault makes of an operation that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twist {
    None,
    Fail,
    Retry,
    Forget,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) world: World,
    pub(super) capacity: Capacity,
    pub(super) faults: Faults,
    pub(super) tasks: TaskTracker,
    /// Cancelled when the simulator ends.
    pub(super) stop: CancellationToken,
    /// Where the pages are, once they are served.
    pub(super) port: OnceLock<u16>,
    locks: Locks,
    running: Mutex<HashMap<String, Arc<Running>>>,
}

pub(super) fn away(e: &io::Error) -> DriverError {
    DriverError::Unreachable(format!("the simulated world: {e}"))
}

/// A name or host that can be a file's name.
fn check_name(name: &str) -> Result<(), DriverError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 128 || name.starts_with('.') || !name.chars().all(fits) {
        return Err(DriverError::Refused(format!("{name:?} is no name for a machine")));
    }
    Ok(())
}

impl Inner {
    pub(super) fn new(world: World, hosts: Option<Vec<HostSize>>, faults: Settings) -> io::Result<Self> {
        let capacity = Capacity::new(world.hosts(hosts)?);
        for name in world.names()? {
            if let (Some(machine), Some(tag)) = (world.machine(&name)?, world.tag(&name)?) {
                capacity.settle(&name, Some((tag.host, machine.size())));
            }
        }
        let faults = Faults::new(world.path("faults.json"), faults);
        Ok(Self {
            world,
            capacity,
            faults,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            port: OnceLock::new(),
            locks: Locks::default(),
            running: Mutex::new(HashMap::new()),
        })
    }

    /// Does something to a machine while nobody else does.
    pub(super) fn locked<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        let lock = self.locks.of(name);
        // The world is whole at every moment, so a panic under the lock spoils nothing.
        let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    pub(super) fn running(&self) -> MutexGuard<'_, HashMap<String, Arc<Running>>> {
        self.running.lock().expect("no one panics holding it")
    }

    /// A call without an operation, with the faults set on it.
    pub(super) fn plain<T>(
        &self,
        call: &str,
        machine: &str,
        act: impl FnOnce() -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let lost = || DriverError::Unreachable(format!("{call} timed out, as a fault rule wants"));
        match self.faults.strike(call, "*", machine) {
            None => act(),
            Some(Effect::Fail) => Err(DriverError::Refused(format!("{call} fails, as a fault rule wants"))),
            Some(Effect::Capacity) => Err(DriverError::Capacity("a fault rule wants it so".into())),
            Some(Effect::TimeoutAfterActing) => act().and_then(|_| Err(lost())),
            Some(Effect::Retry | Effect::TimeoutBefore | Effect::Unknown) => Err(lost()),
        }
    }

    /// The machine, and its tag when it is the guard's; a tag with fence `i64::MIN` when it has none yet.
    fn admit(&self, guard: &Guard) -> Result<(Option<Machine>, TagFile), DriverError> {
        check_name(&guard.name)?;
        let machine = self.world.machine(&guard.name).map_err(|e| away(&e))?;
        match self.world.tag(&guard.name).map_err(|e| away(&e))? {
            Some(tag) if tag.tag == guard.tag => Ok((machine, tag)),
            _ if machine.is_some() => Err(DriverError::Foreign(guard.name.clone())),
            _ => {
                let tag = TagFile {
                    tag: guard.tag.clone(),
                    fence: i64::MIN,
                    host: String::new(),
                    volumes: BTreeMap::new(),
                    operations: Vec::new(),
                };
                Ok((None, tag))
            }
        }
    }

    pub(super) fn check_fence(guard: &Guard, tag: &TagFile) -> Result<(), DriverError> {
        if guard.fence < tag.fence {
            return Err(DriverError::Fenced { given: guard.fence, seen: tag.fence });
        }
        Ok(())
    }

    /// The machine of a guard, which must exist and be ours.
    pub(super) fn existing(&self, guard: &Guard) -> Result<(Machine, TagFile), DriverError> {
        let (machine, tag) = self.admit(guard)?;
        Ok((machine.ok_or_else(|| DriverError::Absent(guard.name.clone()))?, tag))
    }

    pub(super) fn begin(
        self: &Arc<Self>,
        guard: &Guard,
        operation: &Operation,
        key: &str,
    ) -> Result<Handle, DriverError> {
        let fault = self.faults.strike("begin", operation.name(), &guard.name);
        let lost = || DriverError::Unreachable("begin timed out, as a fault rule wants".into());
        let twist = match fault {
            Some(Effect::TimeoutBefore) => return Err(lost()),
            Some(Effect::Capacity) => return Err(DriverError::Capacity("a fault rule wants it so".into())),
            Some(Effect::Fail) => Twist::Fail,
            Some(Effect::Retry) => Twist::Retry,
            Some(Effect::Unknown) => Twist::Forget,
            Some(Effect::TimeoutAfterActing) | None => Twist::None,
        };
        let handle = self.locked(&guard.name, || self.begin_locked(guard, operation, key, twist))?;
        if fault == Some(Effect::TimeoutAfterActing) { Err(lost()) } else { Ok(handle) }
    }

    fn begin_locked(
        self: &Arc<Self>,
        guard: &Guard,
        operation: &Operation,
        key: &str,
        twist: Twist,
    ) -> Result<Handle, DriverError> {
        let (machine, mut tag) = self.admit(guard)?;
        Self::check_fence(guard, &tag)?;
        let handle = Handle(format!("{}/{key}", guard.name));
        let running = self.running().get(&handle.0).cloned();
        let seen_before = running.is_some() || tag.record(key).is_some();
        if !seen_before {
            self.check_possible(guard, operation, machine.as_ref(), &tag)?;
            if let (Operation::CreateMachine { host, .. }, None) = (operation, &machine) {
                tag.host.clone_from(host);
            }
        }
        if let Some(running) = &running {
            running.fence.fetch_max(guard.fence, Ordering::SeqCst);
        }
        if !seen_before || tag.fence < guard.fence {
            tag.fence = guard.fence;
            if let Err(e) = self.world.save_tag(&guard.name, &tag) {
                self.settle_capacity(&guard.name);
                return Err(away(&e));
            }
        }
        if !seen_before {
            self.start(guard, operation, key, twist, &handle);
        }
        Ok(handle)
    }

    /// Refuses at once what cannot be done now, and takes the room that the operation needs.
    fn check_possible(
        &self,
        guard: &Guard,
        operation: &Operation,
        machine: Option<&Machine>,
        tag: &TagFile,
    ) -> Result<(), DriverError> {
        match (operation, machine) {
            (Operation::CreateMachine { size, host, .. }, None) => {
                self.capacity.reserve(&guard.name, host, *size).map_err(DriverError::Capacity)
            }
            (Operation::ResizeMachine { size }, Some(machine)) => {
                let disk_gib = size.disk_gib.max(machine.disk_gib);
                let wanted = crate::hypervisor::Size { disk_gib, ..*size };
                self.capacity.reserve(&guard.name, &tag.host, wanted).map_err(DriverError::Capacity)
            }
            (Operation::DeleteSpool { path }, _) => {
                self.world.spool(&guard.name, path).map(drop).map_err(DriverError::Refused)
            }
            (
                Operation::CreateMachine { .. } | Operation::DeleteMachine | Operation::DeleteVolume { .. },
                _,
            )
            | (_, Some(_)) => Ok(()),
            (_, None) => Err(DriverError::Absent(guard.name.clone())),
        }
    }

    fn start(
        self: &Arc<Self>,
        guard: &Guard,
        operation: &Operation,
        key: &str,
        twist: Twist,
        handle: &Handle,
    ) {
        let running = Arc::new(Running {
            operation: operation.clone(),
            fence: AtomicI64::new(guard.fence),
            cancel: CancellationToken::new(),
            since: Instant::now(),
            latency: self.faults.latency(operation.name(), key),
            ended: watch::Sender::new(None),
        });
        self.running().insert(handle.0.clone(), Arc::clone(&running));
        let (inner, guard, key, handle) = (Arc::clone(self), guard.clone(), key.to_owned(), handle.clone());
        self.tasks.spawn(async move {
            let seen = tokio::select! {
                biased;
                // As if the process had died: nothing is recorded.
                () = inner.stop.cancelled() => Observation::Unknown,
                aborted = wait(&running) => {
                    let (carried, running) = (Arc::clone(&inner), Arc::clone(&running));
                    let finish = move || carried.finish(&guard, &running, &key, twist, aborted);
                    inner.tasks.spawn_blocking(finish).await.unwrap_or(Observation::Unknown)
                }
            };
            inner.running().remove(&handle.0);
            running.ended.send_replace(Some(seen));
        });
    }

    /// Carries a begun operation out and records how it ended.
    pub(super) fn finish(
        &self,
        guard: &Guard,
        running: &Running,
        key: &str,
        twist: Twist,
        aborted: bool,
    ) -> Observation {
        self.locked(&guard.name, || {
            let seen = self.finish_locked(guard, running, key, twist, aborted).unwrap_or_else(|e| {
                tracing::warn!(machine = guard.name, operation = running.operation.name(), "lost: {e}");
                Observation::Unknown
            });
            self.settle_capacity(&guard.name);
            seen
        })
    }

    fn finish_locked(
        &self,
        guard: &Guard,
        running: &Running,
        key: &str,
        twist: Twist,
        aborted: bool,
    ) -> io::Result<Observation> {
        let unacted = |seen| Ended { seen, changed: false };
        let fence = running.fence.load(Ordering::SeqCst);
        let name = running.operation.name();
        let reason = format!("{name} was ended by a fault rule");
        let refused = match self.admit(guard) {
            Ok((_, tag)) if tag.fence > fence => Some(format!(
                "a newer worker has acted on this machine (fence {} is above {fence})",
                tag.fence
            )),
            Ok(_) => aborted.then(|| format!("{name} was aborted before it acted")),
            Err(DriverError::Unreachable(e)) => return Err(io::Error::other(e)),
            Err(e) => Some(e.to_string()),
        };
        let ended = match (refused, twist) {
            (Some(reason), _) => unacted(Observation::Retry { reason }),
            (None, Twist::Fail) => unacted(Observation::Fail { reason }),
            (None, Twist::Retry) => unacted(Observation::Retry { reason }),
            (None, Twist::None | Twist::Forget) => run::act(&self.world, guard, &running.operation)?,
        };
        let outcome = serde_json::to_value(&ended.seen).map_err(io::Error::other)?;
        self.world.log(&json!({
            "machine": guard.name, "id": guard.tag.machine, "operation": name, "key": key, "fence": fence,
            "changed": ended.changed, "outcome": outcome,
        }))?;
        if twist == Twist::Forget {
            return Ok(Observation::Unknown);
        }
        if let Some(mut tag) = self.world.tag(&guard.name)? {
            let record =
                Record { key: key.to_owned(), operation: name.to_owned(), outcome: ended.seen.clone() };
            tag.operations.push(record);
            let surplus = tag.operations.len().saturating_sub(REMEMBERED);
            tag.operations.drain(..surplus);
            self.world.save_tag(&guard.name, &tag)?;
        }
        Ok(ended.seen)
    }

    /// Counts on the host what the machine really takes.
    fn settle_capacity(&self, name: &str) {
        match (self.world.machine(name), self.world.tag(name)) {
            (Ok(machine), Ok(tag)) => {
                self.capacity.settle(name, machine.zip(tag).map(|(m, t)| (t.host, m.size())));
            }
            (Err(e), _) | (_, Err(e)) => tracing::warn!(machine = name, "capacity not settled: {e}"),
        }
    }

    pub(super) fn look(&self, handle: &Handle) -> Result<Look, DriverError> {
        let running = self.running().get(&handle.0).cloned();
        let (name, key) = handle.0.split_once('/').unwrap_or((&handle.0, ""));
        if check_name(name).is_err() {
            return Ok(Look::Ended(Observation::Unknown));
        }
        let record = match &running {
            Some(_) => None,
            None => self.world.tag(name).map_err(|e| away(&e))?.and_then(|t| t.record(key).cloned()),
        };
        let operation = match (&running, &record) {
            (Some(running), _) => running.operation.name(),
            (_, Some(record)) => &record.operation,
            _ => "*",
        };
        match self.faults.strike("observe", operation, name) {
            None => {}
            Some(Effect::Unknown) => return Ok(Look::Ended(Observation::Unknown)),
            Some(Effect::Fail) => return Err(DriverError::Refused("a fault rule wants it so".into())),
            Some(Effect::Capacity) => return Err(DriverError::Capacity("a fault rule wants it so".into())),
            Some(_) => {
                return Err(DriverError::Unreachable("observe timed out, as a fault rule wants".into()));
            }
        }
        Ok(match running {
            Some(running) => Look::Running(running),
            None => Look::Ended(record.map_or(Observation::Unknown, |r| r.outcome)),
        })
    }

    pub(super) fn abort(&self, handle: &Handle) -> Result<(), DriverError> {
        if let Some(running) = self.running().get(&handle.0) {
            running.cancel.cancel();
        }
        Ok(())
    }
}

/// Waits the latency out; true if the operation was aborted meanwhile.
async fn wait(running: &Running) -> bool {
    if running.latency.is_zero() {
        return running.cancel.is_cancelled();
    }
    tokio::select! {
        biased;
        () = running.cancel.cancelled() => true,
        () = tokio::time::sleep(running.latency) => false,
    }
}
