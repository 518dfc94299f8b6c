//! Events: the whole resource as it was in its transaction, with a gapless number per resource.

use serde_json::Value;
use uuid::Uuid;

use super::{Json, StoreError, Tenant, Tx, sql};
use crate::clock::new_id;

/// An event to write. `number` is the next of its resource; `body` holds no personal values.
#[derive(Debug)]
pub struct NewEvent<'a> {
    pub resource: &'a str,
    pub resource_id: Uuid,
    pub number: i64,
    pub kind: &'a str,
    pub body: &'a Value,
    pub trace_parent: Option<&'a str>,
}

impl Tx<Tenant> {
    pub async fn insert_event(&mut self, e: &NewEvent<'_>) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sql!(
            self,
            execute,
            "INSERT INTO events (tenant, id, resource, resource_id, number, type, at, body, trace_parent)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
            &tenant,
            new_id(),
            e.resource,
            e.resource_id,
            e.number,
            e.kind,
            now,
            Json(e.body),
            e.trace_parent
        )?;
        Ok(())
    }

    /// (number, type, body) of a resource's events, in order.
    pub async fn events_of(
        &mut self,
        resource_id: Uuid,
    ) -> Result<Vec<(i64, String, Json<Value>)>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: (i64, String, Json<Value>),
            "SELECT number, type, body FROM events WHERE tenant = $1 AND resource_id = $2 ORDER BY number",
            &tenant,
            resource_id
        )
    }
}
