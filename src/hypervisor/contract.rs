//! The suite that every hypervisor driver passes, for anybody who writes one.
//!
//! Implement [`Fixture`] for the driver and call [`run`] in a test. Each clause works on machines of its own, under
//! an installation id of its own, removes them when it succeeds, and says in words what it found instead of what
//! the rules of [`crate::hypervisor`] want.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use serde_json::Value;
use uuid::Uuid;

use super::{
    Driver, DriverError, Guard, Handle, MachineState, Observation, Operation, Owned, Role, Script, Size, Tag,
};

mod applications;
mod machines;
mod operations;

/// The application that the suite installs. Its scripts must treat the data as the suite expects: `install` keeps
/// data that is there, `upgrade` and `restore` leave the files alone that [`Fixture::put_data`] wrote.
#[derive(Debug, Clone)]
pub struct Sample {
    pub application: String,
    /// The older version and the newer.
    pub versions: [String; 2],
    /// The smaller plan and the larger.
    pub plans: [String; 2],
    /// Size of the data volume and quota of both plans, GiB.
    pub quota_gib: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            application: "sample".into(),
            versions: ["1.0.0".into(), "2.0.0".into()],
            plans: ["small".into(), "large".into()],
            quota_gib: 1,
        }
    }
}

/// What the suite needs around the driver.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The driver; after [`Fixture::restart`] it may be another.
    fn driver(&self) -> Arc<dyn Driver>;

    /// Another id for each run on the same world: keys, names and installations derive from it.
    fn run_id(&self) -> Uuid;

    /// The application that is installed.
    fn sample(&self) -> Sample {
        Sample::default()
    }

    /// Text and variables of a script, for drivers that run scripts.
    fn script(&self, role: Role) -> (String, BTreeMap<String, String>);

    /// Puts a file into a subscription's data, by a way other than the driver.
    async fn put_data(
        &self,
        guard: &Guard,
        subscription: Uuid,
        file: &str,
        data: &[u8],
    ) -> Result<(), String>;

    /// A file of a subscription's data; `None` if it is not there.
    async fn data(&self, guard: &Guard, subscription: Uuid, file: &str) -> Result<Option<Vec<u8>>, String>;

    /// Makes operations begun from now on last until [`Fixture::restart`] comes, where the hypervisor allows it.
    async fn slow_down(&self) -> Result<(), String>;

    /// Ends the process behind the driver and starts it again, at normal speed.
    async fn restart(&self) -> Result<(), String>;

    /// What an HTTP GET of an endpoint answers.
    async fn get(&self, url: &str) -> Result<String, String>;

    /// Longest that one operation may take.
    fn patience(&self) -> Duration {
        Duration::from_secs(120)
    }
}

/// A clause of the contract.
pub type Clause = for<'a> fn(&'a Ground<'a>) -> BoxFuture<'a, Result<(), String>>;

/// All clauses with their names.
#[must_use]
pub fn clauses() -> Vec<(&'static str, Clause)> {
    [operations::CLAUSES, machines::CLAUSES, applications::CLAUSES].concat()
}

