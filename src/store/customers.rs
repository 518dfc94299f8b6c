//! Customers.

use chrono::{DateTime, Utc};
use serde_json::Value;
use telvisor_model::shown::Kept;
use uuid::Uuid;

use super::{Json, StoreError, Tenant, Tx, sql};

/// One customer. Stored states: `pending` (its create order runs), `active`, `suspended`, `terminated`, and
/// `cancelled` (its create order failed or was cancelled; the id is free again).
#[derive(Debug, Clone, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub struct CustomerRow {
    pub uid: Uuid,
    /// The BSS's number.
    pub customer_id: String,
    pub state: String,
    pub test: bool,
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub language: Option<String>,
    pub characteristics: Json<Value>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Until when a terminated customer can be re-activated.
    pub restorable_until: Option<DateTime<Utc>>,
    /// An order that removes it has begun and not ended.
    pub removing: bool,
}

impl CustomerRow {
    /// What its state at the doors hangs on.
    #[must_use]
    pub fn kept(&self) -> Kept<'_> {
        Kept { state: &self.state, removing: self.removing }
    }
}

impl Tx<Tenant> {
    pub async fn customer_by_id(&mut self, customer_id: &str) -> Result<Option<CustomerRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: CustomerRow,
            "SELECT * FROM customers WHERE tenant = $1 AND customer_id = $2",
            &tenant,
            customer_id
        )
    }

    pub async fn customer(&mut self, uid: Uuid) -> Result<Option<CustomerRow>, StoreError> {
        let tenant = self.tenant();
        sql!(self, optional: CustomerRow, "SELECT * FROM customers WHERE tenant = $1 AND uid = $2", &tenant, uid)
    }

    /// Writes a customer, new or known, and tells what changed of it and, with it, of its subscriptions.
    pub async fn save_customer(&mut self, c: &CustomerRow) -> Result<(), StoreError> {
        let before = self.customer(c.uid).await?;
        self.write_customer(c).await?;
        self.told_customer(before.as_ref(), c).await
    }

    async fn write_customer(&mut self, c: &CustomerRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO customers (tenant, uid, customer_id, state, test, name, email, phone, language,
               characteristics, created_at, started_at, ended_at, restorable_until, removing)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)
             ON CONFLICT (tenant, uid) DO UPDATE SET state = excluded.state, test = excluded.test,
               name = excluded.name, email = excluded.email, phone = excluded.phone, language = excluded.language,
               characteristics = excluded.characteristics, started_at = excluded.started_at,
               ended_at = excluded.ended_at, restorable_until = excluded.restorable_until,
               removing = excluded.removing",
            &tenant,
            c.uid,
            &c.customer_id,
            &c.state,
            c.test,
            &c.name,
            &c.email,
            &c.phone,
            &c.language,
            &c.characteristics,
            c.created_at,
            c.started_at,
            c.ended_at,
            c.restorable_until,
            c.removing
        )?;
        Ok(())
    }
}
