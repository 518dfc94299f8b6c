//! TMF629 Customer Management.

use serde_json::json;
use utoipa::ToSchema;

use super::build::{Api, Resource, add_patches, attributes};
use super::common::{Characteristic, EntityRef, RelatedParty, TimePeriod};
use super::hub;
use crate::api::{TMF629, tmf629};

/// A subscriber of the telco. Making, suspending and ending one are orders.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Customer {
    pub id: String,
    pub href: String,
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    pub status: Option<CustomerStatus>,
    pub status_reason: Option<String>,
    pub engaged_party: Option<EntityRef>,
    pub characteristic: Option<Vec<Characteristic>>,
    pub contact_medium: Option<Vec<ContactMedium>>,
    pub related_party: Option<Vec<RelatedParty>>,
    pub valid_for: Option<TimePeriod>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Where the customer is in its life.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum CustomerStatus {
    Pending,
    Active,
    Suspended,
    Terminated,
    Cancelled,
}

/// How the customer can be reached.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ContactMedium {
    pub medium_type: Option<String>,
    pub preferred: Option<bool>,
    pub characteristic: Option<MediumCharacteristic>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct MediumCharacteristic {
    pub email_address: Option<String>,
    pub phone_number: Option<String>,
}

/// v4.0.0.
#[must_use]
pub fn api() -> Api {
    let mut api = Api::new("TMF629-v4", "Customer Management", "4.0.0", TMF629);
    api.about =
        "Customers. Each change of status is a service order, named by a Link header with rel `related`.";
    api.add_shown::<Customer>();
    api.add_request::<Customer>("Customer_Create", &["id", "href", "status"], &["name", "engagedParty"]);
    api.add_request::<Customer>("Customer_Update", &["id", "href"], &[]);
    add_patches(&mut api);
    let create =
        json!({ "name": "Ada Lovelace", "engagedParty": { "id": "P-1", "@referredType": "Individual" } });
    api.resource(&Resource {
        name: "customer",
        shown: "Customer",
        attributes: attributes(tmf629::ATTRIBUTES),
        keyed: true,
        create: Some(("Customer_Create", vec![("a customer", create)])),
        change: Some(("Customer_Update", vec![("another name", json!({ "name": "Ada King" }))])),
        delete: true,
        patches: super::PATCHES,
    });
    hub::add(&mut api);
    api
}
