//! Whole processes on a folder: a simulator that outlives the servers, and one server after another.

use std::path::PathBuf;
use std::process::ExitStatus;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::BufReader;
use tokio::process::{Child, Command};

use crate::harness::database;
use crate::process::{Looks, PATIENCE, announced, on_database, telvisor};

/// A data folder, a database and a simulated world, each run's own.
pub struct Site {
    folder: Option<TempDir>,
    root: PathBuf,
    data: String,
    database: Option<String>,
    simulator: Child,
    starts: usize,
}

/// A server that is ready.
pub struct Server {
    child: Child,
    pub url: String,
    /// Where it tells health and metrics alone; empty: nowhere.
    pub health: String,
    log: PathBuf,
}

/// How a start ended.
pub enum Start {
    Ready(Box<Server>),
    /// It ended before it was ready; what it wrote on standard error.
    Ended(ExitStatus, String),
}

impl Site {
    /// Makes the folder and starts the simulator, with a host that has room for everything.
    pub async fn open() -> Self {
        Self::open_on(database().await).await
    }

    /// As [`Self::open`], on this database; none: SQLite.
    pub async fn open_on(database: Option<String>) -> Self {
        let folder = TempDir::new().unwrap();
        let root = folder.path().to_owned();
        let world = root.join("world");
        std::fs::create_dir_all(&world).unwrap();
        let hosts = json!([{ "name": "sim-1", "vcpu": 100_000, "memoryMiB": 1 << 30, "diskGiB": 1 << 30 }]);
        std::fs::write(world.join("hosts.json"), hosts.to_string()).unwrap();
        std::fs::write(root.join("telvisor.toml"), CONFIGURATION).unwrap();
        let socket = root.join("simulator.sock");
        let mut command = telvisor(&root.join("simulator.log"));
        command.arg("simulator").arg("--socket").arg(&socket).arg("--world").arg(&world);
        let simulator = command.spawn().unwrap();
        let mut looks = Looks::until("the simulator answers on its socket", PATIENCE);
        while !socket.exists() {
            looks.again().await;
        }
        Self { folder: Some(folder), root, data: "data".into(), database, simulator, starts: 0 }
    }

    pub fn data(&self) -> PathBuf {
        self.root.join(&self.data)
    }

    /// From now on servers use another data folder.
    pub fn use_folder(&mut self, name: &str) {
        name.clone_into(&mut self.data);
    }

    pub fn world(&self) -> PathBuf {
        self.root.join("world")
    }

    pub fn on_postgres(&self) -> bool {
        self.database.is_some()
    }

    /// The URL of the database; none: SQLite.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Starts a server that dies at `fault` (`point:n`), or at none.
    pub async fn start(&mut self, fault: Option<&str>) -> Start {
        let hypervisor = format!("sim+unix:{}", self.root.join("simulator.sock").display());
        self.start_with(&hypervisor, fault).await
    }

    /// As [`Self::start`], on another hypervisor.
    pub async fn start_with(&mut self, hypervisor: &str, fault: Option<&str>) -> Start {
        let fault: Vec<_> = fault.map(|f| ("TELVISOR_TEST__FAULT", f.to_owned())).into_iter().collect();
        self.start_as(hypervisor, &fault).await
    }

    /// Starts one of several processes, with these variables, which has to become ready.
    pub async fn process(&mut self, variables: &[(&str, String)]) -> Server {
        match self.start_one(variables).await {
            Start::Ready(server) => *server,
            Start::Ended(status, words) => panic!("the process did not start: {status}\n{words}"),
        }
    }

    /// Starts one of several processes, with these variables.
    pub async fn start_one(&mut self, variables: &[(&str, String)]) -> Start {
        let hypervisor = format!("sim+unix:{}", self.root.join("simulator.sock").display());
        self.start_as(&hypervisor, variables).await
    }

    async fn start_as(&mut self, hypervisor: &str, variables: &[(&str, String)]) -> Start {
        self.starts += 1;
        let log = self.root.join(format!("server-{}.log", self.starts));
        let mut command = telvisor(&log);
        command.arg("serve").arg("--json").arg("--config").arg(self.root.join("telvisor.toml"));
        command.arg("--data").arg(self.data()).arg("--hypervisor").arg(hypervisor);
        on_database(&mut command, self.database.as_deref());
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().expect("it is piped");
        let started = tokio::time::timeout(PATIENCE, announced(BufReader::new(stdout))).await;
        match started.expect("a server is ready or ends in time") {
            Some(started) => {
                // A process without doors has none.
                let first = |of: &str| started[of][0].as_str().unwrap_or_default().to_owned();
                Start::Ready(Box::new(Server { child, url: first("urls"), health: first("health"), log }))
            }
            None => {
                let status = child.wait().await.unwrap();
                Start::Ended(status, std::fs::read_to_string(&log).unwrap())
            }
        }
    }

    /// Starts a server that has to become ready.
    pub async fn ready(&mut self) -> Server {
        match self.start(None).await {
            Start::Ready(server) => *server,
            Start::Ended(status, words) => panic!("the server did not start: {status}\n{words}"),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It ends by itself no sooner than this test; what it keeps is its folder.
        self.simulator.start_kill().ok();
        if std::thread::panicking() {
            let kept = self.folder.take().map(TempDir::keep);
            eprintln!("the data folder, the world and the logs of every start are kept in {kept:?}");
        }
    }
}

impl Server {
    /// Resolves when the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Ends it as a crash would.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to drain and stop, and waits for its end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM").await;
        tokio::time::timeout(PATIENCE, self.ended()).await.expect("a drained server ends in time")
    }

    /// Sends it a signal by its name.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs");
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {id}")).status().await.unwrap();
        assert!(sent.success(), "the signal is sent");
    }

    /// Its status, once it has ended.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What it wrote on standard error.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }
}

/// Short leases and delays, so that a job of a dead worker is taken over soon; a port of the system's choice.
const CONFIGURATION: &str = r#"
listen = ["127.0.0.1:0"]
[database]
connections = 8
[store]
shared = true
[api]
page_most = 1000
[backup]
link_seconds = 86400
[jobs]
workers = 4
attempts = 12
retry_base_ms = 20
retry_cap_ms = 200
lease_s = 1
sweep_ms = 100
[notify]
retry_base_ms = 100
[log]
filter = "info,sqlx=warn"
"#;
