//! TMF622 Product Ordering.

use chrono::{DateTime, Utc};
use serde_json::json;
use utoipa::ToSchema;

use super::build::{Api, Examples, add_patches};
use super::common::{Characteristic, EntityRef, Note, RelatedParty};
use super::order::{Adds, CancelState, ItemAction, Modifies, Names, OrderState, ordering};
use super::{hub, v5};
use crate::api::ordering::Ordering;
use crate::api::tmf622;

/// An order of products: it is taken apart into a service order.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ProductOrder {
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
    pub completion_date: Option<DateTime<Utc>>,
    pub expected_completion_date: Option<DateTime<Utc>>,
    pub requested_start_date: Option<DateTime<Utc>>,
    pub requested_completion_date: Option<DateTime<Utc>>,
    pub cancellation_date: Option<DateTime<Utc>>,
    pub cancellation_reason: Option<String>,
    pub notification_contact: Option<String>,
    pub related_party: Option<Vec<RelatedParty>>,
    /// Through which channel it was placed.
    pub channel: Option<Vec<EntityRef>>,
    pub note: Option<Vec<Note>>,
    #[schema(min_items = 1, max_items = 100)]
    pub product_order_item: Vec<ProductOrderItem>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ProductOrderItem {
    /// The client's own id of the item.
    pub id: String,
    pub action: ItemAction,
    #[schema(minimum = 1, maximum = 1)]
    pub quantity: Option<i64>,
    #[schema(read_only)]
    pub state: Option<OrderState>,
    pub product_offering: Option<EntityRef>,
    pub product: Option<OrderedProduct>,
    pub product_order_item_relationship: Option<Vec<ProductItemRelationship>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// An item of a new order that makes a product.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ProductOrderItemAdd {
    /// The client's own id of the item, one of its kind in the order.
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub id: String,
    pub action: Adds,
    #[schema(minimum = 1, maximum = 1)]
    pub quantity: Option<i64>,
    /// `APP.PLAN`, or `customer-account`.
    pub product_offering: EntityRef,
    pub product: Option<ProductToAdd>,
    pub product_order_item_relationship: Option<Vec<ProductItemRelationship>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// An item of a new order that changes a product.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ProductOrderItemModify {
    /// The client's own id of the item, one of its kind in the order.
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub id: String,
    pub action: Modifies,
    /// Another offering of the same application.
    pub product_offering: Option<EntityRef>,
    pub product: ProductToModify,
    pub product_order_item_relationship: Option<Vec<ProductItemRelationship>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// An item of a new order that ends a product, or says that nothing is to be done to it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ProductOrderItemNamed {
    /// The client's own id of the item, one of its kind in the order.
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub id: String,
    pub action: Names,
    pub product: NamedProduct,
    pub product_order_item_relationship: Option<Vec<ProductItemRelationship>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// A product to be made; its id is given by the server.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ProductToAdd {
    pub name: Option<String>,
    /// What the offering's specification declares.
    pub product_characteristic: Option<Vec<Characteristic>>,
    pub related_party: Option<Vec<RelatedParty>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// A product to be changed: by its status, or by characteristics.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ProductToModify {
    /// Id of a subscription or a customer.
    pub id: String,
    pub status: Option<WantedProductStatus>,
    pub product_characteristic: Option<Vec<Characteristic>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// A product as an item names it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct NamedProduct {
    /// Id of a subscription or a customer.
    pub id: String,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Status that a product can be brought to.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum WantedProductStatus {
    Active,
    Suspended,
}

/// An item that must be completed before.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ProductItemRelationship {
    pub id: String,
    pub relationship_type: String,
}

/// The product that the item is about: named by `id`, or to be made by the item's offering.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct OrderedProduct {
    /// Id of a subscription or a customer. Not chosen by the client when it is added.
    pub id: Option<String>,
    pub href: Option<String>,
    pub name: Option<String>,
    pub status: Option<ProductStatus>,
    pub product_characteristic: Option<Vec<Characteristic>>,
    pub product_specification: Option<EntityRef>,
    pub realizing_service: Option<Vec<EntityRef>>,
    pub related_party: Option<Vec<RelatedParty>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Status of a product (TMF637).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum ProductStatus {
    Created,
    PendingActive,
    Cancelled,
    Active,
    PendingTerminate,
    Terminated,
    Suspended,
}

/// A request to cancel an order.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CancelProductOrder {
    pub id: String,
    pub href: String,
    pub state: CancelState,
    pub cancellation_reason: Option<String>,
    pub requested_cancellation_date: Option<DateTime<Utc>>,
    pub effective_cancellation_date: Option<DateTime<Utc>>,
    pub product_order: EntityRef,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// What the server gives, and no client sets.
const GIVEN: &[&str] = &[
    "id",
    "href",
    "state",
    "orderDate",
    "completionDate",
    "expectedCompletionDate",
    "cancellationDate",
    "cancellationReason",
];
/// What a PATCH cannot change.
const FIXED: &[&str] = &[
    "id",
    "href",
    "orderDate",
    "completionDate",
    "cancellationDate",
    "cancellationReason",
    "channel",
    "@type",
];

fn orders() -> Examples {
    vec![
        (
            "create a customer",
            json!({ "productOrderItem": [{
                "id": "1", "action": "add", "productOffering": { "id": "customer-account" },
                "product": { "productCharacteristic": [{ "name": "name", "value": "Ada Lovelace" }] },
            }] }),
        ),
        (
            "create a customer with an application",
            json!({ "productOrderItem": [
                { "id": "1", "action": "add", "productOffering": { "id": "customer-account" },
                  "product": { "productCharacteristic": [{ "name": "name", "value": "Ada Lovelace" }] } },
                { "id": "2", "action": "add", "productOffering": { "id": "kinfolk.team" },
                  "productOrderItemRelationship": [{ "id": "1", "relationshipType": "reliesOn" }] },
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
    vec![("cancel it", json!({ "cancellationReason": "changed my mind", "productOrder": { "id": order } }))]
}

/// The document of one version, in the types of version 4.
fn document(name: &'static str, version: &'static str, door: &'static Ordering) -> Api {
    let mut api = Api::new(name, "Product Ordering", version, door.base);
    api.about = "Orders of products: each is taken apart into one service order, whose states flow back.";
    api.add_shown::<ProductOrder>();
    api.add_request::<ProductOrder>("ProductOrder_Create", GIVEN, &["productOrderItem"]);
    api.add_request::<ProductOrder>("ProductOrder_Update", FIXED, &[]);
    api.add::<ProductOrderItemAdd>();
    api.add::<ProductOrderItemModify>();
    api.add::<ProductOrderItemNamed>();
    let kinds = ["ProductOrderItemAdd", "ProductOrderItemModify", "ProductOrderItemNamed"];
    api.items_of("ProductOrder_Create", "productOrderItem", &kinds);
    api.add_shown::<CancelProductOrder>();
    let given = ["id", "href", "state", "effectiveCancellationDate"];
    api.add_request::<CancelProductOrder>("CancelProductOrder_Create", &given, &["productOrder"]);
    add_patches(&mut api);
    ordering(&mut api, door, "ProductOrder", [orders(), changes(), cancels()]);
    hub::add(&mut api);
    api
}

/// v4.0.0.
#[must_use]
pub fn v4() -> Api {
    document("TMF622-v4", "4.0.0", &tmf622::API)
}

/// v5.0.0: the same operations, with the types of version 5.
#[must_use]
pub fn v5() -> Api {
    let mut api = document("TMF622-v5", "5.0.0", &tmf622::v5::API);
    v5::turn(&mut api);
    api
}
