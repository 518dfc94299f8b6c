//! Bringing the schema up to date, and refusing one that is too new.

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgPoolOptions;

use super::{Db, Pool, StoreError, primary, sql};

const OURS: &str = env!("CARGO_PKG_VERSION");

/// Applies what is missing, on PostgreSQL as the schema's owner. sqlx takes a lock, so several servers may start at once.
///
/// # Errors
/// When a migration fails, or the schema needs a later release than this one.
pub async fn run(db: &Db) -> Result<(), StoreError> {
    // Who may not change the schema may still use one that is up to date.
    if missing(db).await?.is_empty() {
        return check(db).await;
    }
    match &db.pool {
        Pool::Sqlite { write, .. } => {
            sqlx::migrate!("migrations/sqlite").set_ignore_missing(true).run(write).await?;
        }
        Pool::Postgres { owners, .. } => {
            // A connection of its own: a migration may take its time.
            let server = primary::find(owners).await?;
            let owner = PgPoolOptions::new().max_connections(1).connect_with(server).await?;
            let done = sqlx::migrate!("migrations/postgres").set_ignore_missing(true).run(&owner).await;
            owner.close().await;
            done.map_err(|e| match e {
                MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) if forbidden(&e) => {
                    StoreError::NotOwner(e)
                }
                other => other.into(),
            })?;
        }
    }
    check(db).await
}

/// Makes the schema ready for a process that starts. On PostgreSQL it is changed only as the owner who was named;
/// else an operator does it, with `telvisor migrate`.
///
/// # Errors
/// As [`run`]; [`StoreError::NotMigrated`].
pub async fn at_start(db: &Db) -> Result<(), StoreError> {
    if matches!(db.pool, Pool::Postgres { owned: false, .. }) {
        let missing = missing(db).await?;
        if !missing.is_empty() {
            return Err(StoreError::NotMigrated(missing.join(", ")));
        }
    }
    run(db).await
}

/// The migrations that [`run`] would apply, such as `0001 first`; changes nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn missing(db: &Db) -> Result<Vec<String>, StoreError> {
    let (migrator, table) = match &db.pool {
        Pool::Sqlite { .. } => (
            sqlx::migrate!("migrations/sqlite"),
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
        ),
        Pool::Postgres { .. } => (
            sqlx::migrate!("migrations/postgres"),
            "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('_sqlx_migrations')",
        ),
    };
    let mut tx = db.read_system().await?;
    let (tables,): (i64,) = match tx.conn().await? {
        super::Conn::Sqlite(c) => sqlx::query_as(table).fetch_one(&mut **c).await?,
        super::Conn::Postgres(c) => sqlx::query_as(table).fetch_one(&mut **c).await?,
    };
    let applied = match tables {
        0 => Vec::new(),
        _ => sql!(tx, all: (i64,), "SELECT version FROM _sqlx_migrations WHERE success")?,
    };
    let name = |m: &sqlx::migrate::Migration| format!("{:04} {}", m.version, m.description);
    Ok(migrator.iter().filter(|m| !applied.contains(&(m.version,))).map(name).collect())
}

/// Refuses a schema whose lowest release lies above ours.
///
/// # Errors
/// [`StoreError::TooOld`], or the database does not answer.
pub async fn check(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.read_system().await?;
    let lowest = sql!(tx, all: (String,), "SELECT lowest_release FROM schema_releases")?;
    let needed = lowest.into_iter().map(|(r,)| r).max_by_key(|r| numbers(r));
    match needed {
        Some(needed) if numbers(&needed) > numbers(OURS) => {
            Err(StoreError::TooOld { needed, ours: OURS.to_owned() })
        }
        _ => Ok(()),
    }
}

/// insufficient_privilege
fn forbidden(e: &sqlx::Error) -> bool {
    matches!(e, sqlx::Error::Database(d) if d.code().as_deref() == Some("42501"))
}

fn numbers(release: &str) -> Vec<u64> {
    release.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn releases_compare_as_numbers() {
        assert!(numbers("0.10.0") > numbers("0.9.3"));
        assert!(numbers("1.0.0-rc1") >= numbers("1.0.0"));
    }
}
