//! Alarms: our own, of which one record is open for each kind and object, and those that clients told; and tasks on
//! several of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use telvisor_model::{AckState, Alarm, AlarmState, AlarmType, Resource, Severity};
use uuid::Uuid;

use super::lists::{Listed, Page, listed};
use super::{Json, StoreError, System, Tenant, Tx, sql};

/// One alarm.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow, Serialize, Deserialize)]
pub struct AlarmRow {
    pub id: Uuid,
    /// From 1; counts the changes.
    pub version: i64,
    /// Which of our own it is, by [`Alarm`]'s text; none: a client told it.
    pub kind: Option<String>,
    /// The alarmed object, while it is one of ours and not cleared.
    pub open_for: Option<String>,
    #[sqlx(try_from = "String")]
    pub alarm_type: AlarmType,
    #[sqlx(try_from = "String")]
    pub severity: Severity,
    /// Probable cause.
    pub cause: String,
    #[sqlx(try_from = "String")]
    pub state: AlarmState,
    #[sqlx(try_from = "String")]
    pub ack_state: AckState,
    pub object_id: Option<String>,
    pub object_type: Option<String>,
    /// The system that told it.
    pub source: String,
    pub problem: Option<String>,
    pub external_id: Option<String>,
    pub details: Option<String>,
    /// How often it was told.
    pub repeats: i64,
    pub raised_at: DateTime<Utc>,
    pub reported_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    /// When it was told last.
    pub last_at: DateTime<Utc>,
    /// When it was last seen to hold.
    pub seen_at: DateTime<Utc>,
    pub cleared_at: Option<DateTime<Utc>>,
    /// The other members, as TMF642 names them.
    pub body: Json<Value>,
}

/// A task on several alarms.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow, Serialize, Deserialize)]
pub struct TaskRow {
    pub id: Uuid,
    #[sqlx(try_from = "String")]
    pub kind: Resource,
    pub state: String,
    pub body: Json<Value>,
    pub created_at: DateTime<Utc>,
}

/// How many alarms are open.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OpenAlarms {
    #[sqlx(try_from = "String")]
    pub severity: Severity,
    /// None: clients told them.
    pub kind: Option<String>,
    pub count: i64,
}

impl Tx<Tenant> {
    /// Lets one transaction after the other tell of a kind and object.
    pub async fn lock_alarm(&mut self, kind: Alarm, object: &str) -> Result<(), StoreError> {
        let word = format!("alarm {} {kind} {object}", self.tenant());
        self.lock_word(&word).await
    }

