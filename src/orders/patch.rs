//! Changing what may still be changed of an order: its items until it begins, everything else but its state.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use telvisor_model::{EventKind, ItemState, OrderKind, OrderState};
use uuid::Uuid;

use super::cancel::own;
use super::moves::Moving;
use super::replan::replan;
use super::resolve::SEATS;
use super::{Draft, Given, Member, OrderError, approval, expect, jeopardy, rows, view};
use crate::access::Caller;
use crate::engine::Engine;
use crate::fault;
use crate::store::orders::OrderRow;
use crate::store::{Hint, Json, StoreError, Tenant, Trace, Tx, retrying};

/// Members to change; the outer option: leave alone, the inner: remove.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    /// Version of the order from which the change was made; it must still be the one stored.
    pub version: Option<i64>,
    pub category: Option<Option<String>>,
    pub priority: Option<Option<String>>,
    pub external_id: Option<Option<String>>,
    pub requested_start: Option<Option<DateTime<Utc>>>,
    pub requested_completion: Option<Option<DateTime<Utc>>>,
    /// Notes to add.
    pub notes: Vec<Value>,
    /// Characteristics supplied to items of a pending order.
    pub supplied: Vec<(String, Vec<Given>)>,
    /// Members of the request as echoed, already merged.
    pub request: Option<Value>,
    /// The customer that the changed parties name; it must be the one that the order is for.
    pub customer: Option<String>,
    /// The order as it would be placed now, where other items are wanted.
    pub items: Option<Draft>,
}

/// Patches an order. Where nothing changes there is no event, and nothing is written.
///
/// # Errors
/// [`OrderError::NotFound`]; [`OrderError::Changed`]; [`OrderError::Forbidden`] when the order has ended or its start
/// has passed, and when it belongs to a product order.
pub async fn patch(
    engine: &Engine,
    caller: &Caller,
    kind: OrderKind,
    id: Uuid,
    patch: &Patch,
) -> Result<(), OrderError> {
    retrying("patch", || patch_once(engine, caller, kind, id, patch)).await
}

async fn patch_once(
    engine: &Engine,
    caller: &Caller,
    kind: OrderKind,
    id: Uuid,
    patch: &Patch,
) -> Result<(), OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let missing = || OrderError::NotFound(id.to_string());
    let seen = tx.order_of(kind, id).await?.ok_or_else(missing)?;
    if let Some(customer_id) = &seen.customer_id {
        tx.lock_line(customer_id).await?;
    }
    let mut moving = Moving::load_placed(&mut tx, id).await?.ok_or_else(missing)?;
    let before = moving.placed().clone();
    if patch.version.is_some_and(|v| v != before.version) {
        return Err(OrderError::Changed);
    }
    let forbidden = |message: String| Err(OrderError::Forbidden { item: None, message });
    if patch.customer.is_some() && patch.customer != moving.order.customer_id {
        return forbidden("the customer of an order cannot be changed; cancel it and place another".into());
    }
    if let Some(start) = patch.requested_start
        && start != moving.order.requested_start
        && moving.order.state != OrderState::Acknowledged
    {
        let message = format!("the order is {}: its start cannot be moved any more", moving.order.state);
        return forbidden(message);
    }
    if let Some(Some(key)) = &patch.external_id
        && (key.is_empty() || key.chars().count() > 255 || key.chars().any(char::is_control))
    {
        let why = "must be 1 to 255 characters, none of them a control character";
        return Err(OrderError::invalid(None, Member::ExternalId, why));
    }
    change(&mut moving.order, patch);
    if moving.order.place.is_some() && moving.order.requested_start.is_some_and(|at| at > tx.now()) {
        // It leaves the line, and takes a new place when its date has come.
        moving.order.place = None;
        moving.order.waits_for = None;
    }
    if let Some(product) = moving.product() {
        change(product, patch);
        set(&mut product.external_id, patch.external_id.as_ref());
    } else {
        set(&mut moving.order.external_id, patch.external_id.as_ref());
    }
    let personal = tx.personal(id).await?;
    let request = patch.request.as_ref().unwrap_or(&personal.request.0);
    let same = *moving.placed() == before && *request == personal.request.0;
    if same && patch.notes.is_empty() && patch.supplied.is_empty() && patch.items.is_none() {
        return Ok(());
    }
    // A PATCH that changes nothing is welcome on any order.
    own(&seen)?;
    let mut notes = personal.notes.0;
    notes.extend(patch.notes.iter().cloned());
    tx.update_personal(id, request, &notes).await?;
    if moving.order.id != id {
        let personal = tx.personal(moving.order.id).await?;
        let notes: Vec<Value> = personal.notes.0.into_iter().chain(patch.notes.iter().cloned()).collect();
        tx.update_personal(moving.order.id, &personal.request.0, &notes).await?;
    }
    if !patch.supplied.is_empty() {
        supply(engine, &mut tx, &mut moving, &patch.supplied).await?;
    }
    if moving.order.urgency != before.urgency {
        hurry(&mut tx, &moving).await?;
    }
    if let Some(draft) = &patch.items {
        replan(engine, &mut tx, &mut moving, draft).await?;
    } else if moving.order.requested_start != before.requested_start
        && let Some(customer_id) = moving.order.customer_id.clone()
    {
        let line = view::line(&mut tx, &customer_id).await?;
        let date = expect::at_the_end(tx.now(), &line, &moving.order, &moving.items);
        moving.order.expected_completion = Some(date);
    }
    moving.event(&mut tx, EventKind::AttributeValueChange).await?;
    if !moving.order.state.is_final() {
        jeopardy::judge(&mut tx, &mut moving).await?;
    }
    moving.save(&mut tx).await?;
    tx.audit(caller, "order.patch", &id.to_string(), None).await?;
    if let Some(customer_id) = moving.order.customer_id.clone() {
        let trace = Trace(caller.trace_parent.clone());
        tx.hint(Hint::Line { tenant: caller.tenant.clone(), customer_id, trace });
    }
    engine.commit(tx, ["patch.before_commit", "patch.after_commit"]).await?;
    fault::point("patch.after_publish");
    Ok(())
}

