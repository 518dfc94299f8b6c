//! Recipients, streams, record numbers and the manifests of sealed files.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::sdr_delivery::Progress;
use super::{Json, StoreError, System, Tx, sql};

/// A recipient's configuration by version: a change applies from the next file.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RecipientRow {
    pub name: String,
    pub version: i64,
    pub config: Json<Value>,
    /// Records journalled after this are its.
    pub since: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    /// It gets no more files.
    pub retired_at: Option<DateTime<Utc>>,
    pub origin: String,
}

/// [`RecipientRow::origin`] of those that stand in the configuration.
pub const CONFIGURED: &str = "configuration";
/// Of those that an operator set.
pub const SET: &str = "operator";

/// A stream: (tenant, recipient, live or test), with its counters.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StreamRow {
    pub tenant: String,
    pub recipient: String,
    pub test: bool,
    pub next_file: i64,
    pub next_number: i64,
    /// The last period end at which the stream was cut.
    pub cut_time: DateTime<Utc>,
}

/// The manifest of a sealed file. States: `sealed`, `delivered`, `acknowledged`, `deleted` (from our disk).
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FileRow {
    pub tenant: String,
    pub recipient: String,
    pub test: bool,
    pub file_seq: i64,
    pub revision: i64,
    pub config_version: i64,
    pub name: String,
    pub state: String,
    pub records: i64,
    pub first_number: i64,
    pub last_number: i64,
    pub bytes: i64,
    pub sha256: String,
    pub manifest: Json<Value>,
    pub node_id: String,
    pub node_address: Option<String>,
    pub utc_offset_s: i64,
    pub period_start: DateTime<Utc>,
    pub period_end: DateTime<Utc>,
    pub opened_at: DateTime<Utc>,
    pub closed_at: DateTime<Utc>,
    pub close_reason: i64,
    pub codec_version: String,
    pub rejected_reference: Option<i64>,
    pub delivered_at: Option<DateTime<Utc>>,
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// The disk that it lies on; none: it is not delivered, or not to a folder of ours.
    pub place: Option<String>,
    #[sqlx(flatten)]
    pub delivery: Progress,
}

impl Tx<System> {
    /// The present version of every recipient that gets files.
    pub async fn recipients(&mut self) -> Result<Vec<RecipientRow>, StoreError> {
        sql!(
            self,
            all: RecipientRow,
            "SELECT * FROM sdr_recipients r
             WHERE retired_at IS NULL
               AND version = (SELECT MAX(version) FROM sdr_recipients m WHERE m.name = r.name) ORDER BY name"
        )
    }

    /// All versions of a recipient, the newest first; retired ones, too.
    pub async fn recipient_versions(&mut self, name: &str) -> Result<Vec<RecipientRow>, StoreError> {
        sql!(
            self,
            all: RecipientRow,
            "SELECT * FROM sdr_recipients WHERE name = $1 ORDER BY version DESC",
            name
        )
    }

    /// One version of a recipient's configuration.
    pub async fn recipient(&mut self, name: &str, version: i64) -> Result<Option<RecipientRow>, StoreError> {
        sql!(
            self,
            optional: RecipientRow,
            "SELECT * FROM sdr_recipients WHERE name = $1 AND version = $2",
            name,
            version
        )
    }

    /// Notes a recipient's configuration when it is new or differs from the last; one that was retired is there again.
    pub async fn note_recipient(
        &mut self,
        name: &str,
        config: &Value,
        origin: &str,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let versions = self.recipient_versions(name).await?;
        let (version, since) = match versions.first() {
            Some(row) if row.config.0 == *config && row.origin == origin => {
                sql!(
                    self,
                    execute,
                    "UPDATE sdr_recipients SET retired_at = NULL WHERE name = $1 AND version = $2",
                    name,
                    row.version
                )?;
                return Ok(());
            }
            Some(row) => (row.version + 1, row.since),
            None => (1, now),
        };
        sql!(
            self,
            execute,
            "INSERT INTO sdr_recipients (name, version, config, since, created_at, origin)
             VALUES ($1,$2,$3,$4,$5,$6)",
            name,
            version,
            Json(config),
            since,
            now,
            origin
        )?;
        Ok(())
    }

    /// Retires a recipient: it gets no more files.
    pub async fn retire_recipient(&mut self, name: &str) -> Result<(), StoreError> {
        let now = self.now();
        sql!(
            self,
            execute,
            "UPDATE sdr_recipients SET retired_at = $2 WHERE name = $1 AND retired_at IS NULL",
            name,
            now
        )?;
        Ok(())
    }

    /// A stream, locked; made with its first use.
    pub async fn stream(
        &mut self,
        tenant: &str,
        recipient: &str,
        test: bool,
        start: DateTime<Utc>,
    ) -> Result<StreamRow, StoreError> {
        sql!(
            self,
            one: StreamRow,
            "INSERT INTO sdr_streams (tenant, recipient, test, next_file, next_number, cut_time)
             VALUES ($1,$2,$3,1,1,$4)
             ON CONFLICT (tenant, recipient, test) DO UPDATE SET next_file = sdr_streams.next_file
             RETURNING tenant, recipient, test, next_file, next_number, cut_time",
            tenant,
            recipient,
            test,
            start
        )
    }

