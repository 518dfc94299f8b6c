//! A TMF641 body as a draft order: schema-checked, with only the members that the official Create schema knows.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use telvisor_model::OrderKind;

use super::v5::V5;
use crate::api::Version;
use crate::api::ordering::read::{self, ACTIONS, CHANNELS, Characteristic, Note, Party, keep, more, notes};
use crate::api::problem::Problem;
use crate::api::request::{Object, typed};
use crate::orders::{Ask, Draft, DraftItem, Given};

/// Members of `ServiceOrder_Create`; any other is ignored.
const ORDER_MEMBERS: [&str; 15] = [
    "category",
    "description",
    "externalId",
    "externalReference",
    "notificationContact",
    "note",
    "orderRelationship",
    "priority",
    "relatedParty",
    "requestedCompletionDate",
    "requestedStartDate",
    "serviceOrderItem",
    "@baseType",
    "@schemaLocation",
    "@type",
];
/// Members of `ServiceOrderItem` that a client gives.
const ITEM_MEMBERS: [&str; 10] = [
    "id",
    "quantity",
    "action",
    "appointment",
    "service",
    "serviceOrderItem",
    "serviceOrderItemRelationship",
    "@baseType",
    "@schemaLocation",
    "@type",
];
/// Members of `ServiceRefOrValue`.
const SERVICE_MEMBERS: [&str; 26] = [
    "id",
    "href",
    "category",
    "description",
    "endDate",
    "hasStarted",
    "isBundle",
    "isServiceEnabled",
    "isStateful",
    "name",
    "serviceDate",
    "serviceType",
    "startDate",
    "startMode",
    "feature",
    "note",
    "place",
    "relatedEntity",
    "relatedParty",
    "serviceCharacteristic",
    "serviceRelationship",
    "serviceSpecification",
    "state",
    "supportingResource",
    "supportingService",
    "@type",
];
const SERVICE_STATES: [&str; 6] =
    ["feasibilityChecked", "designed", "reserved", "inactive", "active", "terminated"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    category: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    external_id: Option<String>,
    #[serde(default)]
    external_reference: Vec<Object<Reference>>,
    #[serde(rename = "notificationContact")]
    _notification_contact: Option<String>,
    #[serde(default)]
    note: Vec<Object<Note>>,
    #[serde(default, rename = "orderRelationship")]
    _order_relationship: Vec<Map<String, Value>>,
    priority: Option<String>,
    #[serde(default)]
    related_party: Vec<Object<Party>>,
    requested_completion_date: Option<DateTime<Utc>>,
    requested_start_date: Option<DateTime<Utc>>,
    service_order_item: Vec<Object<Item>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    id: Option<String>,
    #[serde(rename = "name")]
    _name: Option<String>,
    external_reference_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    action: String,
    quantity: Option<i64>,
    service: Object<Service>,
    #[serde(default)]
    service_order_item: Vec<Map<String, Value>>,
    #[serde(default)]
    service_order_item_relationship: Vec<Object<Relationship>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    id: Option<String>,
    state: Option<String>,
    service_specification: Option<Object<Specification>>,
    #[serde(default)]
    service_characteristic: Vec<Object<Characteristic>>,
    #[serde(default)]
    related_party: Vec<Object<Party>>,
}

