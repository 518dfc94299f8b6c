//! POST, PATCH and DELETE of alarms.
//!
//! What other systems tell may be changed and taken away as they like. Of what Telvisor tells itself a client says that
//! somebody has seen it, what he thinks of it, and that it is over; the rest stays as it was told.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use telvisor_model::{AckState, AlarmState, AlarmType, EventKind, Severity};

use super::{body, render};
use crate::alarms;
use crate::api::idempotency::{again, made_before};
use crate::api::official::TMF642;
use crate::api::problem::Problem;
use crate::api::request::JsonBody;
use crate::api::tmf630::{Ask, PatchBody, etag, found, uuid};
use crate::clock::new_id;
use crate::store::Json;
use crate::store::alarms::AlarmRow;

/// What a client may change of an alarm that Telvisor itself tells.
const OF_OURS: [&str; 14] = [
    "ackState",
    "ackSystemId",
    "ackUserId",
    "alarmClearedTime",
    "alarmEscalation",
    "clearSystemId",
    "clearUserId",
    "comment",
    "correlatedAlarm",
    "externalAlarmId",
    "isRootCause",
    "parentAlarm",
    "perceivedSeverity",
    "state",
];

/// POST: writes down an alarm that another system tells.
///
/// # Errors
/// 400 naming the member that is wrong, 409 for a key that was used with other content.
pub async fn create(ask: Ask, JsonBody(given): JsonBody) -> Result<Response, Problem> {
    let members = TMF642.checked("Alarm_Create", &given)?;
    let id = new_id();
    let mut tx = ask.engine().db.tenant(&ask.caller.tenant).await?;
    if let Some(before) = made_before(&ask, &mut tx, "alarm", &given, id).await? {
        let row = tx.alarm(before).await?;
        return again(&ask, row.map(|row| render::alarm(&ask.base, &row)));
    }
    let now = tx.now();
    let mut row = AlarmRow {
        id,
        version: 1,
        kind: None,
        open_for: None,
        alarm_type: AlarmType::ProcessingError,
        severity: Severity::Indeterminate,
        cause: String::new(),
        state: AlarmState::Raised,
        ack_state: AckState::Unacknowledged,
        object_id: None,
        object_type: None,
        source: String::new(),
        problem: None,
        external_id: None,
        details: None,
        repeats: 1,
        raised_at: now,
        reported_at: now,
        changed_at: body::moment(&members, "alarmChangedTime").unwrap_or(now),
        last_at: now,
        seen_at: now,
        cleared_at: None,
        body: Json(json!({})),
    };
    body::fill(&mut row, &members, now)?;
    tx.insert_alarm(&row).await?;
    alarms::tell(&mut tx, &row, EventKind::Create).await?;
    tx.audit(&ask.caller, "alarm.create", &id.to_string(), None).await?;
    ask.engine().queue.publish(tx.commit().await?);
    Ok(ask.created(render::alarm(&ask.base, &row)))
}

/// PATCH: changes an alarm.
///
/// # Errors
/// 400 naming the member that is wrong or cannot be changed, 404, 409 for what Telvisor itself tells and for the
/// severity of what is cleared, 412.
pub async fn patch(ask: Ask, Path(id): Path<String>, given: PatchBody) -> Result<Response, Problem> {
    ask.unlost(|| once(&ask, &id, &given)).await
}

