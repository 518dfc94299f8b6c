//! Download links and what was sent under them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Json, StoreError, Tenant, Tx, sql};

/// Octets that have gone out under a link: `from`, `to` (excluded).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub from: u64,
    pub to: u64,
    pub end: End,
}

/// How the response ended that sent the last octets of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// With all that it had to send.
    Whole,
    /// It broke off.
    Broken,
    /// It had not ended when this was stored. It broke off too when its process is no more.
    Running { worker: String, response: Uuid },
}

/// One link to one backup for one customer.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LinkRow {
    pub id: Uuid,
    pub backup: Uuid,
    pub customer: Uuid,
    pub expires_at: DateTime<Utc>,
    /// What was sent, and what is being sent.
    pub sent: Json<Vec<Part>>,
    pub first_sent_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl Tx<Tenant> {
    /// A link for writing: its row is locked.
    pub async fn lock_link(&mut self, id: Uuid) -> Result<Option<LinkRow>, StoreError> {
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
        self.link(id).await
    }

    pub async fn link(&mut self, id: Uuid) -> Result<Option<LinkRow>, StoreError> {
        let tenant = self.tenant();
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
