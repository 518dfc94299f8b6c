//! All roles as processes of their own on one PostgreSQL and one RabbitMQ, with a simulator beside them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::database::Database;
use crate::server::Server;
use crate::{order, place};

/// Jobs that a worker process carries out at once, as by default.
pub const SLOTS: u16 = 8;
/// Longest time that work may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Site {
    pub database: Database,
    data: PathBuf,
    amqp: String,
    socket: String,
    simulator: Child,
    pub api: Server,
    batches: usize,
}

impl Site {
    /// An api process and a simulator whose every operation takes so long; none where there is no PostgreSQL or
    /// RabbitMQ.
    pub async fn open(folder: &Path, purpose: &str, latency_ms: u64) -> anyhow::Result<Option<Self>> {
        #[expect(clippy::disallowed_methods, reason = "this is where the benchmark learns of RabbitMQ")]
        let Some(amqp) = std::env::var("TEST_AMQP_URL").ok().filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        let data = folder.join(purpose);
        let Some(database) = Database::fresh("postgres", &data, purpose).await? else { return Ok(None) };
        let world = data.join("world");
        std::fs::create_dir_all(&world)?;
        std::fs::write(world.join("faults.json"), format!("{{\"latency_ms\": {{\"*\": {latency_ms}}}}}"))?;
        // Room for all machines of a run.
        std::fs::write(
            world.join("hosts.json"),
            r#"[{"name": "sim-1", "vcpu": 1000000, "memoryMiB": 1000000000, "diskGiB": 1000000000}]"#,
        )?;
        let path = data.join("sim.sock");
        let simulator = Command::new(env!("CARGO_BIN_EXE_telvisor"))
            .args(["simulator", "--socket"])
            .arg(&path)
            .arg("--world")
            .arg(&world)
            .kill_on_drop(true)
            .stdout(std::process::Stdio::null())
            .stderr(std::fs::File::create(data.with_extension("simulator.log"))?)
            .spawn()?;
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        for n in 0.. {
            looks.tick().await;
            if path.exists() {
                break;
            }
            ensure!(n < 1000, "the simulator does not start");
        }
        let socket = format!("sim+unix:{}", path.display());
        let api = role(&database, &data, "api", "api", SLOTS, [&amqp, &socket]).await?;
        Ok(Some(Self { database, data, amqp, socket, simulator, api, batches: 0 }))
    }

    /// One more process of a role; `slots`: how many jobs it carries out at once, if it is a worker.
    pub async fn start(&self, kind: &str, name: &str, slots: u16) -> anyhow::Result<Server> {
        role(&self.database, &self.data, kind, name, slots, [&self.amqp, &self.socket]).await
    }

    pub fn broker(&self) -> &str {
        &self.amqp
    }

    /// Places orders of new subscribers, a few at a time.
    pub async fn place(&mut self, count: usize) -> anyhow::Result<()> {
        const CLIENTS: usize = 8;
        self.batches += 1;
        let batch = self.batches;
        let mut tasks = JoinSet::new();
        for c in 0..CLIENTS {
            let mut client = self.api.connect().await?;
            tasks.spawn(async move {
                for n in (c..count).step_by(CLIENTS) {
                    place(&mut client, &order(&format!("b{batch:03}-{n:06}"))).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Waits until no order is open and every event has its position.
    pub async fn done(&self) -> anyhow::Result<()> {
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        let began = std::time::Instant::now();
        loop {
            looks.tick().await;
            if self.database.waiting().await? == 0 {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "the orders do not end");
        }
    }

    /// Waits until every record lies in a file that was delivered.
    pub async fn delivered(&self) -> anyhow::Result<()> {
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        let began = std::time::Instant::now();
        loop {
            looks.tick().await;
            if self.database.undelivered().await? == 0 {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "the files are not delivered");
        }
    }

    pub async fn close(mut self) -> anyhow::Result<()> {
        self.api.stop().await?;
        self.simulator.kill().await.context("the simulator")?;
        self.database.discard().await?;
        std::fs::remove_dir_all(&self.data)?;
        Ok(())
    }
}

async fn role(
    database: &Database,
    data: &Path,
    role: &str,
    name: &str,
    slots: u16,
    [amqp, hypervisor]: [&str; 2],
) -> anyhow::Result<Server> {
    let settings = [
        ("TELVISOR_AMQP", amqp),
        ("TELVISOR_AMQP__PREFIX", database.name()),
        ("TELVISOR_HYPERVISOR", hypervisor),
        ("TELVISOR_JOBS__WORKERS", &slots.to_string()),
    ];
    Server::start_with(database.url(), data, role, name, &settings).await
}
