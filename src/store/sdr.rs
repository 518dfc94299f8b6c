//! The journal of service detail records.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use telvisor_model::{EventKind, Resource};
use uuid::Uuid;

use super::{Json, StoreError, System, Tenant, Tx, sql};
use crate::clock::new_id;

/// Key of the PostgreSQL advisory lock between writers of records (shared) and cuts of periods (exclusive).
const CUT_LOCK: i64 = 0x7464_7200;

/// A record to write. `cause` makes it exactly once.
#[derive(Debug)]
pub struct NewSdr<'a> {
    pub cause: &'a str,
    pub subject: Uuid,
    pub test: bool,
    /// The one recipient that gets it; none: all whose filter it passes.
    pub only: Option<&'a str>,
    pub kind: &'a str,
    pub body: &'a Value,
    pub event_time: DateTime<Utc>,
}

/// One journal row.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SdrRow {
    pub tenant: String,
    pub record_id: Uuid,
    pub customer_id: String,
    pub phone: Option<String>,
    pub test: bool,
    pub only_recipient: Option<String>,
    #[sqlx(rename = "type")]
    pub kind: String,
    pub body: Json<Value>,
    pub event_time: DateTime<Utc>,
    pub record_time: DateTime<Utc>,
}

/// What a stream takes of the journal.
#[derive(Debug, Clone, Copy)]
pub struct Taking<'a> {
    pub tenant: &'a str,
    pub recipient: &'a str,
    pub test: bool,
    /// Words between commas, with one before and behind; empty: all.
    pub types: &'a str,
    pub applications: &'a str,
    /// Journalled after this, and before the other.
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// The body of a record's event; the customer id stands in its personal part.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageBody {
    pub record_id: Uuid,
    pub kind: String,
    pub body: Value,
    pub event_time: DateTime<Utc>,
}

impl From<SdrRow> for UsageBody {
    fn from(row: SdrRow) -> Self {
        Self { record_id: row.record_id, kind: row.kind, body: row.body.0, event_time: row.event_time }
    }
}

impl Tx<Tenant> {
    /// The subject key of a customer; made at its first record.
    pub async fn subject(
        &mut self,
        customer: Uuid,
        customer_id: &str,
        phone: Option<&str>,
    ) -> Result<Uuid, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO sdr_subjects (tenant, subject, customer, customer_id, phone) VALUES ($1,$2,$3,$4,$5)
             ON CONFLICT (tenant, customer) DO NOTHING",
            &tenant,
            new_id(),
            customer,
            customer_id,
            phone
        )?;
        let (subject,) = sql!(
            self,
            one: (Uuid,),
            "SELECT subject FROM sdr_subjects WHERE tenant = $1 AND customer = $2",
            &tenant,
            customer
        )?;
        Ok(subject)
    }

    /// Journals a record, once per cause; its id, or that of the one that is there. The record time is read under the lock that a cut takes exclusively, so a
    /// period is never cut while one of its records is still to be committed.
    pub async fn insert_sdr(&mut self, r: &NewSdr<'_>) -> Result<Uuid, StoreError> {
        let tenant = self.tenant();
        if self.is_postgres() {
            sql!(self, execute, "SELECT pg_advisory_xact_lock_shared($1)", CUT_LOCK)?;
        }
        let (cut,) = sql!(
            self,
            one: (Option<DateTime<Utc>>,),
            "SELECT MAX(cut_time) FROM sdr_streams WHERE tenant = $1",
            &tenant
        )?;
        // One clock for all processes, and never back behind a period that is cut.
        let now = self.lease_now().await?;
        let now = cut.map_or(now, |cut| now.max(cut + TimeDelta::microseconds(1)));
        let id = new_id();
        let written = sql!(
            self,
            execute,
            "INSERT INTO sdr (tenant, record_id, cause, subject, test, only_recipient, type, body, event_time,
               record_time)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10) ON CONFLICT (tenant, cause) DO NOTHING",
            &tenant,
            id,
            r.cause,
            r.subject,
            r.test,
            r.only,
            r.kind,
            Json(r.body),
            r.event_time,
            now
        )?;
        if written == 0 {
            let (there,) = sql!(
                self,
                one: (Uuid,),
                "SELECT record_id FROM sdr WHERE tenant = $1 AND cause = $2",
                &tenant,
                r.cause
            )?;
            return Ok(there);
        }
        let row = self.sdr(id).await?;
        let row = row.ok_or_else(|| StoreError::Missing { what: "subject of record", id: id.to_string() })?;
        let personal = json!({ "customerId": row.customer_id });
        self.tell(Resource::Usage, id, EventKind::Create, &UsageBody::from(row), Some(&personal)).await?;
        Ok(id)
    }

    /// A record of the journal.
    pub async fn sdr(&mut self, id: Uuid) -> Result<Option<SdrRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: SdrRow,
            "SELECT s.tenant, s.record_id, j.customer_id, j.phone, s.test, s.only_recipient, s.type, s.body,
               s.event_time, s.record_time
             FROM sdr s JOIN sdr_subjects j ON j.tenant = s.tenant AND j.subject = s.subject
             WHERE s.tenant = $1 AND s.record_id = $2",
            &tenant,
            id
        )
    }
}

