//! What the audit of SDR files counts.

use chrono::{DateTime, Utc};

use super::sdr_files::{FileRow, StreamRow};
use super::{StoreError, System, Tx, sql};

/// Tenant, recipient, whether test.
type Stream<'a> = (&'a str, &'a str, bool);

/// Records of one type in one file.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Written {
    #[sqlx(rename = "type")]
    pub kind: String,
    pub file_seq: i64,
    /// Of the file's last revision; none when there is no such file.
    pub state: Option<String>,
    pub records: i64,
}

/// Numbered records of one type in one file.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Numbered {
    pub file_seq: i64,
    #[sqlx(rename = "type")]
    pub kind: String,
    pub records: i64,
}

/// Records of one type and application that have no number.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Unnumbered {
    #[sqlx(rename = "type")]
    pub kind: String,
    pub application: Option<String>,
    pub records: i64,
}

impl Tx<System> {
    /// All streams that were ever sealed.
    pub async fn streams(&mut self) -> Result<Vec<StreamRow>, StoreError> {
        sql!(
            self,
            all: StreamRow,
            "SELECT tenant, recipient, test, next_file, next_number, cut_time FROM sdr_streams
             ORDER BY tenant, recipient, test"
        )
    }

    /// Records journalled in a span (its begin included, its end not) that are in files of a stream.
    pub async fn audit_written(
        &mut self,
        (tenant, recipient, test): Stream<'_>,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<Written>, StoreError> {
        sql!(
            self,
            all: Written,
            "SELECT s.type, n.file_seq, f.state, COUNT(*) AS records
             FROM sdr s
             JOIN sdr_numbers n ON n.tenant = s.tenant AND n.recipient = $2 AND n.record_id = s.record_id
             LEFT JOIN sdr_files f ON f.tenant = n.tenant AND f.recipient = n.recipient AND f.test = n.test
               AND f.file_seq = n.file_seq AND f.revision =
                 (SELECT MAX(m.revision) FROM sdr_files m WHERE m.tenant = f.tenant AND m.recipient = f.recipient
                    AND m.test = f.test AND m.file_seq = f.file_seq)
             WHERE s.tenant = $1 AND s.test = $3 AND s.record_time >= $4 AND s.record_time < $5
             GROUP BY s.type, n.file_seq, f.state ORDER BY n.file_seq, s.type",
            tenant,
            recipient,
            test,
            from,
            until
        )
    }

    /// Records journalled in a span that have no number with a recipient, and are not for another one alone.
    pub async fn audit_unnumbered(
        &mut self,
        (tenant, recipient, test): Stream<'_>,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<Unnumbered>, StoreError> {
        sql!(
            self,
            all: Unnumbered,
            "SELECT s.type, s.body->>'application' AS application, COUNT(*) AS records FROM sdr s
             WHERE s.tenant = $1 AND s.test = $3 AND s.record_time >= $4 AND s.record_time < $5
               AND (s.only_recipient IS NULL OR s.only_recipient = $2)
               AND NOT EXISTS (SELECT 1 FROM sdr_numbers n
                 WHERE n.tenant = s.tenant AND n.recipient = $2 AND n.record_id = s.record_id)
             GROUP BY s.type, s.body->>'application'",
            tenant,
            recipient,
            test,
            from,
            until
        )
    }

    /// How many records of each type have a number in each of these files.
    pub async fn audit_numbered(
        &mut self,
        (tenant, recipient, test): Stream<'_>,
        (first, last): (i64, i64),
    ) -> Result<Vec<Numbered>, StoreError> {
        sql!(
            self,
            all: Numbered,
            "SELECT n.file_seq, s.type, COUNT(*) AS records
             FROM sdr_numbers n JOIN sdr s ON s.tenant = n.tenant AND s.record_id = n.record_id
             WHERE n.tenant = $1 AND n.recipient = $2 AND n.test = $3 AND n.file_seq BETWEEN $4 AND $5
             GROUP BY n.file_seq, s.type",
            tenant,
            recipient,
            test,
            first,
            last
        )
    }

    /// The last revisions of the files of a stream whose periods begin in a span, in the order of their numbers.
    pub async fn audit_files(
        &mut self,
        (tenant, recipient, test): Stream<'_>,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<FileRow>, StoreError> {
        sql!(
            self,
            all: FileRow,
            "SELECT * FROM sdr_files f
             WHERE tenant = $1 AND recipient = $2 AND test = $3 AND period_start >= $4 AND period_start < $5
               AND revision = (SELECT MAX(m.revision) FROM sdr_files m WHERE m.tenant = f.tenant
                 AND m.recipient = f.recipient AND m.test = f.test AND m.file_seq = f.file_seq)
             ORDER BY file_seq",
            tenant,
            recipient,
            test,
            from,
            until
        )
    }
}
