//! Order items as a BSS would send them, and what the answers say of them.

use serde_json::{Value, json};

/// The id of the service that an order's item is about.
pub fn service_id(order: &Value, item: usize) -> String {
    order["serviceOrderItem"][item]["service"]["id"].as_str().expect("the item shows its service").to_owned()
}

/// The value of a service's characteristic; none when it has none of that name.
pub fn characteristic(service: &Value, name: &str) -> Option<String> {
    let list = service["serviceCharacteristic"].as_array()?;
    list.iter().find(|c| c["name"] == name)?["value"].as_str().map(str::to_owned)
}

/// An item that creates a customer.
pub fn create(id: &str) -> Value {
    json!({
        "id": "create", "action": "add",
        "service": {
            "serviceSpecification": { "id": "customer-account" },
            "relatedParty": [{ "id": id, "role": "customer" }],
            "serviceCharacteristic": [{ "name": "name", "value": format!("Customer {id}") }],
        },
    })
}

/// An item that provisions an application.
pub fn provision(customer: &str, application: &str, plan: &str, version: Option<&str>) -> Value {
    let mut list = vec![json!({ "name": "plan", "value": plan })];
    list.extend(version.map(|v| json!({ "name": "version", "value": v })));
    json!({
        "id": "provision", "action": "add",
        "service": {
            "serviceSpecification": { "id": application },
            "relatedParty": [{ "id": customer, "role": "customer" }],
            "serviceCharacteristic": list,
        },
    })
}

/// An item that changes characteristics of a service.
pub fn modify(service: &str, characteristics: &[(&str, &str)]) -> Value {
    let list: Vec<Value> = characteristics.iter().map(|(n, v)| json!({ "name": n, "value": v })).collect();
    json!({ "id": "modify", "action": "modify", "service": { "id": service, "serviceCharacteristic": list } })
}

/// An item that sets the state of a service.
pub fn set_state(service: &str, state: &str) -> Value {
    json!({ "id": "state", "action": "modify", "service": { "id": service, "state": state } })
}

/// An item that terminates a service.
pub fn terminate(service: &str) -> Value {
    json!({ "id": "delete", "action": "delete", "service": { "id": service } })
}

/// An item that takes a backup.
pub fn take_backup(service: &str) -> Value {
    modify(service, &[("operation", "backup")])
}

/// An item that puts the data of a backup back.
pub fn restore(service: &str, backup: &str) -> Value {
    modify(service, &[("operation", "restore"), ("backupId", backup)])
}

/// An item under an id of its own, which relies on others.
pub fn item(id: &str, mut item: Value, relies_on: &[&str]) -> Value {
    item["id"] = json!(id);
    let list =
        relies_on.iter().map(|on| json!({ "relationshipType": "reliesOn", "orderItem": { "itemId": on } }));
    item["serviceOrderItemRelationship"] = list.collect();
    item
}