impl Tx<Tenant> {
    /// The subject of a record.
    pub async fn sdr_subject(&mut self, record: Uuid) -> Result<Option<Uuid>, StoreError> {
        let tenant = self.tenant();
        let found = sql!(
            self,
            optional: (Uuid,),
            "SELECT subject FROM sdr WHERE tenant = $1 AND record_id = $2",
            &tenant,
            record
        )?;
        Ok(found.map(|(subject,)| subject))
    }

    /// Whether there is a recipient of this name that gets files.
    pub async fn has_recipient(&mut self, name: &str) -> Result<bool, StoreError> {
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM sdr_recipients WHERE name = $1 AND retired_at IS NULL",
            name
        )?;
        Ok(n > 0)
    }
}

impl Tx<System> {
    /// Waits until no transaction that journals is open, and keeps new ones waiting until this one ends.
    pub async fn lock_cut(&mut self) -> Result<(), StoreError> {
        if self.is_postgres() {
            sql!(self, execute, "SELECT pg_advisory_xact_lock($1)", CUT_LOCK)?;
        }
        Ok(())
    }

    /// Records of a stream that its recipient has not been given yet, behind `after`, at most `limit`.
    pub async fn unsealed(
        &mut self,
        t: &Taking<'_>,
        after: (DateTime<Utc>, Uuid),
        limit: i64,
    ) -> Result<Vec<SdrRow>, StoreError> {
        sql!(
            self,
            all: SdrRow,
            "SELECT s.tenant, s.record_id, j.customer_id, j.phone, s.test, s.only_recipient, s.type, s.body,
               s.event_time, s.record_time
             FROM sdr s JOIN sdr_subjects j ON j.tenant = s.tenant AND j.subject = s.subject
             WHERE s.tenant = $1 AND s.test = $3 AND s.record_time > $4 AND s.record_time < $5
               AND (s.only_recipient IS NULL OR s.only_recipient = $2)
               AND ($6 = '' OR REPLACE($6, ',' || s.type || ',', '') <> $6)
               AND ($7 = '' OR REPLACE($7, ',' || (s.body->>'application') || ',', '') <> $7)
               AND NOT EXISTS (SELECT 1 FROM sdr_numbers n
                 WHERE n.tenant = s.tenant AND n.recipient = $2 AND n.record_id = s.record_id)
               AND (s.record_time, s.record_id) > ($8, $9)
             ORDER BY s.record_time, s.record_id LIMIT $10",
            t.tenant,
            t.recipient,
            t.test,
            t.since,
            t.until,
            t.types,
            t.applications,
            after.0,
            after.1,
            limit
        )
    }