/// Checks every clause, and names all that do not hold.
pub async fn run(fixture: &dyn Fixture) -> Result<(), String> {
    let mut broken = Vec::new();
    for (name, clause) in clauses() {
        if let Err(found) = clause(&Ground::new(fixture, name)).await {
            broken.push(format!("{name}: {found}"));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

/// Where one clause stands: the fixture, and names that no other clause uses.
pub struct Ground<'a> {
    pub fixture: &'a dyn Fixture,
    installation: Uuid,
    keys: AtomicU64,
}

impl<'a> Ground<'a> {
    #[must_use]
    pub fn new(fixture: &'a dyn Fixture, clause: &str) -> Self {
        let installation = Uuid::new_v5(&fixture.run_id(), clause.as_bytes());
        Self { fixture, installation, keys: AtomicU64::new(0) }
    }

    fn driver(&self) -> Arc<dyn Driver> {
        self.fixture.driver()
    }

    /// An id that belongs to this clause.
    fn id(&self, what: &str) -> Uuid {
        Uuid::new_v5(&self.installation, what.as_bytes())
    }

    fn key(&self) -> String {
        format!("{}-{}", self.installation, self.keys.fetch_add(1, Ordering::SeqCst))
    }

    /// The guard for one of the clause's machines, with fence 1.
    fn guard(&self, machine: &str) -> Guard {
        let machine = self.id(machine);
        let tag = Tag { installation: self.installation, machine };
        Guard { tag, name: format!("tv-{machine}"), fence: 1 }
    }

    async fn create(&self) -> Result<Operation, String> {
        let hosts = said("hosts", self.driver().hosts().await)?;
        let host = hosts.first().ok_or("hosts: there is none")?.name.clone();
        let size = Size { vcpu: 1, memory_mib: 512, disk_gib: 4 };
        Ok(Operation::CreateMachine { size, tenant: "default".into(), customer: "C-1".into(), host })
    }

    /// A machine that runs.
    async fn machine(&self, name: &str) -> Result<Guard, String> {
        let guard = self.guard(name);
        self.done(&guard, &self.create().await?).await?;
        Ok(guard)
    }

    /// A machine that runs, and a data volume on it.
    async fn machine_with_volume(&self, name: &str) -> Result<(Guard, Uuid), String> {
        let (guard, subscription) = (self.machine(name).await?, self.id("subscription"));
        let size_gib = self.fixture.sample().quota_gib;
        self.done(&guard, &Operation::EnsureVolume { subscription, size_gib }).await?;
        Ok((guard, subscription))
    }

    /// The script of a role in the sample's older version and smaller plan.
    fn script(&self, role: Role, subscription: Uuid) -> Script {
        let (sample, (script, env)) = (self.fixture.sample(), self.fixture.script(role));
        let [version, _] = sample.versions;
        let [plan, _] = sample.plans;
        Script {
            role,
            subscription,
            application: sample.application,
            version,
            plan,
            from_version: None,
            quota_gib: sample.quota_gib,
            archive: None,
            script,
            env,
            time_limit_s: 60,
        }
    }

    async fn run(&self, guard: &Guard, script: Script) -> Result<Value, String> {
        self.done(guard, &Operation::RunScript(Box::new(script))).await
    }

    async fn install_and_start(&self, guard: &Guard, subscription: Uuid) -> Result<(), String> {
        self.run(guard, self.script(Role::Install, subscription)).await?;
        self.run(guard, self.script(Role::Start, subscription)).await?;
        self.run(guard, self.script(Role::Health, subscription)).await?;
        Ok(())
    }

    /// Begins an operation under a key of its own and sees it end.
    async fn ended(&self, guard: &Guard, operation: &Operation) -> Result<Observation, String> {
        let handle = said(operation.name(), self.driver().begin(guard, operation, &self.key()).await)?;
        self.end_of(&handle, operation.name()).await
    }

    async fn done(&self, guard: &Guard, operation: &Operation) -> Result<Value, String> {
        match self.ended(guard, operation).await? {
            Observation::Done { result } => Ok(result),
            other => Err(format!("{} ended as {other:?} instead of done", operation.name())),
        }
    }

    async fn end_of(&self, handle: &Handle, what: &str) -> Result<Observation, String> {
        let driver = self.driver();
        let watch = async {
            loop {
                match said("observe", driver.observe(handle, Duration::from_secs(1)).await)? {
                    Observation::Running { percent } if percent > 100 => {
                        return Err(format!("{what} is said to be done to {percent} percent"));
                    }
                    Observation::Running { .. } => tokio::task::yield_now().await,
                    ended => return Ok(ended),
                }
            }
        };
        let late = |_| format!("{what} has not ended within {:?}", self.fixture.patience());
        tokio::time::timeout(self.fixture.patience(), watch).await.map_err(late)?
    }

    async fn owned(&self) -> Result<Vec<Owned>, String> {
        said("owned", self.driver().owned(self.installation).await)
    }

    async fn look(&self, guard: &Guard) -> Result<Owned, String> {
        let owned = self.owned().await?;
        owned
            .into_iter()
            .find(|o| o.name == guard.name)
            .ok_or_else(|| format!("{} is not among the owned machines", guard.name))
    }

    async fn expect_state(&self, guard: &Guard, wanted: MachineState) -> Result<(), String> {
        same("state of the machine", &self.look(guard).await?.state, &wanted)
    }

    /// Begins and expects to be refused with the error.
    async fn refused(
        &self,
        guard: &Guard,
        operation: &Operation,
        with: fn(&DriverError) -> bool,
    ) -> Result<(), String> {
        error(operation.name(), self.driver().begin(guard, operation, &self.key()).await, with)
    }

    /// Reads a spool file to its end, in chunks.
    async fn read_all(&self, guard: &Guard, path: &str, chunk: u32) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        loop {
            let part = said("read", self.driver().read(guard, path, all.len() as u64, chunk).await)?;
            if part.is_empty() {
                return Ok(all);
            }
            if part.len() > chunk as usize {
                return Err(format!("read answered {} octets where {chunk} were asked for", part.len()));
            }
            all.extend(part);
        }
    }

    async fn write_all(&self, guard: &Guard, path: &str, data: &[u8], chunk: usize) -> Result<(), String> {
        for (i, part) in data.chunks(chunk).enumerate() {
            said("write", self.driver().write(guard, path, (i * chunk) as u64, part).await)?;
        }
        Ok(())
    }

    async fn delete(&self, guard: &Guard) -> Result<(), String> {
        self.done(guard, &Operation::DeleteMachine).await.map(drop)
    }
}

/// The value of a call that must succeed.
fn said<T>(call: &str, result: Result<T, DriverError>) -> Result<T, String> {
    result.map_err(|e| format!("{call} was not carried out: {e}"))
}

fn error<T: Debug>(
    call: &str,
    result: Result<T, DriverError>,
    wanted: fn(&DriverError) -> bool,
) -> Result<(), String> {
    match result {
        Err(e) if wanted(&e) => Ok(()),
        Err(e) => Err(format!("{call} was refused as {e:?}, which is not the error for it")),
        Ok(answer) => Err(format!("{call} was not refused, and answered {answer:?}")),
    }
}

fn same<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what} is {found:?} instead of {wanted:?}")) }
}
