//! What puts an order in jeopardy: a job that needs an operator, a requested date that will be missed, an expected
//! date that has passed. Each is an alert on the order and one event; all alerts are gone when the order ends.

use chrono::TimeDelta;
use telvisor_model::EventKind;
use uuid::Uuid;

use super::expect;
use super::moves::Moving;
use crate::clock::show;
use crate::engine::Engine;
use crate::store::orders::Alert;
use crate::store::{StoreError, Tenant, Tx, retrying};

/// A job needs an operator: one alert for each time.
pub const HELD: &str = "held";
/// The expected date lies after the requested one: gone when it does not any more.
pub const REQUESTED: &str = "requestedCompletionDate";
/// The expected date passed: told once, stays.
pub const EXPECTED: &str = "expectedCompletionDate";

/// How long an expected date must have been passed before it is told: the clocks of the processes differ.
const GRACE: TimeDelta = TimeDelta::seconds(10);
/// Most orders looked at in one sweep.
const MOST: i64 = 500;

/// The risk that a cause stands for, in the words of the official file's example.
#[must_use]
pub fn risk(name: &str) -> &'static str {
    match name {
        HELD => "Critical",
        REQUESTED => "Hazard",
        _ => "Normal",
    }
}

/// Raises an alert, and tells it.
pub(super) async fn alert(
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    name: &str,
    exception: Option<&str>,
    message: String,
    items: Vec<String>,
) -> Result<(), StoreError> {
    tracing::warn!(order.id = %moving.order.id, cause = name, message, "the order is in jeopardy");
    let (at, exception) = (tx.now(), exception.map(str::to_owned));
    moving.order.alerts.0.push(Alert { name: name.to_owned(), at, exception, message, items });
    moving.event(tx, EventKind::Jeopardy).await
}

/// Compares the expected with the requested date: raises the alert, or takes it back.
pub(super) async fn judge(tx: &mut Tx<Tenant>, moving: &mut Moving) -> Result<(), StoreError> {
    let order = &moving.order;
    let known = order.alerts.0.iter().any(|a| a.name == REQUESTED);
    match (order.expected_completion, order.requested_completion) {
        (Some(expected), Some(requested)) if expected > requested => {
            if known {
                return Ok(());
            }
            let message = format!(
                "it was requested to be completed by {}, and is expected at {}",
                show(requested),
                show(expected)
            );
            let items = open_items(moving);
            alert(tx, moving, REQUESTED, None, message, items).await
        }
        _ => {
            moving.order.alerts.0.retain(|a| a.name != REQUESTED);
            Ok(())
        }
    }
}

fn open_items(moving: &Moving) -> Vec<String> {
    moving.items.iter().filter(|i| !i.state.is_final()).map(|i| i.item_id.clone()).collect()
}

/// Finds the orders whose expected date has passed; how many there were.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(engine: &Engine) -> Result<usize, StoreError> {
    let mut tx = engine.db.read_system().await?;
    let before = tx.now() - GRACE;
    let found = tx.late_orders(before, MOST).await?;
    drop(tx);
    for (tenant, customer_id, order) in &found {
        retrying("late order", || late(engine, tenant, customer_id, *order)).await?;
    }
    Ok(found.len())
}

async fn late(engine: &Engine, tenant: &str, customer_id: &str, order: Uuid) -> Result<(), StoreError> {
    let mut tx = engine.db.tenant(tenant).await?;
    tx.lock_line(customer_id).await?;
    let Some(mut moving) = Moving::load(&mut tx, order).await? else { return Ok(()) };
    let now = tx.now();
    let Some(expected) = moving.order.expected_completion.filter(|at| *at < now - GRACE) else {
        return Ok(());
    };
    if moving.order.late || moving.order.state.is_final() {
        return Ok(());
    }
    moving.order.late = true;
    // What is to be expected now; an order that waits for somebody keeps the date that it missed.
    if let Some(date) = expect::again(engine, &mut tx, &moving).await? {
        moving.order.expected_completion = Some(date);
    }
    let message =
        format!("it was expected to be completed at {}, and is {}", show(expected), moving.order.state);
    let items = open_items(&moving);
    alert(&mut tx, &mut moving, EXPECTED, None, message, items).await?;
    judge(&mut tx, &mut moving).await?;
    moving.save(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}
