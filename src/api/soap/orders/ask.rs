//! The operations of contract A that place no order: what is there now.

use telvisor_model::OrderKind;
use telvisor_soap::Writer;
use uuid::Uuid;

use super::request::{Find, OrderName};
use super::show;
use crate::access::Caller;
use crate::api::Doors;
use crate::api::own::backups::{LinkError, make_link};
use crate::api::soap::fault::{Refusal, What};
use crate::api::soap::wait::load;
use crate::orders::OrderError;
use crate::orders::cancel::{CancelRequest, cancel};
use crate::store::lists::{Compare, Condition, Order, Page, Test, Value};
use crate::store::orders::{ItemRow, OrderRow};
use crate::store::subscriptions::SubscriptionRow;

/// Where an element stands in a request.
pub(super) fn at(operation: &str, element: &str) -> String {
    format!("/Envelope/Body/{operation}/{element}")
}

/// A subscription that a request names.
///
/// # Errors
/// [`What::SubscriptionNotFound`].
pub async fn subscription(
    doors: &Doors,
    caller: &Caller,
    operation: &str,
    id: &str,
) -> Result<SubscriptionRow, Refusal> {
    let missing = || {
        let message = format!("there is no subscription {id}");
        Refusal::at(What::SubscriptionNotFound, at(operation, "subscriptionId"), message)
    };
    let uuid: Uuid = id.parse().map_err(|_| missing())?;
    doors.engine.db.read(&caller.tenant).await?.subscription(uuid).await?.ok_or_else(missing)
}

/// The order that a request names: by its id, or the newest one with the client's own id.
///
/// # Errors
/// [`What::OrderNotFound`].
pub async fn order(
    doors: &Doors,
    caller: &Caller,
    operation: &str,
    name: &OrderName,
) -> Result<OrderRow, Refusal> {
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let (found, element, id) = match name {
        OrderName::Id(id) => {
            let row = match id.parse::<Uuid>() {
                Ok(uuid) => tx.order_of(OrderKind::Service, uuid).await?,
                Err(_) => None,
            };
            (row, "orderId", id)
        }
        OrderName::External(id) => {
            let test = equal("external_id", Value::Text(id.clone()));
            let page = page(doors, vec![test], 0, 1);
            let list = tx.list_orders(OrderKind::Service, false, &page).await?;
            (list.rows.into_iter().next(), "externalOrderId", id)
        }
    };
    found.ok_or_else(|| {
        Refusal::at(What::OrderNotFound, at(operation, element), format!("there is no order {id}"))
    })
}

fn equal(column: &'static str, value: Value) -> Condition {
    Condition {
        any_of: vec![Test { column, text: matches!(value, Value::Text(_)), compare: Compare::Equal, value }],
    }
}

/// A page of orders, newest first.
fn page(doors: &Doors, conditions: Vec<Condition>, offset: i32, limit: i32) -> Page {
    let by = |column, text| Order { column, descending: true, nullable: false, text };
    Page {
        conditions,
        matches: vec![],
        order: vec![by("order_date", false), by("id", false)],
        after: None,
        limit: limit.into(),
        offset: offset.into(),
        position: offset.into(),
        time: std::time::Duration::from_secs(doors.engine.config.api.list_seconds),
    }
}

/// `GetOrderStatus`.
///
/// # Errors
/// [`What::OrderNotFound`].
pub async fn status(doors: &Doors, caller: &Caller, name: &OrderName) -> Result<String, Refusal> {
    const OPERATION: &str = "GetOrderStatus";
    let order = order(doors, caller, OPERATION, name).await?;
    let items = doors.engine.db.read(&caller.tenant).await?.items(order.id).await?;
    Ok(show::response(OPERATION, |w| show::status(w, &order, &items)))
}

/// `FindOrders`.
///
/// # Errors
/// [`What::Busy`] when the search takes too long.
pub async fn find(doors: &Doors, caller: &Caller, find: &Find) -> Result<String, Refusal> {
    let mut conditions = vec![];
    conditions.extend(find.customer.clone().map(|c| equal("customer_id", Value::Text(c))));
    conditions.extend(find.state.clone().map(|s| equal("state", Value::Text(s))));
    conditions.extend(find.changed_since.map(|since| Condition {
        any_of: vec![Test {
            column: "changed_at",
            text: false,
            compare: Compare::GreaterOrEqual,
            value: Value::Time(since),
        }],
    }));
    let page = page(doors, conditions, find.offset, find.limit);
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let list = tx.list_orders(OrderKind::Service, false, &page).await?;
    let mut orders: Vec<(OrderRow, Vec<ItemRow>)> = vec![];
    for order in list.rows {
        let items = tx.items(order.id).await?;
        orders.push((order, items));
    }
    Ok(show::response("FindOrders", |w| show::page(w, list.total, &orders)))
}

