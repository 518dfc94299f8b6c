//! Delivery of sealed files: what waits, how tries went, what the recipients have taken.

use chrono::{DateTime, Utc};

use super::sdr_files::FileRow;
use super::{StoreError, System, Tx, sql};

/// Key of the PostgreSQL advisory lock under which one process at a time puts files into folders of ours.
const DELIVERY_LOCK: i64 = 0x7464_7201;

/// Tries in a row that fail before what may pass by itself is an alarm.
pub const PATIENCE: i64 = 3;

/// How the delivery of a file goes.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct Progress {
    /// Tries that failed since it last went well.
    pub tries: i64,
    /// Not tried again before; none: at once.
    pub next_try: Option<DateTime<Utc>>,
    /// Why the last try failed, without secrets.
    pub last_error: Option<String>,
    /// Version of the recipient by which it was delivered last.
    pub delivered_version: Option<i64>,
}

impl Tx<System> {
    /// Files that are sealed and not delivered, in the order of their numbers.
    pub async fn undelivered(&mut self) -> Result<Vec<FileRow>, StoreError> {
        sql!(
            self,
            all: FileRow,
            "SELECT * FROM sdr_files WHERE state = 'sealed' ORDER BY tenant, recipient, test, file_seq, revision"
        )
    }

    /// Files that are delivered and not acknowledged, in the order of their numbers.
    pub async fn unacknowledged(&mut self) -> Result<Vec<FileRow>, StoreError> {
        sql!(
            self,
            all: FileRow,
            "SELECT * FROM sdr_files WHERE state = 'delivered' ORDER BY tenant, recipient, test, file_seq, revision"
        )
    }

    /// Waits until nobody else delivers into folders of ours, and keeps others from it until this transaction ends;
    /// whether the file still waits for delivery.
    pub async fn lock_delivery(&mut self, f: &FileRow) -> Result<bool, StoreError> {
        if self.is_postgres() {
            sql!(self, execute, "SELECT pg_advisory_xact_lock($1)", DELIVERY_LOCK)?;
        }
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM sdr_files WHERE tenant = $1 AND recipient = $2 AND test = $3 AND file_seq = $4
             AND revision = $5 AND state = 'sealed'",
            &f.tenant,
            &f.recipient,
            f.test,
            f.file_seq,
            f.revision
        )?;
        Ok(n > 0)
    }

    /// Marks a sealed file delivered, by this version of its recipient; with `acknowledged` nothing more is awaited. False when it was not waiting.
    pub async fn mark_delivered(
        &mut self,
        f: &FileRow,
        version: i64,
        acknowledged: bool,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let rows = sql!(
            self,
            execute,
            "UPDATE sdr_files SET state = $6, delivered_at = $7, acknowledged_at = $8, delivered_version = $9,
               tries = 0, next_try = NULL, last_error = NULL
             WHERE tenant = $1 AND recipient = $2 AND test = $3 AND file_seq = $4 AND revision = $5 AND state = 'sealed'",
            &f.tenant,
            &f.recipient,
            f.test,
            f.file_seq,
            f.revision,
            if acknowledged { "acknowledged" } else { "delivered" },
            now,
            acknowledged.then_some(now),
            version
        )?;
        Ok(rows == 1)
    }

    /// Notes that a try failed, and when the next one is due.
    pub async fn note_trouble(
        &mut self,
        f: &FileRow,
        error: &str,
        next_try: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "UPDATE sdr_files SET tries = tries + 1, last_error = $6, next_try = $7
             WHERE tenant = $1 AND recipient = $2 AND test = $3 AND file_seq = $4 AND revision = $5 AND state = 'sealed'",
            &f.tenant,
            &f.recipient,
            f.test,
            f.file_seq,
            f.revision,
            error,
            next_try
        )?;
        Ok(())
    }

    /// Marks a delivered file as taken by its recipient. False when it was not delivered.
    pub async fn mark_acknowledged(&mut self, f: &FileRow) -> Result<bool, StoreError> {
        let now = self.now();
        let rows = sql!(
            self,
            execute,
            "UPDATE sdr_files SET state = 'acknowledged', acknowledged_at = $6
             WHERE tenant = $1 AND recipient = $2 AND test = $3 AND file_seq = $4 AND revision = $5
               AND state = 'delivered'",
            &f.tenant,
            &f.recipient,
            f.test,
            f.file_seq,
            f.revision,
            now
        )?;
        Ok(rows == 1)
    }

    /// Has a file delivered once more. False when it waits for that anyway, or was refused.
    pub async fn deliver_again(&mut self, f: &FileRow) -> Result<bool, StoreError> {
        let rows = sql!(
            self,
            execute,
            "UPDATE sdr_files SET state = 'sealed', tries = 0, next_try = NULL, last_error = NULL
             WHERE tenant = $1 AND recipient = $2 AND test = $3 AND file_seq = $4 AND revision = $5
               AND state IN ('delivered', 'acknowledged')",
            &f.tenant,
            &f.recipient,
            f.test,
            f.file_seq,
            f.revision
        )?;
        Ok(rows == 1)
    }

    /// Streams that are kept back by a file that could not be delivered again and again: tenant, recipient, whether
    /// test, the last error.
    pub async fn kept_back(&mut self) -> Result<Vec<(String, String, bool, String)>, StoreError> {
        sql!(
            self,
            all: (String, String, bool, String),
            "SELECT tenant, recipient, test, last_error FROM sdr_files
             WHERE state = 'sealed' AND tries >= $1 AND last_error IS NOT NULL
             ORDER BY tenant, recipient, test, file_seq, revision",
            PATIENCE
        )
    }
}
