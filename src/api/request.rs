//! Reading requests: JSON with the path of what is wrong, and the client's wishes about the answer.

use axum::body::{Bytes, HttpBody as _, to_bytes};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Doors;
use super::problem::Problem;

/// A JSON body, parsed and not yet judged.
pub struct JsonBody(pub Value);

impl FromRequest<Doors> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, doors: &Doors) -> Result<Self, Problem> {
        media_type(request.headers())?;
        let limit = doors.engine.config.api.body_limit_kib * 1024;
        let octets = read(request, limit).await?;
        let body: Value = serde_json::from_slice(&octets).map_err(|e| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "malformed",
                "the body is not JSON",
                format!("line {}, column {}: {e}", e.line(), e.column()),
            )
        })?;
        if has_nul(&body) {
            return Err(Problem::invalid("", "the character U+0000 cannot be kept; leave it out"));
        }
        Ok(Self(body))
    }
}

/// A body may be left out where nothing in it is mandatory.
impl OptionalFromRequest<Doors> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, doors: &Doors) -> Result<Option<Self>, Problem> {
        if request.body().is_end_stream() {
            return Ok(None);
        }
        <Self as FromRequest<Doors>>::from_request(request, doors)
            .await
            .map(Some)
    }
}

async fn read(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let message = format!("the body is larger than {limit} octets (api.body_limit_kib)");
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "tooLarge",
            "the body is too large",
            message,
        )
    };
    let told = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if told.is_some_and(|n| n > limit) {
        return Err(too_large());
    }
    to_bytes(request.into_body(), limit)
        .await
        .map_err(|_| too_large())
}

/// Whether a text anywhere in the value holds U+0000, which PostgreSQL cannot keep.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(s) => s.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(k, v)| k.contains('\0') || has_nul(v)),
        _ => false,
    }
}

fn media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    let kind = given.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if matches!(kind.as_str(), "application/json" | "application/merge-patch+json") {
        return Ok(());
    }
    let message = format!("Content-Type {given:?} is not understood; send application/json");
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "mediaType",
        "unsupported media type",
        message,
    ))
}

/// Reads a value into a type; a problem names the path of the member that does not fit.
///
/// # Errors
/// 400 with the path.
pub fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        Problem::invalid(if path == "." { "" } else { &path }, e.inner().to_string())
    })
}

/// Refuses a client that does not take JSON.
///
/// # Errors
/// 406.
pub fn takes_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) else {
        return Ok(());
    };
    let fits = accept.split(',').any(|range| {
        let range = range.split(';').next().unwrap_or("").trim();
        matches!(range, "" | "*/*" | "application/*" | "application/json")
    });
    if fits {
        return Ok(());
    }
    let message = format!("Accept {accept:?}: answers are application/json");
    Err(Problem::new(
        StatusCode::NOT_ACCEPTABLE,
        "notAcceptable",
        "not acceptable",
        message,
    ))
}