/// `CancelOrder`: the task that TMF641 would have made; the answer shows what became of the order.
///
/// # Errors
/// [`What::OrderNotFound`]; [`What::InvalidState`] for an order that cannot be cancelled any more.
pub async fn cancel_order(
    doors: &Doors,
    caller: &Caller,
    name: &OrderName,
    reason: Option<String>,
) -> Result<String, Refusal> {
    const OPERATION: &str = "CancelOrder";
    let order = order(doors, caller, OPERATION, name).await?;
    let request =
        CancelRequest { kind: OrderKind::Service, order: order.id, reason, requested_for: None, key: None };
    let task = cancel(&doors.engine, caller, &request).await;
    let refusal = |e: OrderError| Refusal::of_order(e, |_| (What::OrderNotFound, None));
    let named = |r: Refusal| Refusal { order: Some(order.id), external_id: order.external_id.clone(), ..r };
    let (task, _) = task.map_err(refusal).map_err(named)?;
    if task.state == "terminatedWithError" {
        let message = task.message.unwrap_or_else(|| "the order is past its point of no return".to_owned());
        return Err(named(Refusal::new(What::InvalidState, message)));
    }
    let (order, items) = load(doors, caller, order.id).await?;
    Ok(show::response(OPERATION, |w| show::ack(w, &order, &items, false)))
}

/// `GetSubscription`.
///
/// # Errors
/// [`What::SubscriptionNotFound`].
pub async fn get_subscription(doors: &Doors, caller: &Caller, id: &str) -> Result<String, Refusal> {
    const OPERATION: &str = "GetSubscription";
    let s = subscription(doors, caller, OPERATION, id).await?;
    let owner = doors.engine.db.read(&caller.tenant).await?.owner(s.customer).await?;
    Ok(show::response(OPERATION, |w| show::subscription(w, &s, &owner)))
}

/// `GetCustomer`.
///
/// # Errors
/// [`What::CustomerNotFound`].
pub async fn get_customer(doors: &Doors, caller: &Caller, id: &str) -> Result<String, Refusal> {
    const OPERATION: &str = "GetCustomer";
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let customer = tx.customer_by_id(id).await?.ok_or_else(|| {
        let path = at(OPERATION, "customerId");
        Refusal::at(What::CustomerNotFound, path, format!("there is no customer {id}"))
    })?;
    let subscriptions = tx.subscriptions_of(customer.uid).await?;
    Ok(show::response(OPERATION, |w: &mut Writer| show::customer(w, &customer, &subscriptions)))
}

/// `ListBackups`.
///
/// # Errors
/// [`What::SubscriptionNotFound`].
pub async fn list_backups(doors: &Doors, caller: &Caller, id: &str) -> Result<String, Refusal> {
    const OPERATION: &str = "ListBackups";
    let s = subscription(doors, caller, OPERATION, id).await?;
    let backups = doors.engine.db.read(&caller.tenant).await?.backups_of(s.id).await?;
    Ok(show::response(OPERATION, |w| show::backups(w, &backups)))
}

/// `GetBackupLink`.
///
/// # Errors
/// [`What::SchemaViolation`] at `backupId` for one that is not there, or is another customer's; [`What::InvalidState`]
/// for one that is not available.
pub async fn backup_link(
    doors: &Doors,
    caller: &Caller,
    base: &str,
    id: &str,
    customer: Option<&str>,
    seconds: Option<i32>,
) -> Result<String, Refusal> {
    const OPERATION: &str = "GetBackupLink";
    let missing = || {
        let path = at(OPERATION, "backupId");
        Refusal::at(What::SchemaViolation, path, format!("there is no backup {id}"))
    };
    let uuid: Uuid = id.parse().map_err(|_| missing())?;
    let backup = doors.engine.db.read(&caller.tenant).await?.backup(uuid).await?.ok_or_else(missing)?;
    let made = make_link(doors, caller, base, &backup, customer, seconds.map(i64::from)).await;
    let (url, expires_at) = made.map_err(|e| match e {
        LinkError::Seconds(_) => {
            Refusal::at(What::SchemaViolation, at(OPERATION, "expiresInSeconds"), e.to_string())
        }
        LinkError::AnotherCustomer => missing(),
        LinkError::State(_) => Refusal::new(What::InvalidState, e.to_string()),
        LinkError::Store(e) => Refusal::from(e),
    })?;
    Ok(show::response(OPERATION, |w| show::link(w, &url, &crate::clock::show(expires_at))))
}
