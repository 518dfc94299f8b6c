//! PATCH and DELETE of an order.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde_json::Value;
use telvisor_model::OrderState;
use telvisor_model::catalogue::RESERVED_CHARACTERISTICS;

use super::Ordering;
use super::orders::{load, seen, shown};
use crate::api::problem::Problem;
use crate::api::tmf630::{Ask, PatchBody, Patched, found, uuid};
use crate::clock::show;
use crate::orders::accept::accept;
use crate::orders::draft::Drafted;
use crate::orders::patch::{self, Patch};
use crate::orders::{Draft, Given, drafts};
use crate::store::orders::OrderRow;

/// What a PATCH may change beside what both APIs have.
#[derive(Debug)]
pub struct Patchable {
    /// Whether the official Update schema has `category`.
    pub category: bool,
    /// Members that are kept as they are given: texts, lists of objects, objects.
    pub texts: &'static [&'static str],
    pub lists: &'static [&'static str],
    pub objects: &'static [&'static str],
    /// Members of the Update schema that the order itself tells, or that say what it is about.
    pub fixed: &'static [&'static str],
}

/// PATCH: 200 with the order as it is then.
///
/// # Errors
/// 400 for a member outside the Update schema with another value, 409 for state and items, 404, 412.
pub async fn patch(
    api: &Ordering,
    ask: Ask,
    Path(id): Path<String>,
    given: PatchBody,
) -> Result<Response, Problem> {
    ask.unlost(|| patch_once(api, &ask, &id, &given)).await
}

async fn patch_once(api: &Ordering, ask: &Ask, id: &str, given: &PatchBody) -> Result<Response, Problem> {
    let uuid = uuid(api.what, id)?;
    let (order, stored, seen, request) = {
        let mut tx = ask.read().await?;
        let order = found(api.what, id, api.known(tx.order_of(api.kind, uuid).await?))?;
        let stored = load(api, &mut tx, &ask.base, &order).await?;
        let request = tx.personal(uuid).await?.request.0;
        let seen = seen(api, &mut tx, &ask.base, &order, stored.clone()).await?;
        (order, stored, seen, request)
    };
    ask.must_match(&seen)?;
    if order.state == OrderState::Draft {
        return patch_draft(api, ask, &order, seen, given).await;
    }
    let patched = api.changed(given.patched(&seen)?, &stored)?;
    let mut change = read(api, &patched, &stored, request, ask.engine().db.clock().now())?;
    change.version = Some(order.version);
    if let Some(draft) = &mut change.items {
        api.mean(ask, draft).await?;
    }
    patch::patch(ask.engine(), &ask.caller, api.kind, uuid, &change)
        .await
        .map_err(|e| Problem::of_order(e, |n, m| (api.path)(given.body(), n, m)))?;
    let mut tx = ask.read().await?;
    let order = found(api.what, id, api.known(tx.order_of(api.kind, uuid).await?))?;
    Ok(ask.one(shown(api, &mut tx, &ask.base, &order).await?))
}

/// PATCH of a draft: all of it may change. With `state` `acknowledged` it is submitted, and judged as a new order is.
async fn patch_draft(
    api: &Ordering,
    ask: &Ask,
    order: &OrderRow,
    seen: Value,
    given: &PatchBody,
) -> Result<Response, Problem> {
    let patched = given.patched(&seen)?;
    let changes = |name: &str| patched.changed.iter().any(|n| n == name);
    if let Some(name) =
        ["id", "href", "creationDate", "requestedInitialState"].into_iter().find(|n| changes(n))
    {
        return Err(Problem::invalid(name, "cannot be patched"));
    }
    if changes("state") && patched.get("state") != "acknowledged" {
        let message = "state: a draft becomes acknowledged when it is submitted; to give it up, DELETE it";
        return Err(Problem::conflict("forbiddenState", message));
    }
    if patched.changed.is_empty() {
        return Ok(ask.one(seen));
    }
    let drafted = Drafted { id: order.id, version: order.version, at: order.order_date };
    let draft = Draft { drafted: Some(drafted), ..api.read(ask, &patched.value, None).await? };
    let (engine, caller) = (ask.engine(), &ask.caller);
    let done = if changes("state") {
        let accepted = metrics::counter!("telvisor_orders_accepted_total", "door" => caller.door.as_str());
        accept(engine, caller, &draft).await.map(|_| accepted.increment(1))
    } else {
        drafts::change(engine, caller, drafted, &draft).await
    };
    done.map_err(|e| Problem::of_order(e, |n, m| (api.path)(&draft.request, n, m)))?;
    let mut tx = ask.read().await?;
    let id = order.id.to_string();
    let order = found(api.what, &id, tx.order_of(api.kind, order.id).await?)?;
    Ok(ask.one(shown(api, &mut tx, &ask.base, &order).await?))
}

