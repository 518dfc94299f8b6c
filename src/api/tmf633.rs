//! TMF633 Service Catalog v4.0.0: what can be ordered over TMF641, with which characteristics.

use axum::Router;
use serde_json::{Value, json};
use telvisor_model::Resource as Told;
use telvisor_model::catalogue::Application;

use super::catalogue::jobs::{self, Jobs};
use super::catalogue::shelf::{
    Behind, Shelf, account, account_characteristics, characteristics, operations, provider, slug,
};
use super::catalogue::{Api, Resource, routes};
use super::{Doors, official};

static API: Api =
    Api { name: "TMF633", path: super::TMF633, official: &official::TMF633, tells_status: false };

pub static SPECIFICATION: Resource = Resource {
    api: &API,
    name: "serviceSpecification",
    definition: "ServiceSpecification",
    told: Some(Told::ServiceSpecification),
    generated: specifications,
};
pub static CANDIDATE: Resource = Resource {
    api: &API,
    name: "serviceCandidate",
    definition: "ServiceCandidate",
    told: Some(Told::ServiceCandidate),
    generated: candidates,
};
pub static CATEGORY: Resource = Resource {
    api: &API,
    name: "serviceCategory",
    definition: "ServiceCategory",
    told: Some(Told::ServiceCategory),
    generated: categories,
};
pub static CATALOGUE: Resource = Resource {
    api: &API,
    name: "serviceCatalog",
    definition: "ServiceCatalog",
    told: Some(Told::ServiceCatalog),
    generated: catalogues,
};

/// Every resource of this API but the tasks.
pub static RESOURCES: [&Resource; 4] = [&SPECIFICATION, &CANDIDATE, &CATEGORY, &CATALOGUE];

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
const VALUES: &str = "characteristicValueSpecification";

/// All routes of this API.
pub fn router() -> Router<Doors> {
    routes(&RESOURCES).merge(jobs::routes(&TASKS))
}

fn specification(shelf: &Shelf<'_>, app: &Application) -> Value {
    let behind = Behind::Application(app);
    let mut out = shelf.entry(&SPECIFICATION, &app.id, &app.name, &app.description, behind);
    let mut list = characteristics(VALUES, app);
    // Behind plan and version, before what the application declares.
    list.splice(2..2, operations(VALUES));
    out["isBundle"] = json!(false);
    out["specCharacteristic"] = Value::Array(list);
    out["relatedParty"] = provider(app);
    out
}

fn specifications(shelf: &Shelf<'_>) -> Vec<Value> {
    let (id, name, description) = account();
    let mut of_account = shelf.entry(&SPECIFICATION, id, name, description, Behind::Account);
    of_account["isBundle"] = json!(false);
    of_account["specCharacteristic"] = Value::Array(account_characteristics(VALUES));
    let applications = shelf.catalogue.all();
    std::iter::once(of_account).chain(applications.iter().map(|a| specification(shelf, a))).collect()
}

fn candidates(shelf: &Shelf<'_>) -> Vec<Value> {
    let one = |id: &str, name: &str, description: &str, category: (&str, &str), behind| {
        let mut out = shelf.entry(&CANDIDATE, id, name, description, behind);
        out["category"] = json!([shelf.reference(&CATEGORY, category.0, category.1)]);
        out["serviceSpecification"] = shelf.reference(&SPECIFICATION, id, name);
        out["serviceSpecification"]["version"] = out["version"].clone();
        out
    };
    let (id, name, description) = account();
    let mut out = vec![one(id, name, description, ("customer", "customer"), Behind::Account)];
    for app in shelf.catalogue.all().iter() {
        let category = (slug(&app.category), app.category.as_str());
        let category = (category.0.as_str(), category.1);
        out.push(one(&app.id, &app.name, &app.description, category, Behind::Application(app)));
    }
    out
}

fn categories(shelf: &Shelf<'_>) -> Vec<Value> {
    shelf.category_entries(&CATEGORY, "serviceCandidate", |category| {
        let (id, name, _) = account();
        let of_account = category.account.then(|| shelf.reference(&CANDIDATE, id, name));
        let of_apps = category.applications.iter().map(|a| shelf.reference(&CANDIDATE, &a.id, &a.name));
        of_account.into_iter().chain(of_apps).collect()
    })
}

fn catalogues(shelf: &Shelf<'_>) -> Vec<Value> {
    vec![shelf.catalogue_entry(&CATALOGUE, &CATEGORY)]
}
