//! TMF638 Service Inventory v4.0.0: customers and subscriptions (CFS), machines (RFS), as they are now, and record-only
//! services.

pub mod render;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};
use telvisor_model::Resource;
use uuid::Uuid;

use super::Doors;
use super::inventory::records::{self, Records, customer, moment, text};
use super::inventory::show::name_of;
use super::official;
use super::problem::Problem;
use super::tmf630::{Ask, Attribute, Kind, found};
use crate::clock::show as time;
use crate::store::inventory::EntryRow;
use crate::store::records::Columns;
use crate::store::{Tenant, Tx};

/// Record-only services.
pub static RECORDS: Records = Records {
    kind: Resource::Service,
    word: "service",
    type_name: "Service",
    path: "/tmf-api/serviceInventory/v4/service",
    file: &official::TMF638,
    create: "Service_Create",
    update: "Service_Update",
    characteristics: "serviceCharacteristic",
    mark: records::mark,
    door: "a service order (TMF641)",
    complete: |body, now| {
        if body["serviceDate"].is_null() {
            body["serviceDate"] = json!(time(now));
        }
    },
    columns: |body| Columns {
        name: text(body, "/name"),
        category: text(body, "/category"),
        state: text(body, "/state"),
        specification: text(body, "/serviceSpecification/id"),
        of_type: text(body, "/serviceType"),
        customer_id: customer(body),
        dated_at: moment(body, "/serviceDate"),
        started_at: moment(body, "/startDate"),
        ended_at: moment(body, "/endDate"),
    },
    inward: records::same,
    outward: records::same,
};

/// What lists filter and sort by.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "v.id", Kind::Text),
    ("state", "v.shown", Kind::Text),
    ("category", "v.category", Kind::Text),
    ("relatedParty.id", "v.customer_id", Kind::Text),
    ("serviceSpecification.id", "v.specification", Kind::Text),
    ("serviceType", "v.of_type", Kind::Text),
    ("startDate", "v.started_at", Kind::Time),
    ("endDate", "v.ended_at", Kind::Time),
    ("serviceDate", "v.dated_at", Kind::Time),
    ("@type", "v.type_name", Kind::Text),
];

/// The routes below the base path.
pub fn router() -> Router<Doors> {
    Router::new()
        .route("/service", RECORDS.on_list().get(list))
        .route("/service/{id}", RECORDS.on_one().get(show))
}

async fn customer_account(ask: &Ask, tx: &mut Tx<Tenant>, uid: Uuid) -> Result<Option<Value>, Problem> {
    let Some(c) = tx.customer(uid).await? else {
        return Ok(None);
    };
    let orders = tx.orders_of_customer(&c.customer_id).await?;
    Ok(Some(render::customer(&ask.base, &c, &orders)))
}

async fn subscription(ask: &Ask, tx: &mut Tx<Tenant>, id: Uuid) -> Result<Option<Value>, Problem> {
    let Some(s) = tx.subscription(id).await? else {
        return Ok(None);
    };
    let owner = tx.owner(s.customer).await?;
    let orders = tx.orders_of_subscription(id).await?;
    let name = name_of(&ask.engine().catalogue, &s.application);
    Ok(Some(render::subscription(&ask.base, &name, &s, &owner, &orders)))
}

async fn machine(ask: &Ask, tx: &mut Tx<Tenant>, id: Uuid) -> Result<Option<Value>, Problem> {
    let Some(m) = tx.machine(id).await? else {
        return Ok(None);
    };
    let owner = tx.owner(m.customer).await?;
    Ok(Some(render::machine(&ask.base, &m, &owner.customer_id)))
}

/// One service by what is known of it from a list.
async fn load(ask: &Ask, tx: &mut Tx<Tenant>, row: &EntryRow) -> Result<Option<Value>, Problem> {
    match row.entry.as_str() {
        "customer" => customer_account(ask, tx, row.uid).await,
        "subscription" => subscription(ask, tx, row.uid).await,
        "machine" => machine(ask, tx, row.uid).await,
        _ => Ok(tx.record_by_uid(row.uid).await?.map(|r| RECORDS.shown(&ask.base, &r))),
    }
}

/// One service by its id.
///
/// # Errors
/// When the database does not answer.
pub async fn find(ask: &Ask, tx: &mut Tx<Tenant>, id: &str) -> Result<Option<Value>, Problem> {
    if let Ok(uuid) = id.parse::<Uuid>() {
        if let Some(shown) = subscription(ask, tx, uuid).await? {
            return Ok(Some(shown));
        }
        if let Some(shown) = machine(ask, tx, uuid).await? {
            return Ok(Some(shown));
        }
    }
    if let Some(c) = tx.customer_by_id(id).await? {
        return customer_account(ask, tx, c.uid).await;
    }
    Ok(tx.record(RECORDS.kind, id).await?.map(|r| RECORDS.shown(&ask.base, &r)))
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
        return ask.list_of(shown, &official::TMF638.known("Service"));
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
