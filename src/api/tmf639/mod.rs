//! TMF639 Resource Inventory v5.0.0, and v4 beside it: machines as logical resources, and record-only resources.

pub mod render;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};
use telvisor_model::Resource;
use uuid::Uuid;

use super::inventory::records::{self, MARK, Records, customer, moment, text};
use super::problem::Problem;
use super::tmf630::{Ask, Attribute, Kind, found};
use super::{Doors, official};
use crate::store::machines::MachineRow;
use crate::store::records::{Columns, RecordRow};
use crate::store::{Tenant, Tx};

/// At v5, whose form is the one that is kept.
const V5: Records = Records {
    kind: Resource::Resource,
    word: "resource",
    type_name: "LogicalResource",
    path: "/tmf-api/resourceInventoryManagement/v5/resource",
    file: &official::TMF639_V5,
    create: "LogicalResource_FVO",
    update: "LogicalResource_MVO",
    characteristics: "resourceCharacteristic",
    mark: || json!({ "name": MARK, "valueType": "boolean", "value": true, "@type": "BooleanCharacteristic" }),
    door: "the orders on the customer's applications (TMF622, TMF641)",
    complete: |_, _| {},
    columns: |body| Columns {
        name: text(body, "/name"),
        category: text(body, "/category"),
        state: text(body, "/resourceStatus"),
        specification: text(body, "/resourceSpecification/id"),
        of_type: None,
        customer_id: customer(body),
        dated_at: None,
        started_at: moment(body, "/startOperatingDate"),
        ended_at: moment(body, "/endOperatingDate"),
    },
    inward: records::same,
    outward: records::same,
};

/// Record-only resources at v5.
pub static RECORDS_V5: Records = V5;

/// Record-only resources at v4.
pub static RECORDS_V4: Records = Records {
    path: "/tmf-api/resourceInventoryManagement/v4/resource",
    file: &official::TMF639,
    create: "Resource_Create",
    update: "Resource_Update",
    mark: records::mark,
    inward: render::from_v4,
    outward: render::to_v4,
    ..V5
};

/// What lists filter and sort by.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "v.id", Kind::Text),
    ("name", "v.name", Kind::Text),
    ("category", "v.category", Kind::Text),
    ("resourceStatus", "v.shown", Kind::Text),
    ("relatedParty.id", "v.customer_id", Kind::Text),
    ("relatedParty.partyOrPartyRole.id", "v.customer_id", Kind::Text),
    ("resourceSpecification.id", "v.specification", Kind::Text),
    ("startOperatingDate", "v.started_at", Kind::Time),
    ("endOperatingDate", "v.ended_at", Kind::Time),
    ("@type", "v.type_name", Kind::Text),
];

/// The routes below the base path of v4.
pub fn v4() -> Router<Doors> {
    Router::new()
        .route("/resource", RECORDS_V4.on_list().get(async |ask: Ask| list(ask, &RECORDS_V4).await))
        .route(
            "/resource/{id}",
            RECORDS_V4
                .on_one()
                .get(async |ask: Ask, Path(id): Path<String>| show(ask, &RECORDS_V4, &id).await),
        )
}

/// The routes below the base path of v5.
pub fn v5() -> Router<Doors> {
    Router::new()
        .route("/resource", RECORDS_V5.on_list().get(async |ask: Ask| list(ask, &RECORDS_V5).await))
        .route(
            "/resource/{id}",
            RECORDS_V5
                .on_one()
                .get(async |ask: Ask, Path(id): Path<String>| show(ask, &RECORDS_V5, &id).await),
        )
}

async fn machine(ask: &Ask, tx: &mut Tx<Tenant>, v: &Records, id: Uuid) -> Result<Option<Value>, Problem> {
    let Some(m) = tx.machine(id).await? else {
        return Ok(None);
    };
    let owner = tx.owner(m.customer).await?;
    Ok(Some(machine_at(&ask.base, v, &m, &owner.customer_id)))
}

/// A machine in the form of one version.
#[must_use]
pub fn machine_at(base: &str, v: &Records, m: &MachineRow, customer_id: &str) -> Value {
    let mut shown = (v.outward)(render::machine(base, m, customer_id));
    shown["href"] = json!(format!("{base}{}/{}", v.path, m.id));
    shown
}

fn record(ask: &Ask, v: &Records, row: Option<RecordRow>) -> Option<Value> {
    row.map(|row| v.shown(&ask.base, &row))
}

async fn find(ask: &Ask, tx: &mut Tx<Tenant>, v: &Records, id: &str) -> Result<Option<Value>, Problem> {
    if let Ok(uuid) = id.parse()
        && let Some(shown) = machine(ask, tx, v, uuid).await?
    {
        return Ok(Some(shown));
    }
    Ok(record(ask, v, tx.record(v.kind, id).await?))
}

/// GET: a page of resources, newest first.
async fn list(mut ask: Ask, v: &Records) -> Result<Response, Problem> {
    let mut tx = ask.read().await?;
    let mut shown = vec![];
    if let Some(ids) = ask.query.take("id") {
        for id in ids {
            shown.extend(find(&ask, &mut tx, v, &id).await?);
        }
        return ask.list_of(shown, &official::TMF639_V5.known("LogicalResource"));
    }
    let page = ask.page(ATTRIBUTES, &[("v.created_at", true), ("v.uid", true)])?;
    let resources = tx.list_resources(&page).await?;
    for row in &resources.rows {
        shown.extend(match row.entry.as_str() {
            "machine" => machine(&ask, &mut tx, v, row.uid).await?,
            _ => record(&ask, v, tx.record_by_uid(row.uid).await?),
        });
    }
    Ok(ask.list(&page, &resources, shown))
}

/// GET by id.
async fn show(ask: Ask, v: &Records, id: &str) -> Result<Response, Problem> {
    let mut tx = ask.read().await?;
    let shown = find(&ask, &mut tx, v, id).await?;
    Ok(ask.one(found("resource", id, shown)?))
}
