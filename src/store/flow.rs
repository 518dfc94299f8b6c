//! What waits, and what stands still.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{StoreError, System, Tx, sql};

/// How many rows are counted at most: beyond it more makes no difference.
const MOST: i64 = 1_000_000;

/// Work that waits, of all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Orders that are due and wait for their turn.
    pub orders: i64,
    /// Jobs that are due and that nobody has begun.
    pub jobs: i64,
    /// Since when the oldest of all this waits that nothing but a worker is missing to.
    pub since: Option<DateTime<Utc>>,
}

/// An order that stands still.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StillRow {
    pub tenant: String,
    pub id: Uuid,
    pub customer_id: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
}

impl Tx<System> {
    /// What waits now.
    pub async fn backlog(&mut self) -> Result<Backlog, StoreError> {
        let now = self.lease_now().await?;
        // An order that waits for another one says so, and is not kept waiting by us. The words of the index's
        // condition stand here because SQLite asks for them.
        let (orders, order_since) = sql!(
            self,
            one: (i64, Option<DateTime<Utc>>),
            "SELECT COUNT(*), MIN(CASE WHEN waits_for IS NOT NULL THEN NULL
                                       WHEN requested_start > order_date THEN requested_start
                                       ELSE order_date END)
             FROM (SELECT waits_for, requested_start, order_date FROM orders
                   WHERE (state = 'acknowledged' OR goes_on) AND state = 'acknowledged' AND kind = 'service'
                     AND place IS NOT NULL LIMIT $1) w",
            MOST
        )?;
        let (jobs,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state IN ('ready', 'running') AND state = 'ready'
               AND run_after <= $1 LIMIT $2) w",
            now,
            MOST
        )?;
        let job = sql!(
            self,
            optional: (DateTime<Utc>,),
            "SELECT run_after FROM jobs WHERE state IN ('ready', 'running') AND state = 'ready' AND run_after <= $1
             ORDER BY turn LIMIT 1",
            now
        )?;
        let since = order_since.into_iter().chain(job.map(|(at,)| at)).min();
        Ok(Backlog { orders, jobs, since })
    }

    /// Orders in progress of which nothing has moved since `before`: no job was made, begun or ended, and no step.
    pub async fn standing_still(
        &mut self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<StillRow>, StoreError> {
        sql!(
            self,
            all: StillRow,
            "SELECT o.tenant, o.id, o.customer_id, o.started_at FROM orders o
             WHERE o.state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')
               AND o.state IN ('inProgress','assessingCancellation','pendingCancellation')
               AND o.kind = 'service' AND COALESCE(o.changed_at, o.order_date) < $1
               AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.tenant = o.tenant AND j.order_id = o.id
                 AND (j.created_at >= $1 OR j.ended_at >= $1))
               AND NOT EXISTS (SELECT 1 FROM jobs j
                 JOIN job_attempts a ON a.tenant = j.tenant AND a.job_id = j.id
                 WHERE j.tenant = o.tenant AND j.order_id = o.id AND (a.started_at >= $1 OR a.ended_at >= $1))
               AND NOT EXISTS (SELECT 1 FROM jobs j JOIN job_steps s ON s.tenant = j.tenant AND s.job_id = j.id
                 WHERE j.tenant = o.tenant AND j.order_id = o.id AND (s.started_at >= $1 OR s.ended_at >= $1))
             ORDER BY o.started_at LIMIT $2",
            before,
            limit
        )
    }
}
