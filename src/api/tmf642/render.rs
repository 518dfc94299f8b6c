//! Alarms and tasks as TMF642 v4 shows them.

use serde::de::Error as _;
use serde_json::{Error, Value, json};
use uuid::Uuid;

use super::PATH;
use crate::api::{TMF639, TMF641, TMF642};
use crate::clock::show as time;
use crate::store::alarms::{AlarmRow, TaskRow};
use crate::store::events::EventRow;

/// An alarm.
#[must_use]
pub fn alarm(base: &str, a: &AlarmRow) -> Value {
    let mut out = a.body.0.clone();
    out["id"] = json!(a.id);
    out["href"] = json!(href(base, a.id));
    for (name, text) in [
        ("alarmType", Some(a.alarm_type.as_str())),
        ("perceivedSeverity", Some(a.severity.as_str())),
        ("probableCause", Some(a.cause.as_str())),
        ("state", Some(a.state.as_str())),
        ("ackState", Some(a.ack_state.as_str())),
        ("alarmedObjectType", a.object_type.as_deref()),
        ("sourceSystemId", Some(a.source.as_str())),
        ("specificProblem", a.problem.as_deref()),
        ("externalAlarmId", a.external_id.as_deref()),
    ] {
        if let Some(text) = text {
            out[name] = json!(text);
        }
    }
    for (name, at) in [
        ("alarmRaisedTime", Some(a.raised_at)),
        ("alarmReportingTime", Some(a.reported_at)),
        ("alarmChangedTime", Some(a.changed_at)),
        ("alarmClearedTime", a.cleared_at),
    ] {
        if let Some(at) = at {
            out[name] = json!(time(at));
        }
    }
    if let Some(details) = &a.details {
        out["alarmDetails"] = match a.repeats {
            // TMF642 has no member for how often it was told.
            n if n > 1 => json!(format!("{details} ({n} times, last at {})", time(a.last_at))),
            _ => json!(details),
        };
    }
    if let (Some(_), Some(object)) = (&a.kind, &a.object_id) {
        out["alarmedObject"] = object_of(base, a.object_type.as_deref().unwrap_or_default(), object);
    }
    out
}

/// The alarmed object of one of our own.
fn object_of(base: &str, kind: &str, id: &str) -> Value {
    let mut out = json!({ "id": id, "@type": kind });
    let path = match kind {
        "serviceOrder" => format!("{TMF641}/serviceOrder"),
        "machine" if id.parse::<Uuid>().is_ok() => format!("{TMF639}/resource"),
        _ => return out,
    };
    out["href"] = json!(format!("{base}{path}/{id}"));
    out
}

/// Address of an alarm.
#[must_use]
pub fn href(base: &str, id: Uuid) -> String {
    format!("{base}{PATH}/{id}")
}

/// An alarm that is named by another.
#[must_use]
pub fn reference(base: &str, id: Uuid) -> Value {
    json!({ "id": id, "href": href(base, id), "@referredType": "Alarm" })
}

/// A task.
#[must_use]
pub fn task(base: &str, t: &TaskRow) -> Value {
    let mut out = t.body.0.clone();
    let name = t.kind.as_str();
    out["id"] = json!(t.id);
    out["href"] = json!(format!("{base}{TMF642}/{name}/{}", t.id));
    out["state"] = json!(t.state);
    for list in
        ["ackedAlarm", "unAckedAlarm", "clearedAlarm", "commentedAlarm", "groupedAlarm", "unGroupedAlarm"]
    {
        for one in out.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(id) = one["id"].as_str().and_then(|id| id.parse().ok()) {
                *one = reference(base, id);
            }
        }
    }
    out
}

/// The alarm of an event.
///
/// # Errors
/// When it is no event of an alarm, or was erased since.
pub fn alarm_of_event(base: &str, e: &EventRow) -> Result<Value, Error> {
    let whole = e.personal.as_ref().ok_or_else(|| Error::custom("the alarm was erased"))?;
    let row: AlarmRow = serde_json::from_value(whole.0.clone())?;
    Ok(alarm(base, &row))
}

/// The task of an event.
///
/// # Errors
/// As for an alarm.
pub fn task_of_event(base: &str, e: &EventRow) -> Result<Value, Error> {
    let whole = e.personal.as_ref().ok_or_else(|| Error::custom("the task was erased"))?;
    let row: TaskRow = serde_json::from_value(whole.0.clone())?;
    Ok(task(base, &row))
}
