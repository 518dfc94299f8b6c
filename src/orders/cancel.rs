//! Cancelling: before the point of no return an order really stops and is undone; after it, the cancel is refused
//! with the reason and the order goes back to the state it had. One that is wanted for a later date waits for it, and
//! the order goes on meanwhile.

use telvisor_model::{EventKind, ItemState, OrderKind, OrderState};
use uuid::Uuid;

use super::keys::{self, Taken};
use super::moves::Moving;
use super::{OrderError, fallout, finish, line};
use crate::access::{Caller, Door};
use crate::clock::new_id;
use crate::engine::Engine;
use crate::fault;
use crate::store::cancels::CancelRow;
use crate::store::orders::OrderRow;
use crate::store::{StoreError, Tenant, Tx, retrying};

/// Most planned cancels looked at in one sweep.
const MOST: i64 = 500;

/// A request to cancel, as a door understood it.
#[derive(Debug, Clone)]
pub struct CancelRequest {
    /// Of the order.
    pub kind: OrderKind,
    pub order: Uuid,
    pub reason: Option<String>,
    pub requested_for: Option<chrono::DateTime<chrono::Utc>>,
    /// The client's idempotency key, and the content that it stands for.
    pub key: Option<(String, String)>,
}

/// What a cancel request answers: the task, and whether it is the one that its key made before.
pub type Judged = (CancelRow, bool);

/// Judges a cancel request. The task that it answers has ended unless something is being undone.
///
/// # Errors
/// [`OrderError::NotFound`], or [`OrderError::Forbidden`] when the order has ended, is being cancelled, or belongs to a
/// product order; [`OrderError::KeyConflict`].
pub async fn cancel(engine: &Engine, caller: &Caller, request: &CancelRequest) -> Result<Judged, OrderError> {
    retrying("cancel", || once(engine, caller, request)).await
}

async fn once(engine: &Engine, caller: &Caller, request: &CancelRequest) -> Result<Judged, OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let missing = || OrderError::NotFound(request.order.to_string());
    let seen = tx.order_of(request.kind, request.order).await?.ok_or_else(missing)?;
    own(&seen)?;
    if let Some(customer_id) = &seen.customer_id {
        tx.lock_line(customer_id).await?;
    }
    let id = new_id();
    if let Some(before) = made_before(engine, &mut tx, caller, request, id).await? {
        return Ok((before, true));
    }
    let mut moving = Moving::load_placed(&mut tx, request.order).await?.ok_or_else(missing)?;
    tx.lock_jobs(moving.order.id).await?;
    let forbidden = |message: String| Err(OrderError::Forbidden { item: None, message });
    let state = moving.placed().state;
    if state == OrderState::Draft {
        return forbidden("the order is a draft: delete it".into());
    }
    if state.is_final() {
        return forbidden(format!("the order has ended: it is {state}"));
    }
    if tx.open_cancel(request.order).await?.is_some() {
        return forbidden("the order is being cancelled already".into());
    }
    let later = request.requested_for.is_some_and(|at| at > tx.now());
    if later && tx.planned_cancel(request.order).await?.is_some() {
        return forbidden("a cancel of the order is planned already".into());
    }
    let mut task = CancelRow {
        id,
        order_id: request.order,
        kind: request.kind,
        state: "accepted".into(),
        back_to: moving.order.state,
        reason: request.reason.clone(),
        message: None,
        requested_at: tx.now(),
        requested_for: request.requested_for,
        ended_at: None,
    };
    tx.insert_cancel(&task).await?;
    tx.tell(task.resource(), task.id, EventKind::Create, &task, None).await?;
    if !later {
        judge(engine, &mut tx, &caller.principal.name(), &mut moving, &mut task).await?;
        tx.update_cancel(&task).await?;
        moving.save(&mut tx).await?;
    }
    let detail = serde_json::json!({ "task": task.id, "state": task.state, "reason": task.reason });
    tx.audit(caller, "order.cancel", &request.order.to_string(), Some(&detail)).await?;
    settle(engine, tx, &moving.order).await?;
    Ok((task, false))
}

/// The task that the request's key made before, if it did.
async fn made_before(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    caller: &Caller,
    request: &CancelRequest,
    task: Uuid,
) -> Result<Option<CancelRow>, OrderError> {
    let Some((key, content)) = &request.key else { return Ok(None) };
    let door = format!("{} cancel", caller.door.as_str());
    match keys::take(engine, tx, (caller, &door), key, content, task).await? {
        Taken::New => Ok(None),
        Taken::Same(id) => Ok(tx.cancel(request.kind, id).await?),
        Taken::Other(made) => Err(OrderError::KeyConflict { key: key.clone(), what: "cancel task", made }),
    }
}

