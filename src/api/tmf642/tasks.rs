//! The tasks of TMF642: what they mean is done at once to every alarm that is meant, in one transaction, and the task
//! is kept as its record.

use axum::extract::Path;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use telvisor_model::{AckState, AlarmState, EventKind, Resource};
use uuid::Uuid;

use super::{body, render};
use crate::alarms;
use crate::api::Doors;
use crate::api::idempotency::{again, made_before};
use crate::api::official::TMF642;
use crate::api::problem::Problem;
use crate::api::request::JsonBody;
use crate::api::tmf630::{Ask, Attribute, Kind, etag, found, uuid};
use crate::clock::{new_id, show as time};
use crate::store::alarms::{AlarmRow, TaskRow};
use crate::store::{Json, Tenant, Tx};

/// Most alarms that one task is done to.
const MOST: usize = 1000;
/// Alarms that are compared with the patterns in one statement.
const BATCH: i64 = 500;

/// What lists of tasks filter and sort by.
pub const ATTRIBUTES: &[Attribute] = &[("id", "id", Kind::Id), ("state", "state", Kind::Text)];

/// What a task does to an alarm; false when there was nothing to do.
type Act = fn(&mut AlarmRow, &Map<String, Value>, DateTime<Utc>) -> bool;

/// One kind of task.
pub struct Task {
    pub kind: Resource,
    pub name: &'static str,
    /// Its definition in the official file.
    create: &'static str,
    /// The member with the alarms that it was done to.
    done_to: &'static str,
    /// The member with its time, which is now where none is given.
    time: Option<&'static str>,
    /// None: it groups, and names its alarms instead of describing them.
    act: Option<Act>,
}

/// All kinds.
pub static TASKS: [Task; 6] = [
    Task {
        kind: Resource::AckAlarms,
        name: "ackAlarms",
        create: "AckAlarms_Create",
        done_to: "ackedAlarm",
        time: Some("ackTime"),
        act: Some(|a, task, now| acknowledge(a, task, now, AckState::Acknowledged)),
    },
    Task {
        kind: Resource::UnAckAlarms,
        name: "unAckAlarms",
        create: "UnAckAlarms_Create",
        done_to: "unAckedAlarm",
        time: Some("ackTime"),
        act: Some(|a, task, now| acknowledge(a, task, now, AckState::Unacknowledged)),
    },
    Task {
        kind: Resource::ClearAlarms,
        name: "clearAlarms",
        create: "ClearAlarms_Create",
        done_to: "clearedAlarm",
        time: Some("alarmClearedTime"),
        act: Some(clear),
    },
    Task {
        kind: Resource::CommentAlarms,
        name: "commentAlarms",
        create: "CommentAlarms_Create",
        done_to: "commentedAlarm",
        time: None,
        act: Some(comment),
    },
    Task {
        kind: Resource::GroupAlarms,
        name: "groupAlarms",
        create: "GroupAlarms_Create",
        done_to: "groupedAlarm",
        time: Some("alarmChangedTime"),
        act: None,
    },
    Task {
        kind: Resource::UnGroupAlarms,
        name: "unGroupAlarms",
        create: "UnGroupAlarms_Create",
        done_to: "unGroupedAlarm",
        time: Some("alarmChangedTime"),
        act: None,
    },
];

impl Task {
    /// GET and POST on the list.
    pub fn on_list(&'static self) -> MethodRouter<Doors> {
        get(async |ask: Ask| self.list(&ask).await)
            .post(async |ask: Ask, JsonBody(given): JsonBody| self.create(&ask, given).await)
    }

    /// GET of one.
    pub fn on_one(&'static self) -> MethodRouter<Doors> {
        get(async |ask: Ask, Path(id): Path<String>| self.show(&ask, &id).await)
    }

    async fn list(&self, ask: &Ask) -> Result<Response, Problem> {
        let page = ask.page(ATTRIBUTES, &[("created_at", true), ("id", true)])?;
        let tasks = ask.read().await?.list_alarm_tasks(self.kind, &page).await?;
        let shown = tasks.rows.iter().map(|t| render::task(&ask.base, t)).collect();
        Ok(ask.list(&page, &tasks, shown))
    }

    async fn show(&self, ask: &Ask, id: &str) -> Result<Response, Problem> {
        let row = ask.read().await?.alarm_task(self.kind, uuid("task", id)?).await?;
        Ok(ask.one(render::task(&ask.base, &found("task", id, row)?)))
    }

    /// POST: does it.
    ///
    /// # Errors
    /// 400 naming the member that is wrong, 409 for a key that was used with other content.
    async fn create(&self, ask: &Ask, given: Value) -> Result<Response, Problem> {
        let mut members = TMF642.checked(self.create, &given)?;
        for one in ["state", self.done_to] {
            members.remove(one);
        }
        // An alarm that another transaction changed at the same moment is read again.
        ask.unlost(|| self.once(ask, &given, members.clone())).await
    }

