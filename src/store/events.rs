//! Events: the whole resource as it was in its transaction, with a gapless number per resource.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use telvisor_model::{EventKind, Resource};
use uuid::Uuid;

use super::{Json, StoreError, Tenant, Tx, sql};
use crate::clock::new_id;

/// An event to write. `number` is the next of its resource. `body` is the whole resource, version-neutral, and holds
/// all that a renderer needs but the personal values; those are `personal`.
#[derive(Debug)]
pub struct NewEvent<'a, B, P = Value> {
    pub resource: Resource,
    pub resource_id: Uuid,
    pub number: i64,
    pub kind: EventKind,
    pub body: &'a B,
    pub personal: Option<&'a P>,
    pub trace_parent: Option<&'a str>,
}

/// An event as it was written.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EventRow {
    pub id: Uuid,
    #[sqlx(try_from = "String")]
    pub resource: Resource,
    pub resource_id: Uuid,
    pub number: i64,
    #[sqlx(try_from = "String", rename = "type")]
    pub kind: EventKind,
    pub at: DateTime<Utc>,
    pub body: Json<Value>,
    /// Null where the resource has no personal values.
    pub personal: Option<Json<Value>>,
    pub trace_parent: Option<String>,
}

impl Tx<Tenant> {
    /// Writes an event of a resource that counts its events itself.
    pub async fn insert_event<B: Serialize + Sync, P: Serialize + Sync>(
        &mut self,
        e: &NewEvent<'_, B, P>,
    ) -> Result<(), StoreError> {
        let (tenant, now, id) = (self.tenant(), self.now(), new_id());
        sql!(
            self,
            execute,
            "INSERT INTO events (tenant, id, resource, resource_id, number, type, at, body, trace_parent)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
            &tenant,
            id,
            e.resource.as_str(),
            e.resource_id,
            e.number,
            e.kind.as_str(),
            now,
            Json(e.body),
            e.trace_parent
        )?;
        if let Some(personal) = e.personal {
            sql!(
                self,
                execute,
                "INSERT INTO event_personal (tenant, event_id, body) VALUES ($1,$2,$3)",
                &tenant,
                id,
                Json(personal)
            )?;
        }
        Ok(())
    }

    /// Tells of a resource that does not count its events itself. `body` is the whole of it as it is now, with all
    /// that a renderer needs; its personal values are left out of it and stand in `personal`.
    pub async fn tell<B: Serialize + Sync>(
        &mut self,
        resource: Resource,
        resource_id: Uuid,
        kind: EventKind,
        body: &B,
        personal: Option<&Value>,
    ) -> Result<(), StoreError> {
        let tenant = self.tenant();
        if self.is_postgres() {
            // Two that tell of one resource at once come one after the other, so that each finds the last number.
            sql!(
                self,
                execute,
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                format!("event {tenant} {resource_id}")
            )?;
        }
        let (last,) = sql!(
            self,
            one: (i64,),
            "SELECT COALESCE(MAX(number), 0) FROM events WHERE tenant = $1 AND resource_id = $2",
            &tenant,
            resource_id
        )?;
        let number = last + 1;
        self.insert_event(&NewEvent {
            resource,
            resource_id,
            number,
            kind,
            body,
            personal,
            trace_parent: None,
        })
        .await
    }

    /// A resource's events, in order.
    pub async fn events_of(&mut self, resource_id: Uuid) -> Result<Vec<EventRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: EventRow,
            "SELECT e.id, e.resource, e.resource_id, e.number, e.type, e.at, e.body, e.trace_parent, p.body AS personal
             FROM events e LEFT JOIN event_personal p ON p.tenant = e.tenant AND p.event_id = e.id
             WHERE e.tenant = $1 AND e.resource_id = $2 ORDER BY e.number",
            &tenant,
            resource_id
        )
    }
}
