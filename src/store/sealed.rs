//! Secrets of others that we must be able to read again: sealed under the key file, never in the clear.

use uuid::Uuid;

use super::{StoreError, Tenant, Tx, sql};

/// A sealed secret; only [`crate::secrets::Secrets`] can open it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SealedRow {
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// The key under which it is sealed.
    pub key_id: String,
    /// In hex.
    pub nonce: String,
    /// In hex, with the authentication tag.
    pub body: String,
}

impl Tx<Tenant> {
    pub async fn insert_sealed(&mut self, s: &SealedRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO sealed_secrets (id, tenant, name, key_id, nonce, body) VALUES ($1,$2,$3,$4,$5,$6)",
            s.id,
            &tenant,
            &s.name,
            &s.key_id,
            &s.nonce,
            &s.body
        )?;
        Ok(())
    }

    pub async fn sealed(&mut self, id: Uuid) -> Result<SealedRow, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: SealedRow,
            "SELECT id, name, key_id, nonce, body FROM sealed_secrets WHERE id = $1 AND tenant = $2",
            id,
            &tenant
        )?
        .ok_or_else(|| StoreError::Missing { what: "sealed secret", id: id.to_string() })
    }

    pub async fn delete_sealed(&mut self, id: Uuid) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(self, execute, "DELETE FROM sealed_secrets WHERE id = $1 AND tenant = $2", id, &tenant)?;
        Ok(())
    }
}
