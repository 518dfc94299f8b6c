//! All SQL, one file per group of tables, on SQLite and PostgreSQL from one text.
//!
//! Every read and write goes through a transaction opened for a scope: [`Tx<Tenant>`] sees one tenant and puts it
//! into every query, [`Tx<System>`] is for claims, sweeps and sequencers. Nothing is written unless `commit` is
//! called.

pub mod alarms;
pub mod archive;
pub mod audit;
pub mod backups;
pub mod cancels;
pub mod catalogue;
pub mod claims;
pub mod clients;
pub mod counters;
pub mod customers;
pub mod deliveries;
pub mod drift;
pub mod durations;
pub mod events;
pub mod flow;
pub mod followers;
pub mod hosts;
pub mod idempotency;
pub mod installation;
pub mod inventory;
pub mod jobs;
mod later;
pub mod lines;
pub mod links;
pub mod listeners;
pub mod lists;
pub mod machines;
pub mod migrate;
pub mod nonces;
pub mod options;
pub mod orders;
pub mod packages;
pub mod performance;
mod primary;
pub mod records;
pub mod retry;
pub mod sdr;
pub mod sdr_audit;
pub mod sdr_delivery;
pub mod sdr_files;
pub mod sdr_reconciliations;
pub mod sealed;
pub mod sessions;
pub mod subscriptions;
pub mod told;

use std::hash::{Hash, Hasher};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection as _, Postgres, Sqlite, Transaction};
use uuid::Uuid;

use self::later::{Later, later};
use crate::clock::Clock;

pub use options::DbOptions;
pub use retry::{Again, retrying};
pub use sqlx::types::Json;

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database refused: {0}")]
    Sql(#[from] sqlx::Error),
    /// Ask whether it is there before doing it again.
    #[error("the database's answer to a commit was lost, so that it may be written or not: {0}")]
    Unsure(sqlx::Error),
    #[error("bad value in column {column} of: {query}: {reason}")]
    BadValue { column: String, query: &'static str, reason: String },
    #[error("the schema could not be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the schema needs release {needed} or later, this is {ours}: start the newer telvisor")]
    TooOld { needed: String, ours: String },
    #[error(
        "the schema is not up to date, and this user of the database may not change it ({0}); run `telvisor migrate` \
         with database.owner_url set"
    )]
    NotOwner(sqlx::Error),
    #[error(
        "the schema is not up to date ({0} missing); run `telvisor migrate`, or set database.owner_url so that a start \
         does it"
    )]
    NotMigrated(String),
    #[error("database URL {url:?}: {reason}; use sqlite:PATH or postgres://…")]
    Url { url: String, reason: String },
    #[error("the database was given too little time for this list")]
    OutOfTime,
    /// Another transaction changed the row after this one read it.
    #[error("{what} {id} was changed in between")]
    Changed { what: &'static str, id: String },
    #[error("{what} {id} is named by another row and is not there")]
    Missing { what: &'static str, id: String },
}

impl StoreError {
    /// Whether a unique key was violated.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(e)) if e.is_unique_violation())
    }

    /// Whether it goes away by itself (serialization, deadlock, busy, connection lost): a client may ask again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Database(e)) => e.code().is_some_and(|code| passes(&code)),
            // A server that dies while a connection is made breaks the protocol.
            Self::Sql(
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::WorkerCrashed,
            )
            | Self::Unsure(_)
            | Self::Changed { .. } => true,
            _ => false,
        }
    }

    /// Whether all connections of this process are in use.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::PoolTimedOut))
    }

    /// Whether a list took longer than [`Tx::limit`] allows.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        match self {
            Self::OutOfTime => true,
            // query_canceled, SQLITE_INTERRUPT
            Self::Sql(sqlx::Error::Database(e)) => matches!(e.code().as_deref(), Some("57014" | "9")),
            _ => false,
        }
    }

    pub(crate) fn at(query: &'static str, error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { index, source } => {
                Self::BadValue { column: index, query, reason: source.to_string() }
            }
            other => Self::Sql(other),
        }
    }
}

/// Whether an error of the database goes away by itself. Others were faster: serialization, deadlock (PostgreSQL); busy
/// (SQLite). A server is lost or comes up: shut down, crashed, starting, full, connection lost; or it became a standby.
fn passes(code: &str) -> bool {
    matches!(code, "40001" | "40P01" | "5" | "517" | "261")
        || matches!(code, "57P01" | "57P02" | "57P03" | "53300" | "25006" | "25P03")
        || code.starts_with("08")
}