    async fn once(
        &self,
        ask: &Ask,
        given: &Value,
        mut members: Map<String, Value>,
    ) -> Result<Response, Problem> {
        let id = new_id();
        let mut tx = ask.engine().db.tenant(&ask.caller.tenant).await?;
        if let Some(before) = made_before(ask, &mut tx, self.name, given, id).await? {
            let row = tx.alarm_task(self.kind, before).await?;
            return again(ask, row.map(|row| render::task(&ask.base, &row)));
        }
        let now = tx.now();
        if let Some(name) = self.time {
            members.entry(name).or_insert_with(|| json!(time(now)));
        }
        let done = match self.act {
            Some(act) => described(ask, &mut tx, &members, act, now).await?,
            None => named(ask, &mut tx, &members, self.kind == Resource::GroupAlarms, now).await?,
        };
        let done: Vec<_> = done.into_iter().map(|id| json!({ "id": id })).collect();
        let mut row = TaskRow {
            id,
            kind: self.kind,
            state: "inProgress".into(),
            body: Json(Value::Object(members)),
            created_at: now,
        };
        tell(&mut tx, &row, EventKind::Create).await?;
        row.body.0[self.done_to] = json!(done);
        row.state = "done".into();
        tx.insert_alarm_task(&row).await?;
        tell(&mut tx, &row, EventKind::StateChange).await?;
        let detail = json!({ "alarms": done.len() });
        tx.audit(&ask.caller, &format!("alarm.{}", self.name), &id.to_string(), Some(&detail)).await?;
        ask.engine().queue.publish(tx.commit().await?);
        Ok(ask.created(render::task(&ask.base, &row)))
    }
}

async fn tell(tx: &mut Tx<Tenant>, row: &TaskRow, kind: EventKind) -> Result<(), Problem> {
    Ok(tx.tell(row.kind, row.id, kind, &json!({ "id": row.id }), Some(&json!(row))).await?)
}

/// Writes an alarm that was changed, and tells the listeners.
async fn write(tx: &mut Tx<Tenant>, was: AlarmState, row: &mut AlarmRow) -> Result<(), Problem> {
    if !tx.update_alarm(row).await? {
        return Err(etag::changed());
    }
    row.version += 1;
    let kind = if row.state == was { EventKind::AttributeValueChange } else { EventKind::StateChange };
    Ok(alarms::tell(tx, row, kind).await?)
}

/// Does something to every alarm that fits one of the patterns; the ids of all that fit.
async fn described(
    ask: &Ask,
    tx: &mut Tx<Tenant>,
    task: &Map<String, Value>,
    act: Act,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, Problem> {
    let patterns = task.get("alarmPattern").and_then(Value::as_array).cloned().unwrap_or_default();
    let ids: Option<Vec<&str>> = patterns.iter().map(|p| p["id"].as_str()).collect();
    let mut fitting = vec![];
    let fits = |row: &AlarmRow| {
        let shown = render::alarm(&ask.base, row);
        patterns.iter().any(|p| contains(&shown, p))
    };
    if let Some(ids) = ids {
        for id in ids {
            let Ok(id) = id.parse() else { continue };
            fitting.extend(tx.alarm(id).await?.filter(|row| fits(row)));
        }
    } else {
        let mut after = Uuid::nil();
        loop {
            let rows = tx.alarms_after(after, BATCH).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            fitting.extend(rows.into_iter().filter(|row| fits(row)));
            if fitting.len() > MOST {
                let message = format!("fits more than {MOST} alarms; describe them more closely");
                return Err(Problem::invalid("alarmPattern", message));
            }
        }
    }
    fitting.sort_by_key(|row| row.id);
    fitting.dedup_by_key(|row| row.id);
    let mut done = vec![];
    for mut row in fitting {
        done.push(row.id);
        let was = row.state;
        if act(&mut row, task, now) {
            row.changed_at = now;
            write(tx, was, &mut row).await?;
        }
    }
    Ok(done)
}

/// Whether a value has all that a pattern has.
fn contains(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => {
            pattern.iter().all(|(k, p)| value.get(k).is_some_and(|v| contains(v, p)))
        }
        (Value::Array(value), Value::Array(pattern)) => {
            pattern.iter().all(|p| value.iter().any(|v| contains(v, p)))
        }
        (Value::String(value), Value::String(pattern)) => {
            let at = |text| DateTime::parse_from_rfc3339(text).ok();
            value == pattern || at(value).is_some_and(|t| at(pattern) == Some(t))
        }
        _ => value == pattern,
    }
}

fn acknowledge(a: &mut AlarmRow, task: &Map<String, Value>, _: DateTime<Utc>, to: AckState) -> bool {
    let same = a.ack_state == to;
    a.ack_state = to;
    for name in ["ackSystemId", "ackUserId"] {
        a.body.0[name] = task.get(name).cloned().unwrap_or_default();
    }
    !same
}

