//! Loads a customer with its subscriptions as the model judges them.

use chrono::{DateTime, Utc};
use telvisor_model::view::{CustomerView, SubscriptionView};
use telvisor_model::{CustomerState, SubscriptionState};

use crate::store::customers::CustomerRow;
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

/// What the open orders in the line will leave, or those of them that stand before a place.
///
/// # Errors
/// When the database does not answer.
pub async fn project(
    tx: &mut Tx<Tenant>,
    customer_id: &str,
    before: Option<i64>,
    view: &mut CustomerView,
) -> Result<(), StoreError> {
    for (state, intent) in tx.line_intents(customer_id, before).await? {
        if let Some(intent) = &intent.0
            && !state.is_final()
            && view.judge(intent) == telvisor_model::Verdict::Act
        {
            view.apply(intent);
        }
    }
    Ok(())
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
