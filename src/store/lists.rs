//! Lists with filters: the text is built from a whitelist of columns, values are always bound.

use std::time::Duration;

use chrono::{DateTime, Utc};
use regex::Regex;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Column as _, FromRow, Row as _, TypeInfo as _, ValueRef as _};
use telvisor_model::{OrderKind, OrderState};
use uuid::Uuid;

use super::cancels::CancelRow;
use super::orders::OrderRow;
use super::{Conn, StoreError, Tenant, Tx};

mod text;

use text::Text;

/// State of an order, with that of a product order in progress parted by whether a job of it was ever claimed
/// ([`Tx::work_has_begun`]).
pub const PARTED_STATE: &str = "CASE WHEN state = 'inProgress' AND NOT EXISTS (
   SELECT 1 FROM orders c JOIN jobs j ON j.tenant = c.tenant AND j.order_id = c.id
   WHERE c.tenant = orders.tenant AND c.parent = orders.id AND j.attempt > 0)
 THEN 'inProgress.accepted' ELSE state END";

/// Rows that are looked at in one statement where a pattern decides.
const BATCH: i64 = 1000;

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    #[serde(rename = "s")]
    Text(String),
    #[serde(rename = "t")]
    Time(DateTime<Utc>),
    #[serde(rename = "u")]
    Id(Uuid),
    #[serde(rename = "i")]
    Number(i64),
    #[serde(rename = "b")]
    Bool(bool),
    #[serde(rename = "n")]
    Nothing,
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

/// One comparison. `column`, a column or an expression of columns, comes from the doors' whitelists, never from a
/// client.
#[derive(Debug, Clone)]
pub struct Test {
    pub column: &'static str,
    /// It holds text, which is compared octet by octet on both databases.
    pub text: bool,
    pub compare: Compare,
    pub value: Value,
}

/// One condition: any of the tests fits; without any, nothing does.
#[derive(Debug, Clone)]
pub struct Condition {
    pub any_of: Vec<Test>,
}

/// A pattern that the text of one of the columns must match. It is matched in this process, alike on both databases.
#[derive(Debug, Clone)]
pub struct Match {
    pub any_of: Vec<&'static str>,
    pub pattern: Regex,
}

/// One column to sort by, of the doors' whitelists. What is null comes last in both directions.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub column: &'static str,
    pub descending: bool,
    pub nullable: bool,
    pub text: bool,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    pub conditions: Vec<Condition>,
    pub matches: Vec<Match>,
    /// Together unique.
    pub order: Vec<Order>,
    /// The page begins after the entry that had these values of `order`.
    pub after: Option<Vec<Value>>,
    pub limit: i64,
    pub offset: i64,
    /// How many entries came before, as far as the client knows.
    pub position: i64,
    /// How long the database may look.
    pub time: Duration,
}

impl Page {
    /// How it is sorted; a place in a list is a place in one order.
    #[must_use]
    pub fn sorted_by(&self) -> String {
        let word = |o: &Order| format!("{}{}", if o.descending { "-" } else { "" }, o.column);
        self.order.iter().map(word).collect::<Vec<_>>().join(",")
    }
}

/// A page that was found, and how many fit on all pages together.
#[derive(Debug)]
pub struct Listed<R> {
    pub rows: Vec<R>,
    pub total: i64,
    /// What the last row is sorted by, where more rows follow.
    pub next: Option<Vec<Value>>,
}

/// Any row that a list can consist of.
pub trait Listable: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Listable for R {}

/// Reads a page of a list, and counts it. `from` is the text after FROM, with `WHERE tenant = $1`; the conditions of
/// the page follow.
pub(super) async fn listed<R: Listable>(
    tx: &mut Tx<Tenant>,
    columns: &'static str,
    from: &'static str,
    page: &Page,
) -> Result<Listed<R>, StoreError> {
    tx.limit(page.time).await?;
    let total = count(tx, from, page).await?;
    let (rows, next) = rows(tx, columns, from, page).await?;
    Ok(Listed { rows, total, next })
}

/// The same where the number of all that fit is known.
pub(super) async fn listed_of<R: Listable>(
    tx: &mut Tx<Tenant>,
    columns: &'static str,
    from: &'static str,
    page: &Page,
    total: i64,
) -> Result<Listed<R>, StoreError> {
    tx.limit(page.time).await?;
    let (rows, next) = rows(tx, columns, from, page).await?;
    Ok(Listed { rows, total, next })
}

