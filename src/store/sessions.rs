//! Sessions that clients opened, for every replica.

use chrono::{DateTime, Utc};
use telvisor_model::Scope;

use super::{Json, StoreError, System, Tx, sql};

/// One session.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SessionRow {
    /// SHA-256 of the session's id, in hex: whoever reads the database cannot use it.
    pub id: String,
    pub client: String,
    /// The client's version at login; 0 for the caller of an open server.
    pub client_version: i64,
    pub tenant: String,
    /// What the client might do at login; null: everything.
    pub scopes: Json<Option<Vec<Scope>>>,
    /// Where the client begins to count its requests.
    pub base_sequence_id: i64,
    pub created_at: DateTime<Utc>,
    /// Until when it lives without being used.
    pub idle_until: DateTime<Utc>,
    /// Until when it lives at all.
    pub expires_at: DateTime<Utc>,
}

impl Tx<System> {
    /// Lets one login of a client after the other count its sessions.
    pub async fn lock_sessions(&mut self, client: &str) -> Result<(), StoreError> {
        self.lock_word(&format!("sessions {client}")).await
    }

    /// How many sessions of a client live.
    pub async fn count_sessions(
        &mut self,
        client: &str,
        version: i64,
        now: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM sessions WHERE client = $1 AND client_version = $2 AND idle_until > $3
               AND expires_at > $3",
            client,
            version,
            now
        )?;
        Ok(n)
    }

    pub async fn insert_session(&mut self, s: &SessionRow) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "INSERT INTO sessions (id, client, client_version, tenant, scopes, base_sequence_id, created_at,
               idle_until, expires_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
            &s.id,
            &s.client,
            s.client_version,
            &s.tenant,
            &s.scopes,
            s.base_sequence_id,
            s.created_at,
            s.idle_until,
            s.expires_at
        )?;
        Ok(())
    }

    pub async fn session(&mut self, id: &str) -> Result<Option<SessionRow>, StoreError> {
        sql!(self, optional: SessionRow, "SELECT * FROM sessions WHERE id = $1", id)
    }

    /// Notes that a session was used, which lets it live until later.
    pub async fn use_session(&mut self, id: &str, idle_until: DateTime<Utc>) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "UPDATE sessions SET idle_until = $2 WHERE id = $1 AND idle_until < $2",
            id,
            idle_until
        )?;
        Ok(())
    }

    /// Ends a session; whether it was there.
    pub async fn delete_session(&mut self, id: &str) -> Result<bool, StoreError> {
        Ok(sql!(self, execute, "DELETE FROM sessions WHERE id = $1", id)? == 1)
    }

    /// Forgets sessions that do not live any more.
    pub async fn forget_sessions(&mut self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        sql!(
            self,
            execute,
            "DELETE FROM sessions WHERE idle_until <= $1 OR expires_at <= $1 OR (client_version > 0 AND NOT EXISTS
               (SELECT 1 FROM clients c WHERE c.name = sessions.client AND c.version = sessions.client_version))",
            now
        )
    }
}
