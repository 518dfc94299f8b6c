//! TMF637 Product Inventory, TMF638 Service Inventory, TMF639 Resource Inventory.

use chrono::{DateTime, Utc};
use serde_json::json;
use utoipa::ToSchema;

use super::build::{Api, Resource as Operations, add_patches, attributes};
use super::common::{Characteristic, EntityRef, Money, RelatedParty};
use super::order::ServiceState;
use super::product_order::ProductStatus;
use super::{hub, v5};
use crate::api::{TMF637, TMF638, TMF639, TMF639_V5, tmf637, tmf638, tmf639};

/// What a customer has: a subscription, or its account.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Product {
    pub id: String,
    pub href: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub status: Option<ProductStatus>,
    pub is_bundle: Option<bool>,
    pub is_customer_visible: Option<bool>,
    pub product_serial_number: Option<String>,
    pub order_date: Option<DateTime<Utc>>,
    pub start_date: Option<DateTime<Utc>>,
    pub termination_date: Option<DateTime<Utc>>,
    pub product_offering: Option<EntityRef>,
    pub product_specification: Option<EntityRef>,
    pub product_characteristic: Option<Vec<Characteristic>>,
    pub product_price: Option<Vec<ProductPrice>>,
    pub realizing_service: Option<Vec<EntityRef>>,
    pub related_party: Option<Vec<RelatedParty>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// What it costs.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ProductPrice {
    pub name: Option<String>,
    pub price_type: Option<String>,
    pub recurring_charge_period: Option<String>,
    pub price: Option<Price>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Price {
    pub duty_free_amount: Option<Money>,
    pub tax_included_amount: Option<Money>,
    pub tax_rate: Option<f64>,
}

/// A service: of a customer (CFS), or a machine below it (RFS).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct InventoryService {
    pub id: String,
    pub href: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub state: Option<ServiceState>,
    /// `CFS` or `RFS`.
    pub category: Option<String>,
    pub service_type: Option<String>,
    pub has_started: Option<bool>,
    pub is_service_enabled: Option<bool>,
    pub service_date: Option<String>,
    pub start_date: Option<DateTime<Utc>>,
    pub end_date: Option<DateTime<Utc>>,
    pub service_specification: Option<EntityRef>,
    pub service_characteristic: Option<Vec<Characteristic>>,
    pub supporting_service: Option<Vec<EntityRef>>,
    pub supporting_resource: Option<Vec<EntityRef>>,
    pub related_party: Option<Vec<RelatedParty>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// A machine.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct InventoryResource {
    pub id: String,
    pub href: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    pub resource_version: Option<String>,
    pub administrative_state: Option<AdministrativeState>,
    pub operational_state: Option<OperationalState>,
    pub usage_state: Option<UsageState>,
    pub resource_status: Option<ResourceStatus>,
    pub start_operating_date: Option<DateTime<Utc>>,
    pub end_operating_date: Option<DateTime<Utc>>,
    pub resource_characteristic: Option<Vec<Characteristic>>,
    pub resource_specification: Option<EntityRef>,
    pub related_party: Option<Vec<RelatedParty>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum AdministrativeState {
    Locked,
    Unlocked,
    Shutdown,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum OperationalState {
    Enable,
    Disable,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum UsageState {
    Idle,
    Active,
    Busy,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum ResourceStatus {
    Standby,
    Alarm,
    Available,
    Reserved,
    Unknown,
    Suspended,
}

const GIVEN: &[&str] = &["href"];

/// TMF637 v4.0.0.
#[must_use]
pub fn products() -> Api {
    let mut api = Api::new("TMF637-v4", "Product Inventory Management", "4.0.0", TMF637);
    api.about = "The products that customers have; and what an operator brings in, which is only kept.";
    api.add_shown::<Product>();
    api.add_request::<Product>("Product_Create", GIVEN, &["status"]);
    api.add_request::<Product>("Product_Update", &["id", "href"], &[]);
    add_patches(&mut api);
    let create =
        json!({ "name": "Old telephone", "status": "active", "productOffering": { "id": "telephone" } });
    api.resource(&Operations {
        name: "product",
        shown: "Product",
        attributes: attributes(tmf637::ATTRIBUTES),
        keyed: true,
        create: Some(("Product_Create", vec![("a product from elsewhere", create)])),
        change: Some(("Product_Update", vec![("describe it", json!({ "description": "in the hall" }))])),
        delete: true,
        patches: super::PATCHES,
    });
    hub::add(&mut api);
    api
}

/// TMF638 v4.0.0.
#[must_use]
pub fn services() -> Api {
    let mut api = Api::new("TMF638-v4", "Service Inventory Management", "4.0.0", TMF638);
    api.about = "The services of customers and the machines below them; and what an operator brings in.";
    api.add_shown::<InventoryService>();
    api.add_request::<InventoryService>("Service_Create", GIVEN, &["serviceSpecification", "state"]);
    api.add_request::<InventoryService>("Service_Update", &["id", "href"], &[]);
    add_patches(&mut api);
    let create = json!({ "name": "Old line", "state": "active", "serviceSpecification": { "id": "line" } });
    api.resource(&Operations {
        name: "service",
        shown: "InventoryService",
        attributes: attributes(tmf638::ATTRIBUTES),
        keyed: true,
        create: Some(("Service_Create", vec![("a service from elsewhere", create)])),
        change: Some(("Service_Update", vec![("describe it", json!({ "description": "in the hall" }))])),
        delete: true,
        patches: super::PATCHES,
    });
    hub::add(&mut api);
    api
}

fn resource_api(name: &'static str, version: &'static str, base: &'static str) -> Api {
    let mut api = Api::new(name, "Resource Inventory Management", version, base);
    api.about = "The machines; and what an operator brings in, which is only kept.";
    api.add_shown::<InventoryResource>();
    api.add_request::<InventoryResource>("Resource_Create", GIVEN, &["name"]);
    api.add_request::<InventoryResource>("Resource_Update", &["id", "href"], &[]);
    add_patches(&mut api);
    let create = json!({ "name": "old-server", "category": "server", "@type": "LogicalResource" });
    api.resource(&Operations {
        name: "resource",
        shown: "InventoryResource",
        attributes: attributes(tmf639::ATTRIBUTES),
        keyed: true,
        create: Some(("Resource_Create", vec![("a machine from elsewhere", create)])),
        change: Some(("Resource_Update", vec![("describe it", json!({ "description": "in the hall" }))])),
        delete: true,
        patches: super::PATCHES,
    });
    hub::add(&mut api);
    api
}

/// TMF639: v5.0.0, and the fields of it that a v4 client reads.
#[must_use]
pub fn resources() -> [Api; 2] {
    let mut five = resource_api("TMF639-v5", "5.0.0", TMF639_V5);
    v5::turn(&mut five);
    [resource_api("TMF639-v4", "4.0.0", TMF639), five]
}
