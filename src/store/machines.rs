//! Machines and the room reserved for them on hosts.

use chrono::{DateTime, Utc};
use telvisor_model::plan::Size;
use uuid::Uuid;

use super::{StoreError, Tenant, Tx, sql};

/// One machine. Stored states: `planned`, `running`, `suspended`.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub struct MachineRow {
    pub id: Uuid,
    pub customer: Uuid,
    /// Name on the hypervisor, derived from our ids.
    pub name: String,
    pub hypervisor: String,
    pub host: String,
    pub vcpu: i64,
    pub memory_mib: i64,
    pub disk_gib: i64,
    pub state: String,
    pub fence: i64,
    /// The one subscription that it is for, when the application has a machine of its own.
    pub dedicated_for: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

impl MachineRow {
    #[must_use]
    pub fn size(&self) -> Size {
        Size {
            vcpu: u32::try_from(self.vcpu).unwrap_or(0),
            memory_mib: u64::try_from(self.memory_mib).unwrap_or(0),
            disk_gib: u64::try_from(self.disk_gib).unwrap_or(0),
        }
    }

    pub fn set_size(&mut self, size: Size) {
        self.vcpu = i64::from(size.vcpu);
        self.memory_mib = i64::try_from(size.memory_mib).unwrap_or(i64::MAX);
        self.disk_gib = i64::try_from(size.disk_gib).unwrap_or(i64::MAX);
    }
}

impl Tx<Tenant> {
    pub async fn machine(&mut self, id: Uuid) -> Result<Option<MachineRow>, StoreError> {
        let tenant = self.tenant();
        sql!(self, optional: MachineRow, "SELECT * FROM machines WHERE tenant = $1 AND id = $2", &tenant, id)
    }

    /// The machines of a customer that exist or are being made.
    pub async fn machines_of(&mut self, customer: Uuid) -> Result<Vec<MachineRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: MachineRow,
            "SELECT * FROM machines WHERE tenant = $1 AND customer = $2 AND ended_at IS NULL ORDER BY created_at, id",
            &tenant,
            customer
        )
    }

    /// Writes a machine, new or known, and tells what changed of it. The fence is not touched: only claims draw it.
    pub async fn save_machine(&mut self, m: &MachineRow) -> Result<(), StoreError> {
        let before = self.machine(m.id).await?;
        self.write_machine(m).await?;
        self.told_machine(before.as_ref(), m).await
    }

    async fn write_machine(&mut self, m: &MachineRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO machines (tenant, id, customer, name, hypervisor, host, vcpu, memory_mib, disk_gib, state,
               fence, dedicated_for, created_at, ended_at)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)
             ON CONFLICT (tenant, id) DO UPDATE SET vcpu = excluded.vcpu, memory_mib = excluded.memory_mib,
               disk_gib = excluded.disk_gib, state = excluded.state, ended_at = excluded.ended_at",
            &tenant,
            m.id,
            m.customer,
            &m.name,
            &m.hypervisor,
            &m.host,
            m.vcpu,
            m.memory_mib,
            m.disk_gib,
            &m.state,
            m.fence,
            m.dedicated_for,
            m.created_at,
            m.ended_at
        )?;
        Ok(())
    }

    /// Takes room on a host for a machine, in place of what it had.
    pub async fn reserve(&mut self, m: &MachineRow, size: Size) -> Result<(), StoreError> {
        let tenant = self.tenant();
        let mut row = m.clone();
        row.set_size(size);
        sql!(
            self,
            execute,
            "INSERT INTO reservations (tenant, machine, hypervisor, host, vcpu, memory_mib, disk_gib)
             VALUES ($1,$2,$3,$4,$5,$6,$7)
             ON CONFLICT (tenant, machine) DO UPDATE SET vcpu = excluded.vcpu, memory_mib = excluded.memory_mib,
               disk_gib = excluded.disk_gib",
            &tenant,
            row.id,
            &row.hypervisor,
            &row.host,
            row.vcpu,
            row.memory_mib,
            row.disk_gib
        )?;
        Ok(())
    }

    /// Gives a machine's room back.
    pub async fn release(&mut self, machine: Uuid) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(self, execute, "DELETE FROM reservations WHERE tenant = $1 AND machine = $2", &tenant, machine)?;
        Ok(())
    }
}
