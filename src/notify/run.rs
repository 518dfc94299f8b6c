//! The one process of an installation that passes events on: it gives positions, and keeps a lane for each listener
//! that is to be sent something.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::lane::Lane;
use super::leading::Leading;
use super::send::Post;
use super::{NotifyError, Shows, keep, sequence};
use crate::engine::Engine;

/// Rounds between two looks for what is to be forgotten.
const FORGET_EVERY: u64 = 600;

/// A lane that runs, and how it is woken.
struct Running {
    task: JoinHandle<()>,
    bell: Arc<Notify>,
}

/// Passes events on until `shutdown`; what is under way then is brought to its end.
pub async fn run(engine: Arc<Engine>, shows: Shows, shutdown: CancellationToken) {
    let post = match Post::new(&engine.config) {
        Ok(post) => post,
        Err(e) => {
            tracing::error!(error = %e, "no event can be sent by this process");
            return;
        }
    };
    let mut lead = Lead {
        engine,
        shows,
        post,
        lanes: HashMap::new(),
        stop: CancellationToken::new(),
        round: 0,
        led: None,
        leading: Arc::default(),
    };
    let period = Duration::from_millis(lead.engine.config.jobs.sweep_ms);
    while !shutdown.is_cancelled() {
        match lead.round().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(e) => {
                tracing::warn!(error = %e, "events could not be passed on; they are looked at again");
                drop(tokio::time::timeout(period, shutdown.cancelled()).await);
            }
        }
        let engine = lead.engine.clone();
        tokio::select! {
            // Without a hint we look all the same.
            _ = tokio::time::timeout(period, engine.queue.bells().news_hinted()) => {}
            () = shutdown.cancelled() => {}
        }
    }
    lead.stop_all().await;
}

struct Lead {
    engine: Arc<Engine>,
    shows: Shows,
    post: Post,
    lanes: HashMap<(String, Uuid), Running>,
    stop: CancellationToken,
    round: u64,
    /// When the lease was last taken or renewed; none: another process leads.
    led: Option<Instant>,
    /// The same for the lanes, which ask before they send.
    leading: Arc<Leading>,
}

impl Lead {
    /// Places a batch of events of each tenant and wakes the lanes that have something to send. Returns whether more
    /// events may wait: the lanes are not kept waiting until none come any more.
    async fn round(&mut self) -> Result<bool, NotifyError> {
        let lease = self.engine.lead_time();
        // A sign of life four times in the time of a lease.
        if self.led.is_none_or(|at| at.elapsed() > lease / 4) {
            let asked = Instant::now();
            let leads = self.engine.leads("notify").await?;
            self.led = leads.then_some(asked);
            self.leading.renew(asked, leads.then_some(lease));
        }
        if self.led.is_none() {
            self.stop_all().await;
            return Ok(false);
        }
        let mut more = false;
        for tenant in self.engine.db.read_system().await?.tenants_with_news().await? {
            more |= sequence::sequence(&self.engine, &self.shows, &tenant).await?;
        }
        let mut tx = self.engine.db.read_system().await?;
        let waiting = tx.waiting_listeners().await?;
        let paused = tx.paused_listeners().await?;
        drop(tx);
        metrics::gauge!("telvisor_listeners_paused")
            .set(f64::from(i32::try_from(paused).unwrap_or(i32::MAX)));
        self.lanes.retain(|_, lane| !lane.task.is_finished());
        for (tenant, id) in waiting {
            self.wake(tenant, id);
        }
        if self.round.is_multiple_of(FORGET_EVERY) {
            keep::forget(&self.engine).await?;
        }
        self.round += 1;
        Ok(more)
    }

    /// Wakes the lane of a listener; opens one where there is none.
    fn wake(&mut self, tenant: String, id: Uuid) {
        if let Some(lane) = self.lanes.get(&(tenant.clone(), id)) {
            lane.bell.notify_one();
            return;
        }
        let bell = Arc::new(Notify::new());
        let (engine, shows, post) = (self.engine.clone(), self.shows, self.post.clone());
        let (stop, own_bell, of) = (self.stop.clone(), bell.clone(), tenant.clone());
        let leading = self.leading.clone();
        let task = tokio::spawn(async move {
            let ran = match Lane::open(&engine, shows, &post, &leading, &of, id).await {
                Ok(Some(lane)) => lane.run(own_bell, stop).await,
                Ok(None) => Ok(()),
                Err(e) => Err(e),
            };
            if let Err(e) = ran {
                tracing::warn!(error = %e, listener = %id, "a lane broke off; it is opened again");
            }
        });
        self.lanes.insert((tenant, id), Running { task, bell });
    }

    /// Stops all lanes, each after what it has under way.
    async fn stop_all(&mut self) {
        if self.lanes.is_empty() {
            return;
        }
        self.stop.cancel();
        for (_, lane) in self.lanes.drain() {
            // A lane that panicked has said so.
            lane.task.await.ok();
        }
        self.stop = CancellationToken::new();
    }
}

/// Places every event and sends what is due now, of every tenant: what tests use in place of waiting.
///
/// # Errors
/// When the database does not answer.
pub async fn run_due(engine: &Arc<Engine>, shows: Shows, post: &Post) -> Result<(), NotifyError> {
    for tenant in engine.db.read_system().await?.tenants_with_news().await? {
        while sequence::sequence(engine, &shows, &tenant).await? {}
    }
    let waiting = engine.db.read_system().await?.waiting_listeners().await?;
    let leading = Arc::new(Leading::default());
    // Nobody else is there.
    leading.renew(Instant::now(), Some(Duration::from_secs(86_400)));
    let mut lanes = vec![];
    for (tenant, id) in waiting {
        if let Some(lane) = Lane::open(engine, shows, post, &leading, &tenant, id).await? {
            lanes.push(lane.run_due());
        }
    }
    futures_util::future::try_join_all(lanes).await?;
    Ok(())
}
