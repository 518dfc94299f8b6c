//! A service order as TMF641 v4.1.0 shows it: what the client gave, and over it what the order has become.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use telvisor_model::{Action, ItemState, OrderState};

use super::body::{is_customer, party_out};
use crate::api::{TMF633, TMF638, TMF641};
use crate::clock::show;
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::orders::jeopardy;
use crate::orders::milestones::{self, ITEM_COMPLETED};
use crate::store::cancels::CancelRow;
use crate::store::orders::{ItemRow, OrderRow};
use crate::store::{StoreError, Tenant, Tx};

/// Loads what belongs to an order and renders it.
///
/// # Errors
/// When the database does not answer.
pub async fn load(tx: &mut Tx<Tenant>, base: &str, order: &OrderRow) -> Result<Value, StoreError> {
    let items = tx.items(order.id).await?;
    let personal = tx.personal(order.id).await?;
    Ok(service_order(base, order, &items, &personal.request.0, &personal.notes.0))
}

fn put(map: &mut Map<String, Value>, key: &str, at: Option<DateTime<Utc>>) {
    if let Some(at) = at {
        map.insert(key.into(), Value::String(show(at)));
    }
}

/// Renders an order.
#[must_use]
pub fn service_order(base: &str, o: &OrderRow, items: &[ItemRow], request: &Value, notes: &[Value]) -> Value {
    let mut out = request.as_object().cloned().unwrap_or_default();
    out.insert("id".into(), json!(o.id));
    out.insert("href".into(), json!(format!("{base}{TMF641}/serviceOrder/{}", o.id)));
    out.insert("state".into(), json!(o.state));
    out.insert("orderDate".into(), Value::String(show(o.order_date)));
    for (key, value) in [("externalId", &o.external_id), ("category", &o.category), ("priority", &o.priority)]
    {
        match value {
            Some(v) => out.insert(key.into(), json!(v)),
            None => out.remove(key),
        };
    }
    for key in ["requestedStartDate", "requestedCompletionDate"] {
        out.remove(key);
    }
    put(&mut out, "requestedStartDate", o.requested_start);
    put(&mut out, "requestedCompletionDate", o.requested_completion);
    put(&mut out, "expectedCompletionDate", o.expected_completion);
    put(&mut out, "startDate", o.started_at);
    put(&mut out, "cancellationDate", o.cancelled_at);
    if matches!(o.state, OrderState::Completed | OrderState::Partial | OrderState::Failed) {
        put(&mut out, "completionDate", o.ended_at);
    }
    if let Some(reason) = &o.cancel_reason {
        out.insert("cancellationReason".into(), json!(reason));
    }
    let parties = parties(o, request);
    if parties.is_empty() {
        out.remove("relatedParty");
    } else {
        out.insert("relatedParty".into(), Value::Array(parties));
    }
    out.insert("externalReference".into(), references(o, request));
    let mut shown: Vec<Value> = notes.to_vec();
    if let Some(text) = &o.waits_for {
        shown.push(json!({ "id": "telvisor", "author": "telvisor", "text": text, "@type": "Note" }));
    }
    if shown.is_empty() {
        out.remove("note");
    } else {
        out.insert("note".into(), Value::Array(shown));
    }
    errors(&mut out, base, o);
    milestones(&mut out, base, o, items);
    let given = request["serviceOrderItem"].as_array().cloned().unwrap_or_default();
    let rendered: Vec<Value> = given.into_iter().map(|g| item(base, o, items, g)).collect();
    out.insert("serviceOrderItem".into(), Value::Array(rendered));
    out.insert("@type".into(), json!("ServiceOrder"));
    Value::Object(out)
}

/// The client's parties, and the customer that the order is for where they do not name it.
fn parties(o: &OrderRow, request: &Value) -> Vec<Value> {
    let given = request["relatedParty"].as_array().cloned().unwrap_or_default();
    let named = given.iter().any(is_customer);
    let own = o.customer_id.as_ref().filter(|_| !named);
    let own = own.map(|id| json!({ "id": id, "role": "customer" }));
    given.into_iter().chain(own).map(party_out).collect()
}

/// The client's references, and the channel through which the order came.
fn references(o: &OrderRow, request: &Value) -> Value {
    let given = request["externalReference"].as_array().cloned().unwrap_or_default();
    let mut list: Vec<Value> = given
        .into_iter()
        .filter(|r| r["externalReferenceType"] != "channel")
        .map(|mut r| {
            let name = r["id"].as_str().unwrap_or("reference").to_owned();
            if let Some(map) = r.as_object_mut() {
                map.entry("name").or_insert(Value::String(name));
                map.entry("@type").or_insert(json!("ExternalReference"));
            }
            r
        })
        .collect();
    list.push(json!({
        "externalReferenceType": "channel", "id": o.channel, "name": o.channel, "@type": "ExternalReference",
    }));
    Value::Array(list)
}

/// A reference to an item of the order.
fn item_ref(base: &str, o: &OrderRow, id: &str) -> Value {
    json!({
        "itemId": id,
        "serviceOrderId": o.id,
        "serviceOrderHref": format!("{base}{TMF641}/serviceOrder/{}", o.id),
        "@type": "ServiceOrderItemRef",
    })
}

fn milestones(out: &mut Map<String, Value>, base: &str, o: &OrderRow, items: &[ItemRow]) {
    let list: Vec<Value> = milestones::of(items)
        .into_iter()
        .map(|m| {
            let mut shown = json!({
                "id": m.id.to_string(), "name": ITEM_COMPLETED, "description": m.description,
                "status": m.status.as_str(), "serviceOrderItem": [item_ref(base, o, &m.item)],
                "@type": "ServiceOrderMilestone",
            });
            if let Some(map) = shown.as_object_mut() {
                put(map, "milestoneDate", m.at);
            }
            shown
        })
        .collect();
    if !list.is_empty() {
        out.insert("milestone".into(), Value::Array(list));
    }
}