    /// The open alarm of a kind for an object.
    pub async fn open_alarm(&mut self, kind: Alarm, object: &str) -> Result<Option<AlarmRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: AlarmRow,
            "SELECT * FROM alarms_personal WHERE tenant = $1 AND kind = $2 AND open_for = $3",
            &tenant,
            kind.as_str(),
            object
        )
    }

    pub async fn alarm(&mut self, id: Uuid) -> Result<Option<AlarmRow>, StoreError> {
        let tenant = self.tenant();
        sql!(self, optional: AlarmRow, "SELECT * FROM alarms_personal WHERE tenant = $1 AND id = $2", &tenant, id)
    }

    /// A page of alarms and their number.
    pub async fn list_alarms(&mut self, page: &Page) -> Result<Listed<AlarmRow>, StoreError> {
        listed(self, "*", "alarms_personal WHERE tenant = $1", page).await
    }

    /// Alarms after an id, in the order of their ids.
    pub async fn alarms_after(&mut self, id: Uuid, most: i64) -> Result<Vec<AlarmRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: AlarmRow,
            "SELECT * FROM alarms_personal WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3",
            &tenant,
            id,
            most
        )
    }

    pub async fn insert_alarm(&mut self, a: &AlarmRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO alarms_personal (tenant, id, version, kind, open_for, alarm_type, severity, cause, state,
               ack_state, object_id, object_type, source, problem, external_id, details, repeats, raised_at,
               reported_at, changed_at, last_at, seen_at, cleared_at, body)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24)",
            &tenant,
            a.id,
            a.version,
            &a.kind,
            &a.open_for,
            a.alarm_type.as_str(),
            a.severity.as_str(),
            &a.cause,
            a.state.as_str(),
            a.ack_state.as_str(),
            &a.object_id,
            &a.object_type,
            &a.source,
            &a.problem,
            &a.external_id,
            &a.details,
            a.repeats,
            a.raised_at,
            a.reported_at,
            a.changed_at,
            a.last_at,
            a.seen_at,
            a.cleared_at,
            &a.body
        )?;
        Ok(())
    }

    /// Writes an alarm back, if the version read is still the one stored; whether it was.
    pub async fn update_alarm(&mut self, a: &AlarmRow) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "UPDATE alarms_personal SET open_for = $4, alarm_type = $5, severity = $6, cause = $7, state = $8,
               ack_state = $9, object_id = $10, object_type = $11, source = $12, problem = $13, external_id = $14,
               details = $15, repeats = $16, raised_at = $17, reported_at = $18, changed_at = $19, last_at = $20,
               seen_at = $21, cleared_at = $22, body = $23, version = version + 1
             WHERE tenant = $1 AND id = $2 AND version = $3",
            &tenant,
            a.id,
            a.version,
            &a.open_for,
            a.alarm_type.as_str(),
            a.severity.as_str(),
            &a.cause,
            a.state.as_str(),
            a.ack_state.as_str(),
            &a.object_id,
            &a.object_type,
            &a.source,
            &a.problem,
            &a.external_id,
            &a.details,
            a.repeats,
            a.raised_at,
            a.reported_at,
            a.changed_at,
            a.last_at,
            a.seen_at,
            a.cleared_at,
            &a.body
        )?;
        Ok(rows == 1)
    }

    /// Notes that an alarm still holds; no change that anybody is told of.
    pub async fn see_alarm(&mut self, id: Uuid, at: DateTime<Utc>) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "UPDATE alarms_personal SET seen_at = $3 WHERE tenant = $1 AND id = $2",
            &tenant,
            id,
            at
        )?;
        Ok(())
    }

    /// Takes an alarm away, if the version read is still the one stored; whether it was.
    pub async fn delete_alarm(&mut self, id: Uuid, version: i64) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "DELETE FROM alarms_personal WHERE tenant = $1 AND id = $2 AND version = $3",
            &tenant,
            id,
            version
        )?;
        Ok(rows == 1)
    }

    pub async fn insert_alarm_task(&mut self, t: &TaskRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO alarm_tasks_personal (tenant, id, kind, state, body, created_at) VALUES ($1,$2,$3,$4,$5,$6)",
            &tenant,
            t.id,
            t.kind.as_str(),
            &t.state,
            &t.body,
            t.created_at
        )?;
        Ok(())
    }

    pub async fn alarm_task(&mut self, kind: Resource, id: Uuid) -> Result<Option<TaskRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: TaskRow,
            "SELECT * FROM alarm_tasks_personal WHERE tenant = $1 AND id = $2 AND kind = $3",
            &tenant,
            id,
            kind.as_str()
        )
    }

    /// A page of the tasks of a kind and their number.
    pub async fn list_alarm_tasks(
        &mut self,
        kind: Resource,
        page: &Page,
    ) -> Result<Listed<TaskRow>, StoreError> {
        let from = match kind {
            Resource::AckAlarms => "alarm_tasks_personal WHERE tenant = $1 AND kind = 'ackAlarms'",
            Resource::UnAckAlarms => "alarm_tasks_personal WHERE tenant = $1 AND kind = 'unAckAlarms'",
            Resource::ClearAlarms => "alarm_tasks_personal WHERE tenant = $1 AND kind = 'clearAlarms'",
            Resource::CommentAlarms => "alarm_tasks_personal WHERE tenant = $1 AND kind = 'commentAlarms'",
            Resource::GroupAlarms => "alarm_tasks_personal WHERE tenant = $1 AND kind = 'groupAlarms'",
            _ => "alarm_tasks_personal WHERE tenant = $1 AND kind = 'unGroupAlarms'",
        };
        listed(self, "*", from, page).await
    }
}

impl Tx<System> {
    /// How many alarms are open, of all tenants.
    pub async fn open_alarms(&mut self) -> Result<Vec<OpenAlarms>, StoreError> {
        sql!(
            self,
            all: OpenAlarms,
            "SELECT severity, kind, COUNT(*) AS count FROM alarms_personal WHERE state <> 'cleared'
             GROUP BY severity, kind"
        )
    }