fn clear(a: &mut AlarmRow, task: &Map<String, Value>, now: DateTime<Utc>) -> bool {
    if a.state == AlarmState::Cleared {
        return false;
    }
    a.cleared_at = body::moment(task, "alarmClearedTime");
    alarms::cleared(a, now);
    for name in ["clearSystemId", "clearUserId"] {
        a.body.0[name] = task.get(name).cloned().unwrap_or_default();
    }
    true
}

fn comment(a: &mut AlarmRow, task: &Map<String, Value>, now: DateTime<Utc>) -> bool {
    let mut comment = task.get("comment").cloned().unwrap_or_default();
    if comment["time"].is_null() {
        comment["time"] = json!(time(now));
    }
    body::comment(a, comment);
    true
}

/// Puts alarms under one that is their cause, or takes them away from it; the ids of those.
async fn named(
    ask: &Ask,
    tx: &mut Tx<Tenant>,
    task: &Map<String, Value>,
    group: bool,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, Problem> {
    let parent = look_up(tx, "parentAlarm", task.get("parentAlarm")).await?;
    let given = task.get("correlatedAlarm").and_then(Value::as_array).cloned().unwrap_or_default();
    if given.is_empty() || given.len() > MOST {
        return Err(Problem::invalid("correlatedAlarm", format!("must name 1 to {MOST} alarms")));
    }
    let mut rows = vec![];
    for (n, one) in given.iter().enumerate() {
        let path = format!("correlatedAlarm[{n}]");
        let row = look_up(tx, &path, Some(one)).await?;
        if row.id == parent.id {
            return Err(Problem::invalid(&path, "is the parent alarm itself"));
        }
        rows.push(row);
    }
    rows.push(parent);
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    let parent = rows
        .iter()
        .map(|row| row.id)
        .find(|id| Some(id.to_string().as_str()) == task["parentAlarm"]["id"].as_str());
    let parent = parent.unwrap_or_default();
    let children: Vec<Uuid> = rows.iter().map(|row| row.id).filter(|id| *id != parent).collect();
    for mut row in rows {
        let was = row.state;
        if row.id == parent {
            for child in &children {
                join(&mut row.body.0, "correlatedAlarm", *child, group, &ask.base);
            }
            let left = row.body.0["correlatedAlarm"].as_array().is_some_and(|l| !l.is_empty());
            row.body.0["isRootCause"] = json!(left);
        } else {
            join(&mut row.body.0, "parentAlarm", parent, group, &ask.base);
        }
        row.changed_at = now;
        write(tx, was, &mut row).await?;
    }
    Ok(children)
}

/// Adds an alarm to those that another names, or takes it away from them.
fn join(body: &mut Value, list: &str, id: Uuid, add: bool, base: &str) {
    let mut named = body[list].as_array().cloned().unwrap_or_default();
    named.retain(|one| one["id"] != json!(id));
    if add {
        named.push(render::reference(base, id));
    }
    match body.as_object_mut() {
        Some(members) if named.is_empty() => drop(members.remove(list)),
        Some(members) => drop(members.insert(list.to_owned(), Value::Array(named))),
        None => {}
    }
}

/// An alarm that a task names by its id.
async fn look_up(tx: &mut Tx<Tenant>, path: &str, given: Option<&Value>) -> Result<AlarmRow, Problem> {
    let path = format!("{path}.id");
    let Some(id) = given.and_then(|g| g["id"].as_str()) else {
        return Err(Problem::invalid(&path, "is missing: which alarm?"));
    };
    let missing = || Problem::invalid(&path, format!("there is no alarm {id}"));
    let uuid = id.parse().map_err(|_| missing())?;
    tx.alarm(uuid).await?.ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_has_all_of_it() {
        let alarm = json!({
            "state": "raised", "alarmedObject": { "id": "1", "@type": "job" },
            "comment": [{ "comment": "a" }, { "comment": "b" }], "alarmRaisedTime": "2026-11-23T08:00:00Z",
        });
        for pattern in [
            json!({}),
            json!({ "state": "raised" }),
            json!({ "alarmedObject": { "id": "1" }, "state": "raised" }),
            json!({ "comment": [{ "comment": "b" }] }),
            json!({ "alarmRaisedTime": "2026-11-23T09:00:00+01:00" }),
        ] {
            assert!(contains(&alarm, &pattern), "{pattern}");
        }
        for pattern in [
            json!({ "state": "cleared" }),
            json!({ "alarmedObject": { "id": "2" }, "state": "raised" }),
            json!({ "comment": [{ "comment": "c" }] }),
            json!({ "colour": "red" }),
            json!({ "alarmRaisedTime": "2026-11-23T09:00:00Z" }),
        ] {
            assert!(!contains(&alarm, &pattern), "{pattern}");
        }
    }
}
