//! Events on their way to listeners.

mod ear;
mod guarding;
mod hubs;
mod lasting;
mod operators;
mod whole;

pub use ear::{Ear, Heard};

use serde_json::{Value, json};

use crate::harness::{Answer, TestApp};

pub const HUB: &str = "/tmf-api/serviceOrdering/v4/hub";

pub const PRODUCT_HUB: &str = "/tmf-api/productOrderingManagement/v4/hub";

/// Registers a listener; its id.
pub async fn listen(app: &TestApp, callback: &str, query: Option<&str>) -> String {
    let made = register(app, callback, query).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

/// Which states an order comes to, and nothing else.
pub const STATES: &str = "eventType=ServiceOrderCreateEvent,ServiceOrderStateChangeEvent";

/// Registers a listener to the states of orders; its id.
pub async fn follow(app: &TestApp, callback: &str) -> String {
    listen(app, callback, Some(STATES)).await
}

pub async fn register(app: &TestApp, callback: &str, query: Option<&str>) -> Answer {
    let mut body = json!({ "callback": callback });
    if let Some(query) = query {
        body["query"] = json!(query);
    }
    app.post(HUB, &body).await
}

/// A listener as operators see it.
pub async fn seen(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/api/v1/listeners/{id}")).await.expect(200)
}
