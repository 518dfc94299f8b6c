//! PATCH (merge patch) and DELETE of a service order.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use telvisor_model::OrderKind;
use telvisor_model::catalogue::RESERVED_CHARACTERISTICS;
use uuid::Uuid;

use super::{path, render};
use crate::access::Caller;
use crate::api::problem::Problem;
use crate::api::request::{JsonBody, takes_json};
use crate::api::web::base;
use crate::api::{Doors, TMF641};
use crate::clock::show;
use crate::orders::Given;
use crate::orders::patch::{self, Patch};

/// PATCH: 200 with the order as it is then.
///
/// # Errors
/// 400 for a member outside the Update schema with another value, 409 for state and items, 404.
pub async fn patch(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path(id): Path<String>,
    JsonBody(given): JsonBody,
) -> Result<Response, Problem> {
    takes_json(&headers)?;
    let base = base(&doors, &headers);
    let missing = || Problem::not_found("service order", &id);
    let uuid: Uuid = id.parse().map_err(|_| missing())?;
    let Value::Object(members) = &given else {
        return Err(Problem::invalid("", "the body must be a JSON object: a merge patch of a ServiceOrder"));
    };
    let (stored, request) = {
        let mut tx = doors.engine.db.read(&caller.tenant).await?;
        let order = tx.order_of(OrderKind::Service, uuid).await?.ok_or_else(missing)?;
        let stored = render::load(&mut tx, &base, &order).await?;
        (stored, tx.personal(uuid).await?.request.0)
    };
    let change = read(members, &stored, request, doors.engine.db.clock().now())?;
    patch::patch(&doors.engine, &caller, OrderKind::Service, uuid, &change)
        .await
        .map_err(|e| Problem::of_order(e, |n, m| path(&given, n, m)))?;
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let order = tx.order_of(OrderKind::Service, uuid).await?.ok_or_else(missing)?;
    Ok(Json(render::load(&mut tx, &base, &order).await?).into_response())
}

fn read(
    members: &Map<String, Value>,
    stored: &Value,
    mut request: Value,
    now: DateTime<Utc>,
) -> Result<Patch, Problem> {
    let mut out = Patch::default();
    let mut echo = false;
    for (name, value) in members {
        if stored.get(name).unwrap_or(&Value::Null) == value {
            continue;
        }
        match name.as_str() {
            "category" => out.category = Some(text(name, value)?),
            "priority" => out.priority = Some(text(name, value)?),
            "externalId" => out.external_id = Some(text(name, value)?),
            "requestedStartDate" => out.requested_start = Some(time(name, value)?),
            "requestedCompletionDate" => out.requested_completion = Some(time(name, value)?),
            "expectedCompletionDate" => out.expected_completion = Some(time(name, value)?),
            "description" | "notificationContact" => {
                echo = true;
                set(&mut request, name, text(name, value)?.map(Value::String));
            }
            "externalReference" | "orderRelationship" => {
                echo = true;
                let list = list(name, value)?;
                set(&mut request, name, Some(Value::Array(list)));
            }
            "note" => out.notes = new_notes(&list(name, value)?, stored, now)?,
            "state" => {
                let message = format!(
                    "state: a client does not set the state of an order; to cancel it, POST to {TMF641}/cancelServiceOrder"
                );
                return Err(Problem::conflict("forbiddenState", message));
            }
            "serviceOrderItem" if stored["state"] == "pending" => {
                out.supplied = supplied(&list(name, value)?)?;
            }
            "serviceOrderItem" | "relatedParty" => {
                let message =
                    format!("{name}: what an order is about cannot be changed; cancel it and place another");
                return Err(Problem::conflict("forbiddenState", message));
            }
            _ => return Err(Problem::invalid(name, "cannot be patched")),
        }
    }
    // The category stands outside the official Update schema.
    if out.category.is_some() {
        return Err(Problem::invalid("category", "cannot be patched"));
    }
    if echo {
        out.request = Some(request);
    }
    Ok(out)
}

fn set(request: &mut Value, name: &str, value: Option<Value>) {
    if let Some(map) = request.as_object_mut() {
        match value {
            Some(v) => map.insert(name.to_owned(), v),
            None => map.remove(name),
        };
    }
}

fn text(name: &str, value: &Value) -> Result<Option<String>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::String(s) => Ok(Some(s.clone())),
        _ => Err(Problem::invalid(name, "must be text")),
    }
}

fn time(name: &str, value: &Value) -> Result<Option<DateTime<Utc>>, Problem> {
    match text(name, value)? {
        None => Ok(None),
        Some(t) => DateTime::parse_from_rfc3339(&t)
            .map(|t| Some(t.to_utc()))
            .map_err(|_| Problem::invalid(name, format!("{t:?} is no RFC 3339 time"))),
    }
}

fn list(name: &str, value: &Value) -> Result<Vec<Value>, Problem> {
    let list = value.as_array().filter(|l| l.iter().all(Value::is_object));
    list.cloned().ok_or_else(|| Problem::invalid(name, "must be an array of objects"))
}

/// The characteristics that a patch supplies to items.
fn supplied(items: &[Value]) -> Result<Vec<(String, Vec<Given>)>, Problem> {
    let mut out = vec![];
    for (n, item) in items.iter().enumerate() {
        let Some(id) = item["id"].as_str() else {
            return Err(Problem::invalid(&format!("serviceOrderItem[{n}].id"), "is missing"));
        };
        let given = item["service"]["serviceCharacteristic"].as_array().cloned().unwrap_or_default();
        let mut list = vec![];
        for (i, c) in given.iter().enumerate() {
            let Some(name) = c["name"].as_str() else {
                let path = format!("serviceOrderItem[{n}].service.serviceCharacteristic[{i}].name");
                return Err(Problem::invalid(&path, "is missing"));
            };
            if !RESERVED_CHARACTERISTICS.contains(&name) {
                list.push(Given { name: name.to_owned(), value: c["value"].clone() });
            }
        }
        out.push((id.to_owned(), list));
    }
    Ok(out)
}

/// The notes of a patch that the order does not have; notes are added, never taken away.
fn new_notes(given: &[Value], stored: &Value, now: DateTime<Utc>) -> Result<Vec<Value>, Problem> {
    let known = stored["note"].as_array().cloned().unwrap_or_default();
    let mut out = vec![];
    for (n, note) in given.iter().enumerate() {
        let Some(words) = note["text"].as_str() else {
            return Err(Problem::invalid(&format!("note[{n}].text"), "is missing"));
        };
        if known.iter().any(|k| k["text"] == words && (note.get("id").is_none() || k["id"] == note["id"])) {
            continue;
        }
        let mut note = note.clone();
        if let Some(map) = note.as_object_mut() {
            map.insert("id".into(), Value::String((known.len() + out.len() + 1).to_string()));
            map.entry("date").or_insert(Value::String(show(now)));
            map.entry("@type").or_insert(Value::String("Note".into()));
        }
        out.push(note);
    }
    Ok(out)
}

/// DELETE: 204; the order is hidden from reads and kept for audit.
///
/// # Errors
/// 409 while it has not ended, 404.
pub async fn delete(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let uuid: Uuid = id.parse().map_err(|_| Problem::not_found("service order", &id))?;
    patch::delete(&doors.engine, &caller, OrderKind::Service, uuid)
        .await
        .map_err(|e| Problem::of_order(e, |n, m| path(&Value::Null, n, m)))?;
    Ok(StatusCode::NO_CONTENT)
}
