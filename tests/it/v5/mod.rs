//! The doors of version 5: what they say otherwise than those of version 4, over the same orders.

mod drafts;
mod input;
mod patches;
mod products;
mod together;

use serde_json::{Value, json};

pub const ORDERS_V5: &str = "/tmf-api/serviceOrdering/v5/serviceOrder";
pub const CANCELS_V5: &str = "/tmf-api/serviceOrdering/v5/cancelServiceOrder";
pub const PRODUCT_ORDERS_V5: &str = "/tmf-api/productOrderingManagement/v5/productOrder";
pub const PRODUCT_CANCELS_V5: &str = "/tmf-api/productOrderingManagement/v5/cancelProductOrder";

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
        *parties = parties5(parties);
    }
    item
}

/// Parties of v4 as a v5 client writes them.
pub fn parties5(parties: &Value) -> Value {
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
pub fn order5(items: &Value) -> Value {
    let items: Vec<Value> = items.as_array().expect("items are a list").iter().cloned().map(item5).collect();
    json!({ "@type": "ServiceOrder", "serviceOrderItem": items })
}

/// A v5 product order of these v4 items.
pub fn product_order5(items: &Value) -> Value {
    let item = |item: &Value| {
        let mut item = item.clone();
        item["@type"] = json!("ProductOrderItem");
        for r in
            item.get_mut("productOrderItemRelationship").and_then(Value::as_array_mut).into_iter().flatten()
        {
            r["@type"] = json!("OrderItemRelationship");
        }
        if let Some(offering) = item.get_mut("productOffering") {
            offering["@type"] = json!("ProductOfferingRef");
        }
        if let Some(product) = item.get_mut("product").and_then(Value::as_object_mut) {
            product.insert("@type".into(), json!("Product"));
            for c in
                product.get_mut("productCharacteristic").and_then(Value::as_array_mut).into_iter().flatten()
            {
                c["@type"] = json!("StringCharacteristic");
            }
            if let Some(parties) = product.get_mut("relatedParty") {
                *parties = parties5(parties);
                for party in parties.as_array_mut().unwrap() {
                    party["@type"] = json!("RelatedPartyOrPartyRole");
                }
            }
        }
        item
    };
    let items: Vec<Value> = items.as_array().expect("items are a list").iter().map(item).collect();
    json!({ "@type": "ProductOrder", "productOrderItem": items })
}

/// Every object says its type, as the v5 files demand; the values of characteristics are the client's own.
pub fn all_typed(value: &Value, path: &str) {
    match value {
        Value::Array(list) => {
            for (n, entry) in list.iter().enumerate() {
                all_typed(entry, &format!("{path}[{n}]"));
            }
        }
        Value::Object(map) => {
            assert!(map.contains_key("@type"), "{path} has no @type: {value}");
            map.iter().filter(|(k, _)| *k != "value").for_each(|(k, v)| all_typed(v, &format!("{path}.{k}")));
        }
        _ => {}
    }
}

/// The value of a characteristic by its name.
pub fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("no {name} in {list:?}"))
}
