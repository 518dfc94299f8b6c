//! An operator keeps an order from going on, and lets it go on again.
//!
//! An order that has not begun is held at once. One in progress is held when no job of it runs: jobs that wait for a
//! worker are parked, and one that runs comes to its end, or to the end of its try, before.

use telvisor_model::{ItemState, OrderState};
use uuid::Uuid;

use super::moves::Moving;
use super::{OrderError, fallout, line};
use crate::access::Caller;
use crate::engine::Engine;
use crate::store::jobs::JobRow;
use crate::store::{StoreError, Tenant, Tx, retrying};

/// State of a job that waits for the release of its order.
const PARKED: &str = "parked";

/// Holds an order; again with another reason changes the reason.
///
/// # Errors
/// [`OrderError::NotFound`]; [`OrderError::Forbidden`] for an order that has ended, waits for information or approval,
/// is being cancelled, or is held because a job needs an operator.
pub async fn hold(engine: &Engine, caller: &Caller, id: Uuid, reason: &str) -> Result<(), OrderError> {
    retrying("hold", || hold_once(engine, caller, id, reason)).await
}

async fn hold_once(engine: &Engine, caller: &Caller, id: Uuid, reason: &str) -> Result<(), OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let mut moving = super::acting(&mut tx, id).await?;
    tx.lock_jobs(moving.order.id).await?;
    let state = moving.order.state;
    let message = match state {
        OrderState::Acknowledged | OrderState::InProgress => None,
        OrderState::Held if moving.order.hold.is_some() => None,
        // It was released, and waits for its turn or its date: it stays as it is.
        OrderState::Held if moving.order.goes_on => {
            moving.order.goes_on = false;
            moving.order.waits_for = None;
            None
        }
        OrderState::Held => Some("the order is held already: a job of it needs an operator".to_owned()),
        state if state.is_final() => Some(format!("the order has ended: it is {state}")),
        state => Some(format!("the order is {state}: there is nothing to hold")),
    };
    if let Some(message) = message {
        return Err(OrderError::Forbidden { item: None, message });
    }
    moving.order.hold = Some(reason.to_owned());
    settle(&mut tx, &mut moving, &caller.principal.name()).await?;
    moving.save(&mut tx).await?;
    let detail = serde_json::json!({ "reason": reason });
    tx.audit(caller, "order.hold", &moving.order.id.to_string(), Some(&detail)).await?;
    if let (Some(customer_id), OrderState::Held) = (&moving.order.customer_id, moving.order.state) {
        line::advance(engine, &mut tx, customer_id).await?;
    }
    Ok(fallout::decided(engine, tx).await?)
}

/// Parks what may be parked, and holds the order when nothing of it runs.
pub(super) async fn settle(tx: &mut Tx<Tenant>, moving: &mut Moving, by: &str) -> Result<(), StoreError> {
    let Some(reason) = moving.order.hold.clone() else { return Ok(()) };
    if !matches!(moving.order.state, OrderState::Acknowledged | OrderState::InProgress) {
        return Ok(());
    }
    let mut runs = false;
    for mut job in tx.jobs_of(moving.order.id, None).await? {
        if job.state == "ready" && job.phase == "do" {
            job.state = PARKED.into();
            tx.update_job(&job).await?;
        }
        runs |= matches!(job.state.as_str(), "ready" | "running");
    }
    if runs {
        moving.order.waits_for = Some("is held when the job that runs has ended".into());
        return Ok(());
    }
    for n in 0..moving.items.len() {
        if moving.items[n].state == ItemState::InProgress {
            moving.item_to(tx, n, ItemState::Held, Some(&reason), by).await?;
        }
    }
    moving.order.waits_for = None;
    moving.to(tx, OrderState::Held, Some(&reason), by).await
}

/// After a try of a job that failed: the order is held now, if an operator wants it.
///
/// # Errors
/// When the database refuses.
pub async fn after_try(tx: &mut Tx<Tenant>, job: &JobRow) -> Result<(), StoreError> {
    let Some(id) = job.order_id else { return Ok(()) };
    let Some(mut moving) = Moving::load(tx, id).await? else { return Ok(()) };
    if moving.order.hold.is_some() {
        settle(tx, &mut moving, "hold").await?;
        moving.save(tx).await?;
    }
    Ok(())
}

/// Lets an order go on that an operator held. One that had not begun takes a new place in the line, or waits for its
/// date.
///
/// # Errors
/// [`OrderError::NotFound`]; [`OrderError::Forbidden`] when no operator holds it.
pub async fn release(
    engine: &Engine,
    caller: &Caller,
    id: Uuid,
    reason: Option<&str>,
) -> Result<(), OrderError> {
    retrying("release", || release_once(engine, caller, id, reason)).await
}

async fn release_once(
    engine: &Engine,
    caller: &Caller,
    id: Uuid,
    reason: Option<&str>,
) -> Result<(), OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let mut moving = super::acting(&mut tx, id).await?;
    tx.lock_jobs(moving.order.id).await?;
    if moving.order.hold.take().is_none() {
        let message = match moving.order.state {
            OrderState::Held if moving.order.goes_on => {
                "the order is released already, and waits for its turn or its date".to_owned()
            }
            OrderState::Held => "a job of it needs an operator: retry, skip or abandon it".to_owned(),
            state => format!("no operator holds the order: it is {state}"),
        };
        return Err(OrderError::Forbidden { item: None, message });
    }
    go_on(&mut tx, &mut moving, reason, &caller.principal.name()).await?;
    moving.save(&mut tx).await?;
    let detail = serde_json::json!({ "reason": reason });
    tx.audit(caller, "order.release", &moving.order.id.to_string(), Some(&detail)).await?;
    if let Some(customer_id) = &moving.order.customer_id {
        line::advance(engine, &mut tx, customer_id).await?;
    }
    Ok(fallout::decided(engine, tx).await?)
}

async fn go_on(
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    reason: Option<&str>,
    by: &str,
) -> Result<(), StoreError> {
    moving.order.waits_for = None;
    let due = tx.lease_now().await?;
    let (mut parked, mut stuck) = (false, false);
    for mut job in tx.jobs_of(moving.order.id, None).await? {
        stuck |= job.state == "fallout";
        if job.state == PARKED {
            parked = true;
            job.state = "ready".into();
            job.run_after = due;
            tx.update_job(&job).await?;
            tx.hint(job.hint());
        }
    }
    if moving.order.state != OrderState::Held || stuck {
        return Ok(());
    }
    if parked {
        for n in 0..moving.items.len() {
            if moving.items[n].state == ItemState::Held {
                moving.item_to(tx, n, ItemState::InProgress, reason, by).await?;
            }
        }
        return moving.to(tx, OrderState::InProgress, reason, by).await;
    }
    moving.order.goes_on = true;
    match (moving.order.place, moving.order.customer_id.clone()) {
        (Some(_), Some(customer_id)) => moving.order.place = Some(tx.next_place(&customer_id).await?),
        _ => moving.order.waits_for = Some("waits for its date".into()),
    }
    Ok(())
}