/// How many fit.
async fn count(tx: &mut Tx<Tenant>, from: &'static str, page: &Page) -> Result<i64, StoreError> {
    if page.matches.is_empty() {
        let mut text = Text::new(tx.is_postgres(), "SELECT COUNT(*) AS key_0 FROM", from);
        text.conditions(page);
        let found: Vec<Found<Nothing>> = fetch(tx, text, 1).await?;
        return Ok(match found.first().and_then(|f| f.keys.first()) {
            Some(Value::Number(n)) => *n,
            _ => 0,
        });
    }
    let (mut total, mut after) = (0, None);
    loop {
        let found: Vec<Found<Nothing>> = batch(tx, "", from, page, after.take(), BATCH, 0).await?;
        let full = i64::try_from(found.len()).unwrap_or(0) == BATCH;
        after = found.last().map(|f| f.keys.clone());
        total += i64::try_from(found.iter().filter(|f| f.fits(page)).count()).unwrap_or(0);
        if !full {
            return Ok(total);
        }
    }
}

/// The rows of the page, and what the last one is sorted by where more follow.
async fn rows<R: Listable>(
    tx: &mut Tx<Tenant>,
    columns: &'static str,
    from: &'static str,
    page: &Page,
) -> Result<(Vec<R>, Option<Vec<Value>>), StoreError> {
    let mut kept: Vec<Found<R>> = vec![];
    if page.limit == 0 {
        return Ok((vec![], None));
    }
    let wanted = usize::try_from(page.limit).unwrap_or(0);
    if page.matches.is_empty() {
        // One more than the page has tells whether there is another.
        kept = batch(tx, columns, from, page, page.after.clone(), page.limit + 1, page.offset).await?;
    } else {
        let (mut after, mut skip) = (page.after.clone(), page.offset);
        while kept.len() <= wanted {
            let found: Vec<Found<R>> = batch(tx, columns, from, page, after, BATCH, 0).await?;
            let full = i64::try_from(found.len()).unwrap_or(0) == BATCH;
            after = found.last().map(|f| f.keys.clone());
            for f in found.into_iter().filter(|f| f.fits(page)) {
                if skip > 0 {
                    skip -= 1;
                } else if kept.len() <= wanted {
                    kept.push(f);
                }
            }
            if !full {
                break;
            }
        }
    }
    let more = kept.len() > wanted;
    kept.truncate(wanted);
    let next = if more { kept.last().map(|f| f.keys.clone()) } else { None };
    Ok((kept.into_iter().map(|f| f.row).collect(), next))
}

async fn batch<R: Listable>(
    tx: &mut Tx<Tenant>,
    columns: &str,
    from: &'static str,
    page: &Page,
    after: Option<Vec<Value>>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Found<R>>, StoreError> {
    tx.in_time()?;
    let mut text = Text::page(tx.is_postgres(), columns, from, page);
    text.conditions(page);
    if let Some(keys) = after {
        text.after(&page.order, keys);
    }
    text.order(page, limit, offset);
    fetch(tx, text, page.order.len()).await
}

/// A row, what it is sorted by, and the texts that patterns decide on.
struct Found<R> {
    row: R,
    keys: Vec<Value>,
    texts: Vec<Option<String>>,
}

impl<R> Found<R> {
    fn fits(&self, page: &Page) -> bool {
        let mut texts = self.texts.iter();
        page.matches.iter().all(|m| {
            let own: Vec<_> = texts.by_ref().take(m.any_of.len()).collect();
            own.into_iter().flatten().any(|text| m.pattern.is_match(text))
        })
    }
}

/// A row of which nothing but its keys matters.
struct Nothing;

impl<'r, R: sqlx::Row> FromRow<'r, R> for Nothing {
    fn from_row(_: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self)
    }
}

