//! Nonces that were used: one store for all replicas, which outlives each of them.

use chrono::{DateTime, Utc};

use super::{StoreError, System, Tx, sql};

impl Tx<System> {
    /// Notes a nonce as used until a time; false when it was used before. Of any number that try at once, one is told
    /// true.
    pub async fn use_nonce(
        &mut self,
        client: &str,
        nonce: &str,
        created: &str,
        expires_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let rows = sql!(
            self,
            execute,
            "INSERT INTO nonces (client, nonce, created, expires_at) VALUES ($1,$2,$3,$4)
             ON CONFLICT (client, nonce, created) DO NOTHING",
            client,
            nonce,
            created,
            expires_at
        )?;
        Ok(rows == 1)
    }

    /// How many nonces of a client are kept.
    pub async fn count_nonces(&mut self, client: &str) -> Result<i64, StoreError> {
        let (n,) = sql!(self, one: (i64,), "SELECT COUNT(*) FROM nonces WHERE client = $1", client)?;
        Ok(n)
    }

    /// Forgets nonces whose time is over.
    pub async fn forget_nonces(&mut self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        sql!(self, execute, "DELETE FROM nonces WHERE expires_at <= $1", now)
    }
}
