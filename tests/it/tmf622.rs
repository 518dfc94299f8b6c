//! TMF622 Product Ordering v4.0.0.

mod cancelling;
mod changes;
mod links;
mod refusals;
mod rows;
mod ways;

use serde_json::{Value, json};

use crate::harness::{ORDERS, PRODUCT_ORDERS, TestApp};

/// Places an order with these items, and does not run it.
async fn place(app: &TestApp, items: Value) -> Value {
    app.post(PRODUCT_ORDERS, &json!({ "productOrderItem": items })).await.expect(201)
}

/// Places an order with these items and runs it to its end; the order as it is then.
async fn order(app: &TestApp, items: Value) -> Value {
    let placed = place(app, items).await;
    app.run().await;
    show(app, &placed).await
}

/// Runs an order of one item to its end, which must be good.
async fn done(app: &TestApp, item: Value) -> Value {
    let order = order(app, json!([item])).await;
    assert_eq!(order["state"], "completed", "{order:#}");
    order
}

/// A product order as it is now.
async fn show(app: &TestApp, order: &Value) -> Value {
    app.get(&format!("{PRODUCT_ORDERS}/{}", text(&order["id"]))).await.expect(200)
}

/// The service order that a product order was taken apart into.
async fn service_order(app: &TestApp, order: &Value) -> Value {
    let inside = app.get(&format!("/api/v1/orders/{}", text(&order["id"]))).await.expect(200);
    app.get(&format!("{ORDERS}/{}", text(&inside["serviceOrder"]))).await.expect(200)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}"))
}

/// The id of the product that an order's item is about.
fn product_id(order: &Value, item: usize) -> String {
    text(&order["productOrderItem"][item]["product"]["id"]).to_owned()
}

fn state(order: &Value) -> &str {
    text(&order["state"])
}

/// The states of an order's items.
fn item_states(order: &Value) -> Vec<&str> {
    order["productOrderItem"].as_array().unwrap().iter().map(|i| text(&i["state"])).collect()
}

/// An item that creates a customer.
pub fn create(id: &str) -> Value {
    json!({
        "id": "create", "action": "add", "productOffering": { "id": "customer-account" },
        "product": {
            "relatedParty": [{ "id": id, "role": "customer" }],
            "productCharacteristic": [{ "name": "name", "value": format!("Customer {id}") }],
        },
    })
}

/// An item that provisions what is offered.
pub fn provision(customer: &str, offering: &str) -> Value {
    json!({
        "id": "provision", "action": "add", "productOffering": { "id": offering },
        "product": { "relatedParty": [{ "id": customer, "role": "customer" }] },
    })
}

/// An item that changes characteristics of a product.
pub fn change(product: &str, characteristics: &[(&str, &str)]) -> Value {
    let list: Vec<Value> = characteristics.iter().map(|(n, v)| json!({ "name": n, "value": v })).collect();
    json!({ "id": "change", "action": "modify", "product": { "id": product, "productCharacteristic": list } })
}

/// An item that sets the status of a product.
pub fn set_status(product: &str, status: &str) -> Value {
    json!({ "id": "status", "action": "modify", "product": { "id": product, "status": status } })
}

/// An item that terminates a product.
pub fn terminate(product: &str) -> Value {
    json!({ "id": "delete", "action": "delete", "product": { "id": product } })
}

/// An item that changes nothing.
fn no_change(id: &str) -> Value {
    json!({ "id": id, "action": "noChange" })
}

/// An item under an id of its own, which relies on others.
fn item(id: &str, mut item: Value, relies_on: &[&str]) -> Value {
    item["id"] = json!(id);
    let list = relies_on.iter().map(|on| json!({ "id": on, "relationshipType": "reliesOn" }));
    item["productOrderItemRelationship"] = list.collect();
    item
}
