//! Puts one process together, runs it and drains it.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use telvisor_model::ClientState;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::memory::Memory;
use crate::alarms;
use crate::api::io::Counting;
use crate::api::{self, Doors, Offer};
use crate::apps::catalogue::{self, Catalogue};
use crate::clock::{Clock, new_id};
use crate::config::{AccessMode, Config};
use crate::engine::Engine;
use crate::hypervisor::Driver;
use crate::hypervisor::simulator::remote::RemoteSimulator;
use crate::hypervisor::simulator::{Options, Settings, Simulator};
use crate::inventory::objects::Objects;
use crate::jobs::{pool, sweep};
use crate::mediation::audit::Auditor;
use crate::mediation::deliver::lanes;
use crate::mediation::files::Disk;
use crate::mediation::seal::{self, Cut};
use crate::mediation::{recipients, retention};
use crate::notify;
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::orders::{admission, archive};
use crate::performance;
use crate::queue::Queue;
use crate::queue::amqp::{self, Broker, Ending, Process};
use crate::secrets::Secrets;
use crate::store::drift::Corrected;
use crate::store::durations::Estimates;
use crate::store::{Db, DbOptions, migrate};

/// The demo catalogue, built into the binary.
static DEMO_APPS: include_dir::Dir<'static> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/apps");

/// Longest time that requests and jobs get to end when the server drains.
const DRAIN: Duration = Duration::from_secs(30);

/// What was started, and where.
#[derive(Debug, Clone)]
pub struct Started {
    /// Base URLs, with the real ports.
    pub urls: Vec<String>,
    /// Base URLs of health and metrics alone.
    pub health: Vec<String>,
    pub data: PathBuf,
    pub database: String,
    pub hypervisor: String,
    pub role: String,
    pub applications: usize,
}

/// An opened process, closed in order at the end.
pub struct Running {
    pub engine: Arc<Engine>,
    /// The in-process simulator, where it is one.
    pub simulator: Option<Arc<Simulator>>,
    clock: Arc<Corrected>,
    /// Held as long as the process uses the data folder.
    lock: Option<File>,
}

impl Running {
    /// Releases the world's lock, the database and the data folder.
    pub async fn close(self) {
        if let Err(e) = self.engine.give_up_leases().await {
            tracing::debug!(error = %e, "what this process led goes on when its leases are over");
        }
        if let Some(simulator) = self.simulator {
            simulator.close().await;
        }
        self.engine.db.close().await;
        if let Some(lock) = self.lock {
            // By word: a process that is just being started still holds the file open, too.
            lock.unlock().ok();
        }
    }
}

/// Opens everything that a process needs, short of its tasks.
///
/// # Errors
/// In words, naming what could not be opened.
pub async fn open(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("data: the folder {} cannot be made", config.data.display()))?;
    let lock = hold(&config)?;
    let secrets = Secrets::open(&config.key_file())?;
    let (driver, simulator) = driver(&config).await?;
    let options = DbOptions::of(&config);
    let clock = Arc::new(Corrected::new(clock));
    let db = Db::open(&options, clock.clone()).await.context("database.url")?;
    clock.correct(&db).await?;
    migrate::at_start(&db).await?;
    let installation = same_world(&db, driver.as_ref()).await?;
    let catalogue = Catalogue::default();
    import(&db, &config).await?;
    catalogue.load(&db).await?;
    orders_to_approve(&config, &catalogue)?;
    let objects = Objects::open(&config.data.join("backups"))?;
    let broker = Broker::configured(&config.amqp).context("amqp")?;
    let worker = format!("{}-{}", std::process::id(), new_id().simple());
    let (file_mode, folder_mode) = config.mediation.modes();
    let engine = Engine {
        db,
        catalogue,
        queue: Arc::new(Queue::new(config.role.has_worker(), broker.map(Arc::new))),
        driver,
        objects,
        files: Arc::new(Disk { file_mode, folder_mode }),
        secrets,
        estimates: Estimates::default(),
        access: Memory::default(),
        installation,
        worker,
        config,
    };
    recipients::configure(&engine).await?;
    sweep::hosts(&engine).await?;
    Ok(Running { engine: Arc::new(engine), simulator, clock, lock })
}

/// An application that nobody has would let the orders through that were to wait for an approval.
fn orders_to_approve(config: &Config, catalogue: &Catalogue) -> anyhow::Result<()> {
    let known: Vec<String> =
        catalogue.all().iter().map(|a| a.id.clone()).chain([CUSTOMER_ACCOUNT.to_owned()]).collect();
    match config.approval.applications.iter().find(|id| !known.contains(id)) {
        Some(id) => bail!(
            "approval.applications: there is no application {id:?} in the catalogue; there are: {}",
            known.join(", ")
        ),
        None => Ok(()),
    }
}

