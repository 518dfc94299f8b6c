//! Lists with filters: the text is built from a whitelist of columns, values are always bound.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};
use telvisor_model::OrderKind;
use uuid::Uuid;

use super::cancels::CancelRow;
use super::orders::OrderRow;
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

/// One condition: any of the values fits. `column`, a column or an expression of columns, comes from the doors'
/// whitelists, never from a client.
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

/// A page that was found, and how many fit on all pages together.
#[derive(Debug)]
pub struct Listed<R> {
    pub rows: Vec<R>,
    pub total: i64,
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

/// Reads a page of a list. `from` is the text after FROM, with `WHERE tenant = $1`; the conditions of the page follow.
pub(super) async fn listed<R>(
    tx: &mut Tx<Tenant>,
    columns: &'static str,
    from: &'static str,
    page: &Page,
) -> Result<Listed<R>, StoreError>
where
    R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let tenant = tx.tenant();
    let conditions = page.where_text(2);
    let list = format!(
        "SELECT {columns} FROM {from}{conditions} ORDER BY {} LIMIT {} OFFSET {}",
        page.order_text(),
        page.limit,
        page.offset
    );
    let count = format!("SELECT COUNT(*) FROM {from}{conditions}");
    macro_rules! both {
        ($c:expr) => {{
            let rows = bind_all!(sqlx::query_as::<_, R>(AssertSqlSafe(list)), tenant.clone(), page)
                .fetch_all(&mut **$c)
                .await?;
            let (total,) = bind_all!(sqlx::query_as::<_, (i64,)>(AssertSqlSafe(count)), tenant, page)
                .fetch_one(&mut **$c)
                .await?;
            Ok(Listed { rows, total })
        }};
    }
    match tx.conn_mut() {
        Conn::Sqlite(c) => both!(c),
        Conn::Postgres(c) => both!(c),
    }
}

impl Tx<Tenant> {
    /// Orders of one kind and their number.
    pub async fn list_orders(
        &mut self,
        kind: OrderKind,
        page: &Page,
    ) -> Result<Listed<OrderRow>, StoreError> {
        let from = match kind {
            OrderKind::Service => "orders WHERE tenant = $1 AND hidden_at IS NULL AND kind = 'service'",
            OrderKind::Product => "orders WHERE tenant = $1 AND hidden_at IS NULL AND kind = 'product'",
        };
        listed(self, "*", from, page).await
    }

    /// Cancel tasks of orders of one kind and their number.
    pub async fn list_cancels(
        &mut self,
        kind: OrderKind,
        page: &Page,
    ) -> Result<Listed<CancelRow>, StoreError> {
        let from = match kind {
            OrderKind::Service => "cancel_orders WHERE tenant = $1 AND kind = 'service'",
            OrderKind::Product => "cancel_orders WHERE tenant = $1 AND kind = 'product'",
        };
        listed(self, "*", from, page).await
    }
}
