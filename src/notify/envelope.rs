//! A notification as it is sent: the resource in the envelope of its API's version.

use serde_json::{Map, Value, json};
use telvisor_model::EventKind;

use super::{Api, Envelope, Shown};
use crate::clock::show;
use crate::store::events::EventRow;

/// Who sends, in v5 envelopes.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// `node_id` of the configuration.
    pub node_id: &'a str,
}

/// Builds a notification; its name is `event_type`.
///
/// # Errors
/// When the event was written in a form that this release cannot read.
pub fn notification(
    api: &Api,
    shown: &Shown,
    event_type: &str,
    base: &str,
    event: &EventRow,
    sender: Sender<'_>,
) -> Result<Value, serde_json::Error> {
    let resource = (shown.render)(base, event)?;
    let id = resource["id"].as_str().unwrap_or_default().to_owned();
    let correlation = resource["externalId"].as_str().unwrap_or(&id).to_owned();
    let at = show(event.at);
    let mut out = Map::new();
    out.insert("eventId".into(), json!(event.id));
    out.insert("eventTime".into(), json!(at));
    out.insert("eventType".into(), json!(event_type));
    out.insert("correlationId".into(), json!(correlation));
    out.insert("domain".into(), json!(api.domain));
    out.insert("title".into(), json!(event_type));
    out.insert("description".into(), json!(description(shown.key, &id, event.kind, &resource)));
    out.insert("priority".into(), json!(priority(event.kind)));
    let required = information(shown.key, event, &resource);
    let mut payload = Map::new();
    payload.insert(shown.key.into(), resource);
    match api.envelope {
        Envelope::V4 => {
            out.insert("timeOcurred".into(), json!(at));
            if let (EventKind::InformationRequired, Some(first)) = (event.kind, required.first()) {
                out.insert("fieldPath".into(), first["path"].clone());
            }
        }
        Envelope::V5 => {
            out.insert("timeOccurred".into(), json!(at));
            if event.kind == EventKind::InformationRequired && !required.is_empty() {
                // TMF622 has one patch here, TMF641 a list of them.
                let first = required.first().cloned().filter(|_| shown.key == "productOrder");
                payload.insert("informationRequired".into(), first.unwrap_or(Value::Array(required)));
            }
            for role in ["source", "reportingSystem"] {
                let system = json!({
                    "id": sender.node_id, "name": "Telvisor", "@type": "EntityRef",
                    "@referredType": "LogicalResource",
                });
                out.insert(role.into(), system);
            }
            out.insert("@type".into(), json!(event_type));
            out.insert("@baseType".into(), json!("Event"));
        }
    }
    out.insert("event".into(), Value::Object(payload));
    Ok(Value::Object(out))
}

/// The notification as it goes out: v5 has a reference in place of the order where information is asked for.
pub fn shorten(shown: &Shown, event: &EventRow, notification: &mut Value) {
    if event.kind != EventKind::InformationRequired || notification["@type"].is_null() {
        return;
    }
    let (first, rest) = shown.key.split_at(1);
    let name = format!("{}{rest}", first.to_ascii_uppercase());
    let order = &mut notification["event"][shown.key];
    *order = json!({
        "id": order["id"], "href": order["href"], "@type": format!("{name}Ref"), "@referredType": name,
    });
}

/// What an order asks for: a JSON Patch for each characteristic, with its name, to which the client adds the value.
fn information(key: &str, event: &EventRow, order: &Value) -> Vec<Value> {
    let thing = key.trim_end_matches("Order");
    let items = order[format!("{key}Item")].as_array();
    let place = |id: &Value| items.and_then(|list| list.iter().position(|i| i["id"] == *id));
    let wanted = event.body["wanted"].as_array();
    let patch = |w: &Value| {
        let path = format!("/{key}Item/{}/{thing}/{thing}Characteristic/-", place(&w["item"])?);
        Some(json!({ "op": "add", "path": path, "value": { "name": w["name"] } }))
    };
    wanted.into_iter().flatten().filter_map(patch).collect()
}

/// `1` for what somebody should look at, `3` for the rest.
fn priority(kind: EventKind) -> &'static str {
    match kind {
        EventKind::InformationRequired | EventKind::Jeopardy | EventKind::ErrorMessage => "1",
        _ => "3",
    }
}

fn description(key: &str, id: &str, kind: EventKind, resource: &Value) -> String {
    let state =
        ["state", "status", "lifecycleStatus", "resourceStatus"].iter().find_map(|k| resource[k].as_str());
    let what = match (kind, state) {
        (EventKind::Create, Some(state)) => format!("was created, {state}"),
        (EventKind::Create, None) => "was created".into(),
        (EventKind::AttributeValueChange, _) => "was changed".into(),
        (EventKind::StateChange, Some(state)) => format!("is {state}"),
        (EventKind::StateChange, None) => "changed its state".into(),
        (EventKind::Delete, _) => "was deleted".into(),
        (EventKind::InformationRequired, _) => "needs information".into(),
        (EventKind::Milestone, _) => "has a milestone".into(),
        (EventKind::Jeopardy, _) => "is in jeopardy".into(),
        (EventKind::ErrorMessage, _) => "has an error".into(),
    };
    format!("{key} {id} {what}")
}
