//! Orders that ended long ago, with all that belongs to them, and their removal. What they left in the inventory, their
//! records and the audit stay.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::cancels::CancelRow;
use super::jobs::{AttemptRow, JobRow, StepRow};
use super::orders::{HistoryRow, ItemRow, OrderRow, PersonalRow};
use super::{StoreError, Tenant, Tx, sql};

/// An order with all its children.
#[derive(Debug, Serialize)]
pub struct Whole {
    #[serde(flatten)]
    pub order: OrderRow,
    #[serde(flatten)]
    pub personal: PersonalRow,
    pub items: Vec<ItemRow>,
    pub history: Vec<HistoryRow>,
    pub cancels: Vec<CancelRow>,
    pub jobs: Vec<WholeJob>,
}

/// A job with its steps and claims.
#[derive(Debug, Serialize)]
pub struct WholeJob {
    #[serde(flatten)]
    pub job: JobRow,
    pub steps: Vec<StepRow>,
    pub attempts: Vec<AttemptRow>,
}

impl Tx<Tenant> {
    /// When the first of the orders ended that are still here, if that was before `before`.
    pub async fn first_end(&mut self, before: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        let tenant = self.tenant();
        let row = sql!(
            self,
            optional: (DateTime<Utc>,),
            "SELECT ended_at FROM orders WHERE tenant = $1 AND ended_at IS NOT NULL AND ended_at < $2
               AND state IN ('completed','failed','partial','rejected','cancelled')
             ORDER BY ended_at LIMIT 1",
            &tenant,
            before
        )?;
        Ok(row.map(|(at,)| at))
    }

    /// Orders that ended from `from` on and before `to`, by their end; after the one that ended at `after` under this id.
    pub async fn ended_orders(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        after: (DateTime<Utc>, Uuid),
        limit: i64,
    ) -> Result<Vec<OrderRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: OrderRow,
            "SELECT * FROM orders WHERE tenant = $1 AND ended_at IS NOT NULL AND ended_at >= $2 AND ended_at < $3
               AND (ended_at > $4 OR (ended_at = $4 AND id > $5))
               AND state IN ('completed','failed','partial','rejected','cancelled')
             ORDER BY ended_at, id LIMIT $6",
            &tenant,
            from,
            to,
            after.0,
            after.1,
            limit
        )
    }

    /// An order with all its children.
    pub async fn whole(&mut self, order: OrderRow) -> Result<Whole, StoreError> {
        let id = order.id;
        let mut jobs = vec![];
        for job in self.jobs_of(id, None).await? {
            let (steps, attempts) = (self.steps(job.id).await?, self.attempts(job.id).await?);
            jobs.push(WholeJob { job, steps, attempts });
        }
        Ok(Whole {
            personal: self.personal(id).await?,
            items: self.items(id).await?,
            history: self.history(id).await?,
            cancels: self.cancels_of(id).await?,
            order,
            jobs,
        })
    }

    /// The cancel tasks of an order.
    async fn cancels_of(&mut self, order: Uuid) -> Result<Vec<CancelRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: CancelRow,
            "SELECT * FROM cancel_orders WHERE tenant = $1 AND order_id = $2 ORDER BY requested_at, id",
            &tenant,
            order
        )
    }

    /// Takes an order away with all its children.
    pub async fn remove_order(&mut self, order: Uuid) -> Result<(), StoreError> {
        self.count_hidden(order).await?;
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "DELETE FROM job_attempts WHERE tenant = $1 AND job_id IN
             (SELECT id FROM jobs WHERE tenant = $1 AND order_id = $2)",
            &tenant,
            order
        )?;
        sql!(
            self,
            execute,
            "DELETE FROM job_steps WHERE tenant = $1 AND job_id IN
             (SELECT id FROM jobs WHERE tenant = $1 AND order_id = $2)",
            &tenant,
            order
        )?;
        sql!(self, execute, "DELETE FROM jobs WHERE tenant = $1 AND order_id = $2", &tenant, order)?;
        sql!(self, execute, "DELETE FROM cancel_orders WHERE tenant = $1 AND order_id = $2", &tenant, order)?;
        sql!(self, execute, "DELETE FROM order_history WHERE tenant = $1 AND order_id = $2", &tenant, order)?;
        sql!(self, execute, "DELETE FROM order_items WHERE tenant = $1 AND order_id = $2", &tenant, order)?;
        sql!(
            self,
            execute,
            "DELETE FROM order_personal WHERE tenant = $1 AND order_id = $2",
            &tenant,
            order
        )?;
        sql!(self, execute, "DELETE FROM orders WHERE tenant = $1 AND id = $2", &tenant, order)?;
        Ok(())
    }
}
