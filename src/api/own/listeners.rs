//! The listeners of all hubs, for operators: what they have still to be sent, pause, resume, replay.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::Caller;
use crate::api::Doors;
use crate::api::hub::apis::SHOWS;
use crate::api::hub::problem;
use crate::api::problem::Problem;
use crate::api::request::{JsonBody, Object, typed};
use crate::api::tmf630::{found, uuid};
use crate::clock::show as time;
use crate::notify::listeners::{Change, From, change, replay as send_again};
use crate::store::listeners::ListenerRow;
use crate::store::{Tenant, Tx};

async fn render(tx: &mut Tx<Tenant>, l: &ListenerRow) -> Result<Value, Problem> {
    let backlog = tx.backlog(l.id).await?;
    Ok(json!({
        "id": l.id, "api": l.api, "callback": l.callback, "query": (!l.query.is_empty()).then_some(&l.query),
        "client": l.client, "state": l.state, "listenerPath": l.listener_path,
        "createdAt": time(l.created_at), "since": l.since, "backlog": backlog.count,
        "oldest": backlog.oldest.map(|p| json!({ "position": p, "at": backlog.oldest_at.map(time) })),
        "failingSince": l.failing_since.map(time), "lastError": backlog.error,
        "pausedAt": l.paused_at.map(time), "pausedWhy": l.paused_why,
    }))
}

/// GET: all listeners of the tenant, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Value>>, Problem> {
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let mut out = vec![];
    for l in tx.listeners().await? {
        out.push(render(&mut tx, &l).await?);
    }
    Ok(Json(out))
}

/// GET: one listener.
///
/// # Errors
/// 404.
pub async fn show(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    one(&doors, &caller, uuid("listener", &id)?).await
}

async fn one(doors: &Doors, caller: &Caller, id: Uuid) -> Result<Json<Value>, Problem> {
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let l = found("listener", &id.to_string(), tx.listener(id).await?)?;
    Ok(Json(render(&mut tx, &l).await?))
}

async fn changed(doors: &Doors, caller: &Caller, id: &str, what: Change) -> Result<Json<Value>, Problem> {
    let id = uuid("listener", id)?;
    change(&doors.engine, caller, id, &what).await.map_err(problem)?;
    one(doors, caller, id).await
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PatchBody {
    listener_path: bool,
}

/// PATCH: how the listener is called.
///
/// # Errors
/// 404, 400 for a body that is none.
pub async fn patch(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    JsonBody(given): JsonBody,
) -> Result<Json<Value>, Problem> {
    let body: Object<PatchBody> = typed(&given)?;
    changed(&doors, &caller, &id, Change::ListenerPath(body.listener_path)).await
}

/// DELETE: removes a listener, as its client could.
///
/// # Errors
/// 404.
pub async fn remove(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    change(&doors.engine, &caller, uuid("listener", &id)?, &Change::Remove).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
struct PauseBody {
    reason: Option<String>,
}

/// POST: sends nothing to the listener until it is resumed; its events are kept.
///
/// # Errors
/// 404, 400 for a body that is none.
pub async fn pause(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    given: Option<JsonBody>,
) -> Result<Json<Value>, Problem> {
    let body: Object<PauseBody> = given.map(|JsonBody(v)| typed(&v)).transpose()?.unwrap_or_default();
    changed(&doors, &caller, &id, Change::Pause { reason: body.reason.clone() }).await
}

/// POST: lets a paused listener go on; what failed before is tried at once.
///
/// # Errors
/// 404.
pub async fn resume(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    changed(&doors, &caller, &id, Change::Resume).await
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReplayBody {
    position: Option<i64>,
    time: Option<DateTime<Utc>>,
}

/// POST: sends the listener again what fits it from a position or a time on. Answers how many events that is.
///
/// # Errors
/// 404, 400 where neither or both are given.
pub async fn replay(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    JsonBody(given): JsonBody,
) -> Result<Json<Value>, Problem> {
    let body: Object<ReplayBody> = typed(&given)?;
    let from = match (body.position, body.time) {
        (Some(position), None) => From::Position(position),
        (None, Some(at)) => From::Time(at),
        _ => return Err(Problem::invalid("", "give either position or time: from where?")),
    };
    let id = uuid("listener", &id)?;
    let events = send_again(&doors.engine, &SHOWS, &caller, id, from).await.map_err(problem)?;
    Ok(Json(json!({ "events": events })))
}
