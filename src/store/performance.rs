//! Performance counters: derived by the database from the rows of what happened, so that no process has to remember
//! anything and none is lost with it. A period is a pure function of those rows, and may be derived again.

use chrono::{DateTime, Utc};

use super::lists::{Listed, Page, listed};
use super::{StoreError, System, Tenant, Tx, sql};

/// One counter of one period.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CounterRow {
    pub minutes: i64,
    pub period_start: DateTime<Utc>,
    pub counter: String,
    /// Such as `door=tmf641;kind=service`.
    pub labels: String,
    pub count: i64,
    /// Milliseconds or octets, as the counter says.
    pub sum: Option<i64>,
    pub longest: Option<i64>,
    /// Nothing is added to it any more.
    pub settled: bool,
}

/// One period that was closed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PeriodRow {
    pub minutes: i64,
    pub period_start: DateTime<Utc>,
}

const LISTED: &str = "(SELECT p.tenant AS tenant, p.minutes AS minutes, p.period_start AS period_start,
    p.counter AS counter, p.labels AS labels, p.count AS count, p.sum AS sum, p.longest AS longest,
    q.settled_at IS NOT NULL AS settled
  FROM performance p JOIN performance_periods q ON q.minutes = p.minutes AND q.period_start = p.period_start) v
  WHERE v.tenant = $1";

/// Columns of [`LISTED`] that make a [`CounterRow`].
const COLUMNS: &str = "minutes, period_start, counter, labels, count, sum, longest, settled";

/// Milliseconds from `started_at` to `ended_at`, on either database.
const TOOK_SQLITE: &str =
    "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count, sum, longest)
   SELECT tenant, $2, $3, 'steps', 'step=' || COALESCE(act ->> 'role', act ->> 'act'), COUNT(*),
     SUM(CAST(ROUND((julianday(ended_at) - julianday(started_at)) * 86400000) AS INTEGER)),
     MAX(CAST(ROUND((julianday(ended_at) - julianday(started_at)) * 86400000) AS INTEGER))
   FROM job_steps WHERE tenant = $1 AND ended_at >= $3 AND ended_at < $4 AND ended_at IS NOT NULL
     AND started_at IS NOT NULL AND state = 'done'
   GROUP BY tenant, COALESCE(act ->> 'role', act ->> 'act')";
const TOOK_POSTGRES: &str =
    "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count, sum, longest)
   SELECT tenant, $2, $3, 'steps', 'step=' || COALESCE(act ->> 'role', act ->> 'act'), COUNT(*),
     CAST(SUM(ROUND(EXTRACT(EPOCH FROM ended_at - started_at) * 1000)) AS BIGINT),
     CAST(MAX(ROUND(EXTRACT(EPOCH FROM ended_at - started_at) * 1000)) AS BIGINT)
   FROM job_steps WHERE tenant = $1 AND ended_at >= $3 AND ended_at < $4 AND ended_at IS NOT NULL
     AND started_at IS NOT NULL AND state = 'done'
   GROUP BY tenant, COALESCE(act ->> 'role', act ->> 'act')";

impl Tx<Tenant> {
    /// A page of counters and their number.
    pub async fn list_performance(&mut self, page: &Page) -> Result<Listed<CounterRow>, StoreError> {
        listed(self, COLUMNS, LISTED, page).await
    }