async fn once(ask: &Ask, id: &str, given: &PatchBody) -> Result<Response, Problem> {
    let mut tx = ask.engine().db.tenant(&ask.caller.tenant).await?;
    let row = found("alarm", id, tx.alarm(uuid("alarm", id)?).await?)?;
    let stored = render::alarm(&ask.base, &row);
    ask.must_match(&stored)?;
    let patched = given.patched(&stored)?;
    let changed = |name: &str| patched.changed.iter().any(|c| c == name);
    let may = TMF642.members("Alarm_Update");
    if let Some(name) = patched.changed.iter().find(|c| !may.contains(&c.as_str())) {
        return Err(Problem::invalid(name, "cannot be changed"));
    }
    if patched.changed.is_empty() {
        return Ok(ask.one(stored));
    }
    if row.state == AlarmState::Cleared && (changed("state") || changed("perceivedSeverity")) {
        return Err(Problem::conflict("forbiddenState", "the alarm is cleared, and stays so"));
    }
    let mut next = row.clone();
    let now = tx.now();
    let members = TMF642.checked("Alarm", &patched.value)?;
    if row.kind.is_some() {
        ours(&patched.changed, &patched.value)?;
    }
    body::fill(&mut next, &members, now)?;
    if row.kind.is_some() {
        // These are rendered from what was told, and not told by the client.
        next.body.0.as_object_mut().map(|members| members.remove("alarmedObject"));
        (next.object_id, next.object_type) = (row.object_id.clone(), row.object_type.clone());
        next.details.clone_from(&row.details);
    }
    next.changed_at = if changed("alarmChangedTime") {
        body::moment(&members, "alarmChangedTime").unwrap_or(now)
    } else {
        now
    };
    if changed("ackState") && !changed("ackUserId") {
        next.body.0["ackUserId"] = json!(ask.caller.principal.name());
    }
    let cleared = next.state == AlarmState::Cleared && row.state != AlarmState::Cleared;
    if cleared && !changed("clearUserId") {
        next.body.0["clearUserId"] = json!(ask.caller.principal.name());
    }
    if !tx.update_alarm(&next).await? {
        return Err(etag::changed());
    }
    next.version += 1;
    let kind = if next.state == row.state { EventKind::AttributeValueChange } else { EventKind::StateChange };
    alarms::tell(&mut tx, &next, kind).await?;
    let detail = json!({ "changed": patched.changed });
    tx.audit(&ask.caller, "alarm.change", &row.id.to_string(), Some(&detail)).await?;
    ask.engine().queue.publish(tx.commit().await?);
    Ok(ask.one(render::alarm(&ask.base, &next)))
}

/// Whether a client may change these members of what Telvisor itself tells.
fn ours(changed: &[String], value: &Value) -> Result<(), Problem> {
    if let Some(name) = changed.iter().find(|c| !OF_OURS.contains(&c.as_str())) {
        let message = format!("{name}: is told by Telvisor itself; {} can be changed", OF_OURS.join(", "));
        return Err(Problem::conflict("readOnly", message));
    }
    for (name, only) in
        [("state", AlarmState::Cleared.as_str()), ("perceivedSeverity", Severity::Cleared.as_str())]
    {
        if changed.iter().any(|c| c == name) && value[name] != only {
            let message = format!("{name}: is told by Telvisor itself; it can be set to {only}");
            return Err(Problem::conflict("readOnly", message));
        }
    }
    Ok(())
}

/// DELETE: takes an alarm away.
///
/// # Errors
/// 404, 409 for what Telvisor tells and is not cleared, 412.
pub async fn delete(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    ask.unlost(|| delete_once(&ask, &id)).await
}

async fn delete_once(ask: &Ask, id: &str) -> Result<Response, Problem> {
    let mut tx = ask.engine().db.tenant(&ask.caller.tenant).await?;
    let row = found("alarm", id, tx.alarm(uuid("alarm", id)?).await?)?;
    ask.must_match(&render::alarm(&ask.base, &row))?;
    if row.kind.is_some() && row.state != AlarmState::Cleared {
        let message = "Telvisor tells this alarm, and it is not over: clear it before";
        return Err(Problem::conflict("forbiddenState", message));
    }
    if !tx.delete_alarm(row.id, row.version).await? {
        return Err(etag::changed());
    }
    alarms::tell(&mut tx, &row, EventKind::Delete).await?;
    tx.audit(&ask.caller, "alarm.delete", &row.id.to_string(), None).await?;
    ask.engine().queue.publish(tx.commit().await?);
    Ok(StatusCode::NO_CONTENT.into_response())
}
