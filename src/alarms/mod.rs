//! Alarms: what an operator must know, as records that are raised, repeated, acknowledged and cleared.
//!
//! [`telvisor_model::Alarm`] is the table of all that there are. What happens in a transaction is told in it, by
//! [`raise`] and [`clear`]. What merely *is* so (a broker that is away, a full disk) is looked at by [`watch`], which
//! tells it by [`hold`] again and again: what nobody has seen for a while is cleared.
//!
//! An alarm about something of a tenant (an order, a job, a listener, a stream of files) belongs to that tenant; one
//! about the installation (database, broker, hypervisor, storage, clocks) to the tenant that `alarms.tenant` names.

pub mod page;
pub mod watch;

use chrono::{DateTime, Utc};
use serde_json::json;
use telvisor_model::{AckState, Alarm, AlarmState, EventKind, Resource, Severity};

use crate::clock::new_id;
use crate::store::alarms::AlarmRow;
use crate::store::{Json, StoreError, Tenant, Tx};

/// `sourceSystemId` of our own alarms.
pub const SOURCE: &str = "telvisor";

/// Seconds after which it is noted again that an alarm still holds; oftener would only cost.
const NOTED_EVERY: i64 = 5;

/// Tells that something happened. An alarm of this kind that is open for the object is repeated, else one is raised.
///
/// # Errors
/// When the database refuses.
pub async fn raise(tx: &mut Tx<Tenant>, kind: Alarm, object: &str, text: &str) -> Result<(), StoreError> {
    raise_as(tx, kind, kind.about().severity, object, text).await
}

/// The same with another severity than the usual one; an open alarm changes to it.
///
/// # Errors
/// When the database refuses.
pub async fn raise_as(
    tx: &mut Tx<Tenant>,
    kind: Alarm,
    severity: Severity,
    object: &str,
    text: &str,
) -> Result<(), StoreError> {
    tx.lock_alarm(kind, object).await?;
    let Some(mut open) = tx.open_alarm(kind, object).await? else {
        return first(tx, kind, severity, object, text, None).await;
    };
    open.repeats += 1;
    open.last_at = tx.now();
    open.seen_at = tx.lease_now().await?;
    change(tx, open, severity, text).await
}

/// Tells that something is so, and since when where that is known. An open alarm is not repeated by it: it only stays,
/// and changes with its severity.
///
/// # Errors
/// When the database refuses.
pub async fn hold(
    tx: &mut Tx<Tenant>,
    kind: Alarm,
    severity: Severity,
    object: &str,
    text: &str,
    since: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    tx.lock_alarm(kind, object).await?;
    let Some(mut open) = tx.open_alarm(kind, object).await? else {
        return first(tx, kind, severity, object, text, since).await;
    };
    let now = tx.lease_now().await?;
    if open.severity != severity {
        open.seen_at = now;
        return change(tx, open, severity, text).await;
    }
    if (now - open.seen_at).num_seconds() >= NOTED_EVERY {
        tx.see_alarm(open.id, now).await?;
    }
    Ok(())
}

/// Tells that it is over. Nothing happens where no alarm of this kind is open for the object.
///
/// # Errors
/// When the database refuses.
pub async fn clear(tx: &mut Tx<Tenant>, kind: Alarm, object: &str) -> Result<(), StoreError> {
    // Most of the time there is none: that is seen without waiting for anybody.
    if tx.open_alarm(kind, object).await?.is_none() {
        return Ok(());
    }
    tx.lock_alarm(kind, object).await?;
    let Some(mut open) = tx.open_alarm(kind, object).await? else { return Ok(()) };
    let now = tx.now();
    cleared(&mut open, now);
    tracing::info!(alarm = %kind, object, "alarm cleared");
    write(tx, open, EventKind::StateChange).await
}

/// Makes an alarm one that is cleared.
pub fn cleared(alarm: &mut AlarmRow, now: DateTime<Utc>) {
    alarm.state = AlarmState::Cleared;
    alarm.severity = Severity::Cleared;
    alarm.cleared_at.get_or_insert(now);
    alarm.changed_at = now;
    alarm.open_for = None;
}

/// Name of a stream of files as an alarmed object.
#[must_use]
pub fn stream(recipient: &str, test: bool) -> String {
    if test { format!("{recipient}/test") } else { recipient.to_owned() }
}

async fn first(
    tx: &mut Tx<Tenant>,
    kind: Alarm,
    severity: Severity,
    object: &str,
    text: &str,
    since: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let (now, about) = (tx.now(), kind.about());
    let row = AlarmRow {
        id: new_id(),
        version: 1,
        kind: Some(kind.as_str().to_owned()),
        open_for: Some(object.to_owned()),
        alarm_type: about.alarm_type,
        severity,
        cause: about.cause.to_owned(),
        state: AlarmState::Raised,
        ack_state: AckState::Unacknowledged,
        object_id: Some(object.to_owned()),
        object_type: Some(about.object.to_owned()),
        source: SOURCE.to_owned(),
        problem: Some(kind.as_str().to_owned()),
        external_id: None,
        details: Some(text.to_owned()),
        repeats: 1,
        raised_at: since.unwrap_or(now),
        reported_at: now,
        changed_at: now,
        last_at: now,
        seen_at: tx.lease_now().await?,
        cleared_at: None,
        body: Json(json!({
            "proposedRepairedActions": about.remedy, "serviceAffecting": about.service_affecting,
        })),
    };
    said(&row, text);
    tx.insert_alarm(&row).await?;
    tell(tx, &row, EventKind::Create).await
}

/// Writes an open alarm that was repeated, or whose severity is another.
async fn change(
    tx: &mut Tx<Tenant>,
    mut row: AlarmRow,
    severity: Severity,
    text: &str,
) -> Result<(), StoreError> {
    let was = std::mem::replace(&mut row.state, AlarmState::Updated);
    row.severity = severity;
    row.details = Some(text.to_owned());
    row.changed_at = tx.now();
    said(&row, text);
    let kind = if was == row.state { EventKind::AttributeValueChange } else { EventKind::StateChange };
    write(tx, row, kind).await
}

/// Writes an alarm back and tells the listeners.
async fn write(tx: &mut Tx<Tenant>, mut row: AlarmRow, kind: EventKind) -> Result<(), StoreError> {
    if !tx.update_alarm(&row).await? {
        return Err(StoreError::Changed { what: "alarm", id: row.id.to_string() });
    }
    row.version += 1;
    tell(tx, &row, kind).await
}

/// Tells the listeners of an alarm as it is now.
///
/// # Errors
/// When the database refuses.
pub async fn tell(tx: &mut Tx<Tenant>, row: &AlarmRow, kind: EventKind) -> Result<(), StoreError> {
    let whole = json!(row);
    tx.tell(Resource::Alarm, row.id, kind, &json!({ "id": row.id }), Some(&whole)).await
}

/// One line in the log for each alarm that is raised or repeated.
fn said(row: &AlarmRow, text: &str) {
    let (alarm, object) = (row.kind.as_deref(), row.object_id.as_deref());
    let (severity, count) = (row.severity.as_str(), row.repeats);
    if row.severity >= Severity::Major {
        tracing::error!(alarm, object, severity, count, "alarm: {text}");
    } else {
        tracing::warn!(alarm, object, severity, count, "alarm: {text}");
    }
}
