//! A hypervisor that is simulated, with a world of its own in a folder: the embedded default and the ground of
//! most tests. The world outlives the process ([`world`]); operations take time and fail on demand ([`faults`]);
//! applications have data that can be backed up, restored and looked at ([`run`], [`archive`], [`page`]).
//!
//! One process plays a world. Others reach it over a socket ([`remote`]), so that operations outlive a worker
//! and several workers share one world.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Capabilities, Driver, DriverError, Guard, Handle, Host, Observation, Operation, Owned, Usage};

pub mod archive;
pub mod capacity;
pub mod entries;
pub mod faults;
mod guest;
mod inner;
mod operations;
pub mod page;
pub mod remote;
pub mod run;
mod seen;
mod wire;
pub mod world;

#[cfg(test)]
mod tests;

pub use capacity::HostSize;
pub use faults::Settings;
pub use world::OpenError;

use inner::Inner;
use world::World;

/// Most octets that one `read` answers or one `write` takes: 4 MiB.
pub const CHUNK_MAX: usize = 4 << 20;

/// Finished operations that a machine remembers; older ones are forgotten and would run again.
pub const REMEMBERED: usize = 64;

/// Longest that one `observe` waits, so that it stays within the driver's call limit.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How a world is opened.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Id that a new world gets; an existing one keeps its own.
    pub new_world_id: Uuid,
    /// Hosts of the world from now on; `None` leaves them as they are (a new world: one host, [`HostSize::default`]).
    pub hosts: Option<Vec<HostSize>>,
    /// Latency and faults set by this process.
    pub faults: Settings,
}

/// The simulated hypervisor in this process.
#[derive(Debug)]
pub struct Simulator {
    inner: Arc<Inner>,
}

impl Simulator {
    /// Opens the world in a folder (made if absent), and serves its applications' pages on loopback.
    pub async fn open(dir: &Path, options: Options) -> Result<Arc<Self>, OpenError> {
        let wrong = |source| OpenError::Io { dir: dir.to_owned(), source };
        let folder = dir.to_owned();
        let inner = tokio::task::spawn_blocking(move || {
            let world = World::open(&folder, options.new_world_id)?;
            Inner::new(world, options.hosts, options.faults)
                .map_err(|source| OpenError::Io { dir: folder, source })
        })
        .await
        .map_err(|e| wrong(std::io::Error::other(e)))??;
        let inner = Arc::new(inner);
        let at = page::serve(Arc::clone(&inner)).await.map_err(wrong)?;
        tracing::debug!(world = %dir.display(), %at, "simulator opened");
        Ok(Arc::new(Self { inner }))
    }

    /// Replaces latency and faults set by this process, and starts their counters again.
    pub fn set_faults(&self, settings: Settings) {
        self.inner.faults.set(settings);
    }

    /// Ends what is running, as the death of the process would (it is observed as unknown afterwards), closes the
    /// pages and lets the world's lock go.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.world.close();
    }

    /// Runs a call that touches files where it holds up nobody else.
    async fn call<T, F>(&self, call: F) -> Result<T, DriverError>
    where
        T: Send + 'static,
        F: FnOnce(&Arc<Inner>) -> Result<T, DriverError> + Send + 'static,
    {
        if self.inner.stop.is_cancelled() {
            return Err(DriverError::Unreachable("the simulator is closed".into()));
        }
        let inner = Arc::clone(&self.inner);
        self.inner
            .tasks
            .spawn_blocking(move || call(&inner))
            .await
            .map_err(|e| DriverError::Unreachable(format!("the simulator's call broke off: {e}")))?
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.inner.stop.cancel();
    }
}

#[async_trait]
impl Driver for Simulator {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "simulator".into(),
            live_resize: true,
            suspend_to_memory: true,
            atomic_fence: true,
            machine_images: false,
        }
    }

    async fn world_id(&self) -> Result<Uuid, DriverError> {
        self.call(|inner| inner.plain("world_id", "", || Ok(inner.world.id()))).await
    }

    async fn hosts(&self) -> Result<Vec<Host>, DriverError> {
        self.call(|inner| inner.plain("hosts", "", || Ok(inner.capacity.hosts()))).await
    }

    async fn owned(&self, installation: Uuid) -> Result<Vec<Owned>, DriverError> {
        self.call(move |inner| inner.plain("owned", "", || inner.owned(installation))).await
    }

    async fn usage(&self, guard: &Guard) -> Result<Usage, DriverError> {
        let guard = guard.clone();
        self.call(move |inner| inner.plain("usage", &guard.name, || inner.usage(&guard))).await
    }

    async fn begin(&self, guard: &Guard, operation: &Operation, key: &str) -> Result<Handle, DriverError> {
        let (guard, operation, key) = (guard.clone(), operation.clone(), key.to_owned());
        self.call(move |inner| inner.begin(&guard, &operation, &key)).await
    }

    async fn observe(&self, handle: &Handle, wait: Duration) -> Result<Observation, DriverError> {
        let asked = handle.clone();
        let running = match self.call(move |inner| inner.look(&asked)).await? {
            operations::Look::Ended(seen) => return Ok(seen),
            operations::Look::Running(running) => running,
        };
        let mut ended = running.ended.subscribe();
        let waited = tokio::time::timeout(wait.min(WAIT_MAX), ended.wait_for(Option::is_some)).await;
        Ok(match waited {
            Ok(Ok(seen)) => seen.clone().unwrap_or(Observation::Unknown),
            Ok(Err(_)) => Observation::Unknown,
            Err(_) => Observation::Running { percent: running.percent() },
        })
    }

    async fn abort(&self, handle: &Handle) -> Result<(), DriverError> {
        let handle = handle.clone();
        self.call(move |inner| inner.plain("abort", "", || inner.abort(&handle))).await
    }

    async fn read(&self, guard: &Guard, path: &str, offset: u64, len: u32) -> Result<Vec<u8>, DriverError> {
        let (guard, path) = (guard.clone(), path.to_owned());
        self.call(move |inner| inner.plain("read", &guard.name, || inner.read(&guard, &path, offset, len)))
            .await
    }

    async fn write(&self, guard: &Guard, path: &str, offset: u64, data: &[u8]) -> Result<(), DriverError> {
        if data.len() > CHUNK_MAX {
            let most = CHUNK_MAX >> 20;
            return Err(DriverError::Refused(format!("one write takes at most {most} MiB")));
        }
        let (guard, path, data) = (guard.clone(), path.to_owned(), data.to_vec());
        self.call(move |inner| {
            inner.plain("write", &guard.name, || inner.write(&guard, &path, offset, &data))
        })
        .await
    }

    async fn endpoint(&self, guard: &Guard, subscription: Uuid) -> Result<Option<String>, DriverError> {
        let guard = guard.clone();
        self.call(move |inner| inner.plain("endpoint", &guard.name, || inner.endpoint(&guard, subscription)))
            .await
    }
}

/// A lock per machine name.
#[derive(Debug, Default)]
struct Locks(Mutex<std::collections::HashMap<String, Arc<Mutex<()>>>>);

impl Locks {
    fn of(&self, name: &str) -> Arc<Mutex<()>> {
        let mut locks = self.0.lock().expect("no one panics holding it");
        Arc::clone(locks.entry(name.to_owned()).or_default())
    }
}
