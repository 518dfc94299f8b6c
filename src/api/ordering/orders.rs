//! Orders: place, list, read.

use axum::extract::Path;
use axum::response::Response;
use serde_json::Value;
use telvisor_model::{OrderKind, OrderState};

use super::Ordering;
use crate::api::problem::Problem;
use crate::api::request::JsonBody;
use crate::api::tmf630::{Ask, found, uuid};
use crate::api::{Version, idempotency};
use crate::config::CHANNELS;
use crate::orders::accept::{Accepted, accept};
use crate::orders::drafts;
use crate::store::lists::{Compare, Condition, PARTED_STATE, Test, Value as Bound};
use crate::store::orders::OrderRow;
use crate::store::{StoreError, Tenant, Tx};

/// State of an order in progress that nobody has begun to work on yet.
const ACCEPTED: &str = "inProgress.accepted";

/// Loads what belongs to an order and renders it in the v4 form, with the members of both versions.
///
/// # Errors
/// When the database does not answer.
pub async fn load(
    api: &Ordering,
    tx: &mut Tx<Tenant>,
    base: &str,
    order: &OrderRow,
) -> Result<Value, StoreError> {
    let items = tx.items(order.id).await?;
    let personal = tx.personal(order.id).await?;
    Ok((api.render)(base, order, &items, &personal.request.0, &personal.notes.0))
}

/// Loads what belongs to an order and renders it as the version shows it.
///
/// # Errors
/// When the database does not answer.
pub async fn shown(
    api: &Ordering,
    tx: &mut Tx<Tenant>,
    base: &str,
    order: &OrderRow,
) -> Result<Value, StoreError> {
    let neutral = load(api, tx, base, order).await?;
    seen(api, tx, base, order, neutral).await
}

/// An order that is rendered already, as the version shows it. A product order whose turn has come, and of whose work
/// nothing has begun, is `inProgress.accepted` for v5.
///
/// # Errors
/// When the database does not answer.
pub async fn seen(
    api: &Ordering,
    tx: &mut Tx<Tenant>,
    base: &str,
    order: &OrderRow,
    neutral: Value,
) -> Result<Value, StoreError> {
    let mut out = api.show(base, order, neutral);
    let five = (api.kind, api.version) == (OrderKind::Product, Version::V5);
    if five && order.state == OrderState::InProgress && !tx.work_has_begun(order.id).await? {
        out["state"] = ACCEPTED.into();
    }
    Ok(out)
}

/// POST: accepts an order. 201 with Location; a repeat under the same key shows the order as it is now.
///
/// # Errors
/// 400 with the path of the wrong member, 409 for a state or a key that forbids it.
pub async fn create(api: &Ordering, ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    let key = idempotency::key(&ask.headers)?;
    let draft = api.read(&ask, &given, key).await?;
    let accepted = if draft.unsubmitted {
        drafts::keep(ask.engine(), &ask.caller, &draft).await
    } else {
        accept(ask.engine(), &ask.caller, &draft).await
    };
    let accepted =
        accepted.map_err(|e| Problem::of_order(e, |n, member| (api.path)(&draft.request, n, member)))?;
    if !draft.unsubmitted {
        metrics::counter!("telvisor_orders_accepted_total", "door" => ask.caller.door.as_str()).increment(1);
    }
    match &accepted {
        Accepted::New(new) => {
            let neutral = (api.render)(&ask.base, &new.order, &new.items, &draft.request, &draft.notes);
            Ok(ask.created(api.show(&ask.base, &new.order, neutral)))
        }
        Accepted::Replayed(id) => {
            let mut tx = ask.read().await?;
            let order = found("order", &id.to_string(), tx.order_even_hidden(*id).await?)?;
            let mut response = ask.created(shown(api, &mut tx, &ask.base, &order).await?);
            idempotency::replayed(&mut response);
            Ok(response)
        }
    }
}

/// GET: a page of orders, newest first.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(api: &Ordering, mut ask: Ask) -> Result<Response, Problem> {
    let own = match (api.kind, api.version) {
        (OrderKind::Product, Version::V5) => accepted_ones(&mut ask),
        (OrderKind::Service, _) => by_reference(api, &mut ask).await?,
        _ => vec![],
    };
    let mut page = ask.page(api.attributes, &[("order_date", true), ("id", true)])?;
    page.conditions.extend(own);
    let mut tx = ask.read().await?;
    let orders = tx.list_orders(api.kind, api.version == Version::V5, &page).await?;
    let mut all = vec![];
    for order in &orders.rows {
        all.push(shown(api, &mut tx, &ask.base, order).await?);
    }
    Ok(ask.list(&page, &orders, all))
}

/// Takes a filter by states with `inProgress.accepted` among them out of the query: what it comes to. That state is
/// shown, not stored; an order in it is also found under `inProgress`, which it is a part of.
fn accepted_ones(ask: &mut Ask) -> Vec<Condition> {
    let Some(values) = ask.query.take("state") else { return vec![] };
    if !values.iter().any(|v| v == ACCEPTED) {
        ask.query.equal("state", values);
        return vec![];
    }
    let equal = |column, value: &str| Test {
        column,
        text: true,
        compare: Compare::Equal,
        value: Bound::Text(value.to_owned()),
    };
    let of = |value: &String| equal(if value == ACCEPTED { PARTED_STATE } else { "state" }, value);
    let any_of: Vec<Test> = values.iter().map(of).collect();
    // What is stored has an index.
    let stored = |value: &String| if value == ACCEPTED { "inProgress".to_owned() } else { value.clone() };
    let stored = values.iter().map(|v| equal("state", &stored(v))).collect();
    vec![Condition { any_of: stored }, Condition { any_of }]
}

/// Takes a filter by external references of service orders out of the query: what it comes to. They name a channel, a
/// product order, and for v5 the client's own number too; each of these is looked up by its index.
async fn by_reference(api: &Ordering, ask: &mut Ask) -> Result<Vec<Condition>, Problem> {
    let Some(values) = ask.query.take("externalReference.id") else { return Ok(vec![]) };
    let mut tx = ask.read().await?;
    let mut any_of = vec![];
    for value in values {
        let text =
            |column| Test { column, text: true, compare: Compare::Equal, value: Bound::Text(value.clone()) };
        if CHANNELS.contains(&value.as_str()) {
            any_of.push(text("channel"));
        }
        if api.version == Version::V5 {
            any_of.push(text("external_id"));
        }
        if let Ok(id) = value.parse()
            && let Some(order) = tx.service_order_of(id).await?
        {
            let value = Bound::Id(order.id);
            any_of.push(Test { column: "id", text: false, compare: Compare::Equal, value });
        }
    }
    Ok(vec![Condition { any_of }])
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(api: &Ordering, ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let mut tx = ask.read().await?;
    let order = found(api.what, &id, api.known(tx.order_of(api.kind, uuid(api.what, &id)?).await?))?;
    Ok(ask.one(shown(api, &mut tx, &ask.base, &order).await?))
}
