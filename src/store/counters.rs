//! Counters of orders by kind and state. A change writes a delta row in its own transaction, so that no transaction
//! waits for another's count; a sweep folds the deltas into the counters. A count is the counter and what is not
//! folded yet, both of one snapshot, and so exact.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;
use telvisor_model::{OrderKind, OrderState};
use uuid::Uuid;

use super::{Conn, StoreError, System, Tenant, Tx, later, sql};
use crate::clock::new_id;

/// Most deltas folded in one transaction.
const MOST: i64 = 5000;

fn name(kind: OrderKind, state: &str) -> String {
    format!("orders.{}.{state}", kind.as_str())
}

impl Tx<Tenant> {
    /// Counts an order that is written for the first time.
    pub(super) async fn count_new(&mut self, kind: OrderKind, state: OrderState) -> Result<(), StoreError> {
        let tenant = self.tenant();
        later!(
            self,
            "INSERT INTO counter_deltas (tenant, id, name, delta) VALUES ($1, $2, $3, 1)",
            &tenant,
            new_id(),
            name(kind, state.as_str())
        )?;
        Ok(())
    }

    /// Counts an order from the state that is stored to another one, before that is written. In the database, because
    /// only there it is sure which state was counted.
    pub(super) async fn count_moved(&mut self, order: Uuid, to: OrderState) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO counter_deltas (tenant, id, name, delta)
             SELECT tenant, $4, 'orders.' || kind || '.' || state, -1 FROM orders
               WHERE tenant = $1 AND id = $2 AND state <> $3 AND hidden_at IS NULL
             UNION ALL SELECT tenant, $5, 'orders.' || kind || '.' || $3, 1 FROM orders
               WHERE tenant = $1 AND id = $2 AND state <> $3 AND hidden_at IS NULL",
            &tenant,
            order,
            to.as_str(),
            new_id(),
            new_id()
        )?;
        Ok(())
    }

    /// Takes an order off that is about to be hidden.
    pub(super) async fn count_hidden(&mut self, order: Uuid) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO counter_deltas (tenant, id, name, delta)
             SELECT tenant, $3, 'orders.' || kind || '.' || state, -1 FROM orders
               WHERE tenant = $1 AND id = $2 AND hidden_at IS NULL",
            &tenant,
            order,
            new_id()
        )?;
        Ok(())
    }

    /// How many orders of a kind are in one of the states, or in any, without the hidden ones.
    pub async fn order_count(
        &mut self,
        kind: OrderKind,
        states: Option<&[String]>,
    ) -> Result<i64, StoreError> {
        let tenant = self.tenant();
        let (condition, binds): (String, Vec<String>) = match states {
            Some([]) => return Ok(0),
            Some(states) => {
                let marks: Vec<String> = (0..states.len()).map(|n| format!("${}", n + 2)).collect();
                (format!("name IN ({})", marks.join(", ")), states.iter().map(|s| name(kind, s)).collect())
            }
            // All names that begin so: '/' comes right after '.'.
            None => {
                ("name > $2 AND name < $3".into(), vec![name(kind, ""), format!("orders.{}/", kind.as_str())])
            }
        };
        let text = format!(
            "SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM (
               SELECT value AS n FROM counters WHERE tenant = $1 AND {condition}
               UNION ALL SELECT delta FROM counter_deltas WHERE tenant = $1 AND {condition}) c"
        );
        macro_rules! sum {
            ($c:expr) => {{
                let mut query = sqlx::query_as::<_, (i64,)>(AssertSqlSafe(text)).bind(tenant);
                for bind in binds {
                    query = query.bind(bind);
                }
                query.fetch_one(&mut **$c).await?.0
            }};
        }
        Ok(match self.conn().await? {
            Conn::Sqlite(c) => sum!(c),
            Conn::Postgres(c) => sum!(c),
        })
    }
}

impl Tx<System> {
    /// Folds deltas into the counters; how many.
    pub async fn fold_counters(&mut self) -> Result<usize, StoreError> {
        let rows = sql!(
            self,
            all: (String, String, i64),
            "DELETE FROM counter_deltas WHERE (tenant, id) IN (SELECT tenant, id FROM counter_deltas LIMIT $1)
             RETURNING tenant, name, delta",
            MOST
        )?;
        let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
        for (tenant, name, delta) in &rows {
            *sums.entry((tenant.clone(), name.clone())).or_default() += delta;
        }
        for ((tenant, name), sum) in sums {
            sql!(
                self,
                execute,
                "INSERT INTO counters (tenant, name, value) VALUES ($1, $2, $3)
                 ON CONFLICT (tenant, name) DO UPDATE SET value = counters.value + EXCLUDED.value",
                tenant,
                name,
                sum
            )?;
        }
        Ok(rows.len())
    }
}
