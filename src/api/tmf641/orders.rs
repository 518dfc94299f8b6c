//! `/serviceOrder`: place, list, read.

use axum::extract::{Extension, Path};
use axum::response::Response;

use super::{path, render, versions};
use crate::api::problem::Problem;
use crate::api::request::JsonBody;
use crate::api::tmf630::{Ask, found, uuid};
use crate::api::{Version, idempotency};
use crate::orders::accept::{Accepted, accept};

/// POST: accepts an order. 201 with Location; a repeat under the same key shows the order as it is now.
///
/// # Errors
/// 400 with the path of the wrong member, 409 for a state or a key that forbids it.
pub async fn create(
    ask: Ask,
    Extension(version): Extension<Version>,
    JsonBody(given): JsonBody,
) -> Result<Response, Problem> {
    let key = idempotency::key(&ask.headers)?;
    let draft = versions::draft(&ask, version, &given, key).await?;
    let accepted = accept(ask.engine(), &ask.caller, &draft)
        .await
        .map_err(|e| Problem::of_order(e, |n, member| path(version, &draft.request, n, member)))?;
    metrics::counter!("telvisor_orders_accepted_total", "door" => ask.caller.door.as_str()).increment(1);
    match &accepted {
        Accepted::New(new) => {
            let shown =
                render::service_order(&ask.base, &new.order, &new.items, &draft.request, &draft.notes);
            Ok(ask.created(versions::order(version, &ask.base, shown)))
        }
        Accepted::Replayed(id) => {
            let mut tx = ask.read().await?;
            let order = found("order", &id.to_string(), tx.order_even_hidden(*id).await?)?;
            let shown = render::load(&mut tx, &ask.base, &order).await?;
            let mut response = ask.created(versions::order(version, &ask.base, shown));
            idempotency::replayed(&mut response);
            Ok(response)
        }
    }
}

/// GET: a page of orders, newest first.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(ask: Ask, Extension(version): Extension<Version>) -> Result<Response, Problem> {
    let page = ask.page(versions::attributes(version), &[("order_date", true), ("id", true)])?;
    let mut tx = ask.read().await?;
    let orders = tx.list_orders(&page).await?;
    let mut shown = vec![];
    for order in &orders.rows {
        let v4 = render::load(&mut tx, &ask.base, order).await?;
        shown.push(versions::order(version, &ask.base, v4));
    }
    Ok(ask.list(&page, &orders, shown))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(
    ask: Ask,
    Extension(version): Extension<Version>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let what = "service order";
    let mut tx = ask.read().await?;
    let order = found(what, &id, tx.order(uuid(what, &id)?).await?)?;
    let v4 = render::load(&mut tx, &ask.base, &order).await?;
    Ok(ask.one(versions::order(version, &ask.base, v4)))
}
