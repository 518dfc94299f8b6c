//! TMF620 Product Catalog and TMF633 Service Catalog.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema};

use super::build::{Api, Examples, Resource};
use super::common::{EntityRef, Money, TimePeriod};
use super::hub;
use crate::api::tmf630::Kind;
use crate::api::{TMF620, TMF633};

/// What every entry of a catalogue has.
macro_rules! entry {
    ($(#[$about:meta])* $name:ident { $($(#[$member_about:meta])* $member:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(ToSchema)]
        #[schema(rename_all = "camelCase")]
        pub struct $name {
            pub id: String,
            pub href: String,
            #[schema(min_length = 1)]
            pub name: Option<String>,
            pub description: Option<String>,
            pub version: Option<String>,
            pub lifecycle_status: Option<String>,
            pub last_update: Option<DateTime<Utc>>,
            pub valid_for: Option<TimePeriod>,
            $($(#[$member_about])* pub $member: $type,)*
            #[schema(rename = "@type")]
            pub type_: Option<String>,
        }
    };
}

entry! {
    /// What can be ordered: a plan of an application, or a customer account.
    ProductOffering {
        is_bundle: Option<bool>,
        is_sellable: Option<bool>,
        product_specification: Option<EntityRef>,
        product_offering_price: Option<Vec<EntityRef>>,
        category: Option<Vec<EntityRef>>,
    }
}
entry! {
    /// A price of an offering.
    ProductOfferingPrice {
        is_bundle: Option<bool>,
        price_type: Option<String>,
        recurring_charge_period_type: Option<String>,
        recurring_charge_period_length: Option<i64>,
        price: Option<Money>,
    }
}
entry! {
    /// What a product is: an application, or a customer account.
    ProductSpecification {
        brand: Option<String>,
        product_number: Option<String>,
        is_bundle: Option<bool>,
        product_spec_characteristic: Option<Vec<SpecificationCharacteristic>>,
        service_specification: Option<Vec<EntityRef>>,
    }
}
entry! {
    /// A group of offerings.
    Category {
        is_root: Option<bool>,
        parent_id: Option<String>,
        product_offering: Option<Vec<EntityRef>>,
    }
}
entry! {
    /// A catalogue of offerings.
    Catalog {
        catalog_type: Option<String>,
        category: Option<Vec<EntityRef>>,
    }
}
entry! {
    /// What a service is: an application, or a customer account.
    ServiceSpecification {
        is_bundle: Option<bool>,
        spec_characteristic: Option<Vec<SpecificationCharacteristic>>,
    }
}
entry! {
    /// A specification that can be ordered.
    ServiceCandidate {
        category: Option<Vec<EntityRef>>,
        service_specification: Option<EntityRef>,
    }
}
entry! {
    /// A group of candidates.
    ServiceCategory {
        is_root: Option<bool>,
        parent_id: Option<String>,
        service_candidate: Option<Vec<EntityRef>>,
    }
}
entry! {
    /// A catalogue of services.
    ServiceCatalog {
        category: Option<Vec<EntityRef>>,
    }
}

/// A task that reads entries from a file, or writes them into one; the file is a `data:` URL (RFC 2397).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Job {
    pub id: String,
    pub href: String,
    pub status: Option<String>,
    pub error_log: Option<String>,
    pub content_type: Option<String>,
    pub path: Option<String>,
    pub query: Option<String>,
    pub url: Option<String>,
    pub creation_date: Option<DateTime<Utc>>,
    pub completion_date: Option<DateTime<Utc>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// What can be said of an instance, with its possible values.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SpecificationCharacteristic {
    pub name: Option<String>,
    pub description: Option<String>,
    pub value_type: Option<String>,
    pub configurable: Option<bool>,
    pub min_cardinality: Option<i64>,
    pub max_cardinality: Option<i64>,
}

const GIVEN: &[&str] = &["id", "href", "lastUpdate"];

fn examples(name: &str, more: &Value) -> Examples {
    let mut body = json!({ "name": name, "version": "1", "lifecycleStatus": "Active" });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    vec![("an entry of the operator", body)]
}

/// Adds a kind of entry with its operations.
fn entry<T: ToSchema + PartialSchema>(
    api: &mut Api,
    path: &'static str,
    [shown, create, update]: [&'static str; 3],
    required: &[&str],
    more: &Value,
) {
    api.add_shown::<T>();
    api.add_request::<T>(create, GIVEN, required);
    api.add_request::<T>(update, GIVEN, &[]);
    api.resource(&Resource {
        name: path,
        shown,
        attributes: ["id", "name", "version", "lifecycleStatus"].map(|n| (n, Kind::Text)).to_vec(),
        keyed: true,
        create: Some((create, examples("Old telephone", more))),
        change: Some((update, vec![("describe it", json!({ "description": "until the end of the year" }))])),
        delete: true,
        patches: super::PATCHES,
    });
}

/// Adds the two tasks; the example of an import brings an entry of `category`.
fn jobs(api: &mut Api, category: &str) {
    let given = ["id", "href", "status", "errorLog", "creationDate", "completionDate"];
    api.add_shown::<Job>();
    api.add_request::<Job>("Job_Create", &given, &["url"]);
    let file = BASE64.encode(json!([{ "name": "From a file" }]).to_string());
    let import =
        json!({ "path": format!("/{category}"), "url": format!("data:application/json;base64,{file}") });
    for (name, example) in [("exportJob", json!({ "url": "data:," })), ("importJob", import)] {
        api.resource(&Resource {
            name,
            shown: "Job",
            attributes: vec![("status", Kind::Text)],
            keyed: false,
            create: Some(("Job_Create", vec![("a file", example)])),
            change: None,
            delete: true,
            patches: &[],
        });
    }
}

/// Names of the three types of a kind.
macro_rules! names {
    ($name:literal) => {
        [$name, concat!($name, "_Create"), concat!($name, "_Update")]
    };
}

/// TMF620 v4.1.0.
#[must_use]
pub fn products() -> Api {
    let mut api = Api::new("TMF620-v4", "Product Catalog Management", "4.1.0", TMF620);
    api.about =
        "What can be ordered: offerings made from the application packages, and what an operator adds.";
    super::build::add_patches(&mut api);
    let none = json!({});
    entry::<ProductOffering>(&mut api, "productOffering", names!("ProductOffering"), &["name"], &none);
    let price = json!({ "priceType": "recurring", "price": { "unit": "EUR", "value": 5.0 } });
    entry::<ProductOfferingPrice>(
        &mut api,
        "productOfferingPrice",
        names!("ProductOfferingPrice"),
        &["name"],
        &price,
    );
    entry::<ProductSpecification>(
        &mut api,
        "productSpecification",
        names!("ProductSpecification"),
        &["name"],
        &none,
    );
    entry::<Category>(&mut api, "category", names!("Category"), &["name"], &none);
    entry::<Catalog>(&mut api, "catalog", names!("Catalog"), &["name"], &none);
    jobs(&mut api, "category");
    hub::add(&mut api);
    api
}

/// TMF633 v4.0.0.
#[must_use]
pub fn services() -> Api {
    let mut api = Api::new("TMF633-v4", "Service Catalog Management", "4.0.0", TMF633);
    api.about = "The services behind the offerings: one specification per application.";
    super::build::add_patches(&mut api);
    let none = json!({});
    entry::<ServiceSpecification>(
        &mut api,
        "serviceSpecification",
        names!("ServiceSpecification"),
        &["name"],
        &none,
    );
    let spec = json!({ "serviceSpecification": { "id": "kinfolk" } });
    entry::<ServiceCandidate>(
        &mut api,
        "serviceCandidate",
        names!("ServiceCandidate"),
        &["name", "serviceSpecification"],
        &spec,
    );
    entry::<ServiceCategory>(&mut api, "serviceCategory", names!("ServiceCategory"), &["name"], &none);
    entry::<ServiceCatalog>(&mut api, "serviceCatalog", names!("ServiceCatalog"), &["name"], &none);
    jobs(&mut api, "serviceCategory");
    hub::add(&mut api);
    api
}
