//! This installation: its id, its world, and the leases of singletons.

use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use super::{StoreError, System, Tx, sql};
use crate::clock::new_id;

impl Tx<System> {
    /// The installation's id and the world it was first used with; makes the row at first start.
    pub async fn installation(&mut self) -> Result<(Uuid, Option<Uuid>), StoreError> {
        let now = self.now();
        sql!(
            self,
            execute,
            "INSERT INTO installation (one, id, created_at) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING",
            new_id(),
            now
        )?;
        if self.is_postgres() {
            // The second of two first starts waits for the world of the first.
            return sql!(
                self,
                one: (Uuid, Option<Uuid>),
                "SELECT id, world FROM installation WHERE one = 1 FOR UPDATE"
            );
        }
        sql!(self, one: (Uuid, Option<Uuid>), "SELECT id, world FROM installation WHERE one = 1")
    }

    /// The tenants of the installation.
    pub async fn all_tenants(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = sql!(self, all: (String,), "SELECT id FROM tenants ORDER BY id")?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Remembers the world at first use.
    pub async fn remember_world(&mut self, world: Uuid) -> Result<(), StoreError> {
        sql!(self, execute, "UPDATE installation SET world = $1 WHERE one = 1 AND world IS NULL", world)?;
        Ok(())
    }

    /// Takes or renews a named lease; false when another holds it.
    pub async fn lease(&mut self, name: &str, holder: &str, length: Duration) -> Result<bool, StoreError> {
        if !self.is_postgres() {
            // One process has the data folder, and holds its lock.
            return Ok(true);
        }
        let now = self.lease_now().await?;
        let until = now + TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX);
        let rows = sql!(
            self,
            execute,
            "INSERT INTO leases (name, holder, lease_until) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
             WHERE leases.holder = excluded.holder OR leases.lease_until < $4",
            name,
            holder,
            until,
            now
        )?;
        Ok(rows == 1)
    }

    /// Ends all leases of a holder.
    pub async fn give_up_leases(&mut self, holder: &str) -> Result<(), StoreError> {
        if self.is_postgres() {
            sql!(self, execute, "DELETE FROM leases WHERE holder = $1", holder)?;
        }
        Ok(())
    }
}
