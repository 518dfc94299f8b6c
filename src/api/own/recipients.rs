//! Recipients of SDR files, and corrections of records.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::Caller;
use crate::api::Doors;
use crate::api::problem::Problem;
use crate::api::request::{JsonBody, Object, typed};
use crate::api::tmf630::href::Base;
use crate::api::tmf630::uuid;
use crate::api::{OWN, TMF635};
use crate::clock::show as time;
use crate::config::Recipient;
use crate::mediation::correct::{Changes, CorrectError, correct as journal};
use crate::mediation::recipients::{self, RecipientError};
use crate::store::sdr_files::RecipientRow;

impl From<RecipientError> for Problem {
    fn from(e: RecipientError) -> Self {
        match e {
            RecipientError::Store(e) => Self::from(e),
            RecipientError::Wrong { .. } => Self::invalid("", e.to_string()),
            RecipientError::Missing(name) => Self::not_found("recipient", &name),
            RecipientError::Configured(_) => {
                Self::new(StatusCode::CONFLICT, "conflict", "it is not set over the API", e.to_string())
            }
            RecipientError::OtherTenant => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", "not for this caller", e.to_string())
            }
        }
    }
}

fn render(row: &RecipientRow) -> Value {
    json!({
        "name": row.name, "version": row.version, "origin": row.origin, "since": time(row.since),
        "changedAt": time(row.created_at), "retiredAt": row.retired_at.map(time), "configuration": row.config.0,
    })
}

/// GET: the recipients that get files, by name.
///
/// # Errors
/// 403 for a caller of another tenant than `default`.
pub async fn list(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Value>>, Problem> {
    let found = recipients::list(&doors.engine, &caller).await?;
    Ok(Json(found.iter().map(render).collect()))
}

/// GET: one recipient with its earlier versions.
///
/// # Errors
/// 404, 403.
pub async fn show(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = recipients::versions(&doors.engine, &caller, &name).await?;
    let (now, before) = found.split_first().ok_or_else(|| Problem::not_found("recipient", &name))?;
    let mut shown = render(now);
    shown["before"] = before.iter().map(render).collect();
    Ok(Json(shown))
}

/// PUT: sets a recipient; the body is what its table in the configuration file would hold. The name may be left out.
///
/// # Errors
/// 400 naming the member, 403, 409 for one of the configuration file.
pub async fn set(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Extension(Base(base)): Extension<Base>,
    Path(name): Path<String>,
    JsonBody(mut given): JsonBody,
) -> Result<Response, Problem> {
    if let Some(members) = given.as_object_mut() {
        let told = members.entry("name").or_insert_with(|| json!(name));
        if *told != json!(name) {
            return Err(Problem::invalid("name", format!("is not {name:?}, which the path says")));
        }
    }
    let recipient: Object<Recipient> = typed(&given)?;
    let (new, row) = recipients::set(&doors.engine, &caller, &recipient).await?;
    let mut response = Json(render(&row)).into_response();
    if new {
        *response.status_mut() = StatusCode::CREATED;
        if let Ok(value) = HeaderValue::from_str(&format!("{base}{OWN}/sdr/recipients/{name}")) {
            response.headers_mut().insert(header::LOCATION, value);
        }
    }
    Ok(response)
}

/// DELETE: removes a recipient; what is sealed for it is still delivered.
///
/// # Errors
/// 404, 403, 409 for one of the configuration file.
pub async fn remove(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    recipients::remove(&doors.engine, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Correction {
    #[serde(default)]
    changes: Changes,
    recipient: Option<String>,
    reason: Option<String>,
}

impl From<CorrectError> for Problem {
    fn from(e: CorrectError) -> Self {
        match e {
            CorrectError::Store(e) => Self::from(e),
            CorrectError::Missing(id) => Self::not_found("record", &id.to_string()),
            CorrectError::Recipient(_) => Self::invalid("recipient", e.to_string()),
            CorrectError::Field(e) => Self::invalid(&format!("changes.{}", e.field), e.to_string()),
            CorrectError::Record(e) => Self::from(crate::store::StoreError::Missing {
                what: "readable body of record",
                id: e.to_string(),
            }),
        }
    }
}

/// POST: journals another record that names this one and stands in its place.
///
/// # Errors
/// 400 naming the member, 404.
pub async fn correct(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Extension(Base(base)): Extension<Base>,
    Path(id): Path<String>,
    JsonBody(given): JsonBody,
) -> Result<Response, Problem> {
    let old = uuid("record", &id)?;
    let body: Object<Correction> = typed(&given)?;
    let mut tx = doors.engine.db.tenant(&caller.tenant).await?;
    let new = journal(&doors.engine, &mut tx, old, body.recipient.as_deref(), &body.changes).await?;
    let detail = json!({
        "record": new, "recipient": body.recipient, "changes": body.changes, "reason": body.reason,
    });
    tx.audit(&caller, "sdr.correct", &id, Some(&detail)).await?;
    doors.engine.queue.publish(tx.commit().await?);
    let shown = json!({ "recordId": new, "correctsRecordId": old, "recipient": body.recipient });
    let mut response = (StatusCode::CREATED, Json(shown)).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("{base}{TMF635}/usage/{new}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}
