//! Our own API: what the TMF doors have no word for.

pub mod audit;
pub mod backups;
pub mod clients;
pub mod jobs;
pub mod life;
pub mod listeners;
pub mod orders;
pub mod performance;
pub mod recipients;
pub mod sdr;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use uuid::Uuid;

use super::TMF641;

/// 202 with the service order that was placed.
fn ordered(base: &str, order: Uuid) -> Response {
    let href = format!("{base}{TMF641}/serviceOrder/{order}");
    let mut response = (StatusCode::ACCEPTED, Json(json!({ "id": order, "href": href }))).into_response();
    if let Ok(value) = HeaderValue::from_str(&href) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}
