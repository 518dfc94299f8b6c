//! TMF641 Service Ordering.

use chrono::{DateTime, Utc};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use super::build::{Api, Examples, Resource, about, add_patches, attributes};
use super::common::{
    Characteristic, EntityRef, ErrorMessage, ExternalReference, JeopardyAlert, Milestone, Note, RelatedParty,
};
use super::{hub, v5};
use crate::api::ordering::{Ordering, cancel};
use crate::api::tmf641;

/// What is to be done to one service.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ServiceOrder {
    pub id: String,
    pub href: String,
    /// The client's own id of the order; a repeat under it makes nothing new.
    #[schema(min_length = 1, max_length = 255, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub external_id: Option<String>,
    #[schema(max_length = 255)]
    pub category: Option<String>,
    pub description: Option<String>,
    /// 0 (most urgent) to 4.
    #[schema(max_length = 255, example = "2")]
    pub priority: Option<String>,
    pub state: OrderState,
    pub order_date: DateTime<Utc>,
    pub start_date: Option<DateTime<Utc>>,
    pub completion_date: Option<DateTime<Utc>>,
    pub expected_completion_date: Option<DateTime<Utc>>,
    pub requested_start_date: Option<DateTime<Utc>>,
    pub requested_completion_date: Option<DateTime<Utc>>,
    pub cancellation_date: Option<DateTime<Utc>>,
    pub cancellation_reason: Option<String>,
    pub notification_contact: Option<String>,
    pub related_party: Option<Vec<RelatedParty>>,
    pub external_reference: Option<Vec<ExternalReference>>,
    pub note: Option<Vec<Note>>,
    pub milestone: Option<Vec<Milestone>>,
    pub jeopardy_alert: Option<Vec<JeopardyAlert>>,
    pub error_message: Option<Vec<ErrorMessage>>,
    #[schema(min_items = 1, max_items = 100)]
    pub service_order_item: Vec<ServiceOrderItem>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// State of an order.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum OrderState {
    Acknowledged,
    Rejected,
    Pending,
    Held,
    InProgress,
    Cancelled,
    Completed,
    Failed,
    Partial,
    AssessingCancellation,
    PendingCancellation,
}

/// What to do.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum ItemAction {
    Add,
    Modify,
    Delete,
    NoChange,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ServiceOrderItem {
    /// The client's own id of the item.
    pub id: String,
    pub action: ItemAction,
    #[schema(minimum = 1, maximum = 1)]
    pub quantity: Option<i64>,
    #[schema(read_only)]
    pub state: Option<OrderState>,
    pub service: Service,
    pub service_order_item_relationship: Option<Vec<ItemRelationship>>,
    #[schema(read_only)]
    pub error_message: Option<Vec<ErrorMessage>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// An item of a new order that makes a service.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ServiceOrderItemAdd {
    /// The client's own id of the item, one of its kind in the order.
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub id: String,
    pub action: Adds,
    #[schema(minimum = 1, maximum = 1)]
    pub quantity: Option<i64>,
    pub service: ServiceToAdd,
    pub service_order_item_relationship: Option<Vec<ItemRelationship>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// An item of a new order that changes a service.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ServiceOrderItemModify {
    /// The client's own id of the item, one of its kind in the order.
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub id: String,
    pub action: Modifies,
    pub service: ServiceToModify,
    pub service_order_item_relationship: Option<Vec<ItemRelationship>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// An item of a new order that ends a service, or says that nothing is to be done to it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ServiceOrderItemNamed {
    /// The client's own id of the item, one of its kind in the order.
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub id: String,
    pub action: Names,
    pub service: NamedService,
    pub service_order_item_relationship: Option<Vec<ItemRelationship>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum Adds {
    Add,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum Modifies {
    Modify,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum Names {
    Delete,
    NoChange,
}

/// A service to be made; its id is given by the server.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ServiceToAdd {
    pub name: Option<String>,
    pub category: Option<String>,
    pub service_type: Option<String>,
    /// An application of the catalogue, or `customer-account`.
    pub service_specification: Option<EntityRef>,
    /// What the specification declares, `plan` for instance.
    pub service_characteristic: Option<Vec<Characteristic>>,
    pub related_party: Option<Vec<RelatedParty>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// A service to be changed: by its state, or by characteristics.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ServiceToModify {
    /// Id of a subscription or a customer.
    pub id: String,
    pub state: Option<WantedServiceState>,
    pub service_characteristic: Option<Vec<Characteristic>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// A service as an item names it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct NamedService {
    /// Id of a subscription or a customer.
    pub id: String,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// State that a service can be brought to.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum WantedServiceState {
    Active,
    Inactive,
}

/// An item that must be completed before.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ItemRelationship {
    pub relationship_type: Option<String>,
    pub order_item: ItemRef,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ItemRef {
    pub item_id: String,
}

/// The service that the item is about: named by `id`, or to be made by its specification.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Service {
    /// Id of a subscription or a customer. Not chosen by the client when it is added.
    pub id: Option<String>,
    pub href: Option<String>,
    pub name: Option<String>,
    pub category: Option<String>,
    pub state: Option<ServiceState>,
    pub service_type: Option<String>,
    pub service_specification: Option<EntityRef>,
    pub service_characteristic: Option<Vec<Characteristic>>,
    pub related_party: Option<Vec<RelatedParty>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// State of a service (TMF638).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum ServiceState {
    FeasibilityChecked,
    Designed,
    Reserved,
    Inactive,
    Active,
    Terminated,
}

/// A request to cancel an order.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CancelServiceOrder {
    pub id: String,
    pub href: String,
    pub state: CancelState,
    pub cancellation_reason: Option<String>,
    pub completion_message: Option<String>,
    pub requested_cancellation_date: Option<DateTime<Utc>>,
    pub effective_cancellation_date: Option<DateTime<Utc>>,
    pub error_message: Option<ErrorMessage>,
    pub service_order: EntityRef,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// State of a cancel task.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum CancelState {
    Accepted,
    Acknowledged,
    Rejected,
    InProgress,
    Cancelled,
    TerminatedWithError,
    Done,
}

