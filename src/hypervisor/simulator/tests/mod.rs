//! Tests of the simulator as a whole, and what they share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::faults::{Effect, Latency, Rule};
use super::remote::{RemoteSimulator, serve};
use super::{Options, Settings, Simulator};
use crate::hypervisor::contract::{self, Fixture};
use crate::hypervisor::{
    Driver, DriverError, Guard, Handle, Observation, Operation, Role, Script, Size, Tag,
};

mod crash;
mod life;
mod pages;
mod sockets;

const SUBSCRIPTION: Uuid = Uuid::from_u128(0x5b);

async fn open(dir: &Path) -> Arc<Simulator> {
    let options = Options { new_world_id: Uuid::from_u128(0x77), ..Options::default() };
    Simulator::open(dir, options).await.unwrap()
}

fn guard(machine: u128) -> Guard {
    let tag = Tag { installation: Uuid::from_u128(1), machine: Uuid::from_u128(machine) };
    Guard { tag, name: format!("tv-{machine}"), fence: 1 }
}

fn create() -> Operation {
    let size = Size { vcpu: 2, memory_mib: 1024, disk_gib: 10 };
    Operation::CreateMachine { size, tenant: "default".into(), customer: "C-1".into(), host: "sim-1".into() }
}

fn volume() -> Operation {
    Operation::EnsureVolume { subscription: SUBSCRIPTION, size_gib: 5 }
}

fn script(role: Role) -> Script {
    Script {
        role,
        subscription: SUBSCRIPTION,
        application: "crm".into(),
        version: "1.0".into(),
        plan: "small".into(),
        from_version: None,
        quota_gib: 1,
        archive: matches!(role, Role::Backup | Role::Restore).then(|| "backup.tar.zst".into()),
        script: String::new(),
        env: BTreeMap::new(),
        time_limit_s: 60,
    }
}

fn run(script: Script) -> Operation {
    Operation::RunScript(Box::new(script))
}

async fn end(driver: &dyn Driver, handle: &Handle) -> Observation {
    loop {
        match driver.observe(handle, Duration::from_secs(5)).await.unwrap() {
            Observation::Running { .. } => {}
            ended => return ended,
        }
    }
}

/// Begins under a key and sees how it ends.
async fn act(driver: &dyn Driver, guard: &Guard, operation: &Operation, key: &str) -> Observation {
    let handle = driver.begin(guard, operation, key).await.unwrap();
    end(driver, &handle).await
}

async fn must(driver: &dyn Driver, guard: &Guard, operation: &Operation, key: &str) {
    let ended = act(driver, guard, operation, key).await;
    assert!(matches!(ended, Observation::Done { .. }), "{}: {ended:?}", operation.name());
}

/// A machine with the application started on it.
async fn with_application(driver: &dyn Driver, guard: &Guard) {
    for (i, operation) in
        [create(), volume(), run(script(Role::Install)), run(script(Role::Start))].iter().enumerate()
    {
        must(driver, guard, operation, &format!("set-up-{i}")).await;
    }
}

fn slow() -> Settings {
    let latency_ms = [("*".to_owned(), Latency::Fixed(3_600_000))].into();
    Settings { latency_ms, ..Settings::default() }
}

fn faulty(rule: Rule) -> Settings {
    Settings { rules: vec![rule], ..Settings::default() }
}

/// One HTTP request; status and body of the answer.
async fn http(method: &str, url: &str, headers: &str) -> Result<(u16, String), String> {
    let (address, path) = url.strip_prefix("http://").and_then(|u| u.split_once('/')).ok_or("no such URL")?;
    let mut stream = tokio::net::TcpStream::connect(address).await.map_err(|e| e.to_string())?;
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    let request = format!("{method} /{path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|e| e.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(|e| e.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP")?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or("no status")?;
    Ok((status, body.to_owned()))
}

/// The simulator in this process, or behind a socket, for the contract suite.
struct Ground {
    dir: TempDir,
    simulator: Mutex<Arc<Simulator>>,
    remote: Option<(Arc<RemoteSimulator>, Mutex<Server>)>,
}

