//! Who did what: one row in the transaction of each change.

use serde_json::Value;

use super::{Json, StoreError, Tenant, Tx, sql};
use crate::access::Caller;
use crate::clock::new_id;

impl Tx<Tenant> {
    pub async fn audit(
        &mut self,
        caller: &Caller,
        action: &str,
        object: &str,
        detail: Option<&Value>,
    ) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sql!(
            self,
            execute,
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
}