/// Runs one statement on the transaction's database: the same text and binds for both.
/// Verbs: `execute` (rows affected), `one`, `optional`, `all`, these three with a row type.
macro_rules! sql {
    ($tx:expr, execute, $text:expr $(, $arg:expr)* $(,)?) => {{
        const TEXT: &str = $text;
        match $tx.conn().await {
            Ok($crate::store::Conn::Sqlite(c)) => sqlx::query(TEXT)$(.bind($arg))*.execute(&mut **c).await.map(|r| r.rows_affected()).map_err(|e| $crate::store::StoreError::at(TEXT, e)),
            Ok($crate::store::Conn::Postgres(c)) => sqlx::query(TEXT)$(.bind($arg))*.execute(&mut **c).await.map(|r| r.rows_affected()).map_err(|e| $crate::store::StoreError::at(TEXT, e)),
            Err(e) => Err(e),
        }
    }};
    ($tx:expr, one: $row:ty, $text:expr $(, $arg:expr)* $(,)?) => { $crate::store::sql!(@ $tx, fetch_one, $row, $text $(, $arg)*) };
    ($tx:expr, optional: $row:ty, $text:expr $(, $arg:expr)* $(,)?) => { $crate::store::sql!(@ $tx, fetch_optional, $row, $text $(, $arg)*) };
    ($tx:expr, all: $row:ty, $text:expr $(, $arg:expr)* $(,)?) => { $crate::store::sql!(@ $tx, fetch_all, $row, $text $(, $arg)*) };
    (@ $tx:expr, $verb:ident, $row:ty, $text:expr $(, $arg:expr)*) => {{
        const TEXT: &str = $text;
        match $tx.conn().await {
            Ok($crate::store::Conn::Sqlite(c)) => sqlx::query_as::<_, $row>(TEXT)$(.bind($arg))*.$verb(&mut **c).await.map_err(|e| $crate::store::StoreError::at(TEXT, e)),
            Ok($crate::store::Conn::Postgres(c)) => sqlx::query_as::<_, $row>(TEXT)$(.bind($arg))*.$verb(&mut **c).await.map_err(|e| $crate::store::StoreError::at(TEXT, e)),
            Err(e) => Err(e),
        }
    }};
}
pub(crate) use sql;

/// Rows that one statement of [`bulk`] takes at most: all their values have to fit into what a database binds.
const BULK: usize = 1000;

/// Executes a statement over many rows: `head`, the rows as `VALUES` lists, `tail`.
macro_rules! bulk {
    ($tx:expr, $head:literal, $rows:expr => |$row:pat_param| ($($value:expr),+), $tail:literal) => {
        for some in $rows.chunks($crate::store::BULK) {
            let done = match $tx.conn().await? {
                $crate::store::Conn::Sqlite(c) => $crate::store::bulk!(@ sqlx::Sqlite, c, $head, some, $row, ($($value),+), $tail),
                $crate::store::Conn::Postgres(c) => $crate::store::bulk!(@ sqlx::Postgres, c, $head, some, $row, ($($value),+), $tail),
            };
            done.map_err(|e| $crate::store::StoreError::at($head, e))?;
        }
    };
    (@ $db:ty, $conn:expr, $head:literal, $rows:expr, $row:pat_param, ($($value:expr),+), $tail:literal) => {{
        let mut statement = sqlx::QueryBuilder::<$db>::new($head);
        statement.push_values($rows, |mut binds, $row| { binds$(.push_bind($value))+; });
        statement.push($tail);
        statement.build().execute(&mut **$conn).await.map(drop)
    }};
}
pub(crate) use bulk;

/// The open transaction on one of the two databases.
pub enum Conn {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Scope of one tenant: its id is bound into every query.
#[derive(Debug, Clone)]
pub struct Tenant(pub String);

/// Scope of the installation: claims, sweeps, sequencers, schedules.
#[derive(Debug, Clone, Copy)]
pub struct System;

/// What a transaction may see.
trait Scope {
    /// Whether it sees more than one tenant.
    const CROSSES_TENANTS: bool;
}

impl Scope for Tenant {
    const CROSSES_TENANTS: bool = false;
}

impl Scope for System {
    const CROSSES_TENANTS: bool = true;
}

/// A hint for the queue, published after the commit. It names where to look; the rows are the truth.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hint {
    /// A customer's line may move.
    Line { tenant: String, customer_id: String, trace: Trace },
    /// A job is due.
    Job { class: String, tenant: String, id: Uuid, trace: Trace },
    /// There are events to pass on.
    News,
}

impl Hint {
    /// The trace of what it tells.
    #[must_use]
    pub fn trace(&self) -> Option<&str> {
        match self {
            Self::Line { trace, .. } | Self::Job { trace, .. } => trace.0.as_deref(),
            Self::News => None,
        }
    }
}

