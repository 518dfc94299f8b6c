//! Our own OpenAPI documents: what each door offers, generated from one table per API.
//!
//! The tables name the operations, the types the bodies, and `build` makes a document of them. Documents are checked in
//! under `tmf-specs/`, served below `/docs`, and printed by `telvisor openapi`.

pub mod alarm;
mod build;
pub mod catalogue;
pub mod clients;
pub mod common;
pub mod customer;
pub mod hub;
pub mod inventory;
pub mod order;
pub mod own;
pub mod product_order;
pub mod recipients;
pub mod usage;
pub mod v5;

use std::sync::LazyLock;

use axum::Json;
use axum::Router;
use axum::http::Uri;
use axum::routing::get;
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerUi, Url};

use super::Doors;
use super::problem::{self, Problem};
use build::Api;

/// Where the page to read and try the documents is.
pub const PAGE: &str = "/docs";
const FILES: &str = "/docs/openapi";

/// Media types of a PATCH (TMF630, part 1, 3.2, and part 5).
const PATCHES: &[&str] = &[
    "application/json",
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/json-patch-query+json",
];

fn apis() -> Vec<Api> {
    let mut all = vec![
        order::v4(),
        order::v5(),
        product_order::v4(),
        product_order::v5(),
        catalogue::products(),
        catalogue::services(),
        customer::api(),
        usage::api(),
        inventory::products(),
        inventory::services(),
    ];
    all.extend(inventory::resources());
    all.push(alarm::api());
    all.push(own::api());
    all
}

/// One document.
pub struct Document {
    /// File name without its ending, `TMF641-v4` for instance.
    pub name: &'static str,
    /// Where the server has it.
    pub path: String,
    pub body: Value,
}

/// Every document; made once.
pub static DOCUMENTS: LazyLock<Vec<Document>> = LazyLock::new(|| {
    let document = |api: Api| Document {
        name: api.name,
        path: format!("{FILES}/{}.json", api.name),
        body: api.document(),
    };
    apis().into_iter().map(document).collect()
});

/// A document as it is checked in and printed.
#[must_use]
pub fn text(document: &Document) -> String {
    let body = &document.body;
    format!("{body:#}\n")
}

/// The page and the documents. The page needs nothing from elsewhere.
pub fn routes() -> Router<Doors> {
    let urls: Vec<Url<'static>> = DOCUMENTS.iter().map(|d| Url::new(d.name, &d.path)).collect();
    let config = Config::new(urls).try_it_out_enabled(true).validator_url("none");
    Router::new()
        .route(&format!("{FILES}/{{file}}"), get(document))
        .merge(SwaggerUi::new(PAGE).config(config))
}

async fn document(uri: Uri) -> Result<Json<&'static Value>, Problem> {
    match DOCUMENTS.iter().find(|d| d.path == uri.path()) {
        Some(document) => Ok(Json(&document.body)),
        None => Err(problem::no_such_path(uri).await),
    }
}
