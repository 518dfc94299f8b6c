//! Hosts as the sweep last saw them, and what is reserved on them.

use chrono::{DateTime, Utc};
use telvisor_model::plan::Size;

use super::{StoreError, Tx, sql};

/// A host with its totals and what is not reserved.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Room {
    pub hypervisor: String,
    pub host: String,
    pub vcpu_free: i64,
    pub memory_free: i64,
    pub disk_free: i64,
}

impl Room {
    /// Takes room for a machine that is planned in the same transaction.
    pub fn take(&mut self, size: Size) {
        self.vcpu_free -= i64::from(size.vcpu);
        self.memory_free -= i64::try_from(size.memory_mib).unwrap_or(i64::MAX);
        self.disk_free -= i64::try_from(size.disk_gib).unwrap_or(i64::MAX);
    }

    /// Whether a machine of this size fits.
    #[must_use]
    pub fn fits(&self, size: Size) -> bool {
        self.vcpu_free >= i64::from(size.vcpu)
            && self.memory_free >= i64::try_from(size.memory_mib).unwrap_or(i64::MAX)
            && self.disk_free >= i64::try_from(size.disk_gib).unwrap_or(i64::MAX)
    }
}

impl<S> Tx<S> {
    /// All hosts with their free room, most free memory first. Until this transaction ends nobody else takes room.
    pub async fn rooms(&mut self) -> Result<Vec<Room>, StoreError> {
        if self.is_postgres() {
            sql!(self, all: (String,), "SELECT name FROM hosts ORDER BY hypervisor, name FOR UPDATE")?;
        }
        sql!(
            self,
            all: Room,
            "SELECT h.hypervisor, h.name AS host,
               h.vcpu - CAST(COALESCE(SUM(r.vcpu), 0) AS BIGINT) AS vcpu_free,
               h.memory_mib - CAST(COALESCE(SUM(r.memory_mib), 0) AS BIGINT) AS memory_free,
               h.disk_gib - CAST(COALESCE(SUM(r.disk_gib), 0) AS BIGINT) AS disk_free
             FROM hosts h LEFT JOIN reservations r ON r.hypervisor = h.hypervisor AND r.host = h.name
             GROUP BY h.hypervisor, h.name, h.vcpu, h.memory_mib, h.disk_gib
             ORDER BY 4 DESC, 1, 2"
        )
    }

    /// Notes a host as the driver shows it.
    pub async fn see_host(
        &mut self,
        hypervisor: &str,
        name: &str,
        vcpu: i64,
        memory_mib: i64,
        disk_gib: i64,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sql!(
            self,
            execute,
            "INSERT INTO hosts (hypervisor, name, vcpu, memory_mib, disk_gib, seen_at) VALUES ($1,$2,$3,$4,$5,$6)
             ON CONFLICT (hypervisor, name) DO UPDATE SET vcpu = excluded.vcpu, memory_mib = excluded.memory_mib,
               disk_gib = excluded.disk_gib, seen_at = excluded.seen_at",
            hypervisor,
            name,
            vcpu,
            memory_mib,
            disk_gib,
            at
        )?;
        Ok(())
    }
}