/// The trace parent that goes along with a hint. Two hints that name the same row are the same, whatever their traces.
#[derive(Debug, Clone, Default)]
pub struct Trace(pub Option<String>);

impl PartialEq for Trace {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Trace {}

impl Hash for Trace {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// A transaction with its scope, and the hints to publish when it has been committed.
pub struct Tx<S> {
    conn: Conn,
    scope: S,
    clock: Arc<dyn Clock>,
    hints: Vec<Hint>,
    until: Option<Arc<Instant>>,
    later: Later,
}

impl<S> Tx<S> {
    /// The connection, on which all is written that waited.
    pub(crate) async fn conn(&mut self) -> Result<&mut Conn, StoreError> {
        if let Conn::Postgres(c) = &mut self.conn
            && !self.later.is_empty()
        {
            Box::pin(self.later.write(c)).await?;
        }
        Ok(&mut self.conn)
    }

    /// Where rows wait to be written together; none where that saves nothing.
    fn later(&mut self) -> Option<&mut Later> {
        self.is_postgres().then_some(&mut self.later)
    }

    /// The present of this process.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.conn, Conn::Postgres(_))
    }

    /// The present by which leases and due times are judged: the database's clock, or the test's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease_now(&mut self) -> Result<DateTime<Utc>, StoreError> {
        if self.clock.rules_leases() || !self.is_postgres() {
            return Ok(self.clock.now());
        }
        let (now,) = sql!(self, one: (DateTime<Utc>,), "SELECT clock_timestamp()")?;
        Ok(now)
    }

    /// Remembers a hint to publish after the commit.
    pub fn hint(&mut self, hint: Hint) {
        if !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
    }

    /// Ends what this transaction still asks of the database when this time is over, with an error that
    /// [`StoreError::is_out_of_time`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn limit(&mut self, time: Duration) -> Result<(), StoreError> {
        let until = Arc::new(Instant::now() + time);
        // The connection outlives the transaction, and must not remember its limit.
        let weak = Arc::downgrade(&until);
        match &mut self.conn {
            Conn::Sqlite(c) => c.lock_handle().await?.set_progress_handler(1000, move || {
                weak.upgrade().is_none_or(|until| Instant::now() < *until)
            }),
            Conn::Postgres(c) => {
                let text = format!("SET LOCAL statement_timeout = {}", time.as_millis().max(1));
                sqlx::query(AssertSqlSafe(text)).execute(&mut **c).await?;
            }
        }
        self.until = Some(until);
        Ok(())
    }

    /// Whether there is time left.
    ///
    /// # Errors
    /// [`StoreError::OutOfTime`].
    pub(crate) fn in_time(&self) -> Result<(), StoreError> {
        match &self.until {
            Some(until) if Instant::now() >= **until => Err(StoreError::OutOfTime),
            _ => Ok(()),
        }
    }

    /// On PostgreSQL, waits for every other transaction that has locked the same word; SQLite has one writer.
    pub(crate) async fn lock_word(&mut self, word: &str) -> Result<(), StoreError> {
        if self.is_postgres() {
            sql!(self, execute, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", word)?;
        }
        Ok(())
    }

    /// Makes everything permanent, and returns the hints to publish.
    ///
    /// # Errors
    /// When the database refuses; nothing was written then, unless it is [`StoreError::Unsure`].
    pub async fn commit(mut self) -> Result<Vec<Hint>, StoreError> {
        self.conn().await?;
        let done = match self.conn {
            Conn::Sqlite(c) => c.commit().await,
            Conn::Postgres(c) => c.commit().await,
        };
        done.map_err(|e| match &e {
            // Class 57: the session was ended from outside, before or after the commit.
            sqlx::Error::Database(d) if !d.code().is_some_and(|c| c.starts_with("57")) => StoreError::Sql(e),
            _ => StoreError::Unsure(e),
        })?;
        Ok(self.hints)
    }
}

impl Tx<Tenant> {
    /// The tenant of this transaction.
    #[must_use]
    pub fn tenant(&self) -> String {
        self.scope.0.clone()
    }
}

impl Tx<System> {
    /// Goes on in the same transaction as one tenant.
    #[must_use]
    pub fn for_tenant(self, tenant: &str) -> Tx<Tenant> {
        Tx {
            conn: self.conn,
            scope: Tenant(tenant.to_owned()),
            clock: self.clock,
            hints: self.hints,
            until: self.until,
            later: self.later,
        }
    }
}

