//! TMF638 Service Inventory v4.0.0: customers and subscriptions (CFS), machines (RFS), as they are now.

use axum::extract::Path;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use telvisor_model::catalogue::plain;
use uuid::Uuid;

use super::problem::Problem;
use super::tmf630::{Ask, Attribute, Kind, found};
use super::{TMF633, TMF638};
use crate::clock::show as time;
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::store::customers::CustomerRow;
use crate::store::lists::ServiceRow;
use crate::store::machines::MachineRow;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{StoreError, Tenant, Tx};

/// What a service can be filtered and sorted by, beside its `id`.
pub const ATTRIBUTES: &[Attribute] = &[
    ("state", "v.shown", Kind::Text),
    ("category", "v.category", Kind::Text),
    ("relatedParty.id", "v.customer_id", Kind::Text),
    ("serviceSpecification.id", "v.specification", Kind::Text),
    ("serviceType", "v.specification", Kind::Text),
    ("startDate", "v.started_at", Kind::Time),
    ("endDate", "v.ended_at", Kind::Time),
    ("serviceDate", "v.created_at", Kind::Time),
    ("@type", "", Kind::Always("Service")),
];

fn put(out: &mut Value, key: &str, at: Option<DateTime<Utc>>) {
    if let Some(at) = at {
        out[key] = json!(time(at));
    }
}

fn party(customer_id: &str) -> Value {
    json!([{ "id": customer_id, "role": "customer", "@type": "RelatedParty", "@referredType": "Customer" }])
}

fn characteristic(name: &str, value: &str) -> Value {
    json!({ "name": name, "valueType": "string", "value": value })
}

fn spec(base: &str, id: &str, name: &str, version: &str) -> Value {
    json!({
        "id": id, "name": name, "version": version,
        "href": format!("{base}{TMF633}/serviceSpecification/{id}"), "@type": "ServiceSpecificationRef",
    })
}

fn of_customer(base: &str, c: &CustomerRow) -> Value {
    let state = match c.state.as_str() {
        "pending" => "reserved",
        "active" => "active",
        "suspended" => "inactive",
        _ => "terminated",
    };
    let mut out = json!({
        "id": c.customer_id,
        "href": format!("{base}{TMF638}/service/{}", c.customer_id),
        "category": "CFS", "name": "Customer account", "serviceType": CUSTOMER_ACCOUNT, "state": state,
        "serviceDate": time(c.created_at),
        "hasStarted": c.started_at.is_some(), "isServiceEnabled": state == "active",
        "serviceSpecification": spec(base, CUSTOMER_ACCOUNT, "Customer account", "1"),
        "relatedParty": party(&c.customer_id),
        "@type": "Service",
    });
    let mut list = vec![characteristic("name", &c.name)];
    for (name, value) in [("email", &c.email), ("phone", &c.phone), ("language", &c.language)] {
        list.extend(value.iter().map(|v| characteristic(name, v)));
    }
    if c.test {
        list.push(characteristic("test", "true"));
    }
    if let Some(more) = c.characteristics.0.as_object() {
        list.extend(more.iter().map(|(k, v)| characteristic(k, &plain(v))));
    }
    out["serviceCharacteristic"] = Value::Array(list);
    put(&mut out, "startDate", c.started_at);
    put(&mut out, "endDate", c.ended_at);
    out
}

/// State of a subscription as TMF638 v4 shows it.
fn shown(s: &SubscriptionRow, c: &CustomerRow) -> &'static str {
    match (s.state.as_str(), c.state.as_str()) {
        ("reserved", _) => "reserved",
        ("active", "suspended") | ("suspended", _) => "inactive",
        ("active", _) => "active",
        _ => "terminated",
    }
}