    /// A stream as it is, without locking it; none before its first use.
    pub async fn peek_stream(
        &mut self,
        tenant: &str,
        recipient: &str,
        test: bool,
    ) -> Result<Option<StreamRow>, StoreError> {
        sql!(
            self,
            optional: StreamRow,
            "SELECT tenant, recipient, test, next_file, next_number, cut_time FROM sdr_streams
             WHERE tenant = $1 AND recipient = $2 AND test = $3",
            tenant,
            recipient,
            test
        )
    }

    pub async fn update_stream(&mut self, s: &StreamRow) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "UPDATE sdr_streams SET next_file = $4, next_number = $5, cut_time = $6
             WHERE tenant = $1 AND recipient = $2 AND test = $3",
            &s.tenant,
            &s.recipient,
            s.test,
            s.next_file,
            s.next_number,
            s.cut_time
        )?;
        Ok(())
    }

    /// Gives a record its number in a stream.
    pub async fn number_record(
        &mut self,
        stream: &StreamRow,
        number: i64,
        record: Uuid,
        file_seq: i64,
    ) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "INSERT INTO sdr_numbers (tenant, recipient, test, number, record_id, file_seq) VALUES ($1,$2,$3,$4,$5,$6)",
            &stream.tenant,
            &stream.recipient,
            stream.test,
            number,
            record,
            file_seq
        )?;
        Ok(())
    }

    /// Whether the journal has a record (else none), and its number with a recipient, where it has one.
    pub async fn sdr_number(
        &mut self,
        tenant: &str,
        recipient: &str,
        record: Uuid,
    ) -> Result<Option<Option<i64>>, StoreError> {
        let row = sql!(
            self,
            optional: (Option<i64>,),
            "SELECT n.number FROM sdr s LEFT JOIN sdr_numbers n
               ON n.tenant = s.tenant AND n.recipient = $2 AND n.record_id = s.record_id
             WHERE s.tenant = $1 AND s.record_id = $3",
            tenant,
            recipient,
            record
        )?;
        Ok(row.map(|(number,)| number))
    }

    pub async fn insert_file(&mut self, f: &FileRow) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "INSERT INTO sdr_files (tenant, recipient, test, file_seq, revision, config_version, name, state, records,
               first_number, last_number, bytes, sha256, manifest, node_id, node_address, utc_offset_s, period_start,
               period_end, opened_at, closed_at, close_reason, codec_version, rejected_reference)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24)",
            &f.tenant,
            &f.recipient,
            f.test,
            f.file_seq,
            f.revision,
            f.config_version,
            &f.name,
            &f.state,
            f.records,
            f.first_number,
            f.last_number,
            f.bytes,
            &f.sha256,
            &f.manifest,
            &f.node_id,
            &f.node_address,
            f.utc_offset_s,
            f.period_start,
            f.period_end,
            f.opened_at,
            f.closed_at,
            f.close_reason,
            &f.codec_version,
            f.rejected_reference
        )?;
        Ok(())
    }

    /// Whether a stream has a file of the period that begins at this time.
    pub async fn has_file_of(
        &mut self,
        (tenant, recipient, test): (&str, &str, bool),
        period_start: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM sdr_files WHERE tenant = $1 AND recipient = $2 AND test = $3 AND period_start = $4",
            tenant,
            recipient,
            test,
            period_start
        )?;
        Ok(n > 0)
    }

    /// All files, oldest first.
    pub async fn files(&mut self, tenant: &str) -> Result<Vec<FileRow>, StoreError> {
        sql!(
            self,
            all: FileRow,
            "SELECT * FROM sdr_files WHERE tenant = $1 ORDER BY closed_at, recipient, test, file_seq, revision",
            tenant
        )
    }

    /// Delivered files that are not acknowledged and lie on another disk than this.
    pub async fn elsewhere(&mut self, place: &str) -> Result<Vec<FileRow>, StoreError> {
        sql!(
            self,
            all: FileRow,
            "SELECT * FROM sdr_files WHERE state = 'delivered' AND place IS NOT NULL AND place <> $1
             ORDER BY tenant, recipient, test, file_seq, revision",
            place
        )
    }

    /// Files of a recipient on this disk that were acknowledged before a time.
    pub async fn outlived(
        &mut self,
        recipient: &str,
        place: &str,
        before: DateTime<Utc>,
    ) -> Result<Vec<FileRow>, StoreError> {
        sql!(
            self,
            all: FileRow,
            "SELECT * FROM sdr_files
             WHERE recipient = $1 AND place = $2 AND state = 'acknowledged' AND acknowledged_at < $3
             ORDER BY tenant, test, file_seq, revision",
            recipient,
            place,
            before
        )
    }

    /// Marks an acknowledged file as deleted from our disk; its manifest stays.
    pub async fn mark_deleted(&mut self, f: &FileRow) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "UPDATE sdr_files SET state = 'deleted', place = NULL
             WHERE tenant = $1 AND recipient = $2 AND test = $3 AND file_seq = $4 AND revision = $5
               AND state = 'acknowledged'",
            &f.tenant,
            &f.recipient,
            f.test,
            f.file_seq,
            f.revision
        )?;
        Ok(())
    }

    /// Notes the disk that a file lies on.
    pub async fn set_place(&mut self, f: &FileRow, place: &str) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "UPDATE sdr_files SET place = $6
             WHERE tenant = $1 AND recipient = $2 AND test = $3 AND file_seq = $4 AND revision = $5",
            &f.tenant,
            &f.recipient,
            f.test,
            f.file_seq,
            f.revision,
            place
        )?;
        Ok(())
    }
}