    /// Derives all counters of a period anew from what happened from `start` until before `end`. What is only true of
    /// a moment (`machines`) is taken where `sample` says so, else it stays as it was taken.
    pub async fn derive(
        &mut self,
        minutes: i64,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        sample: bool,
    ) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "DELETE FROM performance WHERE tenant = $1 AND minutes = $2 AND period_start = $3
               AND counter <> 'machines'",
            &tenant,
            minutes,
            start
        )?;
        macro_rules! derive {
            ($text:expr) => {
                sql!(self, execute, $text, &tenant, minutes, start, end)?
            };
        }
        derive!(
            "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count)
             SELECT tenant, $2, $3, 'orders.received', 'door=' || door || ';kind=' || kind, COUNT(*) FROM orders
             WHERE tenant = $1 AND order_date >= $3 AND order_date < $4 GROUP BY tenant, door, kind"
        );
        derive!(
            "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count)
             SELECT tenant, $2, $3, 'orders.ended', 'door=' || door || ';kind=' || kind || ';outcome=' || state,
               COUNT(*)
             FROM orders WHERE tenant = $1 AND ended_at >= $3 AND ended_at < $4 AND ended_at IS NOT NULL
             GROUP BY tenant, door, kind, state"
        );
        derive!(
            "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count)
             SELECT i.tenant, $2, $3, 'items.ended', 'action=' || i.action || ';outcome=' || i.state, COUNT(*)
             FROM order_items i JOIN orders o ON o.tenant = i.tenant AND o.id = i.order_id AND o.kind = 'service'
             WHERE i.tenant = $1 AND i.ended_at >= $3 AND i.ended_at < $4 AND i.ended_at IS NOT NULL
             GROUP BY i.tenant, i.action, i.state"
        );
        derive!(
            "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count)
             SELECT tenant, $2, $3, 'attempts', 'outcome=' || COALESCE(outcome, 'unknown') || ';phase=' || phase,
               COUNT(*)
             FROM job_attempts WHERE tenant = $1 AND ended_at >= $3 AND ended_at < $4 AND ended_at IS NOT NULL
             GROUP BY tenant, outcome, phase"
        );
        if self.is_postgres() {
            derive!(TOOK_POSTGRES);
        } else {
            derive!(TOOK_SQLITE);
        }
        derive!(
            "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count)
             SELECT tenant, $2, $3, 'sdr.written',
               'stream=' || CASE WHEN test THEN 'test' ELSE 'live' END || ';type=' || type, COUNT(*)
             FROM sdr WHERE tenant = $1 AND record_time >= $3 AND record_time < $4 GROUP BY tenant, test, type"
        );
        derive!(
            "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count, sum)
             SELECT tenant, $2, $3, 'files.sealed',
               'recipient=' || recipient || ';stream=' || CASE WHEN test THEN 'test' ELSE 'live' END, COUNT(*),
               CAST(SUM(bytes) AS BIGINT)
             FROM sdr_files WHERE tenant = $1 AND closed_at >= $3 AND closed_at < $4
             GROUP BY tenant, recipient, test"
        );
        derive!(
            "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count)
             SELECT tenant, $2, $3, 'files.records',
               'recipient=' || recipient || ';stream=' || CASE WHEN test THEN 'test' ELSE 'live' END,
               CAST(SUM(records) AS BIGINT)
             FROM sdr_files WHERE tenant = $1 AND closed_at >= $3 AND closed_at < $4
             GROUP BY tenant, recipient, test"
        );
        derive!(
            "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count)
             SELECT tenant, $2, $3, 'machines.made', 'host=' || host, COUNT(*) FROM machines
             WHERE tenant = $1 AND created_at >= $3 AND created_at < $4 GROUP BY tenant, host"
        );
        derive!(
            "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count)
             SELECT tenant, $2, $3, 'machines.gone', 'host=' || host, COUNT(*) FROM machines
             WHERE tenant = $1 AND ended_at >= $3 AND ended_at < $4 GROUP BY tenant, host"
        );
        if sample {
            sql!(
                self,
                execute,
                "INSERT INTO performance (tenant, minutes, period_start, counter, labels, count)
                 SELECT tenant, $2, $3, 'machines', 'state=' || state, COUNT(*) FROM machines
                 WHERE tenant = $1 AND ended_at IS NULL GROUP BY tenant, state ON CONFLICT DO NOTHING",
                &tenant,
                minutes,
                start
            )?;
        }
        Ok(())
    }
}

impl Tx<System> {
    /// Tenants that ever ordered anything.
    pub async fn tenants_with_orders(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = sql!(
            self,
            all: (String,),
            "WITH RECURSIVE t (tenant) AS (
               SELECT MIN(tenant) FROM orders
               UNION ALL SELECT (SELECT MIN(o.tenant) FROM orders o WHERE o.tenant > t.tenant) FROM t
                 WHERE t.tenant IS NOT NULL)
             SELECT tenant FROM t WHERE tenant IS NOT NULL"
        )?;
        Ok(rows.into_iter().map(|(tenant,)| tenant).collect())
    }

    /// The newest period of a length that was closed.
    pub async fn last_period(&mut self, minutes: i64) -> Result<Option<DateTime<Utc>>, StoreError> {
        let (last,) = sql!(
            self,
            one: (Option<DateTime<Utc>>,),
            "SELECT MAX(period_start) FROM performance_periods WHERE minutes = $1",
            minutes
        )?;
        Ok(last)
    }

    /// Periods that were closed, and to which something may still be added; oldest first.
    pub async fn unsettled_periods(&mut self) -> Result<Vec<PeriodRow>, StoreError> {
        sql!(
            self,
            all: PeriodRow,
            "SELECT minutes, period_start FROM performance_periods WHERE settled_at IS NULL
             ORDER BY period_start, minutes"
        )
    }

    /// Notes that a period was closed, and whether it is settled.
    pub async fn close_period(
        &mut self,
        minutes: i64,
        start: DateTime<Utc>,
        settled: bool,
    ) -> Result<(), StoreError> {
        let now = self.lease_now().await?;
        sql!(
            self,
            execute,
            "INSERT INTO performance_periods (minutes, period_start, closed_at, settled_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (minutes, period_start) DO UPDATE SET settled_at = excluded.settled_at",
            minutes,
            start,
            now,
            settled.then_some(now)
        )?;
        Ok(())
    }

    /// When the oldest transaction began that another connection to this database has open, by the database's clock.
    pub async fn oldest_transaction(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        if !self.is_postgres() {
            // One writer: it is this transaction.
            return Ok(None);
        }
        let (oldest,) = sql!(
            self,
            one: (Option<DateTime<Utc>>,),
            "SELECT MIN(xact_start) FROM pg_stat_activity
             WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )?;
        Ok(oldest)
    }

    /// Forgets periods that began before a time; how many counters.
    pub async fn forget_performance(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let rows = sql!(self, execute, "DELETE FROM performance WHERE period_start < $1", before)?;
        sql!(
            self,
            execute,
            "DELETE FROM performance_periods WHERE period_start < $1 AND settled_at IS NOT NULL AND EXISTS
               (SELECT 1 FROM performance_periods n WHERE n.minutes = performance_periods.minutes
                  AND n.period_start > performance_periods.period_start)",
            before
        )?;
        Ok(rows)
    }
}
