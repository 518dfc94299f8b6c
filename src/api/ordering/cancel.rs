//! The task that cancels an order.

use axum::extract::Path;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use telvisor_model::OrderKind;
use uuid::Uuid;

use super::Ordering;
use crate::api::problem::Problem;
use crate::api::request::{JsonBody, Object, typed};
use crate::api::tmf630::{Ask, Attribute, Kind, found, uuid};
use crate::api::{Version, idempotency};
use crate::orders::cancel::{CancelRequest, cancel};
use crate::orders::{OrderError, keys};

/// What a task can be filtered and sorted by; the dates as they are shown.
pub const OF_SERVICE_ORDERS: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", "state", Kind::Text),
    ("serviceOrder.id", "order_id", Kind::Id),
    ("cancellationReason", "reason", Kind::Text),
    ("completionMessage", "message", Kind::Text),
    ("requestedCancellationDate", REQUESTED, Kind::Time),
    ("effectiveCancellationDate", EFFECTIVE, Kind::Time),
    ("@type", "", Kind::Always("CancelServiceOrder")),
];
/// The same of v5, which has no message.
pub const OF_SERVICE_ORDERS_V5: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", STATE, Kind::Text),
    ("serviceOrder.id", "order_id", Kind::Id),
    ("cancellationReason", "reason", Kind::Text),
    ("requestedCancellationDate", REQUESTED, Kind::Time),
    ("effectiveCancellationDate", EFFECTIVE, Kind::Time),
    ("@type", "", Kind::Always("CancelServiceOrder")),
];
/// The same of the tasks of TMF622.
pub const OF_PRODUCT_ORDERS: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", STATE, Kind::Text),
    ("productOrder.id", "order_id", Kind::Id),
    ("cancellationReason", "reason", Kind::Text),
    ("requestedCancellationDate", REQUESTED, Kind::Time),
    ("effectiveCancellationDate", EFFECTIVE, Kind::Time),
    ("@type", "", Kind::Always("CancelProductOrder")),
];
/// Where `accepted` is called `acknowledged`.
const STATE: &str = "CASE WHEN state = 'accepted' THEN 'acknowledged' ELSE state END";
const REQUESTED: &str = "COALESCE(requested_for, requested_at)";
const EFFECTIVE: &str = "CASE WHEN state = 'done' THEN ended_at END";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    cancellation_reason: Option<String>,
    requested_cancellation_date: Option<DateTime<Utc>>,
    #[serde(alias = "serviceOrder", alias = "productOrder")]
    order: Object<OrderRef>,
}

#[derive(Debug, Deserialize)]
struct OrderRef {
    id: String,
}

/// POST: judges a cancel request. A repeat under the same key shows the task as it is now.
///
/// # Errors
/// 400 for an unknown order, 409 for one that has ended.
pub async fn create(api: &Ordering, ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    api.check_task(&given)?;
    let Some(order) = given.get(api.order) else {
        return Err(Problem::invalid(api.order, "is missing: which order?"));
    };
    // Of the members only those of this API count.
    let mut members = json!({ api.order: order });
    for name in ["cancellationReason", "requestedCancellationDate"] {
        members[name] = given[name].clone();
    }
    let body: Body = typed(&members)?;
    let unknown = || {
        let path = format!("{}.id", api.order);
        Problem::invalid(&path, format!("there is no {} {}", api.what, body.order.id))
    };
    let order: Uuid = body.order.id.parse().map_err(|_| unknown())?;
    api.known(ask.read().await?.order_of(api.kind, order).await?).ok_or_else(unknown)?;
    let request = CancelRequest {
        kind: api.kind,
        order,
        reason: body.cancellation_reason.clone(),
        requested_for: body.requested_cancellation_date,
        key: idempotency::key(&ask.headers)?.map(|key| (key, keys::canonical(&members))),
    };
    let (task, repeated) = cancel(ask.engine(), &ask.caller, &request).await.map_err(|e| match e {
        OrderError::NotFound(_) => unknown(),
        other => Problem::of_order(other, |n, m| (api.path)(&given, n, m)),
    })?;
    let mut response = ask.created(api.show_task(&ask.base, &task));
    if repeated {
        idempotency::replayed(&mut response);
    }
    Ok(response)
}

/// What a task can be filtered and sorted by.
#[must_use]
pub fn attributes(api: &Ordering) -> &'static [Attribute] {
    match (api.kind, api.version) {
        (OrderKind::Service, Version::V4) => OF_SERVICE_ORDERS,
        (OrderKind::Service, Version::V5) => OF_SERVICE_ORDERS_V5,
        (OrderKind::Product, _) => OF_PRODUCT_ORDERS,
    }
}

/// GET: a page of cancel tasks, newest first.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(api: &Ordering, ask: Ask) -> Result<Response, Problem> {
    let page = ask.page(attributes(api), &[("requested_at", true), ("id", true)])?;
    let tasks = ask.read().await?.list_cancels(api.kind, &page).await?;
    let shown = tasks.rows.iter().map(|c| api.show_task(&ask.base, c)).collect();
    Ok(ask.list(&page, &tasks, shown))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(api: &Ordering, ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let task = ask.read().await?.cancel(api.kind, uuid(api.cancel, &id)?).await?;
    Ok(ask.one(api.show_task(&ask.base, &found(api.cancel, &id, task)?)))
}