#[derive(Debug, Deserialize)]
struct Specification {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    #[serde(rename = "relationshipType")]
    _relationship_type: Option<String>,
    order_item: Object<ItemRef>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemRef {
    item_id: Option<String>,
    id: Option<String>,
}

/// Reads a POST body in the v4 form, which a client of the version sent; `key` is the idempotency key, if the client
/// gave one.
///
/// # Errors
/// 400 with the path of the member that does not fit.
pub fn draft(
    version: Version,
    body: &Value,
    key: Option<String>,
    now: DateTime<Utc>,
) -> Result<Draft, Problem> {
    if !body.is_object() {
        return Err(Problem::invalid("", "the body must be a JSON object: a ServiceOrder"));
    }
    if body.get("serviceOrderItem").is_none() {
        return Err(Problem::invalid("serviceOrderItem", "is missing: an order needs at least one item"));
    }
    let request = known(version, body);
    let order: Order = typed(&request)?;
    if let Some((n, item)) =
        order.service_order_item.iter().enumerate().find(|(_, i)| !ACTIONS.contains(&i.action.as_str()))
    {
        let path = format!("serviceOrderItem[{n}].action");
        return Err(Problem::invalid(&path, format!("{:?} is none of {}", item.action, ACTIONS.join(", "))));
    }
    let customer = customer(version, &order)?;
    let mut items = vec![];
    for (n, item) in order.service_order_item.iter().enumerate() {
        let within = &item.service_order_item;
        read::no_items_within(&format!("serviceOrderItem[{n}]"), "serviceOrderItem", within)?;
        items.push(DraftItem {
            id: item.id.clone(),
            ask: ask(version, n, item)?,
            relies_on: relies_on(n, item)?,
            quantity: item.quantity,
        });
    }
    let channel = order
        .external_reference
        .iter()
        .find(|r| r.external_reference_type.as_deref() == Some("channel"))
        .and_then(|r| r.id.clone())
        .filter(|id| CHANNELS.contains(&id.as_str()));
    Ok(Draft {
        kind: OrderKind::Service,
        unsubmitted: false,
        drafted: None,
        customer,
        external_id: order.external_id,
        key,
        channel,
        category: order.category,
        priority: order.priority,
        requested_start: order.requested_start_date,
        requested_completion: order.requested_completion_date,
        notes: notes(&request, &order.note, now),
        request,
        profile: None,
        items,
    })
}

/// The body with the members that the Create schema knows.
fn known(version: Version, body: &Value) -> Value {
    let mut request = keep(body, &[&ORDER_MEMBERS, more(version, V5.order_only)]);
    if let Some(items) = request.get_mut("serviceOrderItem").and_then(Value::as_array_mut) {
        for item in items {
            *item = keep(item, &[&ITEM_MEMBERS, more(version, V5.item_only)]);
            if let Some(service) = item.get_mut("service") {
                *service = keep(service, &[&SERVICE_MEMBERS, more(version, V5.thing_only)]);
            }
        }
    }
    request
}

/// The one customer that parties of the order or of its services name.
fn customer(version: Version, order: &Order) -> Result<Option<String>, Problem> {
    let id = read::id_of_party(version);
    let of_order =
        order.related_party.iter().enumerate().map(|(i, p)| (format!("relatedParty[{i}].{id}"), &**p));
    let of_items = order.service_order_item.iter().enumerate().flat_map(|(n, item)| {
        let path = move |i: usize| format!("serviceOrderItem[{n}].service.relatedParty[{i}].{id}");
        item.service.related_party.iter().enumerate().map(move |(i, p)| (path(i), &**p))
    });
    read::customer(of_order.chain(of_items))
}

/// The items that an item relies on; its relationships must name them.
fn relies_on(n: usize, item: &Item) -> Result<Vec<String>, Problem> {
    let named = |(i, r): (usize, &Object<Relationship>)| {
        let id = r.order_item.item_id.as_ref().or(r.order_item.id.as_ref());
        id.cloned().ok_or_else(|| {
            let path = format!("serviceOrderItem[{n}].serviceOrderItemRelationship[{i}].orderItem.itemId");
            Problem::invalid(&path, "is missing: which item?")
        })
    };
    item.service_order_item_relationship.iter().enumerate().map(named).collect()
}

fn ask(version: Version, n: usize, item: &Item) -> Result<Ask, Problem> {
    let s = &item.service;
    let characteristics: Vec<Given> = s
        .service_characteristic
        .iter()
        .map(|c| Given { name: c.name.clone(), value: c.value.clone() })
        .collect();
    let nothing = |reason: &str| Ask::Nothing { reason: format!("serviceOrderItem[{n}]: {reason}") };
    if let Some(state) = &s.state
        && !SERVICE_STATES.contains(&state.as_str())
        && (version, state.as_str()) != (Version::V5, "suspended")
    {
        let path = format!("serviceOrderItem[{n}].service.state");
        let also = if version == Version::V5 { ", suspended" } else { "" };
        let why = format!("{state:?} is none of {}{also}", SERVICE_STATES.join(", "));
        return Err(Problem::invalid(&path, why));
    }
    Ok(match (item.action.as_str(), &s.service_specification, &s.id) {
        ("add", Some(spec), id) => {
            Ask::Add { specification: spec.id.clone(), characteristics, names_id: id.is_some() }
        }
        ("add", None, Some(_)) => {
            let path = format!("serviceOrderItem[{n}].service.id");
            return Err(Problem::invalid(&path, "an id cannot be chosen for what is added; leave it out"));
        }
        ("add", None, None) => nothing("the service names no serviceSpecification"),
        ("modify", _, None) => nothing("the service names no id to modify"),
        ("modify", _, Some(_)) if s.state.is_none() && characteristics.is_empty() => {
            nothing("neither a state nor a characteristic is to be changed")
        }
        ("modify", _, Some(id)) => Ask::Modify {
            service: id.clone(),
            state: s.state.clone(),
            characteristics,
            application: None,
            direction: None,
        },
        ("delete", _, None) => nothing("the service names no id to delete"),
        ("delete", _, Some(id)) => Ask::Delete { service: id.clone() },
        _ => Ask::NoChange,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: &Value) -> Result<Draft, String> {
        draft(Version::V4, body, None, DateTime::UNIX_EPOCH).map_err(|p| p.message)
    }

    fn order(item: &Value) -> Value {
        json!({ "serviceOrderItem": [item] })
    }

    #[test]
    fn wrong_types_name_their_path() {
        let message =
            parse(&order(&json!({"id": "1", "action": "add", "service": {"serviceSpecification": {}}})))
                .unwrap_err();
        assert!(message.starts_with("serviceOrderItem[0].service.serviceSpecification"), "{message}");
        let message = parse(&order(&json!({"id": 7, "action": "add", "service": {}}))).unwrap_err();
        assert!(message.starts_with("serviceOrderItem[0].id"), "{message}");
        let within = json!({"id": "1", "action": "add", "service": {}, "serviceOrderItem": [{"id": "2"}]});
        let message = parse(&order(&within)).unwrap_err();
        assert!(message.starts_with("serviceOrderItem[0].serviceOrderItem: "), "{message}");
        let message = parse(&order(&json!({"id": "1", "action": "explode", "service": {}}))).unwrap_err();
        assert!(message.starts_with("serviceOrderItem[0].action"), "{message}");
        assert!(parse(&json!({})).unwrap_err().starts_with("serviceOrderItem"));
        assert!(parse(&json!([])).is_err());
    }

    #[test]
    fn the_official_kits_stock_body_names_nothing_to_do() {
        let d = parse(&order(&json!({"id": "1", "action": "add", "service": {}}))).unwrap();
        assert!(matches!(d.items[0].ask, Ask::Nothing { .. }));
    }

    #[test]
    fn two_customers_are_one_too_many_and_roles_have_no_case() {
        let party = |id: &str| json!({"id": id, "role": "Customer"});
        let mut body =
            order(&json!({"id": "1", "action": "noChange", "service": {"relatedParty": [party("B")]}}));
        assert_eq!(parse(&body).unwrap().customer.as_deref(), Some("B"));
        body["relatedParty"] = json!([party("A")]);
        assert!(parse(&body).unwrap_err().contains("two customers"));
    }

    #[test]
    fn members_outside_the_create_schema_are_ignored() {
        let mut body =
            order(&json!({"id": "1", "action": "noChange", "service": {}, "state": "held", "colour": 1}));
        body["state"] = json!("completed");
        body["id"] = json!("mine");
        let d = parse(&body).unwrap();
        assert_eq!(d.request, order(&json!({"id": "1", "action": "noChange", "service": {}})));
    }
}
