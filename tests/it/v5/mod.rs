//! The doors of version 5: what they say otherwise than those of version 4, over the same orders.

mod input;
mod patches;
mod together;

use serde_json::{Value, json};

pub const ORDERS_V5: &str = "/tmf-api/serviceOrdering/v5/serviceOrder";
pub const CANCELS_V5: &str = "/tmf-api/serviceOrdering/v5/cancelServiceOrder";

/// An item of a v4 order as a v5 client writes it.
pub fn item5(mut item: Value) -> Value {
    item["@type"] = json!("ServiceOrderItem");
    if let Some(list) = item.get_mut("serviceOrderItemRelationship").and_then(Value::as_array_mut) {
        for relationship in list {
            relationship["@type"] = json!("ServiceOrderItemRelationship");
            relationship["orderItem"]["@type"] = json!("ServiceOrderItemRef");
        }
    }
    let service = item["service"].as_object_mut().expect("the item has a service");
    service.insert("@type".into(), json!("Service"));
    if let Some(specification) = service.get_mut("serviceSpecification") {
        specification["@type"] = json!("ServiceSpecificationRef");
    }
    for c in service.get_mut("serviceCharacteristic").and_then(Value::as_array_mut).into_iter().flatten() {
        c["@type"] = json!("StringCharacteristic");
    }
    if let Some(parties) = service.get_mut("relatedParty") {
        *parties = parties5(parties.take());
    }
    item
}

/// Parties of v4 as a v5 client writes them.
pub fn parties5(parties: Value) -> Value {
    let wrapped = |party: &Value| {
        json!({
            "@type": "RelatedPartyRefOrPartyRoleRef",
            "role": party["role"],
            "partyOrPartyRole": { "@type": "PartyRoleRef", "id": party["id"] },
        })
    };
    parties.as_array().expect("parties are a list").iter().map(wrapped).collect()
}

/// A v5 order of these v4 items.
pub fn order5(items: Value) -> Value {
    let items: Vec<Value> = items.as_array().expect("items are a list").iter().cloned().map(item5).collect();
    json!({ "@type": "ServiceOrder", "serviceOrderItem": items })
}

/// The value of a characteristic by its name.
pub fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("no {name} in {list:?}"))
}