/// What the server gives, and no client sets.
const GIVEN: &[&str] = &[
    "id",
    "href",
    "state",
    "orderDate",
    "startDate",
    "completionDate",
    "expectedCompletionDate",
    "cancellationDate",
    "cancellationReason",
    "milestone",
    "jeopardyAlert",
    "errorMessage",
];
/// What a PATCH cannot change.
const FIXED: &[&str] = &[
    "id",
    "href",
    "category",
    "orderDate",
    "startDate",
    "completionDate",
    "cancellationDate",
    "cancellationReason",
    "milestone",
    "jeopardyAlert",
    "errorMessage",
    "@type",
];

fn orders() -> Examples {
    let characteristic = |name: &str, value: &str| json!({ "name": name, "value": value });
    vec![
        (
            "create a customer",
            json!({ "serviceOrderItem": [{ "id": "1", "action": "add", "service": {
                "serviceSpecification": { "id": "customer-account" },
                "serviceCharacteristic": [characteristic("name", "Ada Lovelace")],
            } }] }),
        ),
        (
            "create a customer with an application",
            json!({ "serviceOrderItem": [
                { "id": "1", "action": "add", "service": {
                    "serviceSpecification": { "id": "customer-account" },
                    "serviceCharacteristic": [characteristic("name", "Ada Lovelace")],
                } },
                { "id": "2", "action": "add", "service": {
                    "serviceSpecification": { "id": "kinfolk" },
                    "serviceCharacteristic": [characteristic("plan", "team")],
                }, "serviceOrderItemRelationship": [
                    { "relationshipType": "reliesOn", "orderItem": { "itemId": "1" } }
                ] },
            ] }),
        ),
    ]
}

fn changes() -> Examples {
    vec![
        ("describe it", json!({ "description": "for the branch in Delft" })),
        ("add a note", json!({ "note": [{ "author": "desk", "text": "the customer called" }] })),
    ]
}

fn cancels() -> Examples {
    let order = "00000000-0000-7000-8000-000000000000";
    vec![("cancel it", json!({ "cancellationReason": "changed my mind", "serviceOrder": { "id": order } }))]
}

/// The document of one version, in the types of version 4.
fn document(name: &'static str, version: &'static str, door: &'static Ordering) -> Api {
    let mut api = Api::new(name, "Service Ordering", version, door.base);
    api.about = "Orders about services: customer accounts and subscriptions of applications.";
    api.add_shown::<ServiceOrder>();
    api.add_request::<ServiceOrder>("ServiceOrder_Create", GIVEN, &["serviceOrderItem"]);
    api.add_request::<ServiceOrder>("ServiceOrder_Update", FIXED, &[]);
    api.add::<ServiceOrderItemAdd>();
    api.add::<ServiceOrderItemModify>();
    api.add::<ServiceOrderItemNamed>();
    let kinds = ["ServiceOrderItemAdd", "ServiceOrderItemModify", "ServiceOrderItemNamed"];
    api.items_of("ServiceOrder_Create", "serviceOrderItem", &kinds);
    api.add_shown::<CancelServiceOrder>();
    let given = ["id", "href", "state", "completionMessage", "effectiveCancellationDate", "errorMessage"];
    api.add_request::<CancelServiceOrder>("CancelServiceOrder_Create", &given, &["serviceOrder"]);
    add_patches(&mut api);
    ordering(&mut api, door, "ServiceOrder", [orders(), changes(), cancels()]);
    hub::add(&mut api);
    api
}

/// The operations of an ordering API: its orders, and the tasks that cancel them.
pub fn ordering(
    api: &mut Api,
    door: &'static Ordering,
    order: &str,
    [orders, changes, cancels]: [Examples; 3],
) {
    api.resource(&Resource {
        name: door.order,
        shown: order,
        attributes: attributes(door.attributes),
        keyed: true,
        create: Some((&format!("{order}_Create"), orders)),
        change: Some((&format!("{order}_Update"), changes)),
        delete: true,
        patches: super::PATCHES,
    });
    api.resource(&Resource {
        name: door.cancel,
        shown: &format!("Cancel{order}"),
        attributes: attributes(cancel::attributes(door)),
        keyed: true,
        create: Some((&format!("Cancel{order}_Create"), cancels)),
        change: None,
        delete: false,
        patches: &[],
    });
    let task = json!({ door.order: { "id": "$response.body#/id" } });
    let link = about(&format!("createCancel{order}"), task);
    api.link(&HttpMethod::Post, &format!("/{}", door.order), "201", "cancel", link);
}

/// v4.1.0.
#[must_use]
pub fn v4() -> Api {
    document("TMF641-v4", "4.1.0", &tmf641::API)
}

/// v5.0.0: the same operations, with the types of version 5.
#[must_use]
pub fn v5() -> Api {
    let mut api = document("TMF641-v5", "5.0.0", &tmf641::v5::API);
    v5::turn(&mut api);
    api
}
