//! Customers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use telvisor_model::shown::Kept;
use uuid::Uuid;

use super::lists::{Listed, Page, listed};
use super::{Json, StoreError, Tenant, Tx, later, sql};

/// One customer. Stored states: `pending` (its create order runs), `active`, `suspended`, `terminated`, and
/// `cancelled` (its create order failed or was cancelled; the id is free again).
#[derive(Debug, Clone, PartialEq, sqlx::FromRow, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerRow {
    pub uid: Uuid,
    /// The BSS's number.
    pub customer_id: String,
    pub state: String,
    pub test: bool,
    #[serde(default)]
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub language: Option<String>,
    #[serde(default)]
    pub characteristics: Json<Value>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Until when a terminated customer can be re-activated.
    pub restorable_until: Option<DateTime<Utc>>,
    /// An order that removes it has begun and not ended.
    #[serde(default)]
    pub removing: bool,
}

impl CustomerRow {
    /// What its state at the doors hangs on.
    #[must_use]
    pub fn kept(&self) -> Kept<'_> {
        Kept { state: &self.state, removing: self.removing }
    }
}

/// A customer in a list, with the TMF629 resource as it was given.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ListedCustomer {
    #[sqlx(flatten)]
    pub customer: CustomerRow,
    pub profile: Option<Json<Value>>,
}

impl Tx<Tenant> {
    /// Customers and their number; what TMF629 gave has `party_id`.
    pub async fn list_customers(&mut self, page: &Page) -> Result<Listed<ListedCustomer>, StoreError> {
        listed(
            self,
            "c.*, p.body AS profile",
            "customers c LEFT JOIN customers_personal p ON p.tenant = c.tenant AND p.customer = c.uid
             WHERE c.tenant = $1",
            page,
        )
        .await
    }

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

    /// Writes a new customer.
    pub async fn insert_customer(&mut self, c: &CustomerRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        later!(
            self,
            "INSERT INTO customers (tenant, uid, customer_id, state, test, name, email, phone, language,
               characteristics, created_at, started_at, ended_at, restorable_until, removing)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)",
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
        )
    }

    /// Writes a customer back, and tells what changed with it of its subscriptions.
    pub async fn save_customer(&mut self, before: &CustomerRow, c: &CustomerRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "UPDATE customers SET state = $3, test = $4, name = $5, email = $6, phone = $7, language = $8,
               characteristics = $9, started_at = $10, ended_at = $11, restorable_until = $12, removing = $13
             WHERE tenant = $1 AND uid = $2",
            &tenant,
            c.uid,
            &c.state,
            c.test,
            &c.name,
            &c.email,
            &c.phone,
            &c.language,
            &c.characteristics,
            c.started_at,
            c.ended_at,
            c.restorable_until,
            c.removing
        )?;
        self.told_customer(before, c).await
    }

    /// The TMF629 resource as it was given for a customer; none where the customer came by another door.
    pub async fn profile(&mut self, uid: Uuid) -> Result<Option<Value>, StoreError> {
        let tenant = self.tenant();
        let row = sql!(
            self,
            optional: (Json<Value>,),
            "SELECT body FROM customers_personal WHERE tenant = $1 AND customer = $2",
            &tenant,
            uid
        )?;
        Ok(row.map(|(body,)| body.0))
    }

    /// Keeps the TMF629 resource of a customer as it was given.
    pub async fn save_profile(&mut self, uid: Uuid, body: &Value) -> Result<(), StoreError> {
        let tenant = self.tenant();
        let party = body["engagedParty"]["id"].as_str();
        sql!(
            self,
            execute,
            "INSERT INTO customers_personal (tenant, customer, party_id, body) VALUES ($1,$2,$3,$4)
             ON CONFLICT (tenant, customer) DO UPDATE SET party_id = excluded.party_id, body = excluded.body",
            &tenant,
            uid,
            party,
            Json(body)
        )?;
        Ok(())
    }
}
