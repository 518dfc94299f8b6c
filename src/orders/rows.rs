//! The rows of an accepted order, and what is reserved for it.

use serde_json::Value;
use telvisor_model::{EventKind, ItemState, OrderState};
use uuid::Uuid;

use super::accept::Prepared;
use super::moves::Moving;
use super::resolve::{NewCustomer, Resolved};
use super::{Draft, DraftItem, OrderError};
use crate::access::Caller;
use crate::clock::new_id;
use crate::store::customers::CustomerRow;
use crate::store::orders::{ItemRow, OrderRow};
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{Json, StoreError, Tenant, Tx};

/// 0, the most urgent, to 4, from the text of a priority; 4 for any other text.
pub(super) fn urgency(priority: Option<&str>) -> i64 {
    priority.and_then(|p| p.trim().parse::<i64>().ok()).unwrap_or(4).clamp(0, 4)
}

fn order_row(
    tx: &Tx<Tenant>,
    caller: &Caller,
    draft: &Draft,
    id: Uuid,
    customer_id: Option<&str>,
) -> OrderRow {
    OrderRow {
        id,
        kind: "service".into(),
        parent: None,
        customer_id: customer_id.map(str::to_owned),
        customer: None,
        door: caller.door.as_str().into(),
        channel: draft.channel.clone().unwrap_or_else(|| caller.door.as_str().into()),
        client: caller.principal.name(),
        external_id: draft.external_id.clone(),
        category: draft.category.clone(),
        priority: draft.priority.clone(),
        urgency: urgency(draft.priority.as_deref()),
        state: OrderState::Acknowledged,
        order_date: tx.now(),
        requested_start: draft.requested_start,
        requested_completion: draft.requested_completion,
        expected_completion: None,
        started_at: None,
        ended_at: None,
        cancelled_at: None,
        cancel_reason: None,
        place: None,
        waits_for: None,
        goes_on: false,
        version: 1,
        event_number: 0,
        history_number: 0,
        errors: Json(vec![]),
        trace_parent: caller.trace_parent.clone(),
        request_id: caller.request_id.clone(),
    }
}

fn item_row(order: Uuid, number: usize, item: &DraftItem, resolved: &Resolved) -> ItemRow {
    ItemRow {
        order_id: order,
        item_id: item.id.clone(),
        uid: new_id(),
        number: i64::try_from(number).unwrap_or(i64::MAX),
        state: ItemState::Acknowledged,
        action: resolved.intent.as_ref().map_or("no-change", |i| i.action.as_str()).to_owned(),
        intent: Json(resolved.intent.clone()),
        relies_on: Json(item.relies_on.clone()),
        subscription: resolved.intent.as_ref().and_then(|i| i.subscription),
        before: None,
        started_at: None,
        ended_at: None,
        error_code: None,
        error: None,
    }
}

/// Writes the order down.
pub(super) async fn insert(
    tx: &mut Tx<Tenant>,
    caller: &Caller,
    draft: &Draft,
    id: Uuid,
    customer_id: &str,
    prepared: Prepared,
) -> Result<Moving, OrderError> {
    let mut order = order_row(tx, caller, draft, id, Some(customer_id));
    let future = order.requested_start.is_some_and(|at| at > tx.now());
    if !future {
        order.place = Some(tx.next_place(customer_id).await?);
    }
    let mut customer = prepared.customer;
    let mut items = vec![];
    for (number, (n, resolved)) in prepared.items.iter().enumerate() {
        if let Some(new) = &resolved.new_customer {
            customer = Some(reserve_customer(tx, customer_id, customer, new).await?);
        }
        items.push(item_row(id, number, &draft.items[*n], resolved));
    }
    order.customer = customer.as_ref().map(|c| c.uid);
    tx.insert_personal(id, &draft.request, &draft.notes).await?;
    for (row, (_, resolved)) in items.iter().zip(&prepared.items) {
        tx.insert_item(row).await?;
        if let (Some(intent), Some(digest), Some(c)) = (&resolved.intent, &resolved.digest, &customer) {
            tx.save_subscription(&reserved(tx, c.uid, intent, digest, resolved)).await?;
        }
    }
    let mut moving = Moving::new(order, items);
    tx.insert_history(&mut moving.order, None, "acknowledged", None, &caller.principal.name()).await?;
    moving.event(tx, EventKind::Create).await?;
    moving.insert(tx).await?;
    Ok(moving)
}

