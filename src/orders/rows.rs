//! The rows of an accepted order, and what is reserved for it.

use serde_json::Value;
use telvisor_model::{ItemState, OrderKind, OrderState};
use uuid::Uuid;

use super::accept::Prepared;
use super::moves::Moving;
use super::resolve::{self, NewCustomer, Resolved};
use super::{Draft, DraftItem, OrderError, customers, decompose, expect, jeopardy};
use crate::access::Caller;
use crate::clock::new_id;
use crate::store::customers::CustomerRow;
use crate::store::orders::{ItemRow, OrderRow, PersonalRow};
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{Json, StoreError, Tenant, Tx};

/// 0, the most urgent, to 4, from the text of a priority; 4 for any other text.
pub(super) fn urgency(priority: Option<&str>) -> i64 {
    priority.and_then(|p| p.trim().parse::<i64>().ok()).unwrap_or(4).clamp(0, 4)
}

pub(super) fn order_row(
    tx: &Tx<Tenant>,
    caller: &Caller,
    draft: &Draft,
    id: Uuid,
    customer_id: Option<&str>,
) -> OrderRow {
    OrderRow {
        id,
        kind: draft.kind,
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
        order_date: draft.drafted.map_or(tx.now(), |d| d.at),
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
        alerts: Json(vec![]),
        late: false,
        approval: None,
        approval_until: None,
        hold: None,
        changed_at: Some(tx.now()),
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
        takes_ms: resolved.takes_ms,
    }
}

/// Writes the order down, at its `own` place in the line when its date has come. A product order is taken apart here:
/// into a service order with the items that act, which has the place.
pub(super) async fn insert(
    tx: &mut Tx<Tenant>,
    caller: &Caller,
    draft: &Draft,
    id: Uuid,
    customer_id: &str,
    prepared: Prepared,
    own: i64,
) -> Result<Moving, OrderError> {
    let (customer, items) = reserve(tx, id, customer_id, draft, &prepared).await?;
    let mut order = order_row(tx, caller, draft, id, Some(customer_id));
    order.customer = customer;
    order.expected_completion = Some(expect::at_the_end(tx.now(), &prepared.line, &order, &items));
    let by = caller.principal.name();
    let mut moving = match draft.kind {
        OrderKind::Service => {
            place(tx, &mut order, own);
            let mut moving = Moving::new(order, items);
            begin(tx, &mut moving, &draft.request, &draft.notes, None, &by).await?;
            moving
        }
        OrderKind::Product => {
            let mut product = Moving::new(order, items);
            begin(tx, &mut product, &draft.request, &draft.notes, None, &by).await?;
            if product.items.iter().any(|i| i.intent.0.is_some()) {
                service_order(tx, draft, product, own, &by).await?
            } else {
                product.end_idle(tx, &by).await?;
                product
            }
        }
    };
    if !moving.order.state.is_final() {
        jeopardy::judge(tx, &mut moving).await?;
    }
    moving.insert(tx).await?;
    Ok(moving)
}

/// Writes down what the items of an order reserve: the uid of the customer, and the items' rows, which are not written.
pub(super) async fn reserve(
    tx: &mut Tx<Tenant>,
    order: Uuid,
    customer_id: &str,
    draft: &Draft,
    prepared: &Prepared,
) -> Result<(Option<Uuid>, Vec<ItemRow>), StoreError> {
    let mut customer = prepared.customer.clone();
    let mut items = vec![];
    for (number, (n, resolved)) in prepared.items.iter().enumerate() {
        if let Some(new) = &resolved.new_customer {
            customer = Some(reserve_customer(tx, customer_id, customer, new, draft.profile.as_ref()).await?);
        }
        if let (Some(intent), Some(digest), Some(c)) = (&resolved.intent, &resolved.digest, &customer) {
            let row = reserved(tx, c.uid, intent, digest, resolved);
            match resolved.kept {
                true => tx.save_subscription(&row).await?,
                false => tx.insert_subscription(&row, c).await?,
            }
        }
        items.push(item_row(order, number, &draft.items[*n], resolved));
    }
    let creates = prepared.items.iter().any(|(_, r)| r.new_customer.is_some());
    if let (Some(c), Some(profile), false) = (&customer, &draft.profile, creates) {
        customers::save(tx, Some(c), c, Some(profile)).await?;
    }
    Ok((customer.map(|c| c.uid), items))
}

