//! Lists with filters: the text is built from a whitelist of columns, values are always bound.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::orders::OrderRow;
use super::subscriptions::SubscriptionRow;
use super::customers::CustomerRow;
use super::{Conn, StoreError, Tenant, Tx};

/// A value to compare with.
#[derive(Debug, Clone)]
pub enum Value {
    Text(String),
    Time(DateTime<Utc>),
    Id(Uuid),
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// One condition: any of the values fits. `column` comes from the doors' whitelists, never from a client.
#[derive(Debug, Clone)]
pub struct Condition {
    pub column: &'static str,
    pub compare: Compare,
    pub any_of: Vec<Value>,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    pub conditions: Vec<Condition>,
    /// `column` and whether descending; the whitelist's columns only.
    pub order: Vec<(&'static str, bool)>,
    pub limit: i64,
    pub offset: i64,
}

impl Page {
    fn where_text(&self, first: usize) -> String {
        let mut text = String::new();
        let mut n = first;
        for c in &self.conditions {
            if c.any_of.is_empty() {
                text.push_str(" AND 1 = 0");
                continue;
            }
            let op = match c.compare {
                Compare::Equal => "=",
                Compare::Greater => ">",
                Compare::GreaterOrEqual => ">=",
                Compare::Less => "<",
                Compare::LessOrEqual => "<=",
            };
            let any: Vec<String> = c
                .any_of
                .iter()
                .map(|_| {
                    n += 1;
                    format!("{} {op} ${}", c.column, n - 1)
                })
                .collect();
            text.push_str(" AND (");
            text.push_str(&any.join(" OR "));
            text.push(')');
        }
        text
    }

    fn order_text(&self) -> String {
        let parts: Vec<String> =
            self.order.iter().map(|(c, desc)| format!("{c}{}", if *desc { " DESC" } else { "" })).collect();
        parts.join(", ")
    }
}

macro_rules! bind_all {
    ($query:expr, $tenant:expr, $page:expr) => {{
        let mut query = $query.bind($tenant);
        for c in &$page.conditions {
            for v in &c.any_of {
                query = match v {
                    Value::Text(t) => query.bind(t.clone()),
                    Value::Time(t) => query.bind(*t),
                    Value::Id(t) => query.bind(*t),
                };
            }
        }
        query
    }};
}

macro_rules! page_of {
    ($tx:expr, $row:ty, $columns:literal, $from:literal, $page:expr) => {{
        let tenant = $tx.tenant();
        let conditions = $page.where_text(2);
        let list = format!(
            concat!("SELECT ", $columns, " FROM ", $from, "{} ORDER BY {} LIMIT {} OFFSET {}"),
            conditions,
            $page.order_text(),
            $page.limit,
            $page.offset
        );
        let count = format!(concat!("SELECT COUNT(*) FROM ", $from, "{}"), conditions);
        match $tx.conn_mut() {
            Conn::Sqlite(c) => {
                let rows = bind_all!(sqlx::query_as::<_, $row>(AssertSqlSafe(list)), tenant.clone(), $page)
                    .fetch_all(&mut **c)
                    .await?;
                let (total,) = bind_all!(sqlx::query_as::<_, (i64,)>(AssertSqlSafe(count)), tenant, $page)
                    .fetch_one(&mut **c)
                    .await?;
                Ok((rows, total))
            }
            Conn::Postgres(c) => {
                let rows = bind_all!(sqlx::query_as::<_, $row>(AssertSqlSafe(list)), tenant.clone(), $page)
                    .fetch_all(&mut **c)
                    .await?;
                let (total,) = bind_all!(sqlx::query_as::<_, (i64,)>(AssertSqlSafe(count)), tenant, $page)
                    .fetch_one(&mut **c)
                    .await?;
                Ok((rows, total))
            }
        }
    }};
}

impl Tx<Tenant> {
    /// Service orders and their number.
    pub async fn list_orders(&mut self, page: &Page) -> Result<(Vec<OrderRow>, i64), StoreError> {
        page_of!(self, OrderRow, "*", "orders WHERE tenant = $1 AND hidden_at IS NULL AND kind = 'service'", page)
    }

    /// Subscriptions with their customer's row, and their number. Columns are those of the joined tables.
    pub async fn list_subscriptions(&mut self, page: &Page) -> Result<(Vec<SubscriptionRow>, i64), StoreError> {
        page_of!(
            self,
            SubscriptionRow,
            "s.*",
            "subscriptions s JOIN customers c ON c.tenant = s.tenant AND c.uid = s.customer WHERE s.tenant = $1",
            page
        )
    }

    /// Customers and their number.
    pub async fn list_customers(&mut self, page: &Page) -> Result<(Vec<CustomerRow>, i64), StoreError> {
        page_of!(self, CustomerRow, "*", "customers WHERE tenant = $1", page)
    }
}
