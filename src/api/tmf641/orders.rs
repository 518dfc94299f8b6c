//! `/serviceOrder`: place, list, read.

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use telvisor_model::OrderKind;
use uuid::Uuid;

use super::{body, path, render};
use crate::access::Caller;
use crate::api::problem::Problem;
use crate::api::query::{Attribute, Kind, Query, list_headers};
use crate::api::request::{JsonBody, takes_json};
use crate::api::web::base;
use crate::api::{Doors, TMF641, idempotency};
use crate::orders::accept::{Accepted, accept};

const ATTRIBUTES: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", "state", Kind::Text),
    ("externalId", "external_id", Kind::Text),
    ("category", "category", Kind::Text),
    ("priority", "priority", Kind::Text),
    ("relatedParty.id", "customer_id", Kind::Text),
    ("externalReference.id", "channel", Kind::Text),
    ("orderDate", "order_date", Kind::Time),
    ("startDate", "started_at", Kind::Time),
    ("completionDate", "ended_at", Kind::Time),
    ("cancellationDate", "cancelled_at", Kind::Time),
    ("requestedStartDate", "requested_start", Kind::Time),
    ("requestedCompletionDate", "requested_completion", Kind::Time),
    ("expectedCompletionDate", "expected_completion", Kind::Time),
];

/// POST: accepts an order. 201 with Location; a repeat under the same key shows the order as it is now.
///
/// # Errors
/// 400 with the path of the wrong member, 409 for a state or a key that forbids it.
pub async fn create(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(given): JsonBody,
) -> Result<Response, Problem> {
    takes_json(&headers)?;
    let key = idempotency::key(&headers)?;
    let draft = body::draft(&given, key, doors.engine.db.clock().now())?;
    let accepted = accept(&doors.engine, &caller, &draft)
        .await
        .map_err(|e| Problem::of_order(e, |n, member| path(&draft.request, n, member)))?;
    metrics::counter!("telvisor_orders_accepted_total", "door" => caller.door.as_str()).increment(1);
    let base = base(&doors, &headers);
    let id = accepted.id();
    let shown = match &accepted {
        Accepted::New(new) => {
            render::service_order(&base, &new.order, &new.items, &draft.request, &draft.notes)
        }
        Accepted::Replayed(_) => {
            let mut tx = doors.engine.db.read(&caller.tenant).await?;
            let order = tx
                .order_even_hidden(id)
                .await?
                .ok_or_else(|| Problem::not_found("order", &id.to_string()))?;
            render::load(&mut tx, &base, &order).await?
        }
    };
    let mut response = (StatusCode::CREATED, Json(shown)).into_response();
    let location = format!("{base}{TMF641}/serviceOrder/{id}");
    if let Ok(value) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    if matches!(accepted, Accepted::Replayed(_)) {
        idempotency::replayed(&mut response);
    }
    Ok(response)
}

/// GET: a page of orders, newest first.
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
    let newest = [("order_date", true), ("id", true)];
    let page = query.page(ATTRIBUTES, &newest, (api.page, api.page_most))?;
    let base = base(&doors, &headers);
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let (orders, total) = tx.list_orders(OrderKind::Service, &page).await?;
    let mut shown = vec![];
    for order in &orders {
        shown.push(query.select(render::load(&mut tx, &base, order).await?));
    }
    let uri = format!("{base}{TMF641}/serviceOrder");
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
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let order = match id.parse::<Uuid>() {
        Ok(uuid) => tx.order_of(OrderKind::Service, uuid).await?,
        Err(_) => None,
    };
    let order = order.ok_or_else(|| Problem::not_found("service order", &id))?;
    let shown = render::load(&mut tx, &base(&doors, &headers), &order).await?;
    Ok(Json(query.select(shown)).into_response())
}
