//! Clients: found by name before their tenant is known, changed within it.

use chrono::{DateTime, Utc};
use telvisor_model::{ClientState, Scope};
use uuid::Uuid;

use super::{Json, StoreError, System, Tenant, Tx, sql};

/// A client.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ClientRow {
    /// Unique in the installation.
    pub name: String,
    pub tenant: String,
    pub scopes: Json<Vec<Scope>>,
    #[sqlx(try_from = "String")]
    pub state: ClientState,
    /// PHC text.
    pub secret_hash: String,
    /// The sealed secret of `PasswordDigest`; none: this client has no digest.
    pub digest_secret: Option<Uuid>,
    /// Counts each new secret and change of state.
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
}

impl Tx<System> {
    pub async fn client(&mut self, name: &str) -> Result<Option<ClientRow>, StoreError> {
        sql!(self, optional: ClientRow, "SELECT * FROM clients WHERE name = $1", name)
    }

    /// Clients by name; of one tenant where it is given.
    pub async fn clients(&mut self, tenant: Option<&str>) -> Result<Vec<ClientRow>, StoreError> {
        sql!(
            self,
            all: ClientRow,
            "SELECT * FROM clients WHERE CAST($1 AS TEXT) IS NULL OR tenant = $1 ORDER BY name",
            tenant
        )
    }
}

impl Tx<Tenant> {
    /// Writes a new client; false when the name is taken, in whatever tenant.
    pub async fn insert_client(&mut self, c: &ClientRow) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "INSERT INTO clients (name, tenant, scopes, state, secret_hash, digest_secret, version, created_at, changed_at)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT (name) DO NOTHING",
            &c.name,
            &tenant,
            &c.scopes,
            c.state.as_str(),
            &c.secret_hash,
            c.digest_secret,
            c.version,
            c.created_at,
            c.changed_at
        )?;
        Ok(rows == 1)
    }

    /// Writes back what may change of a client: its state and its secrets, under the next version.
    pub async fn update_client(&mut self, c: &ClientRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "UPDATE clients SET state = $3, secret_hash = $4, digest_secret = $5, version = version + 1,
               changed_at = $6 WHERE tenant = $1 AND name = $2 AND version = $7",
            &tenant,
            &c.name,
            c.state.as_str(),
            &c.secret_hash,
            c.digest_secret,
            c.changed_at,
            c.version
        )?;
        if rows == 0 {
            return Err(StoreError::Changed { what: "client", id: c.name.clone() });
        }
        Ok(())
    }

    /// Makes the tenant of this transaction known; whether it is new.
    pub async fn know_tenant(&mut self) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "INSERT INTO tenants (id, name) VALUES ($1, $1) ON CONFLICT (id) DO NOTHING",
            &tenant
        )?;
        Ok(rows == 1)
    }
}
