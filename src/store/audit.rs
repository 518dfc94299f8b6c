//! Who did what: one row in the transaction of each change.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Json, StoreError, Tenant, Tx, later, sql};
use crate::access::Caller;
use crate::clock::new_id;

/// One deed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AuditRow {
    pub at: DateTime<Utc>,
    pub principal: String,
    pub door: String,
    pub action: String,
    pub detail: Option<Json<Value>>,
}

impl Tx<Tenant> {
    pub async fn audit(
        &mut self,
        caller: &Caller,
        action: &str,
        object: &str,
        detail: Option<&Value>,
    ) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        later!(
            self,
            "INSERT INTO audit (tenant, id, at, principal, door, source, action, object, detail)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
            &tenant,
            new_id(),
            now,
            caller.principal.name(),
            caller.door.as_str(),
            caller.source.clone(),
            action,
            object,
            detail.map(Json)
        )?;
        Ok(())
    }

    /// What was done to an object, oldest first.
    pub async fn audited(&mut self, object: &str) -> Result<Vec<AuditRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: AuditRow,
            "SELECT at, principal, door, action, detail FROM audit WHERE tenant = $1 AND object = $2
             ORDER BY at, id",
            &tenant,
            object
        )
    }
}
