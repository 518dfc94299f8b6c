//! What an operator decides about an order: approval, hold and release.

use axum::Json;
use axum::extract::{Extension, Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use telvisor_model::OrderKind;
use uuid::Uuid;

use crate::access::Caller;
use crate::api::problem::Problem;
use crate::api::request::{JsonBody, Object, typed};
use crate::api::tmf630::href::Base;
use crate::api::{Doors, TMF622, TMF641};
use crate::orders::{OrderError, approval, hold};

#[derive(Debug, Deserialize)]
struct Approval {
    approve: bool,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Hold {
    reason: String,
}

#[derive(Debug, Default, Deserialize)]
struct Release {
    reason: Option<String>,
}

/// POST `{approve, reason}`: decides about an order that waits for approval.
///
/// # Errors
/// 404; 409 when it waits for none, or was decided about otherwise.
pub async fn approve(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Extension(base): Extension<Base>,
    Path(id): Path<String>,
    JsonBody(given): JsonBody,
) -> Result<Json<Value>, Problem> {
    let body: Object<Approval> = typed(&given)?;
    let reason = words(body.reason.as_deref())?;
    let order = order(&id)?;
    approval::decide(&doors.engine, &caller, order, body.approve, reason).await.map_err(refusal)?;
    now(&doors, &caller, &base, order).await
}

/// POST `{reason}`: holds an order before its next job.
///
/// # Errors
/// 404; 409 in a state in which there is nothing to hold.
pub async fn keep(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Extension(base): Extension<Base>,
    Path(id): Path<String>,
    JsonBody(given): JsonBody,
) -> Result<Json<Value>, Problem> {
    let body: Object<Hold> = typed(&given)?;
    let reason = words(Some(&body.reason))?.unwrap_or_default();
    let order = order(&id)?;
    hold::hold(&doors.engine, &caller, order, reason).await.map_err(refusal)?;
    now(&doors, &caller, &base, order).await
}

/// POST, with a reason or without: lets a held order go on.
///
/// # Errors
/// 404; 409 when no operator holds it.
pub async fn release(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Extension(base): Extension<Base>,
    Path(id): Path<String>,
    given: Option<JsonBody>,
) -> Result<Json<Value>, Problem> {
    let body: Object<Release> = given.map(|JsonBody(v)| typed(&v)).transpose()?.unwrap_or_default();
    let reason = words(body.reason.as_deref())?;
    let order = order(&id)?;
    hold::release(&doors.engine, &caller, order, reason).await.map_err(refusal)?;
    now(&doors, &caller, &base, order).await
}

fn order(id: &str) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| Problem::not_found("order", id))
}

/// A reason is a line for the history.
fn words(reason: Option<&str>) -> Result<Option<&str>, Problem> {
    let bad = |r: &str| r.trim().is_empty() || r.chars().count() > 500 || r.chars().any(char::is_control);
    match reason {
        Some(r) if bad(r) => {
            Err(Problem::invalid("reason", "must be 1 to 500 characters, none of them a control character"))
        }
        other => Ok(other),
    }
}

fn refusal(e: OrderError) -> Problem {
    Problem::of_order(e, |_, _| String::new())
}

/// The order as it is after the decision.
async fn now(doors: &Doors, caller: &Caller, Base(base): &Base, id: Uuid) -> Result<Json<Value>, Problem> {
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let o = tx.order(id).await?.ok_or_else(|| Problem::not_found("order", &id.to_string()))?;
    let path = match o.kind {
        OrderKind::Product => format!("{TMF622}/productOrder"),
        OrderKind::Service => format!("{TMF641}/serviceOrder"),
    };
    Ok(Json(json!({
        "id": o.id, "href": format!("{base}{path}/{}", o.id), "state": o.state, "approval": o.approval,
        "hold": o.hold, "waitsFor": o.waits_for,
    })))
}
