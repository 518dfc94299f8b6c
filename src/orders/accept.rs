//! Accepting an order: one transaction, in which it gets its ids and its place in the customer's line.

use serde_json::Value;
use telvisor_model::{Action, ItemState, OrderState, Refusal, Verdict};
use uuid::Uuid;

use super::draft::CUSTOMER_ACCOUNT;
use super::moves::Moving;
use super::resolve::{self, NewCustomer, Resolved, Scene};
use super::{Ask, Draft, DraftItem, Member, OrderError};
use super::{line, view};
use crate::access::Caller;
use crate::clock::new_id;
use crate::engine::Engine;
use crate::fault;
use crate::store::customers::CustomerRow;
use crate::store::orders::{ItemRow, OrderRow};
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{Hint, Json, StoreError, Tenant, Tx, retrying};

/// Most items in one order.
const MOST_ITEMS: usize = 100;

/// What acceptance answers.
#[derive(Debug)]
pub enum Accepted {
    /// The new order, as it was committed.
    New(Box<Moving>),
    /// The key was used before with the same content: this is the order it made then.
    Replayed(Uuid),
}

impl Accepted {
    /// The order's id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::New(moving) => moving.order.id,
            Self::Replayed(id) => *id,
        }
    }
}

/// Accepts an order, or says which member or state is against it. Nothing is written when it is refused.
///
/// # Errors
/// See [`OrderError`].
pub async fn accept(engine: &Engine, caller: &Caller, draft: &Draft) -> Result<Accepted, OrderError> {
    check_form(draft)?;
    retrying("acceptance", || once(engine, caller, draft)).await
}

async fn once(engine: &Engine, caller: &Caller, draft: &Draft) -> Result<Accepted, OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let nothing = draft.items.iter().find_map(|i| match &i.ask {
        Ask::Nothing { reason } => Some((i.id.clone(), reason.clone())),
        _ => None,
    });
    let order = new_id();
    let customer_id = if nothing.is_some() { None } else { Some(customer_of(&mut tx, draft).await?) };
    if let Some(id) = &customer_id {
        if !is_customer_id(id) {
            let why = "a customer id is 1 to 64 letters, digits and . _ : @ -, a letter or digit first";
            return Err(OrderError::invalid(None, Member::Customer, why));
        }
        tx.lock_line(id).await?;
        line::place_due(&mut tx, id).await?;
    }
    if let Some(before) = replayed(engine, &mut tx, caller, draft, order).await? {
        return Ok(Accepted::Replayed(before));
    }
    let moving = match (&customer_id, nothing) {
        (Some(id), None) => {
            let prepared = prepare(engine, &mut tx, id, draft).await?;
            insert(&mut tx, caller, draft, order, id, prepared).await?
        }
        (_, reason) => {
            let (item, reason) = reason.unwrap_or_default();
            reject(&mut tx, caller, draft, order, &item, &reason).await?
        }
    };
    tx.audit(caller, "order.accept", &order.to_string(), None).await?;
    if let (Some(customer_id), true) = (customer_id, moving.order.place.is_some()) {
        tx.hint(Hint::Line { tenant: caller.tenant.clone(), customer_id });
    }
    engine.commit(tx, ["accept.before_commit", "accept.after_commit"]).await?;
    fault::point("accept.after_publish");
    tracing::info!(order.id = %order, order.state = %moving.order.state, external_id = draft.external_id, %caller, "order accepted");
    Ok(Accepted::New(Box::new(moving)))
}

/// What can be judged without the database.
fn check_form(draft: &Draft) -> Result<(), OrderError> {
    if draft.items.is_empty() {
        return Err(OrderError::invalid(None, Member::Items, "an order needs at least one item"));
    }
    if draft.items.len() > MOST_ITEMS {
        return Err(OrderError::invalid(
            None,
            Member::Items,
            format!("at most {MOST_ITEMS} items in one order"),
        ));
    }
    if let Some(id) = &draft.external_id {
        let length = id.chars().count();
        if length == 0 || length > 255 || id.chars().any(char::is_control) {
            let why = "must be 1 to 255 characters, none of them a control character";
            return Err(OrderError::invalid(None, Member::ExternalId, why));
        }
    }
    for (name, value) in [("category", &draft.category), ("priority", &draft.priority)] {
        if value.as_ref().is_some_and(|v| v.chars().count() > 255) {
            return Err(OrderError::invalid(None, Member::Named(name), "must have at most 255 characters"));
        }
    }
    for (n, item) in draft.items.iter().enumerate() {
        if item.id.is_empty() || item.id.chars().count() > 100 || item.id.chars().any(char::is_control) {
            return Err(OrderError::invalid(n, Member::ItemId, "must be 1 to 100 characters"));
        }
        if draft.items[..n].iter().any(|before| before.id == item.id) {
            return Err(OrderError::invalid(
                n,
                Member::ItemId,
                format!("{:?} is the id of two items", item.id),
            ));
        }
        if let Some(missing) = item.relies_on.iter().find(|id| !draft.items.iter().any(|i| i.id == **id)) {
            let why = format!("there is no item {missing:?} in this order");
            return Err(OrderError::invalid(n, Member::Relationship, why));
        }
    }
    running_order(&draft.items).map(|_| ())
}