/// Reads what a patch changes; what is as it is stored may be named.
fn read(
    api: &Ordering,
    patched: &Patched,
    stored: &Value,
    mut request: Value,
    now: DateTime<Utc>,
) -> Result<Patch, Problem> {
    let may = &api.patchable;
    let mut out = Patch::default();
    let mut echo = false;
    let mut items = false;
    for name in &patched.changed {
        let value = patched.get(name);
        match name.as_str() {
            "category" if may.category => out.category = Some(text(name, value)?),
            "priority" => out.priority = Some(text(name, value)?),
            "externalId" => out.external_id = Some(text(name, value)?),
            "requestedStartDate" => out.requested_start = Some(time(name, value)?),
            "requestedCompletionDate" => out.requested_completion = Some(time(name, value)?),
            "expectedCompletionDate" => {
                let message =
                    format!("{name}: it is worked out by us; requestedCompletionDate says your wish");
                return Err(Problem::conflict("forbiddenState", message));
            }
            n if may.texts.contains(&n) => {
                echo = true;
                set(&mut request, name, text(name, value)?.map(Value::String));
            }
            n if may.lists.contains(&n) => {
                echo = true;
                let list = if value.is_null() { None } else { Some(Value::Array(list(name, value)?)) };
                set(&mut request, name, list);
            }
            n if may.objects.contains(&n) => {
                echo = true;
                if !value.is_object() && !value.is_null() {
                    return Err(Problem::invalid(name, "must be an object"));
                }
                set(&mut request, name, Some(value.clone()).filter(|v| !v.is_null()));
            }
            "note" => out.notes = new_notes(&list(name, value)?, stored, now)?,
            "state" => {
                let message = format!(
                    "state: a client does not set the state of an order; to cancel it, POST to {}/{}",
                    api.base, api.cancel
                );
                return Err(Problem::conflict("forbiddenState", message));
            }
            n if n == api.items && stored["state"] == "pending" => {
                out.supplied = supplied(api, &list(name, value)?)?;
            }
            n if n == api.items => {
                items = true;
                set(&mut request, name, Some(as_placed(api, &list(name, value)?, &stored[name])));
            }
            "relatedParty" => {
                echo = true;
                set(&mut request, name, Some(Value::Array(list(name, value)?)));
            }
            n if may.fixed.contains(&n) => {
                let message = format!("{name}: it is told by us, or does not change");
                return Err(Problem::conflict("forbiddenState", message));
            }
            _ => return Err(Problem::invalid(name, "cannot be patched")),
        }
    }
    if items || patched.changed.iter().any(|name| name == "relatedParty") {
        let draft = (api.draft)(api.version, &request, None, now)?;
        let given = std::mem::replace(&mut request, draft.request.clone());
        // A client of v4 does not see what only v5 has, and does not take it away.
        for name in api.v5.order_only {
            set(&mut request, name, given.get(*name).cloned());
        }
        out.customer.clone_from(&draft.customer);
        out.items = items.then_some(draft);
    }
    if echo || items {
        out.request = Some(request);
    }
    Ok(out)
}

/// The items of a patch as they would be placed: the ids that we gave to what is added are ours.
fn as_placed(api: &Ordering, items: &[Value], shown: &Value) -> Value {
    let shown = shown.as_array().map_or(&[][..], Vec::as_slice);
    let own = |item: &Value| {
        shown.iter().any(|s| s["id"] == item["id"] && s[api.thing]["id"] == item[api.thing]["id"])
    };
    items
        .iter()
        .cloned()
        .map(|mut item| {
            if item["action"] == "add"
                && own(&item)
                && let Some(thing) = item.get_mut(api.thing).and_then(Value::as_object_mut)
            {
                thing.remove("id");
                thing.remove("href");
            }
            item
        })
        .collect()
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
fn supplied(api: &Ordering, items: &[Value]) -> Result<Vec<(String, Vec<Given>)>, Problem> {
    let mut out = vec![];
    for (n, item) in items.iter().enumerate() {
        let Some(id) = item["id"].as_str() else {
            return Err(Problem::invalid(&format!("{}[{n}].id", api.items), "is missing"));
        };
        let given = item[api.thing][api.characteristics].as_array().cloned().unwrap_or_default();
        let mut list = vec![];
        for (i, c) in given.iter().enumerate() {
            let Some(name) = c["name"].as_str() else {
                let path = format!("{}[{n}].{}.{}[{i}].name", api.items, api.thing, api.characteristics);
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
/// 409 while it has not ended, 404, 412.
pub async fn delete(api: &Ordering, ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    ask.unlost(|| delete_once(api, &ask, &id)).await
}

async fn delete_once(api: &Ordering, ask: &Ask, id: &str) -> Result<Response, Problem> {
    let uuid = uuid(api.what, id)?;
    let version = {
        let mut tx = ask.read().await?;
        let order = found(api.what, id, api.known(tx.order_of(api.kind, uuid).await?))?;
        ask.must_match(&shown(api, &mut tx, &ask.base, &order).await?)?;
        order.version
    };
    patch::delete(ask.engine(), &ask.caller, api.kind, uuid, version)
        .await
        .map_err(|e| Problem::of_order(e, |n, m| (api.path)(&Value::Null, n, m)))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
