//! Is it alive, is it ready, how does it do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use serde_json::json;
use telvisor_model::{Alarm, Severity};

use super::Doors;
use crate::engine::Engine;
use crate::store::StoreError;

type Shown = BTreeSet<(Severity, &'static str)>;

/// Alarms that were shown once with another severity than their usual one: they are shown on, as 0.
static SHOWN: Mutex<Shown> = Mutex::new(BTreeSet::new());

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Most orders that are counted as stuck.
const STUCK_MOST: i64 = 10_000;

/// 200 while the process runs.
pub async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "live" }))
}

/// 200 when the database and the hypervisor answer and the server does not drain; else 503 with what is missing.
pub async fn ready(State(doors): State<Doors>) -> Response {
    let database = doors.engine.db.read_system().await.map_err(|e| e.to_string());
    let hypervisor = doors.engine.driver.hosts().await.map_err(|e| e.to_string());
    let word = |result: Result<(), String>| result.err().unwrap_or_else(|| "ok".to_owned());
    let draining = doors.draining.is_cancelled();
    let good = database.is_ok() && hypervisor.is_ok() && !draining;
    let body = json!({
        "status": if good { "ready" } else { "not ready" },
        "database": word(database.map(drop)), "hypervisor": word(hypervisor.map(drop)), "draining": draining,
    });
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// Prometheus text. While the database is away, what this process knows by itself.
pub async fn metrics(State(doors): State<Doors>) -> Response {
    if let Err(e) = measure(&doors.engine).await {
        tracing::warn!(error = %e, "the metrics are those of this process only");
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], doors.metrics.render()).into_response()
}

/// Brings those metrics up to date that are in the database.
async fn measure(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.read_system().await?;
    let open = tx.open_orders().await?;
    let jobs = tx.count_jobs().await?;
    let waits = tx.backlog().await?;
    let now = tx.lease_now().await?;
    let before = now - TimeDelta::minutes(engine.config.flow.stuck_minutes);
    let stuck = tx.standing_still(before, STUCK_MOST).await?.len();
    let alarms = tx.open_alarms().await?;
    drop(tx);
    let number = |n: i64| u32::try_from(n).map_or(f64::MAX, f64::from);
    metrics::gauge!("telvisor_orders_open").set(number(open));
    metrics::gauge!("telvisor_orders_waiting").set(number(waits.orders));
    metrics::gauge!("telvisor_jobs_due").set(number(waits.jobs));
    metrics::gauge!("telvisor_waiting_seconds")
        .set(number(waits.since.map_or(0, |since| (now - since).num_seconds().max(0))));
    metrics::gauge!("telvisor_orders_stuck").set(number(i64::try_from(stuck).unwrap_or(i64::MAX)));
    for state in ["ready", "running", "fallout"] {
        let n = jobs.iter().find(|(s, _)| s == state).map_or(0, |(_, n)| *n);
        metrics::gauge!("telvisor_jobs", "state" => state).set(number(n));
    }
    // Every alarm that we know has its zero, so that what was cleared is seen to be gone.
    let known = Alarm::ALL.iter().map(|a| (a.as_str(), a.about().severity));
    let (mut counts, zero) = (BTreeMap::new(), |(kind, severity)| ((severity, kind), 0));
    counts.extend(known.map(zero));
    for seen in lock(&SHOWN).iter() {
        counts.entry(*seen).or_insert(0);
    }
    for a in &alarms {
        let kind = a.kind.as_deref().and_then(|k| k.parse::<Alarm>().ok());
        *counts.entry((a.severity, kind.map_or("told", Alarm::as_str))).or_default() += a.count;
    }
    for ((severity, kind), n) in counts {
        lock(&SHOWN).insert((severity, kind));
        metrics::gauge!("telvisor_alarms_open", "severity" => severity.as_str(), "type" => kind)
            .set(number(n));
    }
    Ok(())
}