/// The items in the order of their relationships, then of the list.
fn running_order(items: &[DraftItem]) -> Result<Vec<usize>, OrderError> {
    let mut order: Vec<usize> = vec![];
    while order.len() < items.len() {
        let next = (0..items.len()).find(|n| {
            let ready = |id: &String| order.iter().any(|done| items[*done].id == *id);
            !order.contains(n) && items[*n].relies_on.iter().all(ready)
        });
        match next {
            Some(n) => order.push(n),
            None => {
                let stuck = (0..items.len()).find(|n| !order.contains(n));
                return Err(OrderError::invalid(
                    stuck,
                    Member::Relationship,
                    "the items rely on each other in a circle",
                ));
            }
        }
    }
    Ok(order)
}

/// The customer that the order is for: named, or the owner of the first service named.
async fn customer_of(tx: &mut Tx<Tenant>, draft: &Draft) -> Result<String, OrderError> {
    if let Some(id) = &draft.customer {
        return Ok(id.clone());
    }
    let mut creates = false;
    for (n, item) in draft.items.iter().enumerate() {
        match &item.ask {
            Ask::Modify { service, .. } | Ask::Delete { service } => {
                return owner(tx, service).await?.ok_or_else(|| {
                    OrderError::invalid(n, Member::Service, format!("there is no service {service}"))
                });
            }
            Ask::Add { specification, .. } => creates |= specification == CUSTOMER_ACCOUNT,
            Ask::Nothing { .. } | Ask::NoChange => {}
        }
    }
    if creates {
        let id = new_id().simple().to_string();
        return Ok(format!("C{}", &id[id.len() - 12..]));
    }
    Err(OrderError::invalid(None, Member::Customer, "whose order is it? name a party with role customer"))
}

/// The customer id of a service: of a subscription, or the customer itself.
pub(super) async fn owner(tx: &mut Tx<Tenant>, service: &str) -> Result<Option<String>, StoreError> {
    if let Ok(id) = service.parse::<Uuid>()
        && let Some(s) = tx.subscription(id).await?
    {
        return Ok(tx.customer(s.customer).await?.map(|c| c.customer_id));
    }
    Ok(tx.customer_by_id(service).await?.map(|c| c.customer_id))
}

/// Takes the idempotency keys; the order made before when they were used with the same content.
async fn replayed(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    caller: &Caller,
    draft: &Draft,
    order: Uuid,
) -> Result<Option<Uuid>, OrderError> {
    let Some(key) = draft.key.clone().or_else(|| draft.external_id.as_ref().map(|id| format!("ext:{id}")))
    else {
        return Ok(None);
    };
    let content = canonical(&draft.request);
    let digest = hex::encode(engine.secrets.digest("idempotency", &[content.as_bytes()]));
    let client = caller.principal.name();
    match tx.take_key(&client, caller.door.as_str(), &key, &digest, order).await? {
        None => Ok(None),
        Some((before, id)) if before == digest => Ok(Some(id)),
        Some((_, id)) => Err(OrderError::KeyConflict { key, order: id }),
    }
}

/// JSON text with sorted members, so that equal content gives equal text.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(k, _)| *k);
            let inner: Vec<String> = members
                .into_iter()
                .map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), canonical(v)))
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

struct Prepared {
    customer: Option<CustomerRow>,
    /// In running order: place in the request, and what will be done.
    items: Vec<(usize, Resolved)>,
}

