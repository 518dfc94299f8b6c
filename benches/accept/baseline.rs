//! The other side on SQLite: the rows of one accepted order, taken from the database, written again under new keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{bail, ensure};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Column as _, Row as _, TypeInfo as _, ValueRef as _, query};
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

/// A value as SQLite stores it: times and JSON as text, ids as octets.
enum Cell {
    Text(Option<String>),
    Id(Uuid),
    Int(i64),
}

impl Template {
    /// The rows that the order left which stands alone in its tables.
    pub async fn of(database: &Database, added: &Counts, name: &str) -> anyhow::Result<Self> {
        let Pool::Sqlite(pool) = &database.pool else { bail!("this is made for SQLite") };
        let mut rows = vec![];
        for (table, count) in added {
            let found = query(AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch_all(pool).await?;
            ensure!(u64::try_from(found.len())? == *count, "{table} held rows before the order");
            for row in &found {
                rows.push(line(table, row)?);
            }
        }
        let id = |cell: &Cell| if let Cell::Id(id) = cell { Some(*id) } else { None };
        let mut ids: Vec<Uuid> = rows.iter().flat_map(|l| l.cells.iter().filter_map(id)).collect();
        ids.sort();
        ids.dedup();
        Ok(Self { rows: Arc::new(rows), name: name.to_owned(), ids })
    }

    /// Writes a copy under another name, durably.
    pub async fn write(&self, database: &Database, name: &str) -> anyhow::Result<()> {
        let Pool::Sqlite(pool) = &database.pool else { bail!("this is made for SQLite") };
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
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
        for line in self.rows.iter() {
            let mut insert = query(AssertSqlSafe(line.insert.clone()));
            for cell in &line.cells {
                insert = match cell {
                    Cell::Text(text) => insert.bind(text.as_deref().map(&renamed)),
                    Cell::Id(id) => insert.bind(new[id]),
                    Cell::Int(int) => insert.bind(*int),
                };
            }
            insert.execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

fn line(table: &str, row: &SqliteRow) -> anyhow::Result<Line> {
    let columns: Vec<&str> = row.columns().iter().map(sqlx::Column::name).collect();
    let marks: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let insert = format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), marks.join(", "));
    let cells = (0..columns.len()).map(|n| cell(row, n)).collect::<anyhow::Result<_>>()?;
    Ok(Line { insert, cells })
}

fn cell(row: &SqliteRow, n: usize) -> anyhow::Result<Cell> {
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