    /// Open alarms of a kind that nobody has seen to hold since a time: tenant and object.
    pub async fn silent_alarms(
        &mut self,
        kind: Alarm,
        since: DateTime<Utc>,
    ) -> Result<Vec<(String, String)>, StoreError> {
        sql!(
            self,
            all: (String, String),
            "SELECT tenant, open_for FROM alarms_personal
             WHERE state <> 'cleared' AND kind = $1 AND open_for IS NOT NULL AND seen_at < $2",
            kind.as_str(),
            since
        )
    }

    /// Forgets alarms that were cleared before a time, and tasks of before it; how many.
    pub async fn forget_alarms(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let tasks = sql!(self, execute, "DELETE FROM alarm_tasks_personal WHERE created_at < $1", before)?;
        let alarms = sql!(
            self,
            execute,
            "DELETE FROM alarms_personal WHERE state = 'cleared' AND cleared_at IS NOT NULL AND cleared_at < $1",
            before
        )?;
        Ok(tasks + alarms)
    }

    /// What the database's own clock shows.
    pub async fn database_now(&mut self) -> Result<DateTime<Utc>, StoreError> {
        if !self.is_postgres() {
            return Ok(self.now());
        }
        let (now,) = sql!(self, one: (DateTime<Utc>,), "SELECT clock_timestamp()")?;
        Ok(now)
    }

    /// The hosts that a hypervisor ever listed.
    pub async fn hosts_of(&mut self, hypervisor: &str) -> Result<Vec<String>, StoreError> {
        let rows = sql!(self, all: (String,), "SELECT name FROM hosts WHERE hypervisor = $1 ORDER BY name", hypervisor)?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// How many machines have room on a host.
    pub async fn machines_on(&mut self, hypervisor: &str, host: &str) -> Result<i64, StoreError> {
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM reservations WHERE hypervisor = $1 AND host = $2",
            hypervisor,
            host
        )?;
        Ok(n)
    }

    /// Machines that customers have and no job is at work on: tenant, id, name, fence.
    pub async fn machines_at_rest(&mut self) -> Result<Vec<(String, Uuid, String, i64)>, StoreError> {
        sql!(
            self,
            all: (String, Uuid, String, i64),
            "SELECT m.tenant, m.id, m.name, m.fence FROM machines m
             WHERE m.ended_at IS NULL AND m.state <> 'planned' AND NOT EXISTS
               (SELECT 1 FROM jobs j WHERE j.tenant = m.tenant AND j.machine = m.id
                  AND j.state NOT IN ('done', 'undone', 'failed'))"
        )
    }

    /// Ids of the machines that customers have, or that a job is at work on.
    pub async fn machines_known(&mut self) -> Result<Vec<(Uuid,)>, StoreError> {
        sql!(
            self,
            all: (Uuid,),
            "SELECT m.id FROM machines m WHERE m.ended_at IS NULL OR EXISTS
               (SELECT 1 FROM jobs j WHERE j.tenant = m.tenant AND j.machine = m.id
                  AND j.state NOT IN ('done', 'undone', 'failed'))"
        )
    }

    /// Streams with a file that was sealed before a time and is not delivered: tenant, recipient, whether test, name
    /// of the oldest.
    pub async fn overdue_files(
        &mut self,
        before: DateTime<Utc>,
    ) -> Result<Vec<(String, String, bool, String)>, StoreError> {
        sql!(
            self,
            all: (String, String, bool, String),
            "SELECT tenant, recipient, test, MIN(name) FROM sdr_files WHERE state = 'sealed' AND closed_at < $1
             GROUP BY tenant, recipient, test",
            before
        )
    }

    /// Files that do not follow the one before in their stream: tenant, recipient, whether test, name.
    pub async fn unjoined_files(&mut self) -> Result<Vec<(String, String, bool, String)>, StoreError> {
        sql!(
            self,
            all: (String, String, bool, String),
            "SELECT tenant, recipient, test, name FROM
               (SELECT tenant, recipient, test, name, file_seq, first_number, last_number, records,
                  LAG(file_seq) OVER w AS seq_before, LAG(last_number) OVER w AS number_before
                FROM sdr_files WHERE revision = 1
                WINDOW w AS (PARTITION BY tenant, recipient, test ORDER BY file_seq)) f
             WHERE records <> last_number - first_number + 1
                OR (seq_before IS NOT NULL AND file_seq <> seq_before + 1)
                OR (number_before IS NOT NULL AND first_number <> number_before + 1)
             ORDER BY tenant, recipient, test, file_seq"
        )
    }
}
