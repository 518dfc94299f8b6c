//! Idempotency keys: which order a client's key has made.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{StoreError, System, Tenant, Tx, sql};

impl Tx<Tenant> {
    /// Takes an idempotency key; returns what stands under it when it is taken: (digest, order).
    pub async fn take_key(
        &mut self,
        client: &str,
        door: &str,
        key: &str,
        digest: &str,
        order: Uuid,
    ) -> Result<Option<(String, Uuid)>, StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        let taken = sql!(
            self,
            execute,
            "INSERT INTO idempotency (tenant, client, door, key, digest, order_id, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, client, door, key) DO NOTHING",
            &tenant,
            client,
            door,
            key,
            digest,
            order,
            now
        )?;
        if taken == 1 {
            return Ok(None);
        }
        sql!(
            self,
            optional: (String, Uuid),
            "SELECT digest, order_id FROM idempotency WHERE tenant = $1 AND client = $2 AND door = $3 AND key = $4",
            &tenant,
            client,
            door,
            key
        )
    }

    /// The order that a key has made.
    pub async fn order_of_key(
        &mut self,
        client: &str,
        door: &str,
        key: &str,
    ) -> Result<Option<Uuid>, StoreError> {
        let tenant = self.tenant();
        let row = sql!(
            self,
            optional: (Uuid,),
            "SELECT order_id FROM idempotency WHERE tenant = $1 AND client = $2 AND door = $3 AND key = $4",
            &tenant,
            client,
            door,
            key
        )?;
        Ok(row.map(|(order,)| order))
    }

    /// Gives a key free again, if it still is that of this order.
    pub async fn free_key(
        &mut self,
        client: &str,
        door: &str,
        key: &str,
        order: Uuid,
    ) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "DELETE FROM idempotency WHERE tenant = $1 AND client = $2 AND door = $3 AND key = $4 AND order_id = $5",
            &tenant,
            client,
            door,
            key,
            order
        )?;
        Ok(())
    }
}

impl Tx<System> {
    /// Forgets idempotency keys older than `before`.
    pub async fn forget_keys(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        sql!(self, execute, "DELETE FROM idempotency WHERE created_at < $1", before)
    }
}
