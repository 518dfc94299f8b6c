//! Events: the whole resource as it was in its transaction, with a gapless number per resource.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use telvisor_model::{EventKind, Resource};
use uuid::Uuid;

use super::{Hint, Json, StoreError, System, Tenant, Tx, bulk, later, sql};
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
    /// Its place among all events of the tenant, from 1 without gaps; given after its commit.
    pub position: Option<i64>,
}

impl Tx<System> {
    /// Tenants with events that have no position yet.
    pub async fn tenants_with_news(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = sql!(
            self,
            all: (String,),
            "SELECT DISTINCT tenant FROM events WHERE position IS NULL"
        )?;
        Ok(rows.into_iter().map(|(tenant,)| tenant).collect())
    }
}

impl Tx<Tenant> {
    /// Lets one transaction after the other give positions.
    pub async fn lock_positions(&mut self) -> Result<(), StoreError> {
        let tenant = self.tenant();
        self.lock_word(&format!("positions {tenant}")).await
    }

    /// The oldest events without a position, with all such events of the same resources; not sorted.
    pub async fn unplaced_events(&mut self, most: i64) -> Result<Vec<EventRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: EventRow,
            "SELECT e.id, e.resource, e.resource_id, e.number, e.type, e.at, e.body, e.trace_parent, e.position,
               p.body AS personal
             FROM events e LEFT JOIN event_personal p ON p.tenant = e.tenant AND p.event_id = e.id
             WHERE e.tenant = $1 AND e.position IS NULL AND e.resource_id IN
               (SELECT resource_id FROM events WHERE tenant = $1 AND position IS NULL ORDER BY at LIMIT $2)",
            &tenant,
            most
        )
    }

    /// The last position that was given; 0 before the first.
    pub async fn last_position(&mut self) -> Result<i64, StoreError> {
        let tenant = self.tenant();
        let (last,) = sql!(
            self,
            one: (i64,),
            "SELECT COALESCE(MAX(position), 0) FROM events WHERE tenant = $1 AND position IS NOT NULL",
            &tenant
        )?;
        Ok(last)
    }

    /// Gives events their positions.
    pub async fn place_events(&mut self, placed: &[(Uuid, i64)]) -> Result<(), StoreError> {
        let tenant = self.tenant();
        bulk!(
            self,
            "WITH placed (tenant, id, position) AS (",
            placed => |(id, position)| (&tenant, id, position),
            ") UPDATE events SET position = placed.position FROM placed
             WHERE events.tenant = placed.tenant AND events.id = placed.id"
        );
        Ok(())
    }

    /// The events from a position on, in the order of their positions.
    pub async fn events_from(&mut self, position: i64, most: i64) -> Result<Vec<EventRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: EventRow,
            "SELECT e.id, e.resource, e.resource_id, e.number, e.type, e.at, e.body, e.trace_parent, e.position,
               p.body AS personal
             FROM events e LEFT JOIN event_personal p ON p.tenant = e.tenant AND p.event_id = e.id
             WHERE e.tenant = $1 AND e.position IS NOT NULL AND e.position >= $2 ORDER BY e.position LIMIT $3",
            &tenant,
            position,
            most
        )
    }

    /// Position of the first event at or after a time; none when there is none.
    pub async fn position_at(&mut self, at: DateTime<Utc>) -> Result<Option<i64>, StoreError> {
        let tenant = self.tenant();
        let (first,) = sql!(
            self,
            one: (Option<i64>,),
            "SELECT MIN(position) FROM events WHERE tenant = $1 AND position IS NOT NULL AND at >= $2",
            &tenant,
            at
        )?;
        Ok(first)
    }

    /// Events of before a time that may be forgotten: all listeners have had them, and a newer one of the same
    /// resource (numbers count on from it) and of the tenant (so do positions) is there.
    pub async fn old_events(&mut self, before: DateTime<Utc>, most: i64) -> Result<Vec<Uuid>, StoreError> {
        let tenant = self.tenant();
        let last = self.last_position().await?;
        let rows = sql!(
            self,
            all: (Uuid,),
            "SELECT e.id FROM events e
             WHERE e.tenant = $1 AND e.position IS NOT NULL AND e.position < $3 AND e.at < $2
               AND EXISTS (SELECT 1 FROM events n WHERE n.tenant = e.tenant AND n.resource_id = e.resource_id
                 AND n.number > e.number)
               AND NOT EXISTS (SELECT 1 FROM listeners l JOIN deliveries d ON d.tenant = l.tenant
                   AND d.listener = l.id WHERE l.tenant = e.tenant AND d.position = e.position
                   AND d.delivered_at IS NULL)
             ORDER BY e.position LIMIT $4",
            &tenant,
            before,
            last,
            most
        )?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    pub async fn forget_event(&mut self, id: Uuid) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(self, execute, "DELETE FROM event_personal WHERE tenant = $1 AND event_id = $2", &tenant, id)?;
        sql!(self, execute, "DELETE FROM events WHERE tenant = $1 AND id = $2", &tenant, id)?;
        Ok(())
    }

    /// Writes an event of a resource that counts its events itself.
    pub async fn insert_event<B: Serialize + Sync, P: Serialize + Sync>(
        &mut self,
        e: &NewEvent<'_, B, P>,
    ) -> Result<(), StoreError> {
        let (tenant, now, id) = (self.tenant(), self.now(), new_id());
        later!(
            self,
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
            later!(
                self,
                "INSERT INTO event_personal (tenant, event_id, body) VALUES ($1,$2,$3)",
                &tenant,
                id,
                Json(personal)
            )?;
        }
        self.hint(Hint::News);
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
        // Two that tell of one resource at once come one after the other, so that each finds the last number.
        self.lock_word(&format!("event {tenant} {resource_id}")).await?;
        let (last,) = sql!(
            self,
            one: (i64,),
            "SELECT COALESCE(MAX(number), 0) FROM events WHERE tenant = $1 AND resource_id = $2",
            &tenant,
            resource_id
        )?;
        let number = last + 1;
        let trace_parent = None;
        self.insert_event(&NewEvent { resource, resource_id, number, kind, body, personal, trace_parent })
            .await
    }

    /// As [`Tx::tell`], of a resource that this transaction made: nobody else tells of it.
    pub async fn tell_first<B: Serialize + Sync>(
        &mut self,
        resource: Resource,
        resource_id: Uuid,
        kind: EventKind,
        body: &B,
        personal: Option<&Value>,
    ) -> Result<(), StoreError> {
        let (number, trace_parent) = (1, None);
        self.insert_event(&NewEvent { resource, resource_id, number, kind, body, personal, trace_parent })
            .await
    }

    /// A resource's events, in order.
    pub async fn events_of(&mut self, resource_id: Uuid) -> Result<Vec<EventRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: EventRow,
            "SELECT e.id, e.resource, e.resource_id, e.number, e.type, e.at, e.body, e.trace_parent, e.position,
               p.body AS personal
             FROM events e LEFT JOIN event_personal p ON p.tenant = e.tenant AND p.event_id = e.id
             WHERE e.tenant = $1 AND e.resource_id = $2 ORDER BY e.number",
            &tenant,
            resource_id
        )
    }
}
