//! Deliveries: one event for one listener, from the moment that the event has its position until it is delivered.
//!
//! A row is due at once while `run_after` is none, at `run_after` after a failure, and done when `delivered_at` is
//! set. The events of one resource go to a listener one after the other: only the first that is not done is ever due.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::events::EventRow;
use super::{StoreError, System, Tenant, Tx, bulk, sql};

/// A delivery that is due, with its event.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct DueRow {
    /// Tries so far.
    pub tries: i64,
    #[sqlx(flatten)]
    pub event: EventRow,
}

impl Tx<System> {
    /// When the next failed delivery of an active listener is to be tried again.
    pub async fn next_delivery(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let (next,) = sql!(
            self,
            one: (Option<DateTime<Utc>>,),
            "SELECT MIN(d.run_after) FROM deliveries d JOIN listeners l ON l.tenant = d.tenant AND l.id = d.listener
             WHERE l.state = 'active' AND d.delivered_at IS NULL AND d.run_after IS NOT NULL"
        )?;
        Ok(next)
    }
}

impl Tx<Tenant> {
    /// Gives listeners events that they are to be sent, each with the event's position; one that a listener has had
    /// already is sent again.
    pub async fn give(&mut self, given: &[(Uuid, &EventRow, i64)]) -> Result<(), StoreError> {
        let tenant = self.tenant();
        bulk!(
            self,
            "INSERT INTO deliveries (tenant, listener, position, event, resource_id, tries) ",
            given => |(listener, event, position)| (&tenant, listener, position, event.id, event.resource_id, 0_i64),
            " ON CONFLICT (tenant, listener, position) DO UPDATE SET delivered_at = NULL, tries = 0
             WHERE deliveries.delivered_at IS NOT NULL"
        );
        Ok(())
    }

    /// Deliveries that failed before and are to be tried again now, the longest due first.
    pub async fn retries_due(
        &mut self,
        listener: Uuid,
        now: DateTime<Utc>,
        most: i64,
    ) -> Result<Vec<DueRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: DueRow,
            "SELECT d.tries, e.id, e.resource, e.resource_id, e.number, e.type, e.at, e.body, e.trace_parent,
               e.position, p.body AS personal
             FROM deliveries d JOIN events e ON e.tenant = d.tenant AND e.id = d.event
               LEFT JOIN event_personal p ON p.tenant = e.tenant AND p.event_id = e.id
             WHERE d.tenant = $1 AND d.listener = $2 AND d.delivered_at IS NULL AND d.run_after IS NOT NULL
               AND d.run_after <= $3
               AND NOT EXISTS (SELECT 1 FROM deliveries b WHERE b.tenant = d.tenant AND b.listener = d.listener
                 AND b.resource_id = d.resource_id AND b.position < d.position AND b.delivered_at IS NULL)
             ORDER BY d.run_after, d.position LIMIT $4",
            &tenant,
            listener,
            now,
            most
        )
    }

    /// Deliveries that were not tried yet, each the first of its resource, in the order of the events.
    pub async fn fresh_due(&mut self, listener: Uuid, most: i64) -> Result<Vec<DueRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: DueRow,
            "SELECT d.tries, e.id, e.resource, e.resource_id, e.number, e.type, e.at, e.body, e.trace_parent,
               e.position, p.body AS personal
             FROM deliveries d JOIN events e ON e.tenant = d.tenant AND e.id = d.event
               LEFT JOIN event_personal p ON p.tenant = e.tenant AND p.event_id = e.id
             WHERE d.tenant = $1 AND d.listener = $2 AND d.delivered_at IS NULL AND d.run_after IS NULL
               AND NOT EXISTS (SELECT 1 FROM deliveries b WHERE b.tenant = d.tenant AND b.listener = d.listener
                 AND b.resource_id = d.resource_id AND b.position < d.position AND b.delivered_at IS NULL)
             ORDER BY d.position LIMIT $3",
            &tenant,
            listener,
            most
        )
    }

    /// When the next failed delivery of a listener is to be tried again.
    pub async fn next_retry(&mut self, listener: Uuid) -> Result<Option<DateTime<Utc>>, StoreError> {
        let tenant = self.tenant();
        let (next,) = sql!(
            self,
            one: (Option<DateTime<Utc>>,),
            "SELECT MIN(run_after) FROM deliveries
             WHERE tenant = $1 AND listener = $2 AND delivered_at IS NULL AND run_after IS NOT NULL",
            &tenant,
            listener
        )?;
        Ok(next)
    }

    /// Notes that an event was delivered.
    pub async fn delivered(&mut self, listener: Uuid, position: i64) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sql!(
            self,
            execute,
            "UPDATE deliveries SET delivered_at = $4, run_after = NULL, error = NULL, tries = tries + 1
             WHERE tenant = $1 AND listener = $2 AND position = $3 AND delivered_at IS NULL",
            &tenant,
            listener,
            position,
            now
        )?;
        Ok(())
    }

    /// Notes that an event could not be delivered, and when it is tried again.
    pub async fn not_delivered(
        &mut self,
        listener: Uuid,
        position: i64,
        run_after: DateTime<Utc>,
        error: &str,
    ) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "UPDATE deliveries SET run_after = $4, error = $5, tries = tries + 1
             WHERE tenant = $1 AND listener = $2 AND position = $3 AND delivered_at IS NULL",
            &tenant,
            listener,
            position,
            run_after,
            error
        )?;
        Ok(())
    }

    /// Lets everything that failed at a listener be tried at once.
    pub async fn retry_now(&mut self, listener: Uuid) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sql!(
            self,
            execute,
            "UPDATE deliveries SET run_after = $3, tries = 0
             WHERE tenant = $1 AND listener = $2 AND delivered_at IS NULL AND run_after IS NOT NULL",
            &tenant,
            listener,
            now
        )?;
        Ok(())
    }

    /// Forgets what was delivered before a time.
    pub async fn forget_deliveries(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "DELETE FROM deliveries WHERE tenant = $1 AND delivered_at IS NOT NULL AND delivered_at < $2",
            &tenant,
            before
        )
    }
}
