//! An order with its jobs, steps and history.

use axum::Json;
use axum::extract::{Extension, Path, State};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::Caller;
use crate::api::Doors;
use crate::api::problem::Problem;
use crate::clock::show as time;
use crate::store::jobs::JobRow;
use crate::store::{StoreError, Tenant, Tx};

/// A job with its steps.
pub(super) async fn job(tx: &mut Tx<Tenant>, j: &JobRow) -> Result<Value, StoreError> {
    let steps: Vec<Value> = tx
        .steps(j.id)
        .await?
        .into_iter()
        .map(|s| json!({ "title": s.title, "state": s.state, "lastChance": s.last_chance }))
        .collect();
    // The try after which a job was given up is not in the row's count.
    let tries = j.tries + i64::from(j.state == "fallout");
    Ok(json!({
        "id": j.id, "title": j.title, "order": j.order_id, "item": j.item_id, "state": j.state, "phase": j.phase,
        "tries": tries, "error": j.error, "machine": j.machine, "steps": steps,
    }))
}

/// GET by id.
///
/// # Errors
/// 404.
pub async fn show(
    State(doors): State<Doors>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let missing = || Problem::not_found("order", &id);
    let uuid: Uuid = id.parse().map_err(|_| missing())?;
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let o = tx.order(uuid).await?.ok_or_else(missing)?;
    // The jobs of a product order are those of its service order.
    let service_order = tx.service_order_of(uuid).await?.map(|o| o.id);
    let mut items = vec![];
    for i in tx.items(uuid).await? {
        let mut jobs = vec![];
        for j in tx.jobs_of(service_order.unwrap_or(uuid), Some(&i.item_id)).await? {
            jobs.push(job(&mut tx, &j).await?);
        }
        let intent = i.intent.0.as_ref();
        items.push(json!({
            "id": i.item_id, "action": i.action, "state": i.state, "subscription": i.subscription,
            "backup": intent.and_then(|x| x.backup), "application": intent.and_then(|x| x.application.clone()),
            "plan": intent.and_then(|x| x.plan.clone()), "version": intent.and_then(|x| x.version.clone()),
            "error": i.error, "jobs": jobs,
        }));
    }
    let history: Vec<Value> = tx
        .history(uuid)
        .await?
        .into_iter()
        .map(|h| {
            json!({
                "number": h.number, "at": time(h.at), "item": h.item_id, "state": h.state, "reason": h.reason,
                "causedBy": h.caused_by,
            })
        })
        .collect();
    let errors: Vec<Value> = o
        .errors
        .0
        .iter()
        .map(|e| json!({ "code": e.code, "reason": e.reason, "message": e.message, "at": time(e.at), "items": e.items }))
        .collect();
    Ok(Json(json!({
        "id": o.id, "kind": o.kind, "productOrder": o.parent, "serviceOrder": service_order,
        "state": o.state, "channel": o.channel, "externalId": o.external_id, "customerId": o.customer_id,
        "orderDate": time(o.order_date), "startDate": o.started_at.map(time), "completionDate": o.ended_at.map(time),
        "expectedCompletionDate": o.expected_completion.map(time), "approval": o.approval, "hold": o.hold,
        "waitsFor": o.waits_for, "errors": errors, "items": items, "history": history,
    })))
}
