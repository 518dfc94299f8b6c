//! TMF635 Usage Management v4.0.0: the journal of service detail records as usage, its six kinds as specifications, and
//! record-only entries of both.

pub mod render;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};
use telvisor_model::Resource;
use telvisor_sdr::record::RecordType;

use super::inventory::records::{self, MARK, Records, customer, moment, text};
use super::problem::Problem;
use super::tmf630::{Ask, Attribute, Kind, found};
use super::{Doors, official};
use crate::clock::show as time;
use crate::store::records::Columns;
use crate::store::sdr::SdrRow;
use crate::store::{Tenant, Tx};

/// Record-only usage.
pub static USAGE: Records = Records {
    kind: Resource::Usage,
    word: "usage",
    type_name: "Usage",
    path: "/tmf-api/usageManagement/v4/usage",
    file: &official::TMF635,
    create: "Usage_Create",
    update: "Usage_Update",
    characteristics: "usageCharacteristic",
    mark: records::mark,
    door: "nobody: it is a record of the journal, which stays as it is written",
    complete: |body, now| {
        if body["usageDate"].is_null() {
            body["usageDate"] = json!(time(now));
        }
        if body["status"].is_null() {
            body["status"] = json!("received");
        }
    },
    columns: |body| Columns {
        state: text(body, "/status"),
        specification: text(body, "/usageSpecification/id"),
        of_type: text(body, "/usageType"),
        customer_id: customer(body),
        dated_at: moment(body, "/usageDate"),
        ..Columns::default()
    },
    inward: records::same,
    outward: records::same,
};

/// Record-only usage specifications.
pub static SPECIFICATION: Records = Records {
    kind: Resource::UsageSpecification,
    word: "usage specification",
    type_name: "UsageSpecification",
    path: "/tmf-api/usageManagement/v4/usageSpecification",
    file: &official::TMF635,
    create: "UsageSpecification_Create",
    update: "UsageSpecification_Update",
    characteristics: "specCharacteristic",
    mark: || json!({ "name": MARK, "valueType": "boolean", "configurable": false }),
    door: "nobody: it is one of the six kinds of service detail records",
    complete: |_, _| {},
    columns: |body| Columns {
        name: text(body, "/name"),
        state: text(body, "/lifecycleStatus"),
        ..Columns::default()
    },
    inward: records::same,
    outward: records::same,
};

/// What lists of usage filter and sort by.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "v.id", Kind::Text),
    ("usageType", "v.of_type", Kind::Text),
    ("status", "v.shown", Kind::Text),
    ("usageSpecification.id", "v.specification", Kind::Text),
    ("relatedParty.id", "v.customer_id", Kind::Text),
    ("usageDate", "v.dated_at", Kind::Time),
    ("@type", "v.type_name", Kind::Text),
];

/// The routes below the base path.
pub fn router() -> Router<Doors> {
    Router::new()
        .route("/usage", USAGE.on_list().get(list))
        .route("/usage/{id}", USAGE.on_one().get(show))
        .route("/usageSpecification", SPECIFICATION.on_list().get(specifications))
        .route("/usageSpecification/{id}", SPECIFICATION.on_one().get(specification))
}

fn of_journal(ask: &Ask, row: Option<SdrRow>) -> Option<Value> {
    let row = row?;
    let customer_id = row.customer_id.clone();
    render::usage(&ask.base, &row.into(), &customer_id)
}

async fn find(ask: &Ask, tx: &mut Tx<Tenant>, id: &str) -> Result<Option<Value>, Problem> {
    if let Ok(uuid) = id.parse()
        && let Some(shown) = of_journal(ask, tx.sdr(uuid).await?)
    {
        return Ok(Some(shown));
    }
    Ok(tx.record(USAGE.kind, id).await?.map(|r| USAGE.shown(&ask.base, &r)))
}

/// GET: a page of usage, newest record first.
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
        return ask.list_of(shown, &official::TMF635.known("Usage"));
    }
    let page = ask.page(ATTRIBUTES, &[("v.created_at", true), ("v.uid", true)])?;
    let usages = tx.list_usages(&page).await?;
    for row in &usages.rows {
        shown.extend(match row.entry.as_str() {
            "sdr" => of_journal(&ask, tx.sdr(row.uid).await?),
            _ => tx.record_by_uid(row.uid).await?.map(|r| USAGE.shown(&ask.base, &r)),
        });
    }
    Ok(ask.list(&page, &usages, shown))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let mut tx = ask.read().await?;
    let shown = find(&ask, &mut tx, &id).await?;
    Ok(ask.one(found("usage", &id, shown)?))
}

/// GET: the six kinds of records, and the record-only specifications after them. Their number is small, so every member
/// can be filtered and sorted by.
///
/// # Errors
/// 400 naming a parameter that cannot be asked.
pub async fn specifications(ask: Ask) -> Result<Response, Problem> {
    let mut all: Vec<Value> =
        RecordType::ALL.iter().map(|kind| render::specification(&ask.base, *kind)).collect();
    let mut tx = ask.read().await?;
    let records = tx.records(SPECIFICATION.kind).await?;
    all.extend(records.iter().map(|r| SPECIFICATION.shown(&ask.base, r)));
    ask.list_of(all, &official::TMF635.known("UsageSpecification"))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn specification(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let mut tx = ask.read().await?;
    let shown = match id.parse() {
        Ok(kind) => Some(render::specification(&ask.base, kind)),
        Err(_) => tx.record(SPECIFICATION.kind, &id).await?.map(|r| SPECIFICATION.shown(&ask.base, &r)),
    };
    Ok(ask.one(found("usage specification", &id, shown)?))
}
