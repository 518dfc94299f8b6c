//! TMF620 Product Catalog v4.1.0: what is sold, in which sizes, at which price.

use axum::Router;
use serde_json::{Value, json};
use telvisor_model::Resource as Told;
use telvisor_model::catalogue::{Application, Period, Plan};

use super::catalogue::jobs::{self, Jobs};
use super::catalogue::shelf::{
    Behind, Shelf, account, account_characteristics, characteristics, provider, slug,
};
use super::catalogue::{Api, Resource, routes};
use super::{Doors, official, tmf633};

static API: Api =
    Api { name: "TMF620", path: super::TMF620, official: &official::TMF620, tells_status: true };
pub static SPECIFICATION: Resource = Resource {
    api: &API,
    name: "productSpecification",
    definition: "ProductSpecification",
    told: Some(Told::ProductSpecification),
    generated: specifications,
};
pub static OFFERING: Resource = Resource {
    api: &API,
    name: "productOffering",
    definition: "ProductOffering",
    told: Some(Told::ProductOffering),
    generated: offerings,
};
pub static PRICE: Resource = Resource {
    api: &API,
    name: "productOfferingPrice",
    definition: "ProductOfferingPrice",
    told: Some(Told::ProductOfferingPrice),
    generated: prices,
};
pub static CATEGORY: Resource = Resource {
    api: &API,
    name: "category",
    definition: "Category",
    told: Some(Told::Category),
    generated: categories,
};
pub static CATALOGUE: Resource = Resource {
    api: &API,
    name: "catalog",
    definition: "Catalog",
    told: Some(Told::Catalog),
    generated: catalogues,
};

/// Every resource of this API but the tasks.
pub static RESOURCES: [&Resource; 5] = [&SPECIFICATION, &OFFERING, &PRICE, &CATEGORY, &CATALOGUE];

static TASKS: Jobs = Jobs {
    import: Resource {
        api: &API,
        name: "importJob",
        definition: "ImportJob",
        told: None,
        generated: |_| vec![],
    },
    export: Resource {
        api: &API,
        name: "exportJob",
        definition: "ExportJob",
        told: None,
        generated: |_| vec![],
    },
    of: &RESOURCES,
};

/// Member of a characteristic that holds its values.
const VALUES: &str = "productSpecCharacteristicValue";
/// What a plan gives: name and description.
const SIZES: [(&str, &str); 3] = [
    ("vcpu", "virtual CPUs that the plan adds to the machine"),
    ("memoryMiB", "memory that the plan adds to the machine, in MiB"),
    ("diskGiB", "size of the data volume, in GiB"),
];

/// All routes of this API.
pub fn router() -> Router<Doors> {
    routes(&RESOURCES).merge(jobs::routes(&TASKS))
}

/// Id of the offering of a plan, and of its price.
fn offering_id(app: &Application, plan: &Plan) -> String {
    format!("{}.{}", app.id, plan.id)
}

fn offering_name(app: &Application, plan: &Plan) -> String {
    format!("{} {}", app.name, plan.name)
}

fn specifications(shelf: &Shelf<'_>) -> Vec<Value> {
    let one = |id: &str, name: &str, description: &str, list: Vec<Value>, behind| {
        let mut out = shelf.entry(&SPECIFICATION, id, name, description, behind);
        out["isBundle"] = json!(false);
        out["productNumber"] = json!(id);
        out["productSpecCharacteristic"] = Value::Array(list);
        out["serviceSpecification"] = json!([shelf.reference(&tmf633::SPECIFICATION, id, name)]);
        out
    };
    let (id, name, description) = account();
    let mut out = vec![one(id, name, description, account_characteristics(VALUES), Behind::Account)];
    for app in shelf.catalogue.all().iter() {
        let mut list = characteristics(VALUES, app);
        list.extend(SIZES.map(|(name, description)| {
            json!({
                "id": name, "name": name, "description": description, "valueType": "integer",
                "configurable": false, "minCardinality": 1, "maxCardinality": 1, VALUES: [],
            })
        }));
        let mut spec = one(&app.id, &app.name, &app.description, list, Behind::Application(app));
        spec["brand"] = json!(app.provider.name);
        spec["relatedParty"] = provider(app);
        out.push(spec);
    }
    out
}

