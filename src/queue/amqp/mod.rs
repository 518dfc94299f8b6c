//! Hints over RabbitMQ (AMQP 0-9-1): what a commit in one process tells the workers of all.
//!
//! ```text
//! publish ─> pending ─> relay: confirmed ─> exchange telvisor ─┬─> telvisor.lines         quorum, one process gets it
//!                                                              ├─> telvisor.jobs.machine  quorum, one process gets it
//!                                                              └─> telvisor.news.ID       each process that works
//! consumer ─> bells ─> task ─> done: ack          a message that is none ─> telvisor.dead, with the reason
//! ```
//! A broker that is away holds up nothing: what waits is kept, once for each row that it names, and the sweep finds
//! what was let go.

mod consume;
mod message;
mod relay;
mod topology;

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::{FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use consume::Ticket;

use super::Queue;
use crate::store::Hint;

/// Most hints that wait for a broker; more are let go, as the sweep finds the rows.
const MOST: usize = 100_000;
/// Longest wait between two tries to reach a broker.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest time that a broker gets to take a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest time that what still waits gets to reach a broker when the process ends.
const FAREWELL: Duration = Duration::from_secs(5);
/// Pause between two looks at the dead letters.
const LOOK: Duration = Duration::from_secs(5);
/// Pause between two tries in that time.
const SOON: Duration = Duration::from_millis(100);

/// Where the brokers of one cluster are, and what this process has still to tell them.
pub struct Broker {
    /// Tried in turn.
    nodes: Vec<AMQPUri>,
    /// What queues and exchange begin with.
    prefix: String,
    /// PEM certificates of whom else to trust, for `amqps`.
    trusted: Option<String>,
    pending: Mutex<Pending>,
    bell: Notify,
    connected: AtomicBool,
    /// Messages that nobody could read, as they were counted last.
    dead: AtomicU32,
}

/// Hints in the order of their commits, each once.
#[derive(Default)]
struct Pending {
    order: VecDeque<Hint>,
    known: HashSet<Hint>,
}

impl Pending {
    fn measure(&self) {
        let waiting = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        metrics::gauge!("telvisor_amqp_hints_pending").set(waiting);
    }
}

/// The process that is told, and tells.
#[derive(Debug, Clone)]
pub struct Process {
    /// Names it among all processes.
    pub name: String,
    /// How many jobs it does at once; none where it does no work.
    pub slots: Option<u16>,
}

/// How a process ends.
#[derive(Debug, Clone)]
pub struct Ending {
    /// No new work is begun: no message is taken any more.
    pub shutdown: CancellationToken,
    /// All work has ended, so nothing is hinted any more: what waits is told, then the connection ends.
    pub quiet: CancellationToken,
}

/// Why a broker is not reached, or lost.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("amqp.url {0:?} is no amqp or amqps URL: {1}")]
    Url(String, String),
    #[error("{0} cannot be read: {1}")]
    File(String, std::io::Error),
    #[error(transparent)]
    Amqp(#[from] lapin::Error),
    #[error("the broker does not answer")]
    Silent,
    #[error("the broker did not take a message: {0}")]
    Refused(String),
}

impl Broker {
    /// Reads the configuration; nothing is connected yet. None where no broker is configured.
    ///
    /// # Errors
    /// For a URL that is none, or a file that cannot be read.
    pub fn configured(config: &crate::config::Amqp) -> Result<Option<Self>, BrokerError> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let file = |path: &std::path::Path| {
            std::fs::read_to_string(path).map_err(|e| BrokerError::File(path.display().to_string(), e))
        };
        let password = match config.password_file.as_os_str().is_empty() {
            true => None,
            false => Some(file(&config.password_file)?.trim_end_matches(['\r', '\n']).to_owned()),
        };
        let mut nodes = vec![];
        for url in config.url.split(',').map(str::trim) {
            let mut uri: AMQPUri =
                url.parse().map_err(|e| BrokerError::Url(crate::config::describe::masked_url(url), e))?;
            if let Some(password) = &password {
                uri.authority.userinfo.password.clone_from(password);
            }
            uri.query.heartbeat.get_or_insert(10);
            nodes.push(uri);
        }
        let trusted = match config.ca_file.as_os_str().is_empty() {
            true => None,
            false => Some(file(&config.ca_file)?),
        };
        let (pending, bell, connected, dead) = Default::default();
        Ok(Some(Self { nodes, prefix: config.prefix.clone(), trusted, pending, bell, connected, dead }))
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process is connected now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// The hosts of its nodes, for people.
    #[must_use]
    pub fn hosts(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|n| n.authority.host.as_str()).collect();
        hosts.join(",")
    }

    fn connected(&self, now: bool) {
        self.connected.store(now, Ordering::Relaxed);
        metrics::gauge!("telvisor_amqp_connected").set(if now { 1.0 } else { 0.0 });
    }

    /// The queue of the messages that nobody could read, and how many lie there.
    #[must_use]
    pub fn dead_letters(&self) -> (String, u32) {
        (topology::dead(&self.prefix), self.dead.load(Ordering::Relaxed))
    }

    /// Notes how many dead letters there are.
    pub fn note_dead_letters(&self, count: u32) {
        self.dead.store(count, Ordering::Relaxed);
        metrics::gauge!("telvisor_amqp_dead_letters").set(count);
    }

    /// Keeps hints for the relay.
    pub fn publish(&self, hints: Vec<Hint>) {
        let mut pending = self.lock();
        for hint in hints {
            if pending.order.len() >= MOST {
                metrics::counter!("telvisor_amqp_hints_dropped_total").increment(1);
            } else if pending.known.insert(hint.clone()) {
                pending.order.push_back(hint);
            }
        }
        pending.measure();
        drop(pending);
        self.bell.notify_one();
    }

    /// Up to so many hints that wait, out of the waiting.
    fn take(&self, most: usize) -> Vec<Hint> {
        let mut pending = self.lock();
        let n = pending.order.len().min(most);
        let taken: Vec<Hint> = pending.order.drain(..n).collect();
        for hint in &taken {
            pending.known.remove(hint);
        }
        pending.measure();
        taken
    }

    /// Whether nothing waits.
    fn is_empty(&self) -> bool {
        self.lock().order.is_empty()
    }

    async fn connect(&self, node: &AMQPUri, name: &str) -> Result<Connection, BrokerError> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let tls = lapin::tcp::OwnedTLSConfig { identity: None, cert_chain: self.trusted.clone() };
        let runtime = lapin::runtime::default_runtime()?;
        let connecting = Connection::connect_uri_with_config(node.clone(), properties, tls, runtime);
        let connection =
            tokio::time::timeout(CONNECT, connecting).await.map_err(|_| BrokerError::Silent)??;
        Ok(connection)
    }
}

