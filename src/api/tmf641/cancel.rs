//! `/cancelServiceOrder`: the task that cancels an order.

use axum::extract::Path;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::{path, render};
use crate::api::problem::Problem;
use crate::api::request::{JsonBody, Object, typed};
use crate::api::tmf630::{Ask, Attribute, Kind, found, uuid};
use crate::orders::OrderError;
use crate::orders::cancel::{CancelRequest, cancel};

/// What a task can be filtered and sorted by; the dates as they are shown.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", "state", Kind::Text),
    ("serviceOrder.id", "order_id", Kind::Id),
    ("cancellationReason", "reason", Kind::Text),
    ("completionMessage", "message", Kind::Text),
    ("requestedCancellationDate", "COALESCE(requested_for, requested_at)", Kind::Time),
    ("effectiveCancellationDate", "CASE WHEN state = 'done' THEN ended_at END", Kind::Time),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    cancellation_reason: Option<String>,
    requested_cancellation_date: Option<DateTime<Utc>>,
    service_order: Object<OrderRef>,
}

#[derive(Debug, Deserialize)]
struct OrderRef {
    id: String,
}

/// POST: judges a cancel request.
///
/// # Errors
/// 400 for an unknown order, 409 for one that has ended.
pub async fn create(ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    if given.get("serviceOrder").is_none() {
        return Err(Problem::invalid("serviceOrder", "is missing: which order?"));
    }
    let body: Body = typed(&given)?;
    let unknown = || {
        Problem::invalid("serviceOrder.id", format!("there is no service order {}", body.service_order.id))
    };
    let order: Uuid = body.service_order.id.parse().map_err(|_| unknown())?;
    let request = CancelRequest {
        order,
        reason: body.cancellation_reason.clone(),
        requested_for: body.requested_cancellation_date,
    };
    let task = cancel(ask.engine(), &ask.caller, &request).await.map_err(|e| match e {
        OrderError::NotFound(_) => unknown(),
        other => Problem::of_order(other, |n, m| path(&given, n, m)),
    })?;
    Ok(ask.created(render::cancel_order(&ask.base, &task)))
}

/// GET: a page of cancel tasks, newest first.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(ask: Ask) -> Result<Response, Problem> {
    let page = ask.page(ATTRIBUTES, &[("requested_at", true), ("id", true)])?;
    let tasks = ask.read().await?.list_cancels(&page).await?;
    let shown = tasks.rows.iter().map(|c| render::cancel_order(&ask.base, c)).collect();
    Ok(ask.list(&page, &tasks, shown))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let what = "cancelServiceOrder";
    let task = ask.read().await?.cancel(uuid(what, &id)?).await?;
    Ok(ask.one(render::cancel_order(&ask.base, &found(what, &id, task)?)))
}
