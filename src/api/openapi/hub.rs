//! The hub of each API: who is told of its events.

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::response::ResponseBuilder;

use crate::api::hub::apis::APIS;

use super::build::{Api, answer, by_id, id, refusals, request};

/// A listener: where events go, and which.
#[derive(ToSchema)]
pub struct EventSubscription {
    pub id: String,
    /// The address that events are POSTed to, exactly as registered: an http or https URL.
    #[schema(
        pattern = "^https?://([A-Za-z0-9][A-Za-z0-9.-]*|\\[[0-9a-fA-F:.]+\\])(:[0-9]{1,5})?(/[!-~]*)?$"
    )]
    pub callback: String,
    /// Which events: `eventType=A,B` and attribute filters, as in a URL.
    #[schema(pattern = "^([A-Za-z@][A-Za-z0-9.@]*=[^&;]*)?$")]
    pub query: Option<String>,
    pub href: Option<String>,
    /// What deliveries are signed with, in the form that docs/events.md tells; made for the client where it gives none.
    #[schema(write_only, pattern = "^whsec_([A-Za-z0-9+/]{4}){8,21}$")]
    pub secret: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Adds the hub's operations, where the API has one.
pub fn add(api: &mut Api) {
    let Some(hub) = APIS.iter().find(|hub| hub.path == api.base) else { return };
    api.add::<EventSubscription>();
    api.add_request::<EventSubscription>("EventSubscriptionInput", &["id", "href"], &["callback"]);
    let examples = vec![("every event", json!({ "callback": "http://127.0.0.1:9/listener" }))];
    let op = |id: &str, summary: &str| {
        OperationBuilder::new().operation_id(Some(id)).summary(Some(summary)).tag("hub")
    };
    let mut made = ResponseBuilder::from(answer("Events go there from now on", "EventSubscription"))
        .link("delete", by_id("unregisterListener"));
    if hub.reads_hub {
        made = made.link("read", by_id("retrieveListener"));
        let show = op("retrieveListener", "Reads a registration")
            .parameter(id())
            .response("200", answer("It is there", "EventSubscription"));
        api.push(HttpMethod::Get, "/hub/{id}", refusals(show, &["400", "404"]));
    }
    let register = op("registerListener", "Registers a listener for events")
        .request_body(Some(request("EventSubscriptionInput", &["application/json"], &examples)))
        .response("201", made.build());
    api.push(HttpMethod::Post, "/hub", refusals(register, &["400", "409", "413", "415"]));
    let unregister = op("unregisterListener", "Sends a listener nothing more")
        .parameter(id())
        .response("204", ResponseBuilder::new().description("It is gone").build());
    api.push(HttpMethod::Delete, "/hub/{id}", refusals(unregister, &["404"]));
}
