//! The periodic look for what no hint told: due jobs, lines that wait, schedules, what has expired.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::config::check::KEY_DAYS;
use crate::engine::Engine;
use crate::orders::{approval, cancel, expect, jeopardy, schedule};
use crate::store::{Hint, StoreError, Trace};

/// Most rows of one kind looked at in one sweep.
const MOST: i64 = 500;

/// Sweeps until `shutdown`.
pub async fn run(engine: Arc<Engine>, shutdown: CancellationToken) {
    let period = Duration::from_millis(engine.config.jobs.sweep_ms);
    let mut round: u64 = 0;
    loop {
        if let Err(e) = sweep(&engine, round).await {
            tracing::warn!(error = %e, "the sweep could not go on; it comes back");
        }
        round += 1;
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn sweep(engine: &Engine, round: u64) -> Result<(), StoreError> {
    look(engine).await?;
    if !engine.leads("sweep").await? {
        return Ok(());
    }
    if round.is_multiple_of(60) {
        hosts(engine).await?;
        let mut tx = engine.db.system().await?;
        let before = tx.now() - TimeDelta::days(KEY_DAYS);
        tx.forget_keys(before).await?;
        tx.commit().await?;
    }
    fold(engine).await?;
    if round.is_multiple_of(10) {
        expect::fold(engine).await?;
        let mut tx = engine.db.system().await?;
        let now = tx.lease_now().await?;
        if tx.forget_nonces(now).await? + tx.forget_sessions(now).await? > 0 {
            tx.commit().await?;
        }
    }
    schedule::run(engine).await?;
    approval::sweep(engine).await?;
    cancel::sweep(engine).await?;
    jeopardy::sweep(engine).await?;
    expire(engine).await
}

/// Folds what orders added to the counters.
///
/// # Errors
/// When the database does not answer.
pub async fn fold(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.system().await?;
    if tx.fold_counters().await? > 0 {
        tx.commit().await?;
    }
    Ok(())
}

/// Wakes this process for everything that is due; whether there was anything.
///
/// # Errors
/// When the database does not answer.
pub async fn look(engine: &Engine) -> Result<bool, StoreError> {
    let mut tx = engine.db.read_system().await?;
    let mut hints = vec![];
    for (class, tenant, id) in tx.due_jobs(MOST).await? {
        hints.push(Hint::Job { class, tenant, id, trace: Trace::default() });
    }
    let jobs = !hints.is_empty();
    for (tenant, customer_id) in tx.waiting_lines(MOST).await? {
        hints.push(Hint::Line { tenant, customer_id, trace: Trace::default() });
    }
    engine.queue.wake(hints);
    Ok(jobs)
}

/// Notes the hosts with their capacity.
///
/// # Errors
/// When the database does not answer; a driver that does not answer is logged.
pub async fn hosts(engine: &Engine) -> Result<(), StoreError> {
    let hosts = match engine.driver.hosts().await {
        Ok(hosts) => hosts,
        Err(e) => {
            tracing::warn!(error = %e, "the hypervisor does not tell its hosts");
            return Ok(());
        }
    };
    let mut tx = engine.db.system().await?;
    let now = tx.now();
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    for h in hosts {
        let (memory, disk) = (number(h.memory_mib_total), number(h.disk_gib_total));
        tx.see_host(&engine.driver.capabilities().name, &h.name, i64::from(h.vcpu_total), memory, disk, now)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Lets backups go whose time is over, unless an open order of their customer may need them.
///
/// # Errors
/// When the database does not answer.
pub async fn expire(engine: &Engine) -> Result<(), StoreError> {
    let due = engine.db.read_system().await?.expired_backups(MOST).await?;
    for (tenant, id, customer_id) in due {
        let mut tx = engine.db.tenant(&tenant).await?;
        tx.lock_line(&customer_id).await?;
        if tx.has_open_order(&customer_id).await? {
            continue;
        }
        let Some(mut backup) = tx.backup(id).await? else { continue };
        backup.state = "expired".into();
        tx.save_backup(&backup).await?;
        tx.commit().await?;
        if let Err(e) = engine.objects.remove(&backup.object_key).await {
            tracing::warn!(error = %e, backup = %id, "the object of an expired backup stays; the next sweep tries again");
            continue;
        }
        // The object is gone for good: the sweep need not come back.
        backup.expires_at = None;
        let mut tx = engine.db.tenant(&tenant).await?;
        tx.save_backup(&backup).await?;
        tx.commit().await?;
    }
    Ok(())
}