/// The service order that does the work of a product order. The client's own number stays with the product order.
async fn service_order(
    tx: &mut Tx<Tenant>,
    draft: &Draft,
    product: Moving,
    own: i64,
    by: &str,
) -> Result<Moving, OrderError> {
    let id = new_id();
    let mut order = OrderRow {
        id,
        kind: OrderKind::Service,
        parent: Some(product.order.id),
        external_id: None,
        event_number: 0,
        history_number: 0,
        ..product.order.clone()
    };
    place(tx, &mut order, own);
    let items = acting(draft, id, &product.items);
    let request = decompose::service_request(draft, product.order.id);
    let mut moving = Moving::of_product(order, items, product);
    begin(tx, &mut moving, &request, &draft.notes, None, by).await?;
    Ok(moving)
}

/// The items of a service order: those of its product order that act.
pub(super) fn acting(draft: &Draft, service_order: Uuid, of_product: &[ItemRow]) -> Vec<ItemRow> {
    let acting = of_product.iter().filter(|i| i.intent.0.is_some());
    let own = acting.zip(0..).map(|(i, number)| {
        let given = draft.items.iter().find(|d| d.id == i.item_id);
        let relies_on = given.map(|d| decompose::relies_on(&draft.items, d)).unwrap_or_default();
        ItemRow { order_id: service_order, uid: new_id(), number, relies_on: Json(relies_on), ..i.clone() }
    });
    own.collect()
}

/// Gives an order its place in the line, unless its date lies ahead.
fn place(tx: &Tx<Tenant>, order: &mut OrderRow, own: i64) {
    if order.requested_start.is_none_or(|at| at <= tx.now()) {
        order.place = Some(own);
    }
}

/// Writes what belongs to a new order, and that it is there.
async fn begin(
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    request: &Value,
    notes: &[Value],
    reason: Option<&str>,
    by: &str,
) -> Result<(), StoreError> {
    tx.insert_personal(moving.order.id, request, notes).await?;
    moving.knows(PersonalRow { request: Json(request.clone()), notes: Json(notes.to_vec()) });
    for row in &moving.items {
        tx.insert_item(row).await?;
    }
    let state = moving.order.state;
    tx.insert_history(&mut moving.order, None, state.as_str(), reason, by).await?;
    moving.created(tx).await
}

/// A new customer's row, or the known one, whose id is opened anew by the order.
async fn reserve_customer(
    tx: &mut Tx<Tenant>,
    customer_id: &str,
    known: Option<CustomerRow>,
    new: &NewCustomer,
    profile: Option<&Value>,
) -> Result<CustomerRow, StoreError> {
    let now = tx.now();
    // What was given of the one who had the id before is not kept with the new one.
    let nothing = Value::Object(serde_json::Map::new());
    let profile = profile.or(known.as_ref().map(|_| &nothing));
    let mut row = known.clone().unwrap_or_else(|| CustomerRow {
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
    new.put_into(&mut row);
    customers::save(tx, known.as_ref(), &row, profile).await?;
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

/// An order that names nothing to do. A service order is acknowledged, then rejected, in the accepting transaction; a
/// product order is rejected from the start.
pub(super) async fn reject(
    tx: &mut Tx<Tenant>,
    caller: &Caller,
    draft: &Draft,
    id: Uuid,
    item: &str,
    reason: &str,
) -> Result<Moving, OrderError> {
    let order = order_row(tx, caller, draft, id, draft.customer.as_deref());
    let none = resolve::none();
    let items: Vec<ItemRow> =
        draft.items.iter().enumerate().map(|(n, i)| item_row(id, n, i, &none)).collect();
    let by = caller.principal.name();
    let mut moving = Moving::new(order, items);
    let why = |moving: &mut Moving, tx: &Tx<Tenant>| {
        moving.error(tx, "rejected", "the order names nothing to do", reason, vec![item.to_owned()]);
    };
    match draft.kind {
        OrderKind::Service => {
            begin(tx, &mut moving, &draft.request, &draft.notes, None, &by).await?;
            for n in 0..moving.items.len() {
                moving.item_to(tx, n, ItemState::Rejected, Some(reason), &by).await?;
            }
            why(&mut moving, tx);
            moving.to(tx, OrderState::Rejected, Some(reason), &by).await?;
        }
        OrderKind::Product => {
            let now = tx.now();
            moving.order.state = OrderState::Rejected;
            moving.order.ended_at = Some(now);
            for item in &mut moving.items {
                item.state = ItemState::Rejected;
                item.ended_at = Some(now);
            }
            why(&mut moving, tx);
            begin(tx, &mut moving, &draft.request, &draft.notes, Some(reason), &by).await?;
            for item in &moving.items {
                let (id, to) = (Some(item.item_id.as_str()), item.state.as_str());
                tx.insert_history(&mut moving.order, id, to, Some(reason), &by).await?;
            }
        }
    }
    moving.insert(tx).await?;
    Ok(moving)
}