/// Judges every item against what the due orders before, and the items before, will leave.
async fn prepare(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    customer_id: &str,
    draft: &Draft,
) -> Result<Prepared, OrderError> {
    let keeps = engine.config.terminate.retention_days > 0;
    let at = tx.now();
    let loaded = view::load(tx, customer_id, at, keeps).await?;
    let mut view = loaded.view;
    view::project(tx, customer_id, &mut view).await?;
    let creates =
        |i: &DraftItem| matches!(&i.ask, Ask::Add { specification, .. } if specification == CUSTOMER_ACCOUNT);
    if view.state == telvisor_model::CustomerState::Absent && !draft.items.iter().any(creates) {
        return Err(unknown_customer(customer_id));
    }
    let mut backups = vec![];
    for s in &loaded.subscriptions {
        if draft
            .items
            .iter()
            .any(|i| matches!(&i.ask, Ask::Modify { service, .. } if *service == s.id.to_string()))
        {
            backups.extend(tx.backups_of(s.id).await?);
        }
    }
    let mut items = vec![];
    for n in running_order(&draft.items)? {
        let scene = Scene {
            catalogue: &engine.catalogue,
            customer_id,
            view: &view,
            subscriptions: &loaded.subscriptions,
            backups: &backups,
        };
        let resolved = match resolve::resolve(&scene, n, &draft.items[n]) {
            // A service of an unknown customer: the customer is what is wrong.
            Err(OrderError::Invalid { member: Member::Service, .. })
                if view.state == telvisor_model::CustomerState::Absent && draft.customer.is_some() =>
            {
                return Err(unknown_customer(customer_id));
            }
            other => other?,
        };
        if let Some(intent) = &resolved.intent {
            match view.judge(intent) {
                Verdict::Act => view.apply(intent),
                Verdict::Holds => {}
                Verdict::Refuse(why) => return Err(refusal(n, customer_id, why)),
            }
            if intent.action == Action::CreateCustomer {
                free_id(tx, n, customer_id).await?;
            }
        }
        items.push((n, resolved));
    }
    Ok(Prepared { customer: loaded.customer, items })
}

fn unknown_customer(customer_id: &str) -> OrderError {
    OrderError::invalid(None, Member::Customer, format!("there is no customer {customer_id}"))
}

fn refusal(n: usize, customer_id: &str, why: Refusal) -> OrderError {
    match why {
        Refusal::UnknownCustomer => unknown_customer(customer_id),
        Refusal::UnknownSubscription => {
            OrderError::invalid(n, Member::Service, "there is no such subscription")
        }
        Refusal::AlreadyExists(why) => OrderError::Exists { item: Some(n), message: why.to_owned() },
        Refusal::Forbidden(why) => OrderError::Forbidden { item: Some(n), message: why.to_owned() },
    }
}

/// The form of a customer's number (contract, customer ids).
fn is_customer_id(id: &str) -> bool {
    let first = id.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    first && id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || "._:@-".contains(c))
}

/// A new customer's id must not be that of a subscription or machine.
async fn free_id(tx: &mut Tx<Tenant>, n: usize, id: &str) -> Result<(), OrderError> {
    if let Ok(id) = id.parse::<Uuid>()
        && (tx.subscription(id).await?.is_some() || tx.machine(id).await?.is_some())
    {
        let message = "a subscription or machine has this id".to_owned();
        return Err(OrderError::Exists { item: Some(n), message });
    }
    Ok(())
}

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
async fn insert(
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
    moving.event(tx, "ServiceOrderCreateEvent").await?;
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
    }
}

/// An order that names nothing to do: acknowledged, then rejected, in the accepting transaction.
async fn reject(
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
    moving.event(tx, "ServiceOrderCreateEvent").await?;
    for n in 0..moving.items.len() {
        moving.item_to(tx, n, ItemState::Rejected, Some(reason), &by).await?;
    }
    moving.error(tx, "rejected", "the order names nothing to do", reason, vec![item.to_owned()]);
    moving.to(tx, OrderState::Rejected, Some(reason), &by).await?;
    moving.insert(tx).await?;
    Ok(moving)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_has_equal_text() {
        let a: Value = serde_json::from_str(r#"{"b":[1,{"y":2,"x":"\""}],"a":null}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{ "a":null, "b":[1, {"x":"\"","y":2}] }"#).unwrap();
        let c: Value = serde_json::from_str(r#"{"b":[{"y":2,"x":"\""},1],"a":null}"#).unwrap();
        assert_eq!(canonical(&a), canonical(&b));
        assert_ne!(canonical(&a), canonical(&c));
    }

    fn item(id: &str, relies_on: &[&str]) -> DraftItem {
        DraftItem {
            id: id.into(),
            ask: Ask::NoChange,
            relies_on: relies_on.iter().map(|s| (*s).to_owned()).collect(),
            quantity: None,
        }
    }

    #[test]
    fn relationships_come_before_the_list() {
        let items = [item("1", &["3"]), item("2", &[]), item("3", &[])];
        assert_eq!(running_order(&items).unwrap(), [1, 2, 0]);
        assert!(running_order(&[item("1", &["2"]), item("2", &["1"])]).is_err());
    }
}
