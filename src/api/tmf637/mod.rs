//! TMF637 Product Inventory v4.0.0: customer accounts and subscriptions as what was sold, under the ids that they have
//! as services, and record-only products.

pub mod render;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};
use telvisor_model::Resource;
use uuid::Uuid;

use super::Doors;
use super::inventory::records::{self, Records, customer, moment, text};
use super::official;
use super::problem::Problem;
use super::tmf630::{Ask, Attribute, Kind, found};
use crate::store::inventory::EntryRow;
use crate::store::records::Columns;
use crate::store::{Tenant, Tx};

/// Record-only products.
pub static RECORDS: Records = Records {
    kind: Resource::Product,
    word: "product",
    type_name: "Product",
    path: "/tmf-api/productInventory/v4/product",
    file: &official::TMF637,
    create: "Product_Create",
    update: "Product_Update",
    characteristics: "productCharacteristic",
    mark: records::mark,
    door: "a product order (TMF622) or a service order (TMF641)",
    complete: |body, _| {
        if body["relatedParty"].is_null() {
            body["relatedParty"] = json!([]);
        }
    },
    columns: |body| Columns {
        name: text(body, "/name"),
        category: None,
        state: text(body, "/status"),
        specification: text(body, "/productSpecification/id"),
        of_type: text(body, "/productOffering/id"),
        customer_id: customer(body),
        dated_at: moment(body, "/orderDate"),
        started_at: moment(body, "/startDate"),
        ended_at: moment(body, "/terminationDate"),
    },
    inward: records::same,
    outward: records::same,
};

/// What lists filter and sort by.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "v.id", Kind::Text),
    ("status", "v.shown", Kind::Text),
    ("relatedParty.id", "v.customer_id", Kind::Text),
    ("productOffering.id", "v.of_type", Kind::Text),
    ("productSpecification.id", "v.specification", Kind::Text),
    ("orderDate", "v.dated_at", Kind::Time),
    ("startDate", "v.started_at", Kind::Time),
    ("terminationDate", "v.ended_at", Kind::Time),
    ("@type", "v.type_name", Kind::Text),
];

/// The routes below the base path.
pub fn router() -> Router<Doors> {
    Router::new()
        .route("/product", RECORDS.on_list().get(list))
        .route("/product/{id}", RECORDS.on_one().get(show))
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
    let app = ask.engine().catalogue.find(&s.application);
    Ok(Some(render::subscription(&ask.base, app.as_ref(), &s, &owner, &orders)))
}

/// One product by what is known of it from a list.
async fn load(ask: &Ask, tx: &mut Tx<Tenant>, row: &EntryRow) -> Result<Option<Value>, Problem> {
    match row.entry.as_str() {
        "customer" => customer_account(ask, tx, row.uid).await,
        "subscription" => subscription(ask, tx, row.uid).await,
        _ => Ok(tx.record_by_uid(row.uid).await?.map(|r| RECORDS.shown(&ask.base, &r))),
    }
}

/// One product by its id.
async fn find(ask: &Ask, tx: &mut Tx<Tenant>, id: &str) -> Result<Option<Value>, Problem> {
    if let Ok(uuid) = id.parse()
        && let Some(shown) = subscription(ask, tx, uuid).await?
    {
        return Ok(Some(shown));
    }
    if let Some(c) = tx.customer_by_id(id).await? {
        return customer_account(ask, tx, c.uid).await;
    }
    Ok(tx.record(RECORDS.kind, id).await?.map(|r| RECORDS.shown(&ask.base, &r)))
}

/// GET: a page of products, newest first.
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
        return ask.list_of(shown, &official::TMF637.known("Product"));
    }
    let page = ask.page(ATTRIBUTES, &[("v.created_at", true), ("v.uid", true)])?;
    let products = tx.list_products(&page).await?;
    for row in &products.rows {
        shown.extend(load(&ask, &mut tx, row).await?);
    }
    Ok(ask.list(&page, &products, shown))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    let mut tx = ask.read().await?;
    let shown = find(&ask, &mut tx, &id).await?;
    Ok(ask.one(found("product", &id, shown)?))
}
