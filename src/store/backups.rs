//! Backups: what is kept, where, and for how long.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{StoreError, System, Tenant, Tx, sql};

/// One backup. States: `taking`, `available`, `failed`, `expired`. Purposes: `ordered`, `schedule`, `last` (kept by a
/// termination, without SDR).
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BackupRow {
    pub id: Uuid,
    /// `data` or `machine`.
    pub kind: String,
    pub subscription: Uuid,
    pub customer: Uuid,
    pub purpose: String,
    pub application: String,
    pub version: String,
    pub plan: String,
    pub digest: String,
    pub state: String,
    /// Octets that the customer downloads.
    pub size: Option<i64>,
    /// SHA-256 of these octets, hex.
    pub sha256: Option<String>,
    pub store_url: String,
    pub object_key: String,
    pub format: String,
    pub encryption_key_id: Option<String>,
    pub parent: Option<Uuid>,
    pub order_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl Tx<Tenant> {
    pub async fn backup(&mut self, id: Uuid) -> Result<Option<BackupRow>, StoreError> {
        let tenant = self.tenant();
        sql!(self, optional: BackupRow, "SELECT * FROM backups WHERE tenant = $1 AND id = $2", &tenant, id)
    }

    /// The backups of a subscription, newest first.
    pub async fn backups_of(&mut self, subscription: Uuid) -> Result<Vec<BackupRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: BackupRow,
            "SELECT * FROM backups WHERE tenant = $1 AND subscription = $2 ORDER BY created_at DESC, id DESC",
            &tenant,
            subscription
        )
    }

    /// Writes a backup, new or known.
    pub async fn save_backup(&mut self, b: &BackupRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO backups (tenant, id, kind, subscription, customer, purpose, application, version, plan, digest,
               state, size, sha256, store_url, object_key, format, encryption_key_id, parent, order_id, created_at,
               expires_at)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21)
             ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state, size = excluded.size,
               sha256 = excluded.sha256, expires_at = excluded.expires_at",
            &tenant,
            b.id,
            &b.kind,
            b.subscription,
            b.customer,
            &b.purpose,
            &b.application,
            &b.version,
            &b.plan,
            &b.digest,
            &b.state,
            b.size,
            &b.sha256,
            &b.store_url,
            &b.object_key,
            &b.format,
            &b.encryption_key_id,
            b.parent,
            b.order_id,
            b.created_at,
            b.expires_at
        )?;
        Ok(())
    }
}

impl Tx<System> {
    /// Backups whose time is over and whose object may still be there: (tenant, id, object key, customer's id).
    pub async fn expired_backups(&mut self, limit: i64) -> Result<Vec<(String, Uuid, String)>, StoreError> {
        let now = self.now();
        sql!(
            self,
            all: (String, Uuid, String),
            "SELECT b.tenant, b.id, c.customer_id FROM backups b
             JOIN customers c ON c.tenant = b.tenant AND c.uid = b.customer
             WHERE b.state IN ('available', 'expired') AND b.expires_at IS NOT NULL AND b.expires_at <= $1
             ORDER BY b.expires_at LIMIT $2",
            now,
            limit
        )
    }
}
