//! Orders that wait for an operator's approval before they begin. It is asked for when an order gets its place in the
//! customer's line: at acceptance, or when its date has come. Until somebody decides, the order is `pending` and keeps
//! the subscriptions that it is about; approved, it takes a new place and its preconditions are checked again.

use chrono::TimeDelta;
use telvisor_model::{EventKind, ItemState, OrderState};
use uuid::Uuid;

use super::draft::CUSTOMER_ACCOUNT;
use super::moves::Moving;
use super::{OrderError, fallout, finish, line};
use crate::access::{Caller, Door};
use crate::engine::Engine;
use crate::store::orders::{ItemRow, OrderRow};
use crate::store::{Hint, StoreError, Tenant, Trace, Tx, retrying};

/// An order's `approval`: somebody has to decide.
pub const ASKED: &str = "asked";
const APPROVED: &str = "approved";
const REFUSED: &str = "refused";
/// Most orders looked at in one sweep.
const MOST: i64 = 500;

/// Whether the configuration wants an order to be approved: by the channel that it came by, or an application that
/// it is about.
pub(super) fn is_needed(engine: &Engine, order: &OrderRow, items: &[ItemRow]) -> bool {
    let c = &engine.config.approval;
    let about = |i: &ItemRow| {
        let intent = i.intent.0.as_ref()?;
        let account = intent.action.on_customer().then(|| CUSTOMER_ACCOUNT.to_owned());
        account.or_else(|| intent.application.clone())
    };
    // What a plan's own schedule orders is nobody's wish that could be refused, unless the channel is named.
    let of_schedule = order.door == Door::Schedule.as_str();
    order.approval.is_none()
        && (c.channels.contains(&order.channel)
            || !of_schedule && items.iter().filter_map(about).any(|id| c.applications.contains(&id)))
}

/// The order waits for approval.
pub(super) async fn ask(engine: &Engine, tx: &mut Tx<Tenant>, moving: &mut Moving) -> Result<(), StoreError> {
    let hours = engine.config.approval.hours;
    let words = "waits for approval";
    moving.order.approval = Some(ASKED.into());
    moving.order.approval_until = (hours > 0).then(|| tx.now() + TimeDelta::hours(hours));
    moving.order.waits_for = Some(words.into());
    for n in 0..moving.items.len() {
        moving.item_to(tx, n, ItemState::Pending, Some(words), "approval").await?;
    }
    moving.to(tx, OrderState::Pending, Some(words), "approval").await?;
    moving.event(tx, EventKind::InformationRequired).await
}

/// Carries an operator's decision out; the same decision again changes nothing.
///
/// # Errors
/// [`OrderError::NotFound`]; [`OrderError::Forbidden`] when the order waits for no approval, or was decided about
/// otherwise.
pub async fn decide(
    engine: &Engine,
    caller: &Caller,
    id: Uuid,
    approve: bool,
    reason: Option<&str>,
) -> Result<(), OrderError> {
    retrying("approval", || decide_once(engine, caller, id, approve, reason)).await
}

async fn decide_once(
    engine: &Engine,
    caller: &Caller,
    id: Uuid,
    approve: bool,
    reason: Option<&str>,
) -> Result<(), OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let mut moving = super::acting(&mut tx, id).await?;
    let said = |wanted: &str| moving.order.approval.as_deref() == Some(wanted);
    if said(if approve { APPROVED } else { REFUSED }) {
        return Ok(());
    }
    let forbidden = |message: String| Err(OrderError::Forbidden { item: None, message });
    if moving.order.approval.is_none() {
        return forbidden("the order waits for no approval".into());
    }
    if moving.order.state != OrderState::Pending || !said(ASKED) {
        return forbidden(format!("it is decided: the order is {}", moving.order.state));
    }
    let by = caller.principal.name();
    if approve {
        approved(&mut tx, &mut moving).await?;
    } else {
        let reason = reason.unwrap_or("the order was not approved");
        refused(engine, &mut tx, &mut moving, reason, &by).await?;
    }
    let detail = serde_json::json!({ "approve": approve, "reason": reason });
    tx.audit(caller, "order.approval", &moving.order.id.to_string(), Some(&detail)).await?;
    settle(engine, tx, moving).await
}

async fn approved(tx: &mut Tx<Tenant>, moving: &mut Moving) -> Result<(), StoreError> {
    moving.order.approval = Some(APPROVED.into());
    moving.order.approval_until = None;
    moving.order.waits_for = None;
    moving.order.goes_on = true;
    if let Some(customer_id) = moving.order.customer_id.clone() {
        moving.order.place = Some(tx.next_place(&customer_id).await?);
        let trace = Trace(moving.order.trace_parent.clone());
        tx.hint(Hint::Line { tenant: tx.tenant(), customer_id, trace });
    }
    Ok(())
}

async fn refused(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    reason: &str,
    by: &str,
) -> Result<(), StoreError> {
    moving.order.approval = Some(REFUSED.into());
    finish::cancel_items(engine, tx, moving).await?;
    moving.to(tx, OrderState::Cancelled, Some(reason), by).await
}

async fn settle(engine: &Engine, mut tx: Tx<Tenant>, mut moving: Moving) -> Result<(), OrderError> {
    moving.save(&mut tx).await?;
    if let (Some(customer_id), true) = (&moving.order.customer_id, moving.order.state.is_final()) {
        line::advance(engine, &mut tx, customer_id).await?;
    }
    Ok(fallout::decided(engine, tx).await?)
}

/// Cancels the orders about which nobody decided in time; how many there were.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(engine: &Engine) -> Result<usize, StoreError> {
    let found = engine.db.read_system().await?.overdue_approvals(MOST).await?;
    for (tenant, customer_id, order) in &found {
        retrying("approval", || overdue(engine, tenant, customer_id, *order)).await.or_else(|e| match e {
            OrderError::Store(e) => Err(e),
            other => {
                tracing::warn!(error = %other, order.id = %order, "an overdue approval could not be ended");
                Ok(())
            }
        })?;
    }
    Ok(found.len())
}

async fn overdue(engine: &Engine, tenant: &str, customer_id: &str, order: Uuid) -> Result<(), OrderError> {
    let mut tx = engine.db.tenant(tenant).await?;
    tx.lock_line(customer_id).await?;
    let Some(mut moving) = Moving::load(&mut tx, order).await? else { return Ok(()) };
    let now = tx.now();
    if moving.order.approval_until.is_none_or(|until| until > now) {
        return Ok(());
    }
    let reason = format!("nobody approved it within {} hours", engine.config.approval.hours);
    refused(engine, &mut tx, &mut moving, &reason, "approval").await?;
    let caller = Caller::system(tenant, Door::System);
    let detail = serde_json::json!({ "approve": false, "reason": reason });
    tx.audit(&caller, "order.approval", &order.to_string(), Some(&detail)).await?;
    settle(engine, tx, moving).await
}