/// Takes the data folder for this process, where it holds the database.
///
/// # Errors
/// When another process has it.
pub fn hold(config: &Config) -> anyhow::Result<Option<File>> {
    if config.database_url().starts_with("sqlite:") { lock(&config.data).map(Some) } else { Ok(None) }
}

/// SQLite serves one server process: the second on a data folder does not start.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    file.try_lock().map_err(|_| {
        anyhow::anyhow!(
            "data: another telvisor uses {}; stop it, or give --data another folder",
            data.display()
        )
    })?;
    Ok(file)
}

/// The driver that the configuration names.
async fn driver(config: &Config) -> anyhow::Result<(Arc<dyn Driver>, Option<Arc<Simulator>>)> {
    if let Some(path) = config.hypervisor.strip_prefix("sim+unix:") {
        let remote =
            RemoteSimulator::connect_with_limit(Path::new(path), call_limit(config)).await.with_context(
                || format!("hypervisor: no simulator answers at {path}; start `telvisor simulator` first"),
            )?;
        return Ok((Arc::new(remote), None));
    }
    let latency = config.simulator.latency_ms;
    let faults = if latency == 0 {
        Settings::default()
    } else {
        serde_json::from_value(serde_json::json!({ "latency_ms": { "*": latency } }))?
    };
    let options = Options { new_world_id: new_id(), hosts: None, faults };
    let world = config.data.join("world");
    let simulator = Simulator::open(&world, options)
        .await
        .with_context(|| format!("data: the world {} cannot be opened", world.display()))?;
    Ok((simulator.clone(), Some(simulator)))
}

/// Longest driver call: at most half a lease, so that no call outlives the lease it was begun under.
fn call_limit(config: &Config) -> Duration {
    Duration::from_secs(10).min(Duration::from_secs(config.jobs.lease_s) / 2)
}

/// The database remembers the world it was first used with, and never drives another.
async fn same_world(db: &Db, driver: &dyn Driver) -> anyhow::Result<uuid::Uuid> {
    let world = driver.world_id().await?;
    let mut tx = db.system().await?;
    let (installation, known) = tx.installation().await?;
    match known {
        None => tx.remember_world(world).await?,
        Some(known) if known != world => bail!(
            "hypervisor: this database belongs to world {known}, and the hypervisor shows world {world}; \
             use the hypervisor that it was used with, or a new database"
        ),
        Some(_) => {}
    }
    tx.commit().await?;
    Ok(installation)
}

async fn import(db: &Db, config: &Config) -> anyhow::Result<()> {
    if !config.catalogue.apps.as_os_str().is_empty() {
        let count = catalogue::import(db, &config.catalogue.apps).await.context("catalogue.apps")?;
        if count == 0 {
            bail!("catalogue.apps: there is no package in {}", config.catalogue.apps.display());
        }
        return Ok(());
    }
    // Its own: other processes that share the data folder may start at the same moment.
    let folder = config.data.join(format!(".demo-apps-{}", new_id().simple()));
    let imported = match std::fs::create_dir_all(&folder).and_then(|()| DEMO_APPS.extract(&folder)) {
        Ok(()) => catalogue::import(db, &folder).await.map(drop).context("the built-in demo catalogue"),
        Err(e) => Err(e).with_context(|| format!("data: {} cannot be written", folder.display())),
    };
    std::fs::remove_dir_all(&folder).ok();
    imported
}

/// The metrics recorder of this process; there can be only one.
pub fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // Another recorder, set by whoever embeds the library, stays.
            metrics::set_global_recorder(recorder).ok();
            handle
        })
        .clone()
}

