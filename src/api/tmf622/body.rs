//! A TMF622 body as a draft order: schema-checked, with only the members that the official Create schema knows.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use telvisor_model::OrderKind;
use telvisor_model::catalogue::plain;

use super::v5::V5;
use crate::api::Version;
use crate::api::ordering::read::{self, ACTIONS, CHANNELS, Characteristic, Note, Party, keep, more, notes};
use crate::api::problem::Problem;
use crate::api::request::{Object, typed};
use crate::orders::{Ask, Draft, DraftItem, Given};

/// Members of `ProductOrder_Create`, but for the two that tell of a cancel; any other is ignored.
const ORDER_MEMBERS: [&str; 20] = [
    "agreement",
    "billingAccount",
    "category",
    "channel",
    "description",
    "externalId",
    "note",
    "notificationContact",
    "orderTotalPrice",
    "payment",
    "priority",
    "productOfferingQualification",
    "productOrderItem",
    "quote",
    "relatedParty",
    "requestedCompletionDate",
    "requestedStartDate",
    "@baseType",
    "@schemaLocation",
    "@type",
];
/// Members of `ProductOrderItem` that a client gives.
const ITEM_MEMBERS: [&str; 19] = [
    "id",
    "quantity",
    "action",
    "appointment",
    "billingAccount",
    "itemPrice",
    "itemTerm",
    "itemTotalPrice",
    "payment",
    "product",
    "productOffering",
    "productOfferingQualificationItem",
    "productOrderItem",
    "productOrderItemRelationship",
    "qualification",
    "quoteItem",
    "@baseType",
    "@schemaLocation",
    "@type",
];
/// Members of `ProductRefOrValue`, but for those that say what realizes it.
const PRODUCT_MEMBERS: [&str; 26] = [
    "id",
    "href",
    "description",
    "isBundle",
    "isCustomerVisible",
    "name",
    "orderDate",
    "productSerialNumber",
    "startDate",
    "terminationDate",
    "agreement",
    "billingAccount",
    "place",
    "product",
    "productCharacteristic",
    "productOffering",
    "productOrderItem",
    "productPrice",
    "productRelationship",
    "productSpecification",
    "productTerm",
    "relatedParty",
    "status",
    "@baseType",
    "@schemaLocation",
    "@type",
];
/// `ProductStatusType`; the blank is the official file's.
const STATUSES: [&str; 8] = [
    "created",
    "pendingActive",
    "cancelled",
    "active",
    "pendingTerminate",
    "terminated",
    "suspended",
    "aborted ",
];

type Objects = Vec<Map<String, Value>>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    category: Option<String>,
    external_id: Option<String>,
    priority: Option<String>,
    requested_completion_date: Option<DateTime<Utc>>,
    requested_start_date: Option<DateTime<Utc>>,
    #[serde(default)]
    channel: Vec<Object<Channel>>,
    #[serde(default)]
    note: Vec<Object<Note>>,
    #[serde(default)]
    related_party: Vec<Object<Party>>,
    product_order_item: Vec<Object<Item>>,
    // Kept as they are; read for their form only.
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "notificationContact")]
    _notification_contact: Option<String>,
    #[serde(rename = "billingAccount")]
    _billing_account: Option<Map<String, Value>>,
    #[serde(default, rename = "agreement")]
    _agreement: Objects,
    #[serde(default, rename = "orderTotalPrice")]
    _order_total_price: Objects,
    #[serde(default, rename = "payment")]
    _payment: Objects,
    #[serde(default, rename = "productOfferingQualification")]
    _product_offering_qualification: Objects,
    #[serde(default, rename = "quote")]
    _quote: Objects,
}

