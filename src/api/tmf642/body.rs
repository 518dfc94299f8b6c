//! From the body of a client to a record of an alarm.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use telvisor_model::{AlarmState, Severity};

use crate::alarms::cleared;
use crate::api::problem::Problem;
use crate::store::alarms::AlarmRow;

/// Members that have a column of their own.
const IN_COLUMNS: [&str; 16] = [
    "id",
    "href",
    "alarmType",
    "perceivedSeverity",
    "probableCause",
    "state",
    "ackState",
    "alarmedObjectType",
    "sourceSystemId",
    "specificProblem",
    "externalAlarmId",
    "alarmDetails",
    "alarmRaisedTime",
    "alarmReportingTime",
    "alarmChangedTime",
    "alarmClearedTime",
];

/// Brings a record to what a body says that fits the official definition. Members that it does not have are left away.
///
/// # Errors
/// 400 naming the member that has none of its values.
pub fn fill(row: &mut AlarmRow, body: &Map<String, Value>, now: DateTime<Utc>) -> Result<(), Problem> {
    let owned = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(kind) = word(body, "alarmType")? {
        row.alarm_type = kind;
    }
    if let Some(severity) = word(body, "perceivedSeverity")? {
        row.severity = severity;
    }
    if let Some(state) = word(body, "state")? {
        row.state = state;
    }
    if let Some(state) = word(body, "ackState")? {
        row.ack_state = state;
    }
    row.cause = owned("probableCause").unwrap_or_default();
    row.source = owned("sourceSystemId").unwrap_or_default();
    row.object_id = body.get("alarmedObject").and_then(|o| o["id"].as_str()).map(str::to_owned);
    row.object_type = owned("alarmedObjectType");
    row.problem = owned("specificProblem");
    row.external_id = owned("externalAlarmId");
    row.details = owned("alarmDetails");
    row.raised_at = moment(body, "alarmRaisedTime").unwrap_or(row.raised_at);
    row.reported_at = moment(body, "alarmReportingTime").unwrap_or(row.reported_at);
    row.cleared_at = moment(body, "alarmClearedTime");
    let rest = body.iter().filter(|(name, _)| !IN_COLUMNS.contains(&name.as_str()));
    row.body.0 = Value::Object(rest.map(|(k, v)| (k.clone(), v.clone())).collect());
    // The two say the same.
    if row.state == AlarmState::Cleared || row.severity == Severity::Cleared {
        cleared(row, now);
    }
    Ok(())
}

/// A value of an enumeration.
fn word<T: FromStr<Err: std::fmt::Display>>(
    body: &Map<String, Value>,
    name: &str,
) -> Result<Option<T>, Problem> {
    let Some(text) = body.get(name).and_then(Value::as_str) else { return Ok(None) };
    text.parse().map(Some).map_err(|e: T::Err| Problem::invalid(name, e.to_string()))
}

/// A time.
#[must_use]
pub fn moment(body: &Map<String, Value>, name: &str) -> Option<DateTime<Utc>> {
    let text = body.get(name)?.as_str()?;
    DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc())
}

/// Adds a comment.
pub fn comment(row: &mut AlarmRow, comment: Value) {
    match row.body.0.get_mut("comment").and_then(Value::as_array_mut) {
        Some(list) => list.push(comment),
        None => row.body.0["comment"] = json!([comment]),
    }
}
