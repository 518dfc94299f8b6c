//! TMF635 Usage Management.

use chrono::{DateTime, Utc};
use serde_json::json;
use utoipa::ToSchema;

use super::build::{Api, Resource, add_patches, attributes};
use super::common::{Characteristic, EntityRef, RelatedParty, TimePeriod};
use super::hub;
use crate::api::tmf630::Kind;
use crate::api::{TMF635, tmf635};

/// One use of a service: a service detail record, or what a provider reported.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Usage {
    pub id: String,
    pub href: String,
    pub description: Option<String>,
    pub usage_date: Option<DateTime<Utc>>,
    pub usage_type: Option<String>,
    pub status: Option<UsageStatus>,
    pub usage_specification: Option<EntityRef>,
    pub usage_characteristic: Option<Vec<Characteristic>>,
    pub related_party: Option<Vec<RelatedParty>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum UsageStatus {
    Received,
    Rejected,
    Recycled,
    Guided,
    Rated,
    Rerate,
    Billed,
}

/// A kind of usage.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct UsageSpecification {
    pub id: String,
    pub href: String,
    #[schema(min_length = 1)]
    pub name: Option<String>,
    pub description: Option<String>,
    pub version: Option<String>,
    pub lifecycle_status: Option<String>,
    pub last_update: Option<DateTime<Utc>>,
    pub valid_for: Option<TimePeriod>,
    pub is_bundle: Option<bool>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// v4.0.0.
#[must_use]
pub fn api() -> Api {
    let mut api = Api::new("TMF635-v4", "Usage Management", "4.0.0", TMF635);
    api.about = "Service detail records as usages; and usages that providers report, which are only kept.";
    api.add_shown::<Usage>();
    api.add_request::<Usage>("Usage_Create", &["id", "href"], &["usageDate", "usageType"]);
    api.add_request::<Usage>("Usage_Update", &["id", "href"], &[]);
    api.add_shown::<UsageSpecification>();
    api.add_request::<UsageSpecification>(
        "UsageSpecification_Create",
        &["id", "href", "lastUpdate"],
        &["name"],
    );
    api.add_request::<UsageSpecification>("UsageSpecification_Update", &["id", "href", "lastUpdate"], &[]);
    add_patches(&mut api);
    let usage = json!({
        "usageDate": "2026-11-23T08:00:00Z", "usageType": "traffic", "status": "received",
        "usageCharacteristic": [{ "name": "megabytes", "value": 12 }],
    });
    api.resource(&Resource {
        name: "usage",
        shown: "Usage",
        attributes: attributes(tmf635::ATTRIBUTES),
        keyed: true,
        create: Some(("Usage_Create", vec![("reported traffic", usage)])),
        change: Some(("Usage_Update", vec![("describe it", json!({ "description": "corrected by hand" }))])),
        delete: true,
        patches: super::PATCHES,
    });
    let specification = json!({ "name": "traffic", "version": "1" });
    api.resource(&Resource {
        name: "usageSpecification",
        shown: "UsageSpecification",
        attributes: ["id", "name"].map(|n| (n, Kind::Text)).to_vec(),
        keyed: true,
        create: Some(("UsageSpecification_Create", vec![("traffic", specification)])),
        change: Some((
            "UsageSpecification_Update",
            vec![("describe it", json!({ "description": "in megabytes" }))],
        )),
        delete: true,
        patches: super::PATCHES,
    });
    hub::add(&mut api);
    api
}
