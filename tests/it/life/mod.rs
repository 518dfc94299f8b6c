//! What makes the life of an order complete: expected dates, jeopardy, milestones, approval, hold, changes.

mod approval;
mod cancels;
mod changes;
mod details;
mod expected;
mod hold;
mod jeopardy;
mod milestones;
mod products;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::harness::{Answer, ORDERS, TestApp};
pub use crate::probe::{told, way};

/// How often an order's events were of this kind.
pub async fn told_of(app: &TestApp, order: &Value, kind: &str) -> usize {
    told(app, order).await.iter().filter(|t| t.split(' ').next() == Some(kind)).count()
}

/// A date that a door shows.
pub fn date(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_else(|| panic!("{value} is no date")).parse().unwrap()
}

/// When an order is expected to be completed.
pub fn expected(order: &Value) -> DateTime<Utc> {
    date(&order["expectedCompletionDate"])
}

/// Tells an order by the own API: approval, hold or release.
pub async fn operate(app: &TestApp, order: &Value, what: &str, body: Value) -> Answer {
    app.post(&format!("/api/v1/orders/{}/{what}", order["id"].as_str().unwrap()), &body).await
}

/// Places an order for a date.
pub async fn place_for(app: &TestApp, start: &str, items: Value) -> Value {
    app.post(ORDERS, &json!({ "requestedStartDate": start, "serviceOrderItem": items })).await.expect(201)
}