struct Server {
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

fn start_server(simulator: &Arc<Simulator>, socket: &Path) -> Server {
    let shutdown = CancellationToken::new();
    let (simulator, socket, stop) = (Arc::clone(simulator), socket.to_owned(), shutdown.clone());
    let task = tokio::spawn(async move { serve(simulator, &socket, stop).await });
    Server { shutdown, task }
}

/// Connects as soon as the server listens.
async fn connect(socket: &Path) -> RemoteSimulator {
    loop {
        match RemoteSimulator::connect(socket).await {
            Ok(remote) => return remote,
            Err(DriverError::Unreachable(_)) => tokio::task::yield_now().await,
            Err(e) => panic!("{e}"),
        }
    }
}

impl Ground {
    async fn local() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulator = Mutex::new(open(&dir.path().join("world")).await);
        Self { dir, simulator, remote: None }
    }

    async fn remote() -> Self {
        let mut ground = Self::local().await;
        let socket = ground.dir.path().join("socket");
        let server = start_server(&ground.simulator(), &socket);
        ground.remote = Some((Arc::new(connect(&socket).await), Mutex::new(server)));
        ground
    }

    fn simulator(&self) -> Arc<Simulator> {
        Arc::clone(&self.simulator.lock().unwrap())
    }

    fn place(&self, guard: &Guard, subscription: Uuid, file: &str) -> std::path::PathBuf {
        self.simulator().inner.world.volume(&guard.name, subscription).join(file)
    }
}

#[async_trait]
impl Fixture for Ground {
    fn driver(&self) -> Arc<dyn Driver> {
        match &self.remote {
            Some((remote, _)) => remote.clone(),
            None => self.simulator(),
        }
    }

    fn run_id(&self) -> Uuid {
        Uuid::from_u128(0xc0)
    }

    fn script(&self, _: Role) -> (String, BTreeMap<String, String>) {
        ("exit 0\n".into(), BTreeMap::new())
    }

    async fn put_data(
        &self,
        guard: &Guard,
        subscription: Uuid,
        file: &str,
        data: &[u8],
    ) -> Result<(), String> {
        std::fs::write(self.place(guard, subscription, file), data).map_err(|e| e.to_string())
    }

    async fn data(&self, guard: &Guard, subscription: Uuid, file: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(std::fs::read(self.place(guard, subscription, file)).ok())
    }

    async fn slow_down(&self) -> Result<(), String> {
        self.simulator().set_faults(slow());
        Ok(())
    }

    async fn restart(&self) -> Result<(), String> {
        let socket = self.dir.path().join("socket");
        if let Some((_, server)) = &self.remote {
            let task = {
                let mut server = server.lock().unwrap();
                server.shutdown.cancel();
                std::mem::replace(&mut server.task, tokio::spawn(async { Ok(()) }))
            };
            task.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        }
        self.simulator().close().await;
        let again = open(&self.dir.path().join("world")).await;
        *self.simulator.lock().unwrap() = Arc::clone(&again);
        if let Some((_, server)) = &self.remote {
            *server.lock().unwrap() = start_server(&again, &socket);
            drop(connect(&socket).await);
        }
        Ok(())
    }

    async fn get(&self, url: &str) -> Result<String, String> {
        match http("GET", url, "").await? {
            (200, page) => Ok(page),
            (status, _) => Err(format!("status {status}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_keeps_the_contract() {
    contract::run(&Ground::local().await).await.unwrap_or_else(|broken| panic!("{broken}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_behind_a_socket_keeps_the_contract() {
    contract::run(&Ground::remote().await).await.unwrap_or_else(|broken| panic!("{broken}"));
}

/// The suite must find a driver that does not do what it says.
#[tokio::test(flavor = "multi_thread")]
async fn the_contract_names_the_clause_that_a_driver_breaks() {
    let ground = Ground::local().await;
    let every = Rule { nth: None, call: "usage".into(), ..Rule::nth("*", 1, Effect::Fail) };
    ground.simulator().set_faults(faulty(every));
    let clauses = contract::clauses();
    let (name, clause) = clauses.iter().find(|(name, _)| name.starts_with("usage")).unwrap();
    let found = clause(&contract::Ground::new(&ground, name)).await.unwrap_err();
    assert!(found.starts_with("usage was not carried out: not possible"), "{found}");
}