/// Starts the relay and, where this process works, the consumers. Both come back after every loss.
pub fn start(queue: &Arc<Queue>, process: Process, tasks: &mut JoinSet<()>, ending: Ending) {
    if queue.broker().is_some() {
        tasks.spawn(run(queue.clone(), process, ending));
    }
}

async fn run(queue: Arc<Queue>, process: Process, ending: Ending) {
    let Some(broker) = queue.broker() else { return };
    let too_late = async {
        ending.quiet.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        () = stay(&queue, broker, &process, &ending) => {}
        () = too_late => {
            tracing::warn!(hints = broker.lock().order.len(), "the broker was not told everything; others find it by looking");
        }
    }
    broker.connected(false);
}

/// Connects to node after node, until the process ends and nothing waits.
async fn stay(queue: &Queue, broker: &Broker, process: &Process, ending: &Ending) {
    let mut wait = SOON;
    for node in broker.nodes.iter().cycle() {
        let ended = session(queue, broker, node, process, ending, &mut wait).await;
        broker.connected(false);
        let Err(e) = ended else { return };
        let host = &node.authority.host;
        tracing::warn!(error = %e, host, "the broker is away; orders go on, and the next node is tried");
        if ending.quiet.is_cancelled() {
            tokio::time::sleep(SOON).await;
        } else {
            tokio::time::timeout(wait, ending.quiet.cancelled()).await.ok();
        }
        wait = (wait * 2).min(PATIENCE);
    }
}

/// One connection from its beginning to its loss, or to the end of the process.
async fn session(
    queue: &Queue,
    broker: &Broker,
    node: &AMQPUri,
    process: &Process,
    ending: &Ending,
    wait: &mut Duration,
) -> Result<(), BrokerError> {
    let name = format!("telvisor {}", process.name);
    let connection = tokio::select! {
        connection = broker.connect(node, &name) => connection?,
        () = said(broker, &ending.quiet) => return Ok(()),
    };
    let topology = topology::declare(&connection, &broker.prefix, process).await?;
    broker.connected(true);
    *wait = SOON;
    tracing::info!(host = node.authority.host, "the broker is connected");
    let relay = relay::run(broker, &connection, &topology.exchange, &ending.quiet);
    let Some(slots) = process.slots else { return relay.await };
    tokio::select! {
        ended = relay => ended,
        ended = count_dead_letters(broker, &connection, &topology.dead) => ended,
        ended = consume::run(queue, &connection, &topology, slots, &ending.shutdown) => ended,
    }
}

/// Looks at the dead letters until the connection is lost.
async fn count_dead_letters(
    broker: &Broker,
    connection: &Connection,
    queue: &ShortString,
) -> Result<(), BrokerError> {
    let channel = connection.create_channel().await?;
    let look = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    loop {
        let found = channel.queue_declare(queue.clone(), look, FieldTable::default()).await?;
        broker.note_dead_letters(found.message_count());
        tokio::time::sleep(LOOK).await;
    }
}

/// Resolves when the process ends and nothing waits; to be asked while nothing is under way.
async fn said(broker: &Broker, quiet: &CancellationToken) {
    quiet.cancelled().await;
    while !broker.is_empty() {
        tokio::time::sleep(SOON).await;
    }
}
