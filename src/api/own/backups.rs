//! Backups of a subscription: list, take, restore, and links to download them.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
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
use crate::store::Json as Stored;
use crate::store::backups::BackupRow;
use crate::store::links::LinkRow;
use crate::store::subscriptions::SubscriptionRow;

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
    let config = &doors.engine.config.backup;
    let seconds = body.expires_in_seconds.unwrap_or(config.link_seconds);
    if seconds < 1 || seconds > config.link_seconds_most {
        let message = format!("must be 1 to {} seconds", config.link_seconds_most);
        return Err(Problem::invalid("expiresInSeconds", message));
    }
    let mut tx = doors.engine.db.tenant(&caller.tenant).await?;
    let owner = tx.customer(b.customer).await?.ok_or_else(|| Problem::not_found("backup", &id))?;
    if body.customer.as_ref().is_some_and(|c| *c != owner.customer_id) {
        return Err(Problem::not_found("backup", &id));
    }
    if b.state != "available" {
        return Err(Problem::conflict("forbiddenState", format!("the backup is {}", b.state)));
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
    tx.audit(&caller, "backup.link", &b.id.to_string(), Some(&detail)).await?;
    tx.commit().await?;
    let url = format!("{}{}", base, download::path(&doors.engine, &caller.tenant, &row));
    Ok((StatusCode::CREATED, Json(json!({ "url": url, "expiresAt": time(row.expires_at) }))).into_response())
}