fn errors(out: &mut Map<String, Value>, base: &str, o: &OrderRow) {
    let refs = |ids: &[String]| ids.iter().map(|id| item_ref(base, o, id)).collect::<Vec<_>>();
    let list: Vec<Value> = o
        .errors
        .0
        .iter()
        .map(|e| {
            json!({
                "code": e.code, "reason": e.reason, "message": e.message, "timestamp": show(e.at),
                "serviceOrderItem": refs(&e.items),
                "@type": "ServiceOrderErrorMessage",
            })
        })
        .collect();
    if !list.is_empty() {
        out.insert("errorMessage".into(), Value::Array(list));
    }
    let alerts: Vec<Value> = o
        .alerts
        .0
        .iter()
        .enumerate()
        .map(|(n, a)| {
            let mut shown = json!({
                "id": (n + 1).to_string(), "name": a.name, "jeopardyType": jeopardy::risk(&a.name),
                "alertDate": show(a.at), "message": a.message, "serviceOrderItem": refs(&a.items),
                "@type": "ServiceOrderJeopardyAlert",
            });
            if let Some(exception) = &a.exception {
                shown["exception"] = json!(exception);
            }
            shown
        })
        .collect();
    if !alerts.is_empty() {
        out.insert("jeopardyAlert".into(), Value::Array(alerts));
    }
}

fn item(base: &str, o: &OrderRow, items: &[ItemRow], given: Value) -> Value {
    let mut out = given;
    let row = items.iter().find(|i| out["id"] == i.item_id.as_str());
    let state = row.map_or("acknowledged", |i| i.state.as_str());
    out["state"] = json!(state);
    let Some(row) = row else { return out };
    if let Some(message) = &row.error {
        out["errorMessage"] = json!([{
            "code": row.error_code.as_deref().unwrap_or("job"),
            "reason": "the item was not completed",
            "message": message,
            "@type": "ServiceOrderItemErrorMessage",
        }]);
    }
    if let Some(service) = out.get_mut("service").and_then(Value::as_object_mut) {
        fill_service(service, base, o, row);
    }
    if let Some(map) = out.as_object_mut() {
        map.entry("@type").or_insert(json!("ServiceOrderItem"));
    }
    out
}

fn fill_service(service: &mut Map<String, Value>, base: &str, o: &OrderRow, row: &ItemRow) {
    if let Some(parties) = service.get_mut("relatedParty").and_then(Value::as_array_mut) {
        for party in parties {
            *party = party_out(party.take());
        }
    }
    let Some(intent) = &row.intent.0 else { return };
    let id = match (intent.action.on_customer(), intent.subscription) {
        (true, _) => o.customer_id.clone(),
        (false, id) => id.map(|id| id.to_string()),
    };
    if let Some(id) = id {
        service.insert("href".into(), json!(format!("{base}{TMF638}/service/{id}")));
        service.insert("id".into(), json!(id));
    }
    let spec = if intent.action.on_customer() {
        Some(CUSTOMER_ACCOUNT.to_owned())
    } else {
        intent.application.clone()
    };
    if let (Some(id), None) = (&spec, service.get("serviceSpecification").and_then(|s| s.get("href"))) {
        let entry = service.entry("serviceSpecification").or_insert_with(|| json!({ "id": id }));
        if let Some(map) = entry.as_object_mut() {
            map.insert("href".into(), json!(format!("{base}{TMF633}/serviceSpecification/{id}")));
            map.entry("@type").or_insert(json!("ServiceSpecificationRef"));
        }
    }
    let mut set = |name: &str, value: &str| {
        let list = service.entry("serviceCharacteristic").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut()
            && !list.iter().any(|c| c["name"] == name)
        {
            list.push(json!({ "name": name, "valueType": "string", "value": value }));
        }
    };
    if intent.action == Action::Provision {
        set("plan", intent.plan.as_deref().unwrap_or_default());
        set("version", intent.version.as_deref().unwrap_or_default());
    }
    if let (Action::Backup, ItemState::Completed, Some(backup)) = (intent.action, row.state, intent.backup) {
        set("backupId", &backup.to_string());
    }
    service.entry("@type").or_insert(json!("Service"));
}

/// Renders a cancel task.
#[must_use]
pub fn cancel_order(base: &str, c: &CancelRow) -> Value {
    let mut out = Map::new();
    out.insert("id".into(), json!(c.id));
    out.insert("href".into(), json!(format!("{base}{TMF641}/cancelServiceOrder/{}", c.id)));
    out.insert("state".into(), json!(c.state));
    if let Some(reason) = &c.reason {
        out.insert("cancellationReason".into(), json!(reason));
    }
    if let Some(message) = &c.message {
        out.insert("completionMessage".into(), json!(message));
        if c.state == "terminatedWithError" {
            out.insert(
                "errorMessage".into(),
                json!({ "code": "pointOfNoReturn", "reason": "the order cannot be cancelled any more", "message": message }),
            );
        }
    }
    put(&mut out, "requestedCancellationDate", Some(c.requested_for.unwrap_or(c.requested_at)));
    if c.state == "done" {
        put(&mut out, "effectiveCancellationDate", c.ended_at);
    }
    out.insert(
        "serviceOrder".into(),
        json!({
            "id": c.order_id,
            "href": format!("{base}{TMF641}/serviceOrder/{}", c.order_id),
            "@type": "ServiceOrderRef",
            "@referredType": "ServiceOrder",
        }),
    );
    out.insert("@type".into(), json!("CancelServiceOrder"));
    Value::Object(out)
}
