//! Loads a customer with its subscriptions as the model judges them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use telvisor_model::view::{CustomerView, SubscriptionView};
use telvisor_model::{CustomerState, OrderState, SubscriptionState};
use uuid::Uuid;

use crate::store::customers::CustomerRow;
use crate::store::orders::{ItemRow, OrderRow};
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{StoreError, Tenant, Tx};

/// A customer as it is now.
pub struct Loaded {
    pub customer: Option<CustomerRow>,
    pub subscriptions: Vec<SubscriptionRow>,
    pub view: CustomerView,
}

/// The inventory's view; times of retention are judged at `at`.
///
/// # Errors
/// When the database does not answer.
pub async fn load(
    tx: &mut Tx<Tenant>,
    customer_id: &str,
    at: DateTime<Utc>,
    keeps: bool,
) -> Result<Loaded, StoreError> {
    let customer = tx.customer_by_id(customer_id).await?;
    let subscriptions = match &customer {
        Some(c) => tx.subscriptions_of(c.uid).await?,
        None => vec![],
    };
    let view = CustomerView {
        state: customer.as_ref().map_or(CustomerState::Absent, |c| customer_state(c, at)),
        keeps,
        subscriptions: subscriptions.iter().map(|s| subscription_view(s, at)).collect(),
    };
    Ok(Loaded { customer, subscriptions, view })
}

/// Where there is no customer.
#[must_use]
pub fn nobody(keeps: bool) -> Loaded {
    let view = CustomerView { state: CustomerState::Absent, keeps, subscriptions: vec![] };
    Loaded { customer: None, subscriptions: vec![], view }
}

/// The open orders in a customer's line, with their items, in order.
pub type Line = Vec<(OrderRow, Vec<ItemRow>)>;

/// Loads a customer's line.
///
/// # Errors
/// When the database does not answer.
pub async fn line(tx: &mut Tx<Tenant>, customer_id: &str) -> Result<Line, StoreError> {
    let orders = tx.line(customer_id).await?;
    if orders.is_empty() {
        return Ok(vec![]);
    }
    let mut items: BTreeMap<Uuid, Vec<ItemRow>> = BTreeMap::new();
    for item in tx.line_items(customer_id).await? {
        items.entry(item.order_id).or_default().push(item);
    }
    let with_items = |order: OrderRow| {
        let own = items.remove(&order.id).unwrap_or_default();
        (order, own)
    };
    Ok(orders.into_iter().map(with_items).collect())
}

/// What the orders in the line will leave, or those of them that stand before a place; those left out that are being
/// cancelled.
pub fn project(line: &Line, before: Option<i64>, view: &mut CustomerView) {
    let stays = |o: &OrderRow| {
        o.state != OrderState::PendingCancellation && before.is_none_or(|place| o.place < Some(place))
    };
    let asked = line.iter().filter(|(order, _)| stays(order)).flat_map(|(_, items)| items);
    for item in asked.filter(|i| !i.state.is_final()) {
        if let Some(intent) = &item.intent.0
            && view.judge(intent) == telvisor_model::Verdict::Act
        {
            view.apply(intent);
        }
    }
}

fn customer_state(c: &CustomerRow, at: DateTime<Utc>) -> CustomerState {
    match c.state.as_str() {
        "active" => CustomerState::Active,
        "suspended" => CustomerState::Suspended,
        "terminated" if c.restorable_until.is_some_and(|until| until > at) => CustomerState::Terminated,
        "terminated" => CustomerState::Expired,
        _ => CustomerState::Absent,
    }
}

fn subscription_view(s: &SubscriptionRow, at: DateTime<Utc>) -> SubscriptionView {
    let state = match s.state.as_str() {
        "active" => SubscriptionState::Active,
        "suspended" => SubscriptionState::Suspended,
        "terminated" if s.last_backup.is_some() && s.restorable_until.is_some_and(|until| until > at) => {
            SubscriptionState::Terminated
        }
        "terminated" => SubscriptionState::Expired,
        "cancelled" => SubscriptionState::Cancelled,
        _ => SubscriptionState::Absent,
    };
    SubscriptionView {
        id: s.id,
        application: s.application.clone(),
        multiple: s.multiple,
        plan: s.plan.clone(),
        version: s.version.clone(),
        state,
        ended_with_customer: s.ended_with_customer.as_deref().map(|was| {
            if was == "suspended" { SubscriptionState::Suspended } else { SubscriptionState::Active }
        }),
    }
}