/// The jobs that wait for a worker get the order's new urgency.
async fn hurry(tx: &mut Tx<Tenant>, moving: &Moving) -> Result<(), StoreError> {
    tx.lock_jobs(moving.order.id).await?;
    for mut job in tx.jobs_of(moving.order.id, None).await? {
        if matches!(job.state.as_str(), "ready" | "parked") {
            job.urgency = moving.order.urgency;
            tx.update_job(&job).await?;
        }
    }
    Ok(())
}

/// Takes the information that a pending order waits for: it leaves its place and goes on at a new one.
async fn supply(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    supplied: &[(String, Vec<Given>)],
) -> Result<(), OrderError> {
    if moving.order.state != OrderState::Pending {
        let message = format!("the order is {}, and waits for nothing", moving.order.state);
        return Err(OrderError::Forbidden { item: None, message });
    }
    if moving.order.approval.as_deref() == Some(approval::ASKED) {
        let message = "the order waits for approval, not for information".to_owned();
        return Err(OrderError::Forbidden { item: None, message });
    }
    for (item, list) in supplied {
        let place = moving.items.iter().position(|i| i.item_id == *item);
        let Some(n) = place else {
            return Err(OrderError::invalid(None, Member::Items, format!("there is no item {item:?}")));
        };
        if moving.items[n].state != ItemState::Pending {
            return Err(OrderError::invalid(n, Member::Service, "the item waits for nothing"));
        }
        let Some(mut s) = (match moving.items[n].subscription {
            Some(id) => tx.subscription(id).await?,
            None => None,
        }) else {
            return Err(OrderError::invalid(n, Member::Service, "the item waits for nothing"));
        };
        let Some(app) = engine.catalogue.find(&s.application) else {
            return Err(OrderError::invalid(n, Member::Service, "the application left the catalogue"));
        };
        let known = s.characteristics.0.as_object().cloned().unwrap_or_default();
        let mut values: BTreeMap<String, Value> = known.into_iter().collect();
        let seats = values.remove(SEATS);
        values.extend(list.iter().map(|g| (g.name.clone(), g.value.clone())));
        let mut checked = app.check_characteristics(&values).map_err(|errors| {
            let first = errors.into_iter().next().expect("an error list is never empty");
            OrderError::invalid(n, Member::Characteristic(first.path), first.message)
        })?;
        checked.values.extend(seats.map(|v| (SEATS.to_owned(), v)));
        s.characteristics = Json(serde_json::to_value(&checked.values).unwrap_or_default());
        tx.save_subscription(&s).await?;
    }
    if let Some(customer_id) = moving.order.customer_id.clone() {
        moving.order.place = Some(tx.next_place(&customer_id).await?);
    }
    moving.order.waits_for = None;
    moving.order.goes_on = true;
    Ok(())
}

/// What a patch changes of an order, and of the service order of a product order too.
fn change(o: &mut OrderRow, patch: &Patch) {
    set(&mut o.category, patch.category.as_ref());
    set(&mut o.priority, patch.priority.as_ref());
    o.urgency = rows::urgency(o.priority.as_deref());
    set(&mut o.requested_start, patch.requested_start.as_ref());
    set(&mut o.requested_completion, patch.requested_completion.as_ref());
}

fn set<T: Clone>(member: &mut Option<T>, change: Option<&Option<T>>) {
    if let Some(to) = change {
        member.clone_from(to);
    }
}

/// Hides an order from reads, if it is still at the version read.
///
/// # Errors
/// [`OrderError::NotFound`]; [`OrderError::Changed`]; [`OrderError::Forbidden`] while it has not ended and is no draft, and when it
/// belongs to a product order.
pub async fn delete(
    engine: &Engine,
    caller: &Caller,
    kind: OrderKind,
    id: Uuid,
    version: i64,
) -> Result<(), OrderError> {
    retrying("delete", || delete_once(engine, caller, kind, id, version)).await
}

async fn delete_once(
    engine: &Engine,
    caller: &Caller,
    kind: OrderKind,
    id: Uuid,
    version: i64,
) -> Result<(), OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let missing = || OrderError::NotFound(id.to_string());
    own(&tx.order_of(kind, id).await?.ok_or_else(missing)?)?;
    let mut moving = Moving::load_placed(&mut tx, id).await?.ok_or_else(missing)?;
    let placed = moving.placed();
    if placed.version != version {
        return Err(OrderError::Changed);
    }
    let draft = placed.state == OrderState::Draft;
    if !placed.state.is_final() && !draft {
        let message = format!("the order is {}; only an order that has ended can be deleted", placed.state);
        return Err(OrderError::Forbidden { item: None, message });
    }
    // Nobody was told of a draft.
    if !draft {
        moving.event(&mut tx, EventKind::Delete).await?;
    }
    moving.save(&mut tx).await?;
    tx.hide_order(id).await?;
    if moving.order.id != id {
        tx.hide_order(moving.order.id).await?;
    }
    tx.audit(caller, "order.delete", &id.to_string(), None).await?;
    engine.commit(tx, ["delete.before_commit", "delete.after_commit"]).await?;
    Ok(())
}
