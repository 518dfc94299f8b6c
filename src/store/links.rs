//! Download links and what was sent under them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Json, StoreError, Tenant, Tx, sql};

/// One link to one backup for one customer.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LinkRow {
    pub id: Uuid,
    pub backup: Uuid,
    pub customer: Uuid,
    pub expires_at: DateTime<Utc>,
    /// Union of the octet ranges sent, sorted: from, to (excluded), and whether the response broke off there.
    pub sent: Json<Vec<(u64, u64, bool)>>,
    pub first_sent_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl Tx<Tenant> {
    pub async fn link(&mut self, id: Uuid) -> Result<Option<LinkRow>, StoreError> {
        let tenant = self.tenant();
        if self.is_postgres() {
            return sql!(
                self,
                optional: LinkRow,
                "SELECT * FROM download_links WHERE tenant = $1 AND id = $2 FOR UPDATE",
                &tenant,
                id
            );
        }
        sql!(self, optional: LinkRow, "SELECT * FROM download_links WHERE tenant = $1 AND id = $2", &tenant, id)
    }

    /// Writes a link, new or known.
    pub async fn save_link(&mut self, l: &LinkRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO download_links (tenant, id, backup, customer, expires_at, sent, first_sent_at, completed_at,
               created_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)
             ON CONFLICT (tenant, id) DO UPDATE SET sent = excluded.sent, first_sent_at = excluded.first_sent_at,
               completed_at = excluded.completed_at",
            &tenant,
            l.id,
            l.backup,
            l.customer,
            l.expires_at,
            &l.sent,
            l.first_sent_at,
            l.completed_at,
            l.created_at
        )?;
        Ok(())
    }
}