    /// Gives the records that [`Self::unsealed`] gives, up to `last`, their numbers from `first_number` on; how many
    /// they were.
    pub async fn number_records(
        &mut self,
        t: &Taking<'_>,
        last: (DateTime<Utc>, Uuid),
        first_number: i64,
        file_seq: i64,
    ) -> Result<u64, StoreError> {
        sql!(
            self,
            execute,
            "INSERT INTO sdr_numbers (tenant, recipient, test, number, record_id, file_seq)
             SELECT s.tenant, $2, s.test, $10 - 1 + ROW_NUMBER() OVER (ORDER BY s.record_time, s.record_id),
               s.record_id, $11
             FROM sdr s
             WHERE s.tenant = $1 AND s.test = $3 AND s.record_time > $4 AND s.record_time < $5
               AND (s.only_recipient IS NULL OR s.only_recipient = $2)
               AND ($6 = '' OR REPLACE($6, ',' || s.type || ',', '') <> $6)
               AND ($7 = '' OR REPLACE($7, ',' || (s.body->>'application') || ',', '') <> $7)
               AND NOT EXISTS (SELECT 1 FROM sdr_numbers n
                 WHERE n.tenant = s.tenant AND n.recipient = $2 AND n.record_id = s.record_id)
               AND (s.record_time, s.record_id) <= ($8, $9)",
            t.tenant,
            t.recipient,
            t.test,
            t.since,
            t.until,
            t.types,
            t.applications,
            last.0,
            last.1,
            first_number,
            file_seq
        )
    }

    /// How many records [`Self::unsealed`] would give, the octets of their bodies, and the oldest one's time.
    pub async fn unsealed_size(
        &mut self,
        t: &Taking<'_>,
    ) -> Result<(i64, i64, Option<DateTime<Utc>>), StoreError> {
        sql!(
            self,
            one: (i64, i64, Option<DateTime<Utc>>),
            "SELECT COUNT(*), CAST(COALESCE(SUM(OCTET_LENGTH(CAST(s.body AS TEXT))), 0) AS BIGINT),
               MIN(s.record_time) FROM sdr s
             WHERE s.tenant = $1 AND s.test = $3 AND s.record_time > $4 AND s.record_time < $5
               AND (s.only_recipient IS NULL OR s.only_recipient = $2)
               AND ($6 = '' OR REPLACE($6, ',' || s.type || ',', '') <> $6)
               AND ($7 = '' OR REPLACE($7, ',' || (s.body->>'application') || ',', '') <> $7)
               AND NOT EXISTS (SELECT 1 FROM sdr_numbers n
                 WHERE n.tenant = s.tenant AND n.recipient = $2 AND n.record_id = s.record_id)",
            t.tenant,
            t.recipient,
            t.test,
            t.since,
            t.until,
            t.types,
            t.applications
        )
    }

    /// The records of a sealed file with their numbers, behind the number `after`, at most `limit`.
    pub async fn sealed(
        &mut self,
        (tenant, recipient, test): (&str, &str, bool),
        file_seq: i64,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, SdrRow)>, StoreError> {
        let rows = sql!(
            self,
            all: NumberedRow,
            "SELECT n.number, s.tenant, s.record_id, j.customer_id, j.phone, s.test, s.only_recipient, s.type, s.body,
               s.event_time, s.record_time
             FROM sdr_numbers n
             JOIN sdr s ON s.tenant = n.tenant AND s.record_id = n.record_id
             JOIN sdr_subjects j ON j.tenant = s.tenant AND j.subject = s.subject
             WHERE n.tenant = $1 AND n.recipient = $2 AND n.test = $3 AND n.file_seq = $4 AND n.number > $5
             ORDER BY n.number LIMIT $6",
            tenant,
            recipient,
            test,
            file_seq,
            after,
            limit
        )?;
        Ok(rows.into_iter().map(|r| (r.number, r.row)).collect())
    }

    /// Tenants and kinds (live, test) that have records.
    pub async fn sdr_kinds(&mut self) -> Result<Vec<(String, bool)>, StoreError> {
        sql!(self, all: (String, bool), "SELECT DISTINCT tenant, test FROM sdr ORDER BY tenant, test")
    }
}

#[derive(sqlx::FromRow)]
struct NumberedRow {
    number: i64,
    #[sqlx(flatten)]
    row: SdrRow,
}