/// Starts everything, says when it is ready, runs until `shutdown`, drains.
///
/// # Errors
/// In words, naming what could not be started.
pub async fn serve(
    config: Config,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
    ready: oneshot::Sender<Started>,
) -> anyhow::Result<()> {
    let role = config.role;
    let running = open(config, clock).await?;
    let engine = running.engine.clone();
    let mut tasks = JoinSet::new();
    // What all others hint is told until they have ended.
    let (mut telling, quiet) = (JoinSet::new(), CancellationToken::new());
    let (mut urls, mut health) = (vec![], vec![]);
    let doors = Doors {
        engine: engine.clone(),
        metrics: recorder(),
        draining: shutdown.clone(),
        downloads: TaskTracker::new(),
    };
    let mut listen = |key: &str, address: SocketAddr, offer: Offer| {
        let listener = Counting::bind(address)
            .with_context(|| format!("{key}: {address} cannot be used; is another server on it?"))?;
        let url = format!("http://{}", listener.address()?);
        let doors = doors.clone();
        tasks.spawn(async move {
            if let Err(e) = api::serve(listener, doors, offer).await {
                tracing::error!(error = %e, "the listener ended");
            }
        });
        anyhow::Ok(url)
    };
    if let Some(address) = engine.config.health_listen() {
        health.push(listen("health.listen", address, Offer::Health)?);
    }
    if role.has_api() {
        if engine.config.access.mode == AccessMode::Required && !somebody_may_call(&engine).await? {
            tracing::warn!(
                "no client may call: make one with `telvisor client add NAME --scope admin` while the server is stopped"
            );
        }
        for address in &engine.config.listen {
            urls.push(listen("listen", *address, Offer::All)?);
        }
    }
    if role.has_api() {
        tasks.spawn(admission::run(engine.clone(), shutdown.clone()));
    }
    tasks.spawn(running.clock.clone().keep(engine.db.clone(), shutdown.clone()));
    if role.has_worker() {
        pool::start(&engine, &mut tasks, &shutdown);
        tasks.spawn(archive::run(engine.clone(), shutdown.clone()));
        tasks.spawn(notify::run::run(engine.clone(), api::hub::apis::SHOWS, shutdown.clone()));
    }
    let slots = u16::try_from(engine.config.jobs.workers).unwrap_or(u16::MAX).max(1);
    let process = Process { name: engine.worker.clone(), slots: role.has_worker().then_some(slots) };
    let ending = Ending { shutdown: shutdown.clone(), quiet: quiet.clone() };
    amqp::start(&engine.queue, process, &mut telling, ending);
    tasks.spawn(alarms::watch::run(engine.clone(), shutdown.clone()));
    if role.has_worker() {
        tasks.spawn(performance::run(engine.clone(), shutdown.clone()));
    }
    if role.has_mediation() {
        tasks.spawn(mediation(engine.clone(), shutdown.clone()));
        tasks.spawn(lanes::run(engine.clone(), shutdown.clone()));
    }
    let started = Started {
        urls,
        health,
        data: engine.config.data.clone(),
        database: engine.db.kind().to_owned(),
        hypervisor: engine.driver.capabilities().name,
        role: format!("{role:?}").to_lowercase(),
        applications: engine.catalogue.all().len(),
    };
    // Whoever started us may have gone; we serve all the same.
    ready.send(started).ok();
    // A task that breaks takes the process down: better restarted than serving half.
    let mut broken = None;
    tokio::select! {
        () = shutdown.cancelled() => {}
        Some(Err(e)) = tasks.join_next() => broken = Some(e),
        Some(Err(e)) = telling.join_next() => broken = Some(e),
    }
    shutdown.cancel();
    let drained = tokio::time::timeout(DRAIN, async {
        while let Some(ended) = tasks.join_next().await {
            broken = broken.take().or(ended.err());
        }
    });
    if drained.await.is_err() {
        tracing::warn!("some work did not end in time; it goes on at the next start");
        tasks.abort_all();
    }
    quiet.cancel();
    while let Some(ended) = telling.join_next().await {
        broken = broken.or(ended.err());
    }
    drop(engine);
    running.close().await;
    match broken {
        Some(e) => Err(e).context("a task of the server broke"),
        None => Ok(()),
    }
}

/// Whether there is a client that is let in.
async fn somebody_may_call(engine: &Engine) -> anyhow::Result<bool> {
    let clients = engine.db.read_system().await?.clients(None).await?;
    Ok(clients.iter().any(|c| c.state == ClientState::Active))
}

/// Rounds of mediation between two looks for files that were kept long enough.
const FORGET_EVERY: u64 = 600;

/// Closes what is due and delivers what is sealed; full files every thirty rounds.
async fn mediation(engine: Arc<Engine>, shutdown: CancellationToken) {
    let period = Duration::from_millis(engine.config.jobs.sweep_ms);
    let mut round: u64 = 0;
    let mut auditor = Auditor::default();
    loop {
        let cut = if round % 30 == 29 { Cut::Limits } else { Cut::Period };
        if round.is_multiple_of(FORGET_EVERY) {
            retention::forget(&engine).await;
        }
        if let Err(e) = mediate(&engine, cut, &mut auditor).await {
            tracing::error!(error = %e, "mediation could not go on; it comes back");
        }
        round += 1;
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn mediate(engine: &Engine, cut: Cut, auditor: &mut Auditor) -> Result<(), seal::SealError> {
    if engine.leads("mediation").await? {
        seal::seal(engine, cut).await?;
        auditor.round(engine).await?;
    }
    Ok(())
}
