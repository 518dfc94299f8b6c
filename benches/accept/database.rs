//! The database under measurement, as the other side sees it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, query, query_as, query_scalar};
use telvisor::store;

#[derive(Clone)]
pub struct Database {
    pub pool: Pool,
    url: String,
}

#[derive(Clone)]
pub enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Rows by table.
pub type Counts = BTreeMap<String, u64>;

/// Runs one statement on either database.
macro_rules! run {
    ($db:expr, $verb:ident, $query:expr) => {
        match &$db.pool {
            Pool::Sqlite(p) => $query.$verb(p).await,
            Pool::Postgres(p) => $query.$verb(p).await,
        }
    };
}

impl Database {
    /// A database of its own; none for PostgreSQL when there is no server.
    pub async fn fresh(kind: &str, data: &Path, purpose: &str) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(data)?;
        let url = if kind == "sqlite" {
            format!("sqlite:{}", data.join("telvisor.db").display())
        } else {
            #[expect(clippy::disallowed_methods, reason = "this is where the benchmark learns of PostgreSQL")]
            let Some(server) = std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty()) else {
                return Ok(None);
            };
            let name = format!("bench_{purpose}_{}", std::process::id());
            let pool = PgPool::connect(&server).await.context("TEST_DATABASE_URL")?;
            query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await?;
            pool.close().await;
            let (base, _) = server.rsplit_once('/').context("TEST_DATABASE_URL names no database")?;
            format!("{base}/{name}")
        };
        let database = Self { pool: Self::connect(&url, 1).await?, url };
        Ok(Some(database))
    }

    async fn connect(url: &str, connections: u32) -> anyhow::Result<Pool> {
        Ok(if url.starts_with("sqlite:") {
            let options = SqlitePoolOptions::new().max_connections(1);
            Pool::Sqlite(options.connect_with(store::sqlite_options(url)?).await?)
        } else {
            let options = PgPoolOptions::new().min_connections(connections).max_connections(connections);
            Pool::Postgres(options.connect(url).await?)
        })
    }

    /// The same database for so many writers. SQLite has one writer at a time, so they share a connection there, as
    /// the requests do in the server.
    pub async fn writers(&self, count: usize) -> anyhow::Result<Self> {
        let pool = Self::connect(&self.url, u32::try_from(count)?).await?;
        Ok(Self { pool, url: self.url.clone() })
    }

    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(p) => p.close().await,
            Pool::Postgres(p) => p.close().await,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn kind(&self) -> &'static str {
        match self.pool {
            Pool::Sqlite(_) => "sqlite",
            Pool::Postgres(_) => "postgres",
        }
    }

    /// Which promises are kept at a commit; on both sides the same, because both read them from the same place.
    pub async fn settings(&self) -> anyhow::Result<String> {
        if matches!(self.pool, Pool::Sqlite(_)) {
            let version: String = run!(self, fetch_one, query_scalar("SELECT sqlite_version()"))?;
            let journal: String = run!(self, fetch_one, query_scalar("PRAGMA journal_mode"))?;
            let synchronous: i64 = run!(self, fetch_one, query_scalar("PRAGMA synchronous"))?;
            let word = ["off", "normal", "full", "extra"];
            let word = usize::try_from(synchronous).ok().and_then(|n| word.get(n)).unwrap_or(&"unknown");
            return Ok(format!(
                "SQLite {version}: journal_mode = {journal}, synchronous = {word}; both sides open it with the \
                 server's own options, one writing connection"
            ));
        }
        let mut text = String::from("PostgreSQL");
        for (n, name) in
            ["server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method"]
                .iter()
                .enumerate()
        {
            let value: String = run!(self, fetch_one, query_scalar(AssertSqlSafe(format!("SHOW {name}"))))?;
            text += &match n {
                0 => format!(" {value}"),
                1 => format!(": {name} = {value}"),
                _ => format!(", {name} = {value}"),
            };
        }
        Ok(text + "; settings of the server, neither side changes them in its sessions")
    }

    async fn tables(&self) -> anyhow::Result<Vec<String>> {
        let text = match self.pool {
            Pool::Sqlite(_) => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            }
            Pool::Postgres(_) => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        };
        Ok(run!(self, fetch_all, query_scalar(text))?)
    }

    /// How many rows each table holds.
    pub async fn counts(&self) -> anyhow::Result<Counts> {
        let mut counts = Counts::new();
        for table in self.tables().await? {
            let text = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
            let count: i64 = run!(self, fetch_one, query_scalar(text))?;
            counts.insert(table, u64::try_from(count)?);
        }
        Ok(counts)
    }

    /// Takes away what orders wrote, so that the rows of one order can be told from all others.
    pub async fn empty(&self) -> anyhow::Result<()> {
        for table in [
            "lines",
            "idempotency",
            "customers",
            "subscriptions",
            "orders",
            "order_personal",
            "order_items",
            "order_history",
            "events",
            "audit",
        ] {
            let text = AssertSqlSafe(format!("DELETE FROM {table}"));
            match &self.pool {
                Pool::Sqlite(p) => query(text).execute(p).await.map(drop)?,
                Pool::Postgres(p) => query(text).execute(p).await.map(drop)?,
            }
        }
        Ok(())
    }

    /// (accepted, first job started) of every order whose external id begins with `prefix` and has a job.
    pub async fn first_starts(&self, prefix: &str) -> anyhow::Result<Vec<(DateTime<Utc>, DateTime<Utc>)>> {
        let text = "SELECT o.order_date, MIN(a.started_at) FROM orders o
            JOIN jobs j ON j.tenant = o.tenant AND j.order_id = o.id
            JOIN job_attempts a ON a.tenant = j.tenant AND a.job_id = j.id
            WHERE o.external_id LIKE $1 GROUP BY o.id, o.order_date";
        Ok(run!(self, fetch_all, query_as(text).bind(format!("{prefix}%")))?)
    }

    /// Closes it, and drops it on the PostgreSQL server. SQLite's goes with its folder.
    pub async fn discard(self) -> anyhow::Result<()> {
        self.close().await;
        if let (Pool::Postgres(_), Some((base, name))) = (&self.pool, self.url.rsplit_once('/')) {
            let pool = PgPool::connect(&format!("{base}/postgres")).await?;
            query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&pool).await?;
            pool.close().await;
        }
        Ok(())
    }
}

/// What grew, and by how much.
pub fn difference(before: &Counts, after: &Counts) -> Counts {
    let grown = |(table, n): (&String, &u64)| {
        let more = n - before.get(table).copied().unwrap_or(0).min(*n);
        (more > 0).then(|| (table.clone(), more))
    };
    after.iter().filter_map(grown).collect()
}