fn of_subscription(ask: &Ask, s: &SubscriptionRow, c: &CustomerRow) -> Value {
    let base = &ask.base;
    let name = ask.engine().catalogue.find(&s.application).map_or(s.application.clone(), |a| a.name);
    let state = shown(s, c);
    let mut out = json!({
        "id": s.id,
        "href": format!("{base}{TMF638}/service/{}", s.id),
        "category": "CFS", "name": name, "serviceType": s.application, "state": state,
        "serviceDate": time(s.created_at),
        "hasStarted": s.started_at.is_some(), "isServiceEnabled": state == "active",
        "serviceSpecification": spec(base, &s.application, &name, &s.version),
        "relatedParty": party(&c.customer_id),
        "@type": "Service",
    });
    let mut list = vec![characteristic("plan", &s.plan), characteristic("version", &s.version)];
    if let (Some(url), "active") = (&s.access_url, state) {
        list.push(characteristic("accessUrl", url));
    }
    if let Some(more) = s.characteristics.0.as_object() {
        list.extend(more.iter().map(|(k, v)| characteristic(k, &plain(v))));
    }
    out["serviceCharacteristic"] = Value::Array(list);
    if let Some(machine) = s.machine {
        out["supportingService"] = json!([{
            "id": machine, "href": format!("{base}{TMF638}/service/{machine}"), "category": "RFS",
            "@type": "Service", "@referredType": "Service",
        }]);
    }
    put(&mut out, "startDate", s.started_at);
    put(&mut out, "endDate", s.ended_at);
    out
}

fn of_machine(base: &str, m: &MachineRow, customer_id: &str) -> Value {
    let state = match (m.ended_at, m.state.as_str()) {
        (Some(_), _) => "terminated",
        (None, "planned") => "reserved",
        (None, "suspended") => "inactive",
        (None, _) => "active",
    };
    let mut out = json!({
        "id": m.id,
        "href": format!("{base}{TMF638}/service/{}", m.id),
        "category": "RFS", "name": m.name, "serviceType": "machine", "state": state,
        "serviceDate": time(m.created_at),
        "hasStarted": state != "reserved", "isServiceEnabled": state == "active",
        "serviceCharacteristic": [
            characteristic("vcpu", &m.vcpu.to_string()),
            characteristic("memoryMiB", &m.memory_mib.to_string()),
            characteristic("diskGiB", &m.disk_gib.to_string()),
            characteristic("host", &m.host),
        ],
        "relatedParty": party(customer_id),
        "@type": "Service",
    });
    put(&mut out, "endDate", m.ended_at);
    out
}

/// One service by what is known of it from a list.
async fn load(ask: &Ask, tx: &mut Tx<Tenant>, row: &ServiceRow) -> Result<Option<Value>, StoreError> {
    Ok(match row.kind.as_str() {
        "customer" => tx.customer(row.uid).await?.map(|c| of_customer(&ask.base, &c)),
        "subscription" => match (tx.subscription(row.uid).await?, tx.customer_by_id(&row.customer_id).await?)
        {
            (Some(s), Some(c)) => Some(of_subscription(ask, &s, &c)),
            _ => None,
        },
        _ => tx.machine(row.uid).await?.map(|m| of_machine(&ask.base, &m, &row.customer_id)),
    })
}

/// One service by its id.
pub async fn find(ask: &Ask, tx: &mut Tx<Tenant>, id: &str) -> Result<Option<Value>, StoreError> {
    if let Ok(uuid) = id.parse::<Uuid>() {
        if let Some(s) = tx.subscription(uuid).await? {
            let c = tx.customer(s.customer).await?;
            return Ok(c.map(|c| of_subscription(ask, &s, &c)));
        }
        if let Some(m) = tx.machine(uuid).await? {
            let c = tx.customer(m.customer).await?;
            return Ok(c.map(|c| of_machine(&ask.base, &m, &c.customer_id)));
        }
    }
    Ok(tx.customer_by_id(id).await?.map(|c| of_customer(&ask.base, &c)))
}

/// GET: a page of services, newest first.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn list(mut ask: Ask) -> Result<Response, Problem> {
    let mut tx = ask.read().await?;
    let mut shown = vec![];
    if let Some(ids) = ask.query.take("id") {
        for id in ids {
            shown.extend(find(&ask, &mut tx, &id).await?);
        }
        let first = |name: &'static str| name.split('.').next().unwrap_or(name);
        let known: Vec<&str> = ATTRIBUTES.iter().map(|(name, ..)| first(name)).collect();
        return ask.list_of(shown, &known);
    }
    let page = ask.page(ATTRIBUTES, &[("v.created_at", true), ("v.uid", true)])?;
    let services = tx.list_services(&page).await?;
    for row in &services.rows {
        shown.extend(load(&ask, &mut tx, row).await?);
    }
    Ok(ask.list(&page, &services, shown))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let mut tx = ask.read().await?;
    let shown = find(&ask, &mut tx, &id).await?;
    Ok(ask.one(found("service", &id, shown)?))
}
