//! `/cancelServiceOrder`: the task that cancels an order.

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use telvisor_model::OrderKind;
use uuid::Uuid;

use super::{path, render};
use crate::access::Caller;
use crate::api::problem::Problem;
use crate::api::query::{Attribute, Kind, Query, list_headers};
use crate::api::request::{JsonBody, Object, takes_json, typed};
use crate::api::web::base;
use crate::api::{Doors, TMF641};
use crate::orders::OrderError;
use crate::orders::cancel::{CancelRequest, cancel};

/// What a task can be filtered and sorted by; the dates as they are shown.
const ATTRIBUTES: &[Attribute] = &[
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
pub async fn create(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(given): JsonBody,
) -> Result<Response, Problem> {
    takes_json(&headers)?;
    if given.get("serviceOrder").is_none() {
        return Err(Problem::invalid("serviceOrder", "is missing: which order?"));
    }
    let body: Body = typed(&given)?;
    let unknown = || {
        Problem::invalid("serviceOrder.id", format!("there is no service order {}", body.service_order.id))
    };
    let order: Uuid = body.service_order.id.parse().map_err(|_| unknown())?;
    let request = CancelRequest {
        kind: OrderKind::Service,
        order,
        reason: body.cancellation_reason.clone(),
        requested_for: body.requested_cancellation_date,
    };
    let task = cancel(&doors.engine, &caller, &request).await.map_err(|e| match e {
        OrderError::NotFound(_) => unknown(),
        other => Problem::of_order(other, |n, m| path(&given, n, m)),
    })?;
    let shown = render::cancel_order(&base(&doors, &headers), &task);
    let location = format!("{}{TMF641}/cancelServiceOrder/{}", base(&doors, &headers), task.id);
    let mut response = (StatusCode::CREATED, Json(shown)).into_response();
    if let Ok(value) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

/// GET: a page of cancel tasks, newest first.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    takes_json(&headers)?;
    let api = &doors.engine.config.api;
    let query = Query::parse(raw.as_deref())?;
    let newest = [("requested_at", true), ("id", true)];
    let page = query.page(ATTRIBUTES, &newest, (api.page, api.page_most))?;
    let base = base(&doors, &headers);
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let (rows, total) = tx.list_cancels(OrderKind::Service, &page).await?;
    let shown: Vec<_> = rows.iter().map(|c| query.select(render::cancel_order(&base, c))).collect();
    let uri = format!("{base}{TMF641}/cancelServiceOrder");
    let headers = list_headers(&query, &uri, raw.as_deref(), page.limit, shown.len(), total);
    Ok((headers, Json(shown)).into_response())
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    takes_json(&headers)?;
    let query = Query::parse(raw.as_deref())?;
    let missing = || Problem::not_found("cancelServiceOrder", &id);
    let uuid: Uuid = id.parse().map_err(|_| missing())?;
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let task = tx.cancel(OrderKind::Service, uuid).await?.ok_or_else(missing)?;
    Ok(Json(query.select(render::cancel_order(&base(&doors, &headers), &task))).into_response())
}
