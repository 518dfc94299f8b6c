//! Backups of a subscription: list, take, restore, and links to download them.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::ordered;
use crate::access::Caller;
use crate::api::problem::Problem;
use crate::api::request::{JsonBody, Object, typed};
use crate::api::tmf630::href::Base;
use crate::api::{Doors, download, idempotency};
use crate::clock::{new_id, show as time};
use crate::orders::accept::{Accepted, accept};
use crate::orders::{Ask, Draft, DraftItem, Given, Member, service_item};
use crate::store::backups::BackupRow;
use crate::store::links::LinkRow;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{Json as Stored, StoreError};

async fn subscription(doors: &Doors, caller: &Caller, id: &str) -> Result<SubscriptionRow, Problem> {
    let missing = || Problem::not_found("subscription", id);
    let uuid: Uuid = id.parse().map_err(|_| missing())?;
    doors.engine.db.read(&caller.tenant).await?.subscription(uuid).await?.ok_or_else(missing)
}

async fn backup(doors: &Doors, caller: &Caller, id: &str) -> Result<BackupRow, Problem> {
    let missing = || Problem::not_found("backup", id);
    let uuid: Uuid = id.parse().map_err(|_| missing())?;
    doors.engine.db.read(&caller.tenant).await?.backup(uuid).await?.ok_or_else(missing)
}

fn render(b: &BackupRow) -> Value {
    json!({
        "id": b.id, "state": b.state, "size": b.size, "sha256": b.sha256, "createdAt": time(b.created_at),
        "purpose": b.purpose, "version": b.version, "plan": b.plan, "expiresAt": b.expires_at.map(time),
    })
}

/// GET: the backups of a subscription, newest first.
///
/// # Errors
/// 404.
pub async fn list(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Value>>, Problem> {
    let s = subscription(&doors, &caller, &id).await?;
    let backups = doors.engine.db.read(&caller.tenant).await?.backups_of(s.id).await?;
    Ok(Json(backups.iter().map(render).collect()))
}

/// Places an order with one operation on a subscription.
async fn order(
    doors: &Doors,
    caller: &Caller,
    Base(base): &Base,
    headers: &HeaderMap,
    s: &SubscriptionRow,
    operation: &[(&str, String)],
) -> Result<Response, Problem> {
    let given = |(name, value): &(&str, String)| Given { name: (*name).to_owned(), value: json!(value) };
    let ask = Ask::Modify {
        service: s.id.to_string(),
        state: None,
        characteristics: operation.iter().map(given).collect(),
        application: None,
        direction: None,
    };
    let item = DraftItem { id: "1".into(), ask, relies_on: vec![], quantity: None };
    let draft = Draft {
        key: idempotency::key(headers)?,
        category: Some("backup".into()),
        request: json!({ "category": "backup", "serviceOrderItem": [service_item(&item, &[])] }),
        items: vec![item],
        ..Draft::default()
    };
    let accepted = accept(&doors.engine, caller, &draft).await.map_err(|e| {
        Problem::of_order(e, |_, member| match member {
            Member::Characteristic(name) => name.clone(),
            _ => String::new(),
        })
    })?;
    let mut response = ordered(base, accepted.id());
    if let Accepted::Replayed(_) = accepted {
        idempotency::replayed(&mut response);
    }
    Ok(response)
}

/// POST: takes a backup.
///
/// # Errors
/// 404, 409 when the state or a used key forbids it, 400 for a key that is none.
pub async fn take(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Extension(base): Extension<Base>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let s = subscription(&doors, &caller, &id).await?;
    order(&doors, &caller, &base, &headers, &s, &[("operation", "backup".into())]).await
}

/// POST: puts the data of a backup back.
///
/// # Errors
/// 404, 409 when a state or a used key forbids it or the backup is of a newer version, 400 for a key that is none.
pub async fn restore(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Extension(base): Extension<Base>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let b = backup(&doors, &caller, &id).await?;
    let s = subscription(&doors, &caller, &b.subscription.to_string()).await?;
    let operation = [("operation", "restore".to_owned()), ("backupId", b.id.to_string())];
    order(&doors, &caller, &base, &headers, &s, &operation).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkBody {
    customer: Option<String>,
    expires_in_seconds: Option<i64>,
}

/// POST: a link under which one customer can download the backup.
///
/// # Errors
/// 404 for an unknown backup or another customer's, 409 when it is not available.
pub async fn link(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Extension(Base(base)): Extension<Base>,
    Path(id): Path<String>,
    body: Option<JsonBody>,
) -> Result<Response, Problem> {
    let body: Object<LinkBody> = body.map(|JsonBody(v)| typed(&v)).transpose()?.unwrap_or_default();
    let b = backup(&doors, &caller, &id).await?;
    let made = make_link(&doors, &caller, &base, &b, body.customer.as_deref(), body.expires_in_seconds).await;
    let (url, expires_at) = made.map_err(|e| match e {
        LinkError::Seconds(_) => Problem::invalid("expiresInSeconds", e.to_string()),
        LinkError::AnotherCustomer => Problem::not_found("backup", &id),
        LinkError::State(_) => Problem::conflict("forbiddenState", e.to_string()),
        LinkError::Store(e) => Problem::from(e),
    })?;
    Ok((StatusCode::CREATED, Json(json!({ "url": url, "expiresAt": time(expires_at) }))).into_response())
}

/// Why there is no link to a backup.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("must be 1 to {0} seconds")]
    Seconds(i64),
    #[error("the backup is another customer's")]
    AnotherCustomer,
    #[error("the backup is {0}")]
    State(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a link under which the customer of a backup can download it: its URL, and until when it serves. `customer`: who
/// it must be; `seconds`: for how long, else as configured.
///
/// # Errors
/// See [`LinkError`].
pub async fn make_link(
    doors: &Doors,
    caller: &Caller,
    base: &str,
    b: &BackupRow,
    customer: Option<&str>,
    seconds: Option<i64>,
) -> Result<(String, DateTime<Utc>), LinkError> {
    let config = &doors.engine.config.backup;
    let seconds = seconds.unwrap_or(config.link_seconds);
    if seconds < 1 || seconds > config.link_seconds_most {
        return Err(LinkError::Seconds(config.link_seconds_most));
    }
    let mut tx = doors.engine.db.tenant(&caller.tenant).await?;
    let owner = tx.owner(b.customer).await?;
    if customer.is_some_and(|c| c != owner.customer_id) {
        return Err(LinkError::AnotherCustomer);
    }
    if b.state != "available" {
        return Err(LinkError::State(b.state.clone()));
    }
    let row = LinkRow {
        id: new_id(),
        backup: b.id,
        customer: b.customer,
        expires_at: tx.now() + TimeDelta::seconds(seconds),
        sent: Stored(vec![]),
        first_sent_at: None,
        completed_at: None,
        created_at: tx.now(),
    };
    tx.save_link(&row).await?;
    let detail = json!({ "link": row.id, "customer": owner.customer_id, "expiresAt": time(row.expires_at) });
    tx.audit(caller, "backup.link", &b.id.to_string(), Some(&detail)).await?;
    tx.commit().await?;
    Ok((format!("{base}{}", download::path(&doors.engine, &caller.tenant, &row)), row.expires_at))
}
