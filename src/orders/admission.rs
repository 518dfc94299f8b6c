//! Admission: new orders are turned away, with a time to come again, before more waits than can be done.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::OrderError;
use crate::access::{Caller, Door};
use crate::config::Flow;
use crate::engine::Engine;
use crate::store::StoreError;
use crate::store::flow::Backlog;

/// Looks at what waits until `shutdown`, in each process that has doors.
pub async fn run(engine: Arc<Engine>, shutdown: CancellationToken) {
    let mut rounds = tokio::time::interval(Duration::from_millis(engine.config.jobs.sweep_ms.min(5000)));
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = shutdown.cancelled() => return,
        }
        // A database that does not answer turns requests away by itself.
        if let Err(e) = look(&engine).await {
            tracing::debug!(error = %e, "what waits could not be looked at");
        }
    }
}

/// Opens or shuts the gate by what waits now.
///
/// # Errors
/// When the database does not answer; the gate stays as it is.
pub async fn look(engine: &Engine) -> Result<(), StoreError> {
    let flow = &engine.config.flow;
    let mut shut = no_room(engine);
    if shut.is_none() && (flow.orders_most > 0 || flow.wait_most_s > 0) {
        let mut tx = engine.db.read_system().await?;
        let now = tx.lease_now().await?;
        shut = too_much(flow, &tx.backlog().await?, now);
    }
    let why = shut.clone();
    if engine.queue.gate().set(shut) {
        match why {
            Some(why) => tracing::warn!(why, "new orders are turned away"),
            None => tracing::info!("new orders are let in again"),
        }
    }
    Ok(())
}

/// Whether the records that new orders make could not be put into files.
fn no_room(engine: &Engine) -> Option<String> {
    let least = engine.config.mediation.stop_free_mib;
    let free = engine.files.room(&engine.config.data).ok()?.free >> 20;
    (free < least).then(|| format!("{free} MiB of the disk are free (mediation.stop_free_mib)"))
}

/// Why no more is let in.
fn too_much(flow: &Flow, waits: &Backlog, now: DateTime<Utc>) -> Option<String> {
    if flow.orders_most > 0 && waits.orders >= flow.orders_most {
        return Some(format!("{} orders wait, as many as may (flow.orders_most)", waits.orders));
    }
    let seconds = waits.since.map_or(0, |since| (now - since).num_seconds());
    (flow.wait_most_s > 0 && seconds >= flow.wait_most_s).then(|| {
        format!(
            "work waits for {seconds} s; new orders are let in below {} s (flow.wait_most_s)",
            flow.wait_most_s
        )
    })
}

/// Lets an order in. Our own schedules are always let in.
///
/// # Errors
/// [`OrderError::Busy`].
pub(super) fn enter(engine: &Engine, caller: &Caller) -> Result<(), OrderError> {
    match engine.queue.gate().shut() {
        Some(why) if caller.door != Door::Schedule => {
            metrics::counter!("telvisor_orders_turned_away_total", "door" => caller.door.as_str())
                .increment(1);
            Err(OrderError::Busy { why, retry_after_s: engine.config.flow.retry_after_s })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_shut_the_gate_and_none_is_none() {
        let now: DateTime<Utc> = "2026-11-23T08:10:00Z".parse().unwrap();
        let since = Some("2026-11-23T08:00:00Z".parse().unwrap());
        let waits = |orders, since| Backlog { orders, jobs: 0, since };
        let flow =
            |orders_most, wait_most_s| Flow { orders_most, wait_most_s, retry_after_s: 5, stuck_minutes: 60 };
        assert!(too_much(&flow(0, 0), &waits(1 << 40, since), now).is_none());
        assert!(too_much(&flow(10, 0), &waits(9, since), now).is_none());
        assert!(too_much(&flow(10, 0), &waits(10, None), now).unwrap().contains("10 orders"));
        assert!(too_much(&flow(0, 601), &waits(10, since), now).is_none());
        assert!(too_much(&flow(0, 600), &waits(1, since), now).unwrap().contains("600 s"));
        assert!(too_much(&flow(0, 600), &waits(1, None), now).is_none());
    }
}