/// A new customer's row, or the known one, whose id is opened anew by the order.
async fn reserve_customer(
    tx: &mut Tx<Tenant>,
    customer_id: &str,
    known: Option<CustomerRow>,
    new: &NewCustomer,
) -> Result<CustomerRow, StoreError> {
    let now = tx.now();
    let mut row = known.unwrap_or_else(|| CustomerRow {
        uid: new_id(),
        customer_id: customer_id.to_owned(),
        state: "pending".into(),
        test: new.test,
        name: String::new(),
        email: None,
        phone: None,
        language: None,
        characteristics: Json(Value::Null),
        created_at: now,
        started_at: None,
        ended_at: None,
        restorable_until: None,
        removing: false,
    });
    if row.state == "cancelled" {
        row.state = "pending".into();
        row.test = new.test;
    }
    row.name.clone_from(&new.name);
    row.email.clone_from(&new.email);
    row.phone.clone_from(&new.phone);
    row.language.clone_from(&new.language);
    row.characteristics = Json(Value::Object(new.characteristics.clone()));
    tx.save_customer(&row).await?;
    Ok(row)
}

fn reserved(
    tx: &Tx<Tenant>,
    customer: Uuid,
    intent: &telvisor_model::view::Intent,
    digest: &str,
    resolved: &Resolved,
) -> SubscriptionRow {
    SubscriptionRow {
        id: intent.subscription.unwrap_or_default(),
        customer,
        application: intent.application.clone().unwrap_or_default(),
        plan: intent.plan.clone().unwrap_or_default(),
        version: intent.version.clone().unwrap_or_default(),
        digest: digest.to_owned(),
        multiple: intent.multiple,
        state: "reserved".into(),
        machine: None,
        access_url: None,
        characteristics: Json(serde_json::to_value(&resolved.characteristics).unwrap_or_default()),
        ended_with_customer: None,
        last_backup: None,
        created_at: tx.now(),
        started_at: None,
        ended_at: None,
        restorable_until: None,
        removing: false,
    }
}

/// An order that names nothing to do: acknowledged, then rejected, in the accepting transaction.
pub(super) async fn reject(
    tx: &mut Tx<Tenant>,
    caller: &Caller,
    draft: &Draft,
    id: Uuid,
    item: &str,
    reason: &str,
) -> Result<Moving, OrderError> {
    let order = order_row(tx, caller, draft, id, draft.customer.as_deref());
    let none = Resolved {
        intent: None,
        new_customer: None,
        digest: None,
        characteristics: std::collections::BTreeMap::new(),
    };
    let items: Vec<ItemRow> =
        draft.items.iter().enumerate().map(|(n, i)| item_row(id, n, i, &none)).collect();
    tx.insert_personal(id, &draft.request, &draft.notes).await?;
    for row in &items {
        tx.insert_item(row).await?;
    }
    let by = caller.principal.name();
    let mut moving = Moving::new(order, items);
    tx.insert_history(&mut moving.order, None, "acknowledged", None, &by).await?;
    moving.event(tx, EventKind::Create).await?;
    for n in 0..moving.items.len() {
        moving.item_to(tx, n, ItemState::Rejected, Some(reason), &by).await?;
    }
    moving.error(tx, "rejected", "the order names nothing to do", reason, vec![item.to_owned()]);
    moving.to(tx, OrderState::Rejected, Some(reason), &by).await?;
    moving.insert(tx).await?;
    Ok(moving)
}
