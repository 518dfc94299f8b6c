//! The hub of each API: who is told of its events.

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::response::ResponseBuilder;

use super::build::{Api, answer, by_id, id, refusals, request};

/// A listener: where events go, and which.
#[derive(ToSchema)]
pub struct EventSubscription {
    pub id: String,
    /// The address that events are POSTed to, exactly as registered.
    pub callback: String,
    /// Which events: `eventType=A,B` and attribute filters, as in a URL.
    pub query: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Adds the hub's operations.
pub fn v4(api: &mut Api) {
    api.add::<EventSubscription>();
    api.add_request::<EventSubscription>("EventSubscriptionInput", &["id"], &["callback"]);
    let examples = vec![("every event", json!({ "callback": "http://127.0.0.1:9/listener" }))];
    let made = ResponseBuilder::from(answer("Events go there from now on", "EventSubscription"))
        .link("delete", by_id("unregisterListener"))
        .build();
    let register = OperationBuilder::new()
        .operation_id(Some("registerListener"))
        .summary(Some("Registers a listener for events"))
        .tag("hub")
        .request_body(Some(request("EventSubscriptionInput", &["application/json"], &examples)))
        .response("201", made);
    api.push(HttpMethod::Post, "/hub", refusals(register, &["400", "409", "413", "415"]));
    let unregister = OperationBuilder::new()
        .operation_id(Some("unregisterListener"))
        .summary(Some("Sends a listener nothing more"))
        .tag("hub")
        .parameter(id())
        .response("204", ResponseBuilder::new().description("It is gone").build());
    api.push(HttpMethod::Delete, "/hub/{id}", refusals(unregister, &["404"]));
}
