//! TMF633 Service Catalog v4.0.0, service specifications: what can be ordered, with which characteristics.

use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};
use telvisor_model::catalogue::{Application, Declared, Kind, Required};

use super::TMF633;
use super::problem::Problem;
use super::tmf630::{Ask, found};
use crate::orders::draft::CUSTOMER_ACCOUNT;

const KNOWN: &[&str] = &[
    "id",
    "name",
    "description",
    "version",
    "lifecycleStatus",
    "isBundle",
    "specCharacteristic",
    "relatedParty",
    "@type",
];

fn value(v: &str, default: bool) -> Value {
    json!({ "value": v, "valueType": "string", "isDefault": default })
}

fn characteristic(name: &str, description: &str, least: u32, values: &[Value]) -> Value {
    json!({
        "id": name, "name": name, "description": description, "valueType": "string", "configurable": true,
        "minCardinality": least, "maxCardinality": 1, "characteristicValueSpecification": values,
    })
}

fn declared(d: &Declared) -> Value {
    let kind = match d.kind {
        Kind::String => "string",
        Kind::Integer => "integer",
        Kind::Boolean => "boolean",
    };
    let values: Vec<Value> = if d.values.is_empty() {
        d.default.iter().map(|v| json!({ "value": v, "valueType": kind, "isDefault": true })).collect()
    } else {
        let entry =
            |v: &Value| json!({ "value": v, "valueType": kind, "isDefault": d.default.as_ref() == Some(v) });
        d.values.iter().map(entry).collect()
    };
    let mut out = characteristic(&d.name, &d.description, u32::from(d.required == Required::Yes), &values);
    out["valueType"] = json!(kind);
    if let Some(pattern) = &d.pattern {
        out["regex"] = json!(pattern);
    }
    out
}

fn specification(base: &str, app: &Application) -> Value {
    let newest = app.newest_orderable().map(|v| v.id.clone()).unwrap_or_default();
    let plans: Vec<_> = app.plans.iter().map(|p| value(&p.id, false)).collect();
    let versions: Vec<_> =
        app.versions.iter().filter(|v| !v.withdrawn).map(|v| value(&v.id, v.id == newest)).collect();
    let mut characteristics = vec![
        characteristic("plan", "size in which it is sold, smallest first", 1, &plans),
        characteristic("version", "oldest first; the newest when none is given", 0, &versions),
        characteristic(
            "operation",
            "what a modify does beside plan and version",
            0,
            &[value("backup", false), value("restore", false)],
        ),
        characteristic("backupId", "the backup that operation restore puts back", 0, &[]),
    ];
    characteristics.extend(app.characteristics.iter().map(declared));
    json!({
        "id": app.id,
        "href": format!("{base}{TMF633}/serviceSpecification/{}", app.id),
        "name": app.name,
        "description": app.description,
        "version": newest,
        "isBundle": false,
        "lifecycleStatus": if newest.is_empty() { "Retired" } else { "Active" },
        "specCharacteristic": characteristics,
        "relatedParty": [{
            "id": app.provider.name, "name": app.provider.name, "role": "provider",
            "@type": "RelatedParty", "@referredType": "Organization",
        }],
        "@type": "ServiceSpecification",
        "@baseType": "ServiceSpecification",
    })
}

fn customer_account(base: &str) -> Value {
    json!({
        "id": CUSTOMER_ACCOUNT,
        "href": format!("{base}{TMF633}/serviceSpecification/{CUSTOMER_ACCOUNT}"),
        "name": "Customer account",
        "description": "a customer of the operator; applications are ordered for it",
        "version": "1",
        "isBundle": false,
        "lifecycleStatus": "Active",
        "specCharacteristic": [
            characteristic("name", "name of the person or company", 1, &[]),
            characteristic("email", "where the customer is written to", 0, &[]),
            characteristic("phone", "where the customer is called", 0, &[]),
            characteristic("language", "language of what the customer reads", 0, &[]),
            characteristic("test", "true: a test customer; its records go into test files. Never changed", 0,
                &[value("false", true), value("true", false)]),
        ],
        "@type": "ServiceSpecification",
        "@baseType": "ServiceSpecification",
    })
}

/// GET: the specifications.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(ask: Ask) -> Result<Response, Problem> {
    let mut all = vec![customer_account(&ask.base)];
    all.extend(ask.engine().catalogue.all().iter().map(|a| specification(&ask.base, a)));
    ask.list_of(all, KNOWN)
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let shown = if id == CUSTOMER_ACCOUNT {
        Some(customer_account(&ask.base))
    } else {
        ask.engine().catalogue.find(&id).map(|a| specification(&ask.base, &a))
    };
    Ok(ask.one(found("service specification", &id, shown)?))
}
