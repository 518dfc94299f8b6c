//! The archive: orders that ended longer ago than they are kept go to a file, one for each tenant and day, and then out
//! of the database.
//!
//! A day's file is written as a whole, under another name, and comes to light by a link that never replaces a file. Only
//! then are its orders removed, a few at a time. So wherever a process dies, the next one begins the file anew, or finds
//! it and goes on removing; and one that slept meanwhile cannot put half a file in the place of a whole one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engine::Engine;
use crate::store::{StoreError, retrying};

/// Orders that are read, or removed, in one transaction.
const BATCH: i64 = 100;
/// How often it is looked for days to archive.
const PERIOD: Duration = Duration::from_secs(60);
/// Compression, of 1 to 22: quick, and small enough.
const LEVEL: i32 = 3;

/// Why a day could not be archived; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("order {order} cannot be written: {source}")]
    Json { order: Uuid, source: serde_json::Error },
}

fn at(path: &Path) -> impl Fn(io::Error) -> ArchiveError + '_ {
    |source| ArchiveError::Io { path: path.display().to_string(), source }
}

/// Archives what is due until `shutdown`.
pub async fn run(engine: Arc<Engine>, shutdown: CancellationToken) {
    if engine.config.archive.days == 0 {
        return;
    }
    let mut rounds = tokio::time::interval(PERIOD);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = shutdown.cancelled() => return,
        }
        let done = tokio::select! {
            done = archive(&engine) => done,
            () = shutdown.cancelled() => return,
        };
        match done {
            Ok(0) => {}
            Ok(orders) => tracing::info!(orders, "orders were archived"),
            Err(e) => tracing::error!(error = %e, "orders could not be archived; it is tried again"),
        }
    }
}

/// Archives every day that is over for so long as orders are kept. Returns how many orders were removed.
///
/// # Errors
/// See [`ArchiveError`]; what was done until then stays done.
pub async fn archive(engine: &Engine) -> Result<u64, ArchiveError> {
    let mut tx = engine.db.read_system().await?;
    let now = tx.lease_now().await?;
    let tenants = tx.all_tenants().await?;
    drop(tx);
    let before = midnight((now - TimeDelta::days(engine.config.archive.days)).date_naive());
    let mut removed = 0;
    for tenant in tenants {
        loop {
            if !engine.leads("archive").await? {
                return Ok(removed);
            }
            let first = engine.db.read(&tenant).await?.first_end(before).await?;
            let Some(first) = first else { break };
            let day = Day { engine, tenant: &tenant, date: first.date_naive() };
            if !engine.config.archive.folder.as_os_str().is_empty() && !day.write().await? {
                return Ok(removed);
            }
            removed += day.remove().await?;
        }
    }
    Ok(removed)
}

fn midnight(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

/// The orders of a tenant that ended on one day (UTC).
struct Day<'a> {
    engine: &'a Engine,
    tenant: &'a str,
    date: NaiveDate,
}

impl Day<'_> {
    fn span(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (midnight(self.date), midnight(self.date.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX)))
    }

    fn path(&self) -> PathBuf {
        let folder = self.engine.config.archive.folder.join(self.tenant);
        folder.join(format!("orders-{}.jsonl.zst", self.date))
    }

    /// Writes the day's file, where it is not there; false when another process leads now.
    async fn write(&self) -> Result<bool, ArchiveError> {
        let path = self.path();
        if path.exists() {
            return Ok(true);
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        tokio::fs::create_dir_all(folder).await.map_err(at(folder))?;
        self.clear(folder).await.map_err(at(folder))?;
        let written = path.with_extension(format!("{}.tmp", self.engine.worker));
        let whole = self.fill(&written).await?;
        if whole {
            match tokio::fs::hard_link(&written, &path).await {
                // Another one's, which was whole before anything was removed.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                linked => linked.map_err(at(&path))?,
            }
            let opened = File::open(folder).await.map_err(at(folder))?;
            opened.sync_all().await.map_err(at(folder))?;
        }
        tokio::fs::remove_file(&written).await.map_err(at(&written))?;
        Ok(whole)
    }

    /// Takes away what others began of this day's file.
    async fn clear(&self, folder: &Path) -> io::Result<()> {
        let begun = format!("orders-{}.", self.date);
        let mut entries = tokio::fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&begun) && name.ends_with(".tmp") {
                tokio::fs::remove_file(entry.path()).await?;
            }
        }
        Ok(())
    }

    /// All orders of the day, a line each; false when another process leads now.
    async fn fill(&self, path: &Path) -> Result<bool, ArchiveError> {
        let (from, to) = self.span();
        let mut file = File::create(path).await.map_err(at(path))?;
        let mut after = (from, Uuid::nil());
        loop {
            let mut tx = self.engine.db.read(self.tenant).await?;
            let orders = tx.ended_orders(from, to, after, BATCH).await?;
            let Some(last) = orders.last() else { break };
            after = (last.ended_at.unwrap_or(to), last.id);
            let mut lines = vec![];
            for order in orders {
                let id = order.id;
                let whole = tx.whole(order).await?;
                serde_json::to_writer(&mut lines, &whole)
                    .map_err(|source| ArchiveError::Json { order: id, source })?;
                lines.push(b'\n');
            }
            drop(tx);
            // A frame for each batch: together they are one stream.
            let frame = zstd::encode_all(lines.as_slice(), LEVEL).map_err(at(path))?;
            file.write_all(&frame).await.map_err(at(path))?;
            if !self.engine.leads("archive").await? {
                return Ok(false);
            }
        }
        file.sync_all().await.map_err(at(path))?;
        Ok(true)
    }

    /// Removes the day's orders from the database; how many.
    async fn remove(&self) -> Result<u64, ArchiveError> {
        let (from, to) = self.span();
        let mut removed = 0;
        loop {
            let batch = retrying("archive", async || {
                let mut tx = self.engine.db.tenant(self.tenant).await?;
                let orders = tx.ended_orders(from, to, (from, Uuid::nil()), BATCH).await?;
                for order in &orders {
                    tx.remove_order(order.id).await?;
                }
                tx.commit().await?;
                Ok::<_, StoreError>(orders.len() as u64)
            })
            .await?;
            removed += batch;
            if batch == 0 || !self.engine.leads("archive").await? {
                return Ok(removed);
            }
        }
    }
}
