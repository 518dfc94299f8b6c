//! A product order taken apart: the service order that does its work, in the words of TMF641.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Ask, Draft, DraftItem};

/// Type of the external reference by which a service order names its product order.
pub const PRODUCT_ORDER: &str = "productOrder";
/// Members of a product order that its service order has by the same names.
const SHARED: [&str; 3] = ["description", "notificationContact", "relatedParty"];

/// The request of the service order of a product order: an item for each that acts, under the same id.
#[must_use]
pub fn service_request(draft: &Draft, product_order: Uuid) -> Value {
    let mut out = Map::new();
    for name in SHARED {
        out.extend(draft.request.get(name).map(|v| (name.to_owned(), v.clone())));
    }
    let reference =
        json!({ "externalReferenceType": PRODUCT_ORDER, "id": product_order, "name": product_order });
    out.insert("externalReference".into(), json!([reference]));
    let acting = draft.items.iter().filter(|i| acts(i));
    let items: Vec<Value> = acting.map(|i| service_item(i, &relies_on(&draft.items, i))).collect();
    out.insert("serviceOrderItem".into(), Value::Array(items));
    Value::Object(out)
}

/// One item as a TMF641 item.
#[must_use]
pub fn service_item(item: &DraftItem, relies_on: &[String]) -> Value {
    let list = |given: &[super::Given]| -> Vec<Value> {
        given.iter().map(|g| json!({ "name": g.name, "value": g.value })).collect()
    };
    let (action, service) = match &item.ask {
        Ask::Add { specification, characteristics, .. } => (
            "add",
            json!({
                "serviceSpecification": { "id": specification },
                "serviceCharacteristic": list(characteristics),
            }),
        ),
        Ask::Modify { service, state, characteristics, .. } => {
            let mut out = json!({ "id": service });
            if let Some(state) = state {
                out["state"] = json!(if state == "suspended" { "inactive" } else { state });
            }
            if !characteristics.is_empty() {
                out["serviceCharacteristic"] = Value::Array(list(characteristics));
            }
            ("modify", out)
        }
        Ask::Delete { service } => ("delete", json!({ "id": service })),
        Ask::NoChange | Ask::Nothing { .. } => ("noChange", json!({})),
    };
    let mut out = json!({ "id": item.id, "action": action, "service": service });
    if let Some(quantity) = item.quantity {
        out["quantity"] = json!(quantity);
    }
    if !relies_on.is_empty() {
        let of = |id: &String| json!({ "relationshipType": "reliesOn", "orderItem": { "itemId": id } });
        out["serviceOrderItemRelationship"] = relies_on.iter().map(of).collect();
    }
    out
}

/// Whether an item has a part in the service order.
#[must_use]
pub fn acts(item: &DraftItem) -> bool {
    !matches!(item.ask, Ask::NoChange | Ask::Nothing { .. })
}

/// The acting items that an item relies on, through items that change nothing too.
#[must_use]
pub fn relies_on(items: &[DraftItem], item: &DraftItem) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    let mut open: Vec<&String> = item.relies_on.iter().rev().collect();
    while let Some(id) = open.pop() {
        match items.iter().find(|i| i.id == *id) {
            Some(on) if !acts(on) => open.extend(on.relies_on.iter().rev()),
            Some(_) if !found.contains(id) => found.push(id.clone()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::Given;

    fn item(id: &str, ask: Ask, relies_on: &[&str]) -> DraftItem {
        let relies_on = relies_on.iter().map(|s| (*s).to_owned()).collect();
        DraftItem { id: id.into(), ask, relies_on, quantity: None }
    }

    #[test]
    fn an_item_relies_on_acting_ones_through_those_that_change_nothing() {
        let delete = || Ask::Delete { service: "s".into() };
        let items = [
            item("1", delete(), &[]),
            item("2", Ask::NoChange, &["1"]),
            item("3", Ask::NoChange, &["2"]),
            item("4", delete(), &["3", "1"]),
        ];
        assert_eq!(relies_on(&items, &items[3]), ["1"]);
        assert!(relies_on(&items, &items[0]).is_empty());
    }

    #[test]
    fn the_service_order_has_the_acting_items_in_the_words_of_tmf641() {
        let plan = Given { name: "plan".into(), value: json!("solo") };
        let add = Ask::Add { specification: "kinfolk".into(), characteristics: vec![plan], names_id: false };
        let suspend = Ask::Modify {
            service: "s".into(),
            state: Some("suspended".into()),
            characteristics: vec![],
            application: None,
            direction: None,
        };
        let draft = Draft {
            request: json!({ "description": "two", "productOrderItem": [], "category": "x" }),
            items: vec![item("a", add, &[]), item("b", Ask::NoChange, &[]), item("c", suspend, &["a"])],
            ..Draft::default()
        };
        assert_eq!(
            service_request(&draft, Uuid::nil()),
            json!({
                "description": "two",
                "externalReference": [
                    { "externalReferenceType": "productOrder", "id": Uuid::nil(), "name": Uuid::nil() },
                ],
                "serviceOrderItem": [
                    { "id": "a", "action": "add", "service": {
                        "serviceSpecification": { "id": "kinfolk" },
                        "serviceCharacteristic": [{ "name": "plan", "value": "solo" }],
                    } },
                    { "id": "c", "action": "modify", "service": { "id": "s", "state": "inactive" },
                      "serviceOrderItemRelationship": [
                        { "relationshipType": "reliesOn", "orderItem": { "itemId": "a" } },
                      ] },
                ],
            })
        );
    }
}
