//! A product order as TMF622 v4.0.0 shows it: what the client gave, and over it what the order has become.

use serde_json::{Map, Value, json};
use telvisor_model::{Action, ItemState};

use super::{API, v5};
use crate::api::ordering::read::party_out;
use crate::api::ordering::{common, own_note, parties};
use crate::api::{TMF620, TMF637, TMF638};
use crate::clock::show;
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::store::orders::{ItemRow, OrderRow};

/// Renders an order.
#[must_use]
pub fn product_order(base: &str, o: &OrderRow, items: &[ItemRow], request: &Value, notes: &[Value]) -> Value {
    let mut out = common(&API, base, o, request);
    out.insert("relatedParty".into(), Value::Array(parties(o, request)));
    out.insert("channel".into(), channels(o, request));
    let mut shown: Vec<Value> = notes.to_vec();
    shown.extend(o.waits_for.as_ref().map(|text| own_note("telvisor", text)));
    shown.extend(errors(o));
    if shown.is_empty() {
        out.remove("note");
    } else {
        out.insert("note".into(), Value::Array(shown));
    }
    let given = request["productOrderItem"].as_array().cloned().unwrap_or_default();
    let rendered: Vec<Value> = given.into_iter().map(|g| item(base, o, items, g)).collect();
    out.insert("productOrderItem".into(), Value::Array(rendered));
    v5::put_milestones(base, o, items, &mut out);
    Value::Object(out)
}

/// The channel through which the order came, then the others that the client named.
fn channels(o: &OrderRow, request: &Value) -> Value {
    let given = request["channel"].as_array().cloned().unwrap_or_default();
    let (same, others): (Vec<Value>, Vec<Value>) =
        given.into_iter().partition(|c| c["id"] == o.channel.as_str());
    let own = same.into_iter().next().unwrap_or_else(|| json!({ "id": o.channel, "name": o.channel }));
    let with_type = |mut channel: Value| {
        if let Some(map) = channel.as_object_mut() {
            map.entry("@type").or_insert(json!("RelatedChannel"));
        }
        channel
    };
    std::iter::once(own).chain(others).map(with_type).collect()
}

/// v4 has no member for errors: each is a note.
fn errors(o: &OrderRow) -> Vec<Value> {
    let note = |(n, e): (usize, &crate::store::orders::OrderError)| {
        let items = match e.items.as_slice() {
            [] => String::new(),
            [one] => format!("item {one}: "),
            more => format!("items {}: ", more.join(", ")),
        };
        let mut note = own_note(&format!("error-{}", n + 1), &format!("{items}{}: {}", e.reason, e.message));
        note["date"] = json!(show(e.at));
        note
    };
    o.errors.0.iter().enumerate().map(note).collect()
}

fn item(base: &str, o: &OrderRow, items: &[ItemRow], given: Value) -> Value {
    let mut out = given;
    let row = items.iter().find(|i| out["id"] == i.item_id.as_str());
    out["state"] = json!(row.map_or("acknowledged", |i| i.state.as_str()));
    if let Some(map) = out.as_object_mut() {
        map.entry("@type").or_insert(json!("ProductOrderItem"));
        offering(base, map.get_mut("productOffering"));
        if let Some(product) = map.get_mut("product").and_then(Value::as_object_mut) {
            offering(base, product.get_mut("productOffering"));
            for party in product.get_mut("relatedParty").and_then(Value::as_array_mut).into_iter().flatten() {
                *party = party_out(party.take());
            }
        }
        if let Some(row) = row
            && row.intent.0.is_some()
        {
            let product = map.entry("product").or_insert_with(|| json!({}));
            if let Some(product) = product.as_object_mut() {
                fill_product(product, base, o, row);
            }
        }
    }
    out
}

fn offering(base: &str, place: Option<&mut Value>) {
    if let Some(map) = place.and_then(Value::as_object_mut)
        && let Some(id) = map.get("id").and_then(Value::as_str)
    {
        let href = format!("{base}{TMF620}/productOffering/{id}");
        map.entry("href").or_insert(json!(href));
        map.entry("@type").or_insert(json!("ProductOfferingRef"));
    }
}

/// What the item makes of its product. The product has the id of the service that realizes it.
fn fill_product(product: &mut Map<String, Value>, base: &str, o: &OrderRow, row: &ItemRow) {
    let Some(intent) = &row.intent.0 else { return };
    let id = match (intent.action.on_customer(), intent.subscription) {
        (true, _) => o.customer_id.clone(),
        (false, id) => id.map(|id| id.to_string()),
    };
    if let Some(id) = id {
        product.insert("href".into(), json!(format!("{base}{TMF637}/product/{id}")));
        let service = json!({
            "id": id, "href": format!("{base}{TMF638}/service/{id}"), "@type": "ServiceRef",
            "@referredType": "Service",
        });
        product.insert("realizingService".into(), json!([service]));
        product.insert("id".into(), json!(id));
    }
    let application =
        if intent.action.on_customer() { Some(CUSTOMER_ACCOUNT) } else { intent.application.as_deref() };
    if let Some(id) = application {
        let specification = product.entry("productSpecification").or_insert_with(|| json!({ "id": id }));
        if let Some(map) = specification.as_object_mut() {
            map.entry("href").or_insert(json!(format!("{base}{TMF620}/productSpecification/{id}")));
            map.entry("@type").or_insert(json!("ProductSpecificationRef"));
        }
    }
    if let Some(status) = status(intent.action, row.state) {
        product.insert("status".into(), json!(status));
    }
    if intent.action == Action::Provision {
        for (name, value) in [("plan", &intent.plan), ("version", &intent.version)] {
            let list = product.entry("productCharacteristic").or_insert_with(|| json!([]));
            if let (Some(list), Some(value)) = (list.as_array_mut(), value)
                && !list.iter().any(|c| c["name"] == name)
            {
                list.push(json!({ "name": name, "valueType": "string", "value": value }));
            }
        }
    }
    product.entry("@type").or_insert(json!("Product"));
}

/// The status that an item gives its product, on the way and at its end; none where it leaves it as it is.
fn status(action: Action, state: ItemState) -> Option<&'static str> {
    match (action, state) {
        (Action::CreateCustomer | Action::Provision, ItemState::Completed) => Some("active"),
        (
            Action::CreateCustomer | Action::Provision,
            ItemState::Cancelled | ItemState::Failed | ItemState::Rejected,
        ) => Some("cancelled"),
        (Action::CreateCustomer | Action::Provision, _) => Some("pendingActive"),
        (Action::TerminateCustomer | Action::TerminateSubscription, ItemState::Completed) => {
            Some("terminated")
        }
        (
            Action::TerminateCustomer | Action::TerminateSubscription,
            ItemState::Cancelled | ItemState::Failed | ItemState::Rejected,
        ) => None,
        (Action::TerminateCustomer | Action::TerminateSubscription, _) => Some("pendingTerminate"),
        _ => None,
    }
}