/// Gives the next order its turn where this one ended, and commits.
async fn settle(engine: &Engine, mut tx: Tx<Tenant>, order: &OrderRow) -> Result<(), StoreError> {
    if let (Some(id), true) = (&order.customer_id, order.state.is_final()) {
        line::advance(engine, &mut tx, id).await?;
    }
    engine.commit(tx, ["cancel.before_commit", "cancel.after_commit"]).await?;
    fault::point("cancel.after_publish");
    Ok(())
}

/// Judges the cancels whose date has come, and ends those whose order has ended without them; how many there were.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(engine: &Engine) -> Result<usize, StoreError> {
    let found = engine.db.read_system().await?.due_cancels(MOST).await?;
    for (tenant, customer_id, task) in &found {
        retrying("planned cancel", || due(engine, tenant, customer_id, *task)).await?;
    }
    Ok(found.len())
}

async fn due(engine: &Engine, tenant: &str, customer_id: &str, task: Uuid) -> Result<(), StoreError> {
    let mut tx = engine.db.tenant(tenant).await?;
    tx.lock_line(customer_id).await?;
    let Some(mut task) = tx.waiting_cancel(task).await? else { return Ok(()) };
    // A deleted order has ended.
    let Some(mut order) = tx.order_even_hidden(task.order_id).await? else { return Ok(()) };
    if order.state.is_final() {
        let (state, message) = match order.state {
            OrderState::Cancelled => ("done", "the order was cancelled before".to_owned()),
            state => ("terminatedWithError", format!("the order ended before: it is {state}")),
        };
        end(&mut tx, &mut task, state, &message).await?;
    } else if tx.open_cancel(task.order_id).await?.is_some() {
        // Another one is undoing it: this one ends with the order.
        return Ok(());
    } else if let Some(mut moving) = Moving::load_placed(&mut tx, task.order_id).await? {
        tx.lock_jobs(moving.order.id).await?;
        task.back_to = moving.order.state;
        judge(engine, &mut tx, "cancel", &mut moving, &mut task).await?;
        moving.save(&mut tx).await?;
        order = moving.order;
    }
    tx.update_cancel(&task).await?;
    let detail = serde_json::json!({ "task": task.id, "state": task.state, "reason": task.reason });
    let caller = Caller::system(tenant, Door::System);
    tx.audit(&caller, "order.cancel", &task.order_id.to_string(), Some(&detail)).await?;
    settle(engine, tx, &order).await
}

/// Nothing, unless the order belongs to a product order: what is to happen to it is said of that.
///
/// # Errors
/// [`OrderError::Forbidden`] naming the product order.
pub(super) fn own(order: &OrderRow) -> Result<(), OrderError> {
    let Some(parent) = order.parent else { return Ok(()) };
    let message = format!("the order belongs to product order {parent}: change, cancel or delete that");
    Err(OrderError::Forbidden { item: None, message })
}

async fn judge(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    by: &str,
    moving: &mut Moving,
    task: &mut CancelRow,
) -> Result<(), StoreError> {
    let reason = task.reason.clone();
    if moving.order.state == OrderState::Acknowledged {
        finish::cancel_items(engine, tx, moving).await?;
        moving.to(tx, OrderState::Cancelled, reason.as_deref(), by).await?;
        return end(tx, task, "done", "cancelled before it began").await;
    }
    moving.to(tx, OrderState::AssessingCancellation, reason.as_deref(), by).await?;
    if let Some(why) = fallout::no_return(tx, moving).await? {
        moving.to(tx, task.back_to, Some(&why), by).await?;
        return end(tx, task, "terminatedWithError", &why).await;
    }
    task_to(tx, task, "inProgress").await?;
    moving.to(tx, OrderState::PendingCancellation, reason.as_deref(), by).await?;
    let undoing = fallout::undo_running(tx, moving, ItemState::PendingCancellation).await?;
    if !undoing {
        return granted(engine, tx, moving, task, "everything was undone").await;
    }
    Ok(())
}

/// Moves a task, and tells of it.
async fn task_to(tx: &mut Tx<Tenant>, task: &mut CancelRow, state: &str) -> Result<(), StoreError> {
    task.state = state.to_owned();
    tx.tell(task.resource(), task.id, EventKind::StateChange, task, None).await
}

/// Ends a task; each goes through `inProgress`.
async fn end(
    tx: &mut Tx<Tenant>,
    task: &mut CancelRow,
    state: &str,
    message: &str,
) -> Result<(), StoreError> {
    if task.state != "inProgress" {
        task_to(tx, task, "inProgress").await?;
    }
    task.message = Some(message.to_owned());
    task.ended_at = Some(tx.now());
    task_to(tx, task, state).await
}

/// What can be undone is: the order ends cancelled, and so does the task, with this message.
///
/// # Errors
/// When the database refuses.
pub async fn granted(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    task: &mut CancelRow,
    message: &str,
) -> Result<(), StoreError> {
    finish::cancel_items(engine, tx, moving).await?;
    let reason = task.reason.clone();
    moving.to(tx, OrderState::Cancelled, reason.as_deref(), "cancel").await?;
    end(tx, task, "done", message).await
}
