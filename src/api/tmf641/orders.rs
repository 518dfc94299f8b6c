//! `/serviceOrder`: place, list, read.

use axum::extract::Path;
use axum::response::Response;

use super::{body, path, render};
use crate::api::idempotency;
use crate::api::problem::Problem;
use crate::api::request::JsonBody;
use crate::api::tmf630::{Ask, Attribute, Kind, found, uuid};
use crate::orders::accept::{Accepted, accept};

/// What an order can be filtered and sorted by.
pub const ATTRIBUTES: &[Attribute] = &[
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
pub async fn create(ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    let key = idempotency::key(&ask.headers)?;
    let draft = body::draft(&given, key, ask.engine().db.clock().now())?;
    let accepted = accept(ask.engine(), &ask.caller, &draft)
        .await
        .map_err(|e| Problem::of_order(e, |n, member| path(&draft.request, n, member)))?;
    metrics::counter!("telvisor_orders_accepted_total", "door" => ask.caller.door.as_str()).increment(1);
    match &accepted {
        Accepted::New(new) => {
            let shown =
                render::service_order(&ask.base, &new.order, &new.items, &draft.request, &draft.notes);
            Ok(ask.created(shown))
        }
        Accepted::Replayed(id) => {
            let mut tx = ask.read().await?;
            let order = found("order", &id.to_string(), tx.order_even_hidden(*id).await?)?;
            let mut response = ask.created(render::load(&mut tx, &ask.base, &order).await?);
            idempotency::replayed(&mut response);
            Ok(response)
        }
    }
}

/// GET: a page of orders, newest first.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(ask: Ask) -> Result<Response, Problem> {
    let page = ask.page(ATTRIBUTES, &[("order_date", true), ("id", true)])?;
    let mut tx = ask.read().await?;
    let orders = tx.list_orders(&page).await?;
    let mut shown = vec![];
    for order in &orders.rows {
        shown.push(render::load(&mut tx, &ask.base, order).await?);
    }
    Ok(ask.list(&page, &orders, shown))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let what = "service order";
    let mut tx = ask.read().await?;
    let order = found(what, &id, tx.order(uuid(what, &id)?).await?)?;
    Ok(ask.one(render::load(&mut tx, &ask.base, &order).await?))
}
