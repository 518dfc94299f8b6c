//! What the process that plays a world holds, and who may touch which machine of it: one at a time, the owner only,
//! and not with an old fence.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Locks;
use super::capacity::{Capacity, HostSize};
use super::entries::{Machine, TagFile};
use super::faults::{Effect, Faults, Settings};
use super::world::World;
use crate::hypervisor::{DriverError, Guard, Observation, Operation};

/// An operation that this process has begun and not ended.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) operation: Operation,
    /// That of the newest worker who began it.
    pub(super) fence: AtomicI64,
    pub(super) cancel: CancellationToken,
    pub(super) since: Instant,
    pub(super) latency: Duration,
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
    pub(super) fn admit(&self, guard: &Guard) -> Result<(Option<Machine>, TagFile), DriverError> {
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

    /// Refuses at once what cannot be done now, and takes the room that the operation needs.
    pub(super) fn check_possible(
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

    /// Counts on the host what the machine really takes.
    pub(super) fn settle_capacity(&self, name: &str) {
        match (self.world.machine(name), self.world.tag(name)) {
            (Ok(machine), Ok(tag)) => {
                self.capacity.settle(name, machine.zip(tag).map(|(m, t)| (t.host, m.size())));
            }
            (Err(e), _) | (_, Err(e)) => tracing::warn!(machine = name, "capacity not settled: {e}"),
        }
    }
}

pub(super) fn away(e: &io::Error) -> DriverError {
    DriverError::Unreachable(format!("the simulated world: {e}"))
}

/// A name or host that can be a file's name.
pub(super) fn check_name(name: &str) -> Result<(), DriverError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 128 || name.starts_with('.') || !name.chars().all(fits) {
        return Err(DriverError::Refused(format!("{name:?} is no name for a machine")));
    }
    Ok(())
}