async fn fetch<R: Listable>(
    tx: &mut Tx<Tenant>,
    text: Text,
    keys: usize,
) -> Result<Vec<Found<R>>, StoreError> {
    let tenant = tx.tenant();
    let matches = text.matches;
    macro_rules! found {
        ($c:expr, $key:path) => {{
            let mut query = sqlx::query(AssertSqlSafe(text.text)).bind(tenant);
            for value in text.values {
                query = match value {
                    Value::Text(t) => query.bind(t),
                    Value::Time(t) => query.bind(t),
                    Value::Id(t) => query.bind(t),
                    Value::Number(t) => query.bind(t),
                    Value::Bool(t) => query.bind(t),
                    Value::Nothing => query.bind(None::<String>),
                };
            }
            let mut out = vec![];
            for row in query.fetch_all(&mut **$c).await? {
                let key = |n: usize| $key(&row, &format!("key_{n}"));
                let matched = |n: usize| row.try_get(format!("match_{n}").as_str());
                out.push(Found {
                    keys: (0..keys).map(key).collect::<Result<_, sqlx::Error>>()?,
                    texts: (0..matches).map(matched).collect::<Result<_, sqlx::Error>>()?,
                    row: R::from_row(&row)?,
                });
            }
            Ok(out)
        }};
    }
    match tx.conn().await? {
        Conn::Sqlite(c) => found!(c, sqlite_value),
        Conn::Postgres(c) => found!(c, postgres_value),
    }
}

/// SQLite stores times as text, ids as octets.
fn sqlite_value(row: &SqliteRow, name: &str) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(name)?;
    if raw.is_null() {
        return Ok(Value::Nothing);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "BLOB" => Value::Id(row.try_get_unchecked(name)?),
        "INTEGER" | "BOOLEAN" => Value::Number(row.try_get_unchecked(name)?),
        _ => Value::Text(row.try_get_unchecked(name)?),
    })
}

fn postgres_value(row: &PgRow, name: &str) -> Result<Value, sqlx::Error> {
    if row.try_get_raw(name)?.is_null() {
        return Ok(Value::Nothing);
    }
    Ok(match row.column(name).type_info().name() {
        "UUID" => Value::Id(row.try_get(name)?),
        "TIMESTAMPTZ" => Value::Time(row.try_get(name)?),
        "INT8" => Value::Number(row.try_get(name)?),
        "INT4" => Value::Number(row.try_get::<i32, _>(name)?.into()),
        "BOOL" => Value::Bool(row.try_get(name)?),
        _ => Value::Text(row.try_get(name)?),
    })
}

impl Tx<Tenant> {
    /// Orders of one kind, with drafts or without, and their number, which comes from counters where only states are
    /// asked for.
    pub async fn list_orders(
        &mut self,
        kind: OrderKind,
        drafts: bool,
        page: &Page,
    ) -> Result<Listed<OrderRow>, StoreError> {
        let from = match (kind, drafts) {
            (OrderKind::Service, _) => "orders WHERE tenant = $1 AND hidden_at IS NULL AND kind = 'service'",
            (OrderKind::Product, true) => {
                "orders WHERE tenant = $1 AND hidden_at IS NULL AND kind = 'product'"
            }
            (OrderKind::Product, false) => {
                "orders WHERE tenant = $1 AND hidden_at IS NULL AND kind = 'product' AND state <> 'draft'"
            }
        };
        match counted_states(page) {
            Some(states) => {
                let draft = OrderState::Draft.as_str();
                let mut total = self.order_count(kind, states.as_deref()).await?;
                if !drafts && states.is_none_or(|s| s.iter().any(|s| s == draft)) {
                    total -= self.order_count(kind, Some(&[draft.to_owned()])).await?;
                }
                listed_of(self, "*", from, page, total).await
            }
            None => listed(self, "*", from, page).await,
        }
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

/// The states that a list of orders is filtered by, where it is filtered by nothing else: `Some(None)` without a
/// filter. Then the counters tell how many fit.
#[expect(clippy::option_option, reason = "no filter, and a filter that is not of states, are two things")]
pub(super) fn counted_states(page: &Page) -> Option<Option<Vec<String>>> {
    if !page.matches.is_empty() {
        return None;
    }
    let mut states: Option<Vec<String>> = None;
    for condition in &page.conditions {
        if states.is_some() {
            return None;
        }
        let mut named = vec![];
        for test in &condition.any_of {
            match test {
                Test { column: "state", compare: Compare::Equal, value: Value::Text(state), .. } => {
                    named.push(state.clone());
                }
                _ => return None,
            }
        }
        named.sort_unstable();
        named.dedup();
        states = Some(named);
    }
    Some(states)
}
