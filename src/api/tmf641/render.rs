//! A service order as TMF641 v4.1.0 shows it: what the client gave, and over it what the order has become.

use serde_json::{Map, Value, json};
use telvisor_model::{Action, ItemState};

use super::API;
use crate::api::ordering::read::party_out;
use crate::api::ordering::{common, own_note, parties, put_time};
use crate::api::{TMF633, TMF638, TMF641};
use crate::clock::show;
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::orders::jeopardy;
use crate::orders::milestones::{self, ITEM_COMPLETED};
use crate::store::orders::{ItemRow, OrderRow};

/// Renders an order.
#[must_use]
pub fn service_order(base: &str, o: &OrderRow, items: &[ItemRow], request: &Value, notes: &[Value]) -> Value {
    let mut out = common(&API, base, o, request);
    put_time(&mut out, "startDate", o.started_at);
    let parties = parties(o, request);
    if parties.is_empty() {
        out.remove("relatedParty");
    } else {
        out.insert("relatedParty".into(), Value::Array(parties));
    }
    out.insert("externalReference".into(), references(o, request));
    let mut shown: Vec<Value> = notes.to_vec();
    shown.extend(o.waits_for.as_ref().map(|text| own_note("telvisor", text)));
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
    Value::Object(out)
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
                put_time(map, "milestoneDate", m.at);
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
