//! The other side: the rows of one accepted order, taken from the database, written again under new keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{bail, ensure};
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Column as _, Row, TypeInfo as _, ValueRef as _, query};
use telvisor::clock::new_id;
use uuid::Uuid;

use crate::database::{Counts, Database, Pool};

/// All rows that one order adds. One INSERT for each, all in one transaction: the least that anybody can do who
/// keeps the same rows.
#[derive(Clone)]
pub struct Template {
    rows: Arc<Vec<Line>>,
    /// The name in it, which gives way to that of each copy.
    name: String,
    /// The ids in it, which give way to new ones.
    ids: Vec<Uuid>,
}

struct Line {
    insert: String,
    cells: Vec<Cell>,
}

#[derive(Clone)]
enum Cell {
    Text(Option<String>),
    Id(Option<Uuid>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Time(Option<DateTime<Utc>>),
    Json(Option<String>),
}

impl Template {
    /// The rows that the order left which stands alone in its tables.
    pub async fn of(database: &Database, added: &Counts, name: &str) -> anyhow::Result<Self> {
        let mut rows = vec![];
        for (table, count) in added {
            let text = format!("SELECT * FROM {table}");
            let lines: Vec<Line> = match &database.pool {
                Pool::Sqlite(p) => {
                    let found = query(AssertSqlSafe(text)).fetch_all(p).await?;
                    found.iter().map(|r| line(table, r, sqlite_cell)).collect::<anyhow::Result<_>>()?
                }
                Pool::Postgres(p) => {
                    let found = query(AssertSqlSafe(text)).fetch_all(p).await?;
                    found.iter().map(|r| line(table, r, postgres_cell)).collect::<anyhow::Result<_>>()?
                }
            };
            ensure!(u64::try_from(lines.len())? == *count, "{table} held rows before the order");
            rows.extend(lines);
        }
        let id = |cell: &Cell| if let Cell::Id(id) = cell { *id } else { None };
        let mut ids: Vec<Uuid> = rows.iter().flat_map(|l| l.cells.iter().filter_map(id)).collect();
        ids.sort();
        ids.dedup();
        Ok(Self { rows: Arc::new(rows), name: name.to_owned(), ids })
    }

    /// Writes a copy under another name, durably.
    pub async fn write(&self, database: &Database, name: &str) -> anyhow::Result<()> {
        let new: BTreeMap<Uuid, Uuid> = self.ids.iter().map(|id| (*id, new_id())).collect();
        let texts: Vec<(String, String)> = new
            .iter()
            .map(|(old, new)| (old.to_string(), new.to_string()))
            .chain([(self.name.clone(), name.to_owned())])
            .collect();
        let renamed = |text: &str| {
            texts.iter().fold(text.to_owned(), |text, (old, new)| {
                if text.contains(old.as_str()) { text.replace(old, new) } else { text }
            })
        };
        // The same statement on both: each row with its cells bound, in the order of its columns.
        macro_rules! all {
            ($tx:expr) => {{
                for line in self.rows.iter() {
                    let mut insert = query(AssertSqlSafe(line.insert.clone()));
                    for cell in &line.cells {
                        insert = match cell {
                            Cell::Text(text) => insert.bind(text.as_deref().map(&renamed)),
                            Cell::Id(id) => insert.bind(id.map(|id| new[&id])),
                            Cell::Int(int) => insert.bind(*int),
                            Cell::Bool(bool) => insert.bind(*bool),
                            Cell::Time(time) => insert.bind(*time),
                            Cell::Json(json) => {
                                let json = json
                                    .as_deref()
                                    .map(|j| serde_json::value::RawValue::from_string(renamed(j)));
                                insert.bind(json.transpose()?.map(Json))
                            }
                        };
                    }
                    insert.execute(&mut *$tx).await?;
                }
                $tx.commit().await?;
            }};
        }
        match &database.pool {
            Pool::Sqlite(p) => {
                let mut tx = p.begin_with("BEGIN IMMEDIATE").await?;
                all!(tx);
            }
            Pool::Postgres(p) => {
                let mut tx = p.begin().await?;
                all!(tx);
            }
        }
        Ok(())
    }
}

fn line<R: Row>(
    table: &str,
    row: &R,
    cell: impl Fn(&R, usize) -> anyhow::Result<Cell>,
) -> anyhow::Result<Line> {
    let columns: Vec<&str> = row.columns().iter().map(sqlx::Column::name).collect();
    let marks: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let insert = format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), marks.join(", "));
    let cells = (0..columns.len()).map(|n| cell(row, n)).collect::<anyhow::Result<_>>()?;
    Ok(Line { insert, cells })
}

fn postgres_cell(row: &PgRow, n: usize) -> anyhow::Result<Cell> {
    Ok(match row.columns()[n].type_info().name() {
        "TEXT" => Cell::Text(row.try_get(n)?),
        "UUID" => Cell::Id(row.try_get(n)?),
        "INT8" => Cell::Int(row.try_get(n)?),
        "BOOL" => Cell::Bool(row.try_get(n)?),
        "TIMESTAMPTZ" => Cell::Time(row.try_get(n)?),
        "JSONB" => Cell::Json(row.try_get::<Option<serde_json::Value>, _>(n)?.map(|v| v.to_string())),
        other => bail!("column {} is of type {other}", row.columns()[n].name()),
    })
}

/// SQLite stores times and JSON as text, ids as octets.
fn sqlite_cell(row: &SqliteRow, n: usize) -> anyhow::Result<Cell> {
    let value = row.try_get_raw(n)?;
    if value.is_null() {
        return Ok(Cell::Text(None));
    }
    let kind = value.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "TEXT" => Cell::Text(row.try_get_unchecked(n)?),
        "BLOB" => Cell::Id(row.try_get_unchecked(n)?),
        "INTEGER" | "BOOLEAN" => Cell::Int(row.try_get_unchecked(n)?),
        other => bail!("column {} is of type {other}", row.columns()[n].name()),
    })
}