fn offerings(shelf: &Shelf<'_>) -> Vec<Value> {
    let one =
        |id: &str, name: &str, description: &str, of: (&str, &str), category: &str, behind: Behind<'_>| {
            let mut out = shelf.entry(&OFFERING, id, name, description, behind);
            out["isBundle"] = json!(false);
            out["isSellable"] = json!(behind.active());
            out["category"] = json!([shelf.reference(&CATEGORY, &slug(category), category)]);
            out["productSpecification"] = shelf.reference(&SPECIFICATION, of.0, of.1);
            out["productSpecification"]["version"] = out["version"].clone();
            out["serviceCandidate"] = shelf.reference(&tmf633::CANDIDATE, of.0, of.1);
            out
        };
    let (id, name, description) = account();
    let mut out = vec![one(id, name, description, (id, name), "customer", Behind::Account)];
    for app in shelf.catalogue.all().iter() {
        for plan in &app.plans {
            let (id, name) = (offering_id(app, plan), offering_name(app, plan));
            let text = if plan.description.is_empty() { &app.description } else { &plan.description };
            let of = (app.id.as_str(), app.name.as_str());
            let mut offering = one(&id, &name, text, of, &app.category, Behind::Application(app));
            offering["productOfferingPrice"] = json!([shelf.reference(&PRICE, &id, &price_name(plan))]);
            offering["prodSpecCharValueUse"] = uses(shelf, app, plan);
            out.push(offering);
        }
    }
    out
}

/// The values that an offering fixes: its plan, and what the plan gives.
fn uses(shelf: &Shelf<'_>, app: &Application, plan: &Plan) -> Value {
    let one = |name: &str, kind: &str, value: Value| {
        json!({
            "id": name, "name": name, "valueType": kind, "minCardinality": 1, "maxCardinality": 1,
            VALUES: [{ "value": value, "valueType": kind, "isDefault": true }],
            "productSpecification": shelf.reference(&SPECIFICATION, &app.id, &app.name),
            "@type": "ProductSpecificationCharacteristicValueUse",
        })
    };
    let [vcpu, memory, disk] = SIZES.map(|(name, _)| name);
    json!([
        one("plan", "string", json!(plan.id)),
        one(vcpu, "integer", json!(plan.vcpu)),
        one(memory, "integer", json!(plan.memory_mib)),
        one(disk, "integer", json!(plan.disk_gib)),
    ])
}

/// How often a price is charged, in TMF620's words; none when once.
fn period(plan: &Plan) -> Option<&'static str> {
    match plan.price.period {
        Period::Day => Some("day"),
        Period::Month => Some("month"),
        Period::Year => Some("year"),
        Period::Once => None,
    }
}

fn price_name(plan: &Plan) -> String {
    let often = period(plan).map_or_else(|| "once".to_owned(), |p| format!("each {p}"));
    format!("{} {} {often}", plan.price.amount, plan.price.currency)
}

fn prices(shelf: &Shelf<'_>) -> Vec<Value> {
    let mut out = vec![];
    for app in shelf.catalogue.all().iter() {
        for plan in &app.plans {
            let of = format!("price of {}", offering_name(app, plan));
            let behind = Behind::Application(app);
            let mut price = shelf.entry(&PRICE, &offering_id(app, plan), &price_name(plan), &of, behind);
            price["isBundle"] = json!(false);
            price["price"] = json!({
                "unit": plan.price.currency, "value": plan.price.amount.parse::<f64>().unwrap_or_default(),
            });
            match period(plan) {
                Some(period) => {
                    price["priceType"] = json!("recurring");
                    price["recurringChargePeriodType"] = json!(period);
                    price["recurringChargePeriodLength"] = json!(1);
                }
                None => price["priceType"] = json!("oneTime"),
            }
            out.push(price);
        }
    }
    out
}

fn categories(shelf: &Shelf<'_>) -> Vec<Value> {
    shelf.category_entries(&CATEGORY, "productOffering", |category| {
        let (id, name, _) = account();
        let of_account = category.account.then(|| shelf.reference(&OFFERING, id, name));
        let of_apps = category.applications.iter().flat_map(|app| {
            let one = |p| shelf.reference(&OFFERING, &offering_id(app, p), &offering_name(app, p));
            app.plans.iter().map(one)
        });
        of_account.into_iter().chain(of_apps).collect()
    })
}

fn catalogues(shelf: &Shelf<'_>) -> Vec<Value> {
    let mut out = shelf.catalogue_entry(&CATALOGUE, &CATEGORY);
    out["catalogType"] = json!("Product Catalog");
    vec![out]
}
