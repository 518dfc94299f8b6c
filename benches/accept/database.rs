//! The database under measurement, as the other side sees it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Column as _, Row as _, query, query_as, query_scalar};
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

/// First 48 bits of the id of copy 0; that of copy `n` has `n` more.
pub const ID_BASE: u64 = 0x018f_0000_0000;

/// Tables whose rows come and go by themselves.
const BACKGROUND: [&str; 5] = ["leases", "performance", "performance_periods", "counters", "step_durations"];

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

    /// The name of the database on its server.
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
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
            "event_personal",
            "audit",
            "counters",
            "counter_deltas",
        ] {
            let text = AssertSqlSafe(format!("DELETE FROM {table}"));
            match &self.pool {
                Pool::Sqlite(p) => query(text).execute(p).await.map(drop)?,
                Pool::Postgres(p) => query(text).execute(p).await.map(drop)?,
            }
        }
        Ok(())
    }

    /// A table for the bare side of the wait for a first job.
    pub async fn bare_queue(&self) -> anyhow::Result<()> {
        let text = "CREATE TABLE bench_queue (n INTEGER PRIMARY KEY, state TEXT NOT NULL, worker TEXT)";
        match &self.pool {
            Pool::Sqlite(p) => query(text).execute(p).await.map(drop)?,
            Pool::Postgres(p) => query(text).execute(p).await.map(drop)?,
        }
        Ok(())
    }

    /// The least that stands between an accepted order and a started job: a row is written, and claimed, each in a
    /// transaction of its own.
    pub async fn bare_insert_and_claim(&self, n: i32) -> anyhow::Result<()> {
        let insert = "INSERT INTO bench_queue (n, state) VALUES ($1, 'ready')";
        let claim = "UPDATE bench_queue SET state = 'running', worker = 'w' WHERE n = $1 AND state = 'ready'";
        for text in [insert, claim] {
            let rows = match &self.pool {
                Pool::Sqlite(p) => query(text).bind(n).execute(p).await?.rows_affected(),
                Pool::Postgres(p) => query(text).bind(n).execute(p).await?.rows_affected(),
            };
            ensure!(rows == 1, "a row of the bare queue was not there");
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

    /// Orders that are open, and events without a position.
    pub async fn waiting(&self) -> anyhow::Result<i64> {
        let text = "SELECT (SELECT COUNT(*) FROM orders WHERE ended_at IS NULL)
            + (SELECT COUNT(*) FROM events WHERE position IS NULL)";
        Ok(run!(self, fetch_one, query_scalar(text))?)
    }

    /// When each job ended, in order.
    pub async fn job_ends(&self) -> anyhow::Result<Vec<DateTime<Utc>>> {
        let text = "SELECT ended_at FROM job_attempts WHERE outcome = 'done' ORDER BY ended_at";
        Ok(run!(self, fetch_all, query_scalar(text))?)
    }

    /// SDR files that were not delivered.
    pub async fn undelivered(&self) -> anyhow::Result<i64> {
        let text = "SELECT COUNT(*) FROM sdr_files WHERE state = 'sealed'";
        Ok(run!(self, fetch_one, query_scalar(text))?)
    }

    /// Takes the positions of all events away; how many there are. On PostgreSQL.
    pub async fn displace(&self) -> anyhow::Result<i64> {
        let statements = ["UPDATE events SET position = NULL", "VACUUM ANALYZE events"];
        self.execute(statements.map(str::to_owned).to_vec()).await?;
        self.unplaced().await
    }

    /// Events without a position.
    pub async fn unplaced(&self) -> anyhow::Result<i64> {
        Ok(run!(self, fetch_one, query_scalar("SELECT COUNT(*) FROM events WHERE position IS NULL"))?)
    }

    /// Rows; octets of tables and indexes; octets of WAL ever written; octets of SDR files; events; SDRs. Of PostgreSQL.
    pub async fn volume(&self) -> anyhow::Result<[f64; 6]> {
        let Pool::Postgres(pool) = &self.pool else { bail!("this is measured on PostgreSQL") };
        // What each second writes anew, orders or none, is not theirs.
        let counts = self.counts().await?;
        let stays = |table: &str| table != "counter_deltas" && !BACKGROUND.contains(&table);
        let rows: u64 = counts.iter().filter(|(table, _)| stays(table)).map(|(_, n)| n).sum();
        let (octets, wal, files): (f64, f64, f64) = query_as(
            "SELECT pg_database_size(current_database())::float8,
               (pg_current_wal_lsn() - '0/0')::float8, (SELECT COALESCE(SUM(bytes), 0)::float8 FROM sdr_files)",
        )
        .fetch_one(pool)
        .await?;
        let count = |n: u64| anyhow::Ok(f64::from(u32::try_from(n)?));
        Ok([count(rows)?, octets, wal, files, count(counts["events"])?, count(counts["sdr"])?])
    }

    /// The process of PostgreSQL that starts the others, on this machine.
    pub async fn postmaster(&self) -> anyhow::Result<u32> {
        let Pool::Postgres(pool) = &self.pool else { bail!("this is measured on PostgreSQL") };
        let session: i32 = query_scalar("SELECT pg_backend_pid()").fetch_one(pool).await?;
        let stat = std::fs::read_to_string(format!("/proc/{session}/stat"))?;
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        Ok(parent.context("a process has a parent")?.parse()?)
    }

    /// Makes orders `from` to `to` out of the first one, with ids, dates and external ids of their own.
    pub async fn copies_of_the_order(
        &self,
        from: u64,
        to: u64,
        begin: &str,
        seconds_apart: i64,
    ) -> anyhow::Result<()> {
        let sqlite = matches!(self.pool, Pool::Sqlite(_));
        let numbers = if sqlite {
            format!("WITH RECURSIVE c(n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM c WHERE n < {to})")
        } else {
            format!("WITH c AS (SELECT generate_series({from}::bigint, {to}) AS n)")
        };
        let (id, at) = if sqlite {
            (
                format!("unhex(printf('%012x7000%016x', {ID_BASE} + n, n))"),
                format!(
                    "strftime('%Y-%m-%dT%H:%M:%S+00:00', '{begin}', (n * {seconds_apart}) || ' seconds')"
                ),
            )
        } else {
            (
                format!("(lpad(to_hex({ID_BASE} + n), 12, '0') || '7000' || lpad(to_hex(n), 16, '0'))::uuid"),
                format!("timestamptz '{begin}' + n * interval '{seconds_apart} seconds'"),
            )
        };
        let types = if sqlite { "n INTEGER, id BLOB, at TEXT" } else { "n BIGINT, id UUID, at TIMESTAMPTZ" };
        // The oldest order is the first one that was placed, whatever its date is.
        let first = "(SELECT order_id FROM bench_first)";
        let mut statements = vec![
            "DROP TABLE IF EXISTS bench_copies".to_owned(),
            format!("CREATE TABLE bench_copies ({types})"),
            format!("{numbers} INSERT INTO bench_copies SELECT n, {id}, {at} FROM c"),
            "CREATE TABLE IF NOT EXISTS bench_first AS SELECT id AS order_id FROM orders".to_owned(),
        ];
        for (table, key) in [("orders", "id"), ("order_items", "order_id"), ("order_personal", "order_id")] {
            let columns = self.columns(table).await?;
            let of = |column: &String| match column.as_str() {
                c if c == key => "b.id".to_owned(),
                "order_date" => "b.at".into(),
                "external_id" => "'e-' || b.n".into(),
                "customer_id" => "'c-' || (b.n / 10)".into(),
                "state" if table == "orders" => {
                    "CASE b.n % 10 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'completed' END".into()
                }
                c => format!("o.{c}"),
            };
            let values: Vec<String> = columns.iter().map(of).collect();
            statements.push(format!(
                "INSERT INTO {table} ({}) SELECT {} FROM bench_copies b, {table} o WHERE o.{key} = {first}",
                columns.join(", "),
                values.join(", ")
            ));
        }
        self.execute(statements).await
    }

    /// Makes the counters right, and lets PostgreSQL do what it does by itself after a while; SQLite never does.
    pub async fn recount(&self) -> anyhow::Result<()> {
        let mut statements = vec![
            "DELETE FROM counter_deltas".to_owned(),
            "DELETE FROM counters".to_owned(),
            "INSERT INTO counters (tenant, name, value) SELECT tenant, 'orders.' || kind || '.' || state, COUNT(*)
               FROM orders WHERE hidden_at IS NULL GROUP BY tenant, kind, state"
                .to_owned(),
        ];
        if matches!(self.pool, Pool::Postgres(_)) {
            statements.push("VACUUM ANALYZE".to_owned());
        }
        self.execute(statements).await
    }

    async fn execute(&self, statements: Vec<String>) -> anyhow::Result<()> {
        for text in statements {
            match &self.pool {
                Pool::Sqlite(p) => query(AssertSqlSafe(text)).execute(p).await.map(drop)?,
                Pool::Postgres(p) => query(AssertSqlSafe(text)).execute(p).await.map(drop)?,
            }
        }
        Ok(())
    }

    async fn columns(&self, table: &str) -> anyhow::Result<Vec<String>> {
        let text = AssertSqlSafe(format!("SELECT * FROM {table} LIMIT 1"));
        Ok(match &self.pool {
            Pool::Sqlite(p) => {
                let row = query(text).fetch_one(p).await?;
                row.columns().iter().map(|c| c.name().to_owned()).collect()
            }
            Pool::Postgres(p) => {
                let row = query(text).fetch_one(p).await?;
                row.columns().iter().map(|c| c.name().to_owned()).collect()
            }
        })
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
    after.iter().filter(|(table, _)| !BACKGROUND.contains(&table.as_str())).filter_map(grown).collect()
}