#[derive(Clone)]
enum Pool {
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres {
        /// For the work of tenants.
        tenants: PgPool,
        /// For what crosses tenants; the same one where no other role does it.
        system: PgPool,
        /// The servers as the schema's owner.
        owners: Vec<PgConnectOptions>,
        /// Whether the owner was named, so that a start may change the schema.
        owned: bool,
    },
}

/// The database, with the clock that rules its leases.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    clock: Arc<dyn Clock>,
}

/// How long a connection that nobody used is taken for one that is still there.
const TRUSTED: Duration = Duration::from_millis(200);

/// How SQLite is opened: a commit is on the disk before it is answered.
///
/// # Errors
/// When the URL is malformed.
pub fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    Ok(SqliteConnectOptions::from_str(url)
        .map_err(|e| StoreError::Url { url: url.to_owned(), reason: e.to_string() })?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10)))
}

/// Connections to the server to write to, also when another one becomes it.
async fn postgres(options: &DbOptions, url: &str) -> Result<PgPool, StoreError> {
    let servers: Vec<_> = primary::servers(url)?.into_iter().map(|s| options.limited(s)).collect();
    let server = primary::find(&servers).await?;
    let pool = PgPoolOptions::new()
        .max_connections(options.connections)
        .acquire_timeout(options.wait)
        // The pool tried it when it was given back; it is tried again where it may have been lost since.
        .test_before_acquire(false)
        .before_acquire(|connection, known| {
            Box::pin(async move { Ok(known.idle_for < TRUSTED || connection.ping().await.is_ok()) })
        })
        .after_connect(|connection, _| Box::pin(primary::refuse_standby(connection)))
        .connect_with(server)
        .await?;
    if servers.len() > 1 {
        tokio::spawn(primary::follow(pool.clone(), servers));
    }
    Ok(pool)
}

impl Db {
    /// Opens `sqlite:PATH` (made when missing) or `postgres://…`.
    ///
    /// # Errors
    /// When the URL names neither, or the database does not answer.
    pub async fn open(options: &DbOptions, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let url = &options.url;
        let bad = |reason: String| StoreError::Url { url: url.clone(), reason };
        let pool = if url.starts_with("sqlite:") {
            let connect = sqlite_options(url)?;
            let write = SqlitePoolOptions::new().max_connections(1).connect_with(connect.clone()).await?;
            let read =
                SqlitePoolOptions::new().max_connections(4).connect_with(connect.read_only(true)).await?;
            Pool::Sqlite { write, read }
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let owners = primary::servers(options.owner_url.as_ref().unwrap_or(url))?;
            let tenants = postgres(options, url).await?;
            let system = match &options.system_url {
                Some(url) => postgres(options, url).await?,
                None => tenants.clone(),
            };
            Pool::Postgres { tenants, system, owners, owned: options.owner_url.is_some() }
        } else {
            return Err(bad("neither SQLite nor PostgreSQL".into()));
        };
        Ok(Self { pool, clock })
    }

    /// The clock that was given at opening.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.pool {
            Pool::Sqlite { .. } => "sqlite",
            Pool::Postgres { .. } => "postgres",
        }
    }

    async fn begin<S: Scope>(&self, scope: S, write: bool) -> Result<Tx<S>, StoreError> {
        let conn = match &self.pool {
            Pool::Sqlite { write: pool, .. } if write => {
                Conn::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?)
            }
            Pool::Sqlite { read, .. } => Conn::Sqlite(read.begin().await?),
            Pool::Postgres { tenants, system, .. } => {
                let pool = if S::CROSSES_TENANTS { system } else { tenants };
                // To read: one snapshot, as SQLite gives.
                let begin = if write { "BEGIN" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
                Conn::Postgres(pool.begin_with(begin).await?)
            }
        };
        Ok(Tx { conn, scope, clock: self.clock.clone(), hints: vec![], until: None, later: Later::default() })
    }

    /// Opens a transaction of one tenant, for writing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenant(&self, tenant: &str) -> Result<Tx<Tenant>, StoreError> {
        self.begin(Tenant(tenant.to_owned()), true).await
    }

    /// Opens a transaction of one tenant, for reading only.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read(&self, tenant: &str) -> Result<Tx<Tenant>, StoreError> {
        self.begin(Tenant(tenant.to_owned()), false).await
    }

    /// Opens a transaction of the installation.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn system(&self) -> Result<Tx<System>, StoreError> {
        self.begin(System, true).await
    }

    /// Opens a transaction of the installation, for reading only.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_system(&self) -> Result<Tx<System>, StoreError> {
        self.begin(System, false).await
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pool::Postgres { tenants, system, .. } => {
                tenants.close().await;
                system.close().await;
            }
        }
    }
}