#[derive(Debug, Deserialize)]
struct Channel {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    action: String,
    quantity: Option<i64>,
    #[serde(default)]
    product: Object<Product>,
    product_offering: Option<Object<Reference>>,
    #[serde(default)]
    product_order_item: Objects,
    #[serde(default)]
    product_order_item_relationship: Vec<Object<Relationship>>,
    #[serde(default, rename = "itemPrice")]
    _item_price: Objects,
    #[serde(default, rename = "itemTerm")]
    _item_term: Objects,
    #[serde(default, rename = "itemTotalPrice")]
    _item_total_price: Objects,
    #[serde(default, rename = "payment")]
    _payment: Objects,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Product {
    id: Option<String>,
    status: Option<String>,
    product_offering: Option<Object<Reference>>,
    #[serde(default)]
    product_characteristic: Vec<Object<Characteristic>>,
    #[serde(default)]
    related_party: Vec<Object<Party>>,
}

#[derive(Debug, Deserialize)]
struct Reference {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Relationship {
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
        return Err(Problem::invalid("", "the body must be a JSON object: a ProductOrder"));
    }
    if body.get("productOrderItem").is_none() {
        return Err(Problem::invalid("productOrderItem", "is missing: an order needs at least one item"));
    }
    let request = known(version, body);
    let order: Order = typed(&request)?;
    let customer = customer(version, &order)?;
    let mut items = vec![];
    for (n, item) in order.product_order_item.iter().enumerate() {
        items.push(DraftItem {
            id: item.id.clone(),
            ask: ask(n, item)?,
            relies_on: relies_on(n, item)?,
            quantity: item.quantity,
        });
    }
    let channel = order.channel.iter().map(|c| c.id.clone()).find(|id| CHANNELS.contains(&id.as_str()));
    Ok(Draft {
        kind: OrderKind::Product,
        unsubmitted: request["requestedInitialState"] == "draft",
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
    if let Some(items) = request.get_mut("productOrderItem").and_then(Value::as_array_mut) {
        for item in items {
            *item = keep(item, &[&ITEM_MEMBERS, more(version, V5.item_only)]);
            if let Some(product) = item.get_mut("product") {
                *product = keep(product, &[&PRODUCT_MEMBERS, more(version, V5.thing_only)]);
            }
        }
    }
    request
}

/// The one customer that parties of the order or of its products name.
fn customer(version: Version, order: &Order) -> Result<Option<String>, Problem> {
    let id = read::id_of_party(version);
    let of_order =
        order.related_party.iter().enumerate().map(|(i, p)| (format!("relatedParty[{i}].{id}"), &**p));
    let of_items = order.product_order_item.iter().enumerate().flat_map(|(n, item)| {
        let path = move |i: usize| format!("productOrderItem[{n}].product.relatedParty[{i}].{id}");
        item.product.related_party.iter().enumerate().map(move |(i, p)| (path(i), &**p))
    });
    read::customer(of_order.chain(of_items))
}

/// The items that an item relies on; its relationships must name them.
fn relies_on(n: usize, item: &Item) -> Result<Vec<String>, Problem> {
    let named = |(i, r): (usize, &Object<Relationship>)| {
        r.id.clone().ok_or_else(|| {
            let path = format!("productOrderItem[{n}].productOrderItemRelationship[{i}].id");
            Problem::invalid(&path, "is missing: which item?")
        })
    };
    item.product_order_item_relationship.iter().enumerate().map(named).collect()
}

/// What is offered: an application, and a plan where the offering names one (`APP.PLAN`).
struct Offered {
    application: String,
    plan: Option<String>,
}

/// The offering of an item, which may stand on the item or within its product.
fn offered(n: usize, item: &Item) -> Result<Option<Offered>, Problem> {
    let id = match (&item.product_offering, &item.product.product_offering) {
        (Some(a), Some(b)) if a.id != b.id => {
            let path = format!("productOrderItem[{n}].product.productOffering.id");
            let message = format!("{} is not {}, the offering of the item", b.id, a.id);
            return Err(Problem::invalid(&path, message));
        }
        (Some(offering), _) | (None, Some(offering)) => &offering.id,
        (None, None) => return Ok(None),
    };
    Ok(Some(match id.split_once('.') {
        Some((application, plan)) => {
            Offered { application: application.to_owned(), plan: Some(plan.to_owned()) }
        }
        None => Offered { application: id.clone(), plan: None },
    }))
}

/// The characteristics of an item, with the plan that its offering names.
fn characteristics(n: usize, item: &Item, offered: Option<&Offered>) -> Result<Vec<Given>, Problem> {
    let given = item.product.product_characteristic.iter();
    let mut list: Vec<Given> =
        given.map(|c| Given { name: c.name.clone(), value: c.value.clone() }).collect();
    let at = |i: usize| format!("productOrderItem[{n}].product.productCharacteristic[{i}]");
    if let Some(i) = list.iter().position(|g| g.name == "operation") {
        let why = "backups are taken and restored by service orders (TMF641) or the own API";
        return Err(Problem::invalid(&at(i), why));
    }
    if let Some(plan) = offered.and_then(|o| o.plan.clone()) {
        match list.iter().position(|g| g.name == "plan") {
            Some(i) if plain(&list[i].value) != plan => {
                let message = format!("is not {plan:?}, which the offering is for");
                return Err(Problem::invalid(&format!("{}.value", at(i)), message));
            }
            Some(_) => {}
            None => list.push(Given { name: "plan".into(), value: Value::String(plan) }),
        }
    }
    Ok(list)
}

fn ask(n: usize, item: &Item) -> Result<Ask, Problem> {
    let at = |rest: &str| format!("productOrderItem[{n}].{rest}");
    if !ACTIONS.contains(&item.action.as_str()) {
        let message = format!("{:?} is none of {}", item.action, ACTIONS.join(", "));
        return Err(Problem::invalid(&at("action"), message));
    }
    read::no_items_within(&format!("productOrderItem[{n}]"), "productOrderItem", &item.product_order_item)?;
    let product = &item.product;
    if let Some(status) = &product.status
        && !STATUSES.contains(&status.as_str())
    {
        let message = format!("{status:?} is none of {}", STATUSES.join(", "));
        return Err(Problem::invalid(&at("product.status"), message));
    }
    let offered = offered(n, item)?;
    let nothing = |reason: &str| Ask::Nothing { reason: format!("productOrderItem[{n}]: {reason}") };
    Ok(match (item.action.as_str(), &product.id) {
        ("add", Some(_)) => {
            let message = "an id cannot be chosen for what is added; leave it out";
            return Err(Problem::invalid(&at("product.id"), message));
        }
        ("add", None) => {
            let characteristics = characteristics(n, item, offered.as_ref())?;
            match offered {
                Some(o) => Ask::Add { specification: o.application, characteristics, names_id: false },
                None => nothing("it names no productOffering"),
            }
        }
        ("modify", None) => nothing("the product names no id to modify"),
        ("modify", Some(id)) => {
            let characteristics = characteristics(n, item, offered.as_ref())?;
            if product.status.is_none() && characteristics.is_empty() {
                nothing("neither a status, a characteristic nor another plan is asked for")
            } else {
                Ask::Modify {
                    service: id.clone(),
                    state: product.status.clone(),
                    characteristics,
                    application: offered.map(|o| o.application),
                    direction: None,
                }
            }
        }
        ("delete", None) => nothing("the product names no id to delete"),
        ("delete", Some(id)) => Ask::Delete { service: id.clone() },
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
        json!({ "productOrderItem": [item] })
    }

    #[test]
    fn wrong_members_name_their_path() {
        for (item, path) in [
            (json!({ "id": 7, "action": "add" }), "productOrderItem[0].id"),
            (json!({ "id": "1" }), "productOrderItem[0]"),
            (json!({ "id": "1", "action": "explode" }), "productOrderItem[0].action"),
            (
                json!({ "id": "1", "action": "add", "productOffering": {} }),
                "productOrderItem[0].productOffering",
            ),
            (
                json!({ "id": "1", "action": "modify", "product": { "id": "x", "status": "asleep" } }),
                "productOrderItem[0].product.status",
            ),
            (
                json!({ "id": "1", "action": "add", "product": { "id": "x" } }),
                "productOrderItem[0].product.id",
            ),
            (
                json!({ "id": "1", "action": "noChange", "productOrderItem": [{ "id": "2" }] }),
                "productOrderItem[0].productOrderItem",
            ),
            (
                json!({ "id": "1", "action": "noChange", "productOrderItemRelationship": [{}] }),
                "productOrderItem[0].productOrderItemRelationship[0].id",
            ),
            (
                json!({ "id": "1", "action": "add", "productOffering": { "id": "a.b" },
                    "product": { "productCharacteristic": [{ "name": "plan", "value": "c" }] } }),
                "productOrderItem[0].product.productCharacteristic[0].value",
            ),
            (
                json!({ "id": "1", "action": "add", "productOffering": { "id": "a.b" },
                    "product": { "productOffering": { "id": "a.c" } } }),
                "productOrderItem[0].product.productOffering.id",
            ),
            (
                json!({ "id": "1", "action": "modify",
                    "product": { "id": "x", "productCharacteristic": [{ "name": "operation", "value": "backup" }] } }),
                "productOrderItem[0].product.productCharacteristic[0]",
            ),
        ] {
            let message = parse(&order(&item)).unwrap_err();
            assert!(message.starts_with(&format!("{path}: ")), "{path} in {message}");
        }
        assert!(parse(&json!({})).unwrap_err().starts_with("productOrderItem: "));
        assert!(parse(&json!([])).is_err());
        assert!(parse(&json!({ "productOrderItem": [], "quote": {} })).unwrap_err().starts_with("quote: "));
    }

    #[test]
    fn the_official_kits_stock_body_names_nothing_to_do() {
        let body = json!({
            "productOrderItem": [{ "id": "123", "action": "add" }],
            "relatedParty": [{ "id": "1", "@referredType": "Individual" }],
        });
        assert!(matches!(parse(&body).unwrap().items[0].ask, Ask::Nothing { .. }));
    }

    #[test]
    fn an_offering_stands_for_an_application_and_its_plan() {
        for item in [
            json!({ "id": "1", "action": "add", "productOffering": { "id": "kinfolk.solo" } }),
            json!({ "id": "1", "action": "add", "product": { "productOffering": { "id": "kinfolk.solo" } } }),
            json!({ "id": "1", "action": "add", "productOffering": { "id": "kinfolk" },
                "product": { "productCharacteristic": [{ "name": "plan", "value": "solo" }] } }),
        ] {
            let draft = parse(&order(&item)).unwrap();
            let Ask::Add { specification, characteristics, .. } = &draft.items[0].ask else {
                panic!("{:?}", draft.items[0].ask);
            };
            assert_eq!(specification, "kinfolk");
            assert_eq!(characteristics[..], [Given { name: "plan".into(), value: json!("solo") }]);
        }
    }

    #[test]
    fn members_outside_the_create_schema_are_ignored() {
        let item = json!({ "id": "1", "action": "noChange", "state": "held", "colour": 1,
            "product": { "id": "x", "realizingService": [{ "id": "y" }] } });
        let mut body = order(&item);
        for (name, value) in [("state", "completed"), ("id", "mine"), ("cancellationReason", "none")] {
            body[name] = json!(value);
        }
        let kept = order(&json!({ "id": "1", "action": "noChange", "product": { "id": "x" } }));
        assert_eq!(parse(&body).unwrap().request, kept);
    }
}
