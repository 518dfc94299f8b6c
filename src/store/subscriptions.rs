//! Subscriptions.

use chrono::{DateTime, Utc};
use serde_json::Value;
use telvisor_model::shown::Kept;
use uuid::Uuid;

use super::customers::CustomerRow;
use super::{Json, StoreError, System, Tenant, Tx, later, sql};

/// One subscription. Stored states: `reserved` (accepted, being installed), `active`, `suspended`, `terminated`,
/// `cancelled` (never installed).
#[derive(Debug, Clone, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub struct SubscriptionRow {
    pub id: Uuid,
    pub customer: Uuid,
    pub application: String,
    pub plan: String,
    pub version: String,
    /// Content digest of the package version.
    pub digest: String,
    pub multiple: bool,
    pub state: String,
    pub machine: Option<Uuid>,
    pub access_url: Option<String>,
    /// Values of the characteristics that the package declares.
    pub characteristics: Json<Value>,
    /// Its own state when its customer's termination ended it.
    pub ended_with_customer: Option<String>,
    pub last_backup: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub restorable_until: Option<DateTime<Utc>>,
    /// An order that removes it has begun and not ended.
    pub removing: bool,
}

impl SubscriptionRow {
    /// What its state at the doors hangs on.
    #[must_use]
    pub fn kept(&self) -> Kept<'_> {
        Kept { state: &self.state, removing: self.removing }
    }

    /// Installed, running or not.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.state == "active" || self.state == "suspended"
    }
}

impl Tx<Tenant> {
    pub async fn subscription(&mut self, id: Uuid) -> Result<Option<SubscriptionRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: SubscriptionRow,
            "SELECT * FROM subscriptions WHERE tenant = $1 AND id = $2",
            &tenant,
            id
        )
    }

    /// All subscriptions of a customer, oldest first.
    pub async fn subscriptions_of(&mut self, customer: Uuid) -> Result<Vec<SubscriptionRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: SubscriptionRow,
            "SELECT * FROM subscriptions WHERE tenant = $1 AND customer = $2 ORDER BY created_at, id",
            &tenant,
            customer
        )
    }

    /// Writes a new subscription of a customer, and tells that it is there.
    pub async fn insert_subscription(
        &mut self,
        s: &SubscriptionRow,
        customer: &CustomerRow,
    ) -> Result<(), StoreError> {
        self.write_subscription(s).await?;
        self.told_new_subscription(s, customer).await
    }

    /// Writes a known subscription, and tells what changed of it.
    pub async fn save_subscription(&mut self, s: &SubscriptionRow) -> Result<(), StoreError> {
        let before = self.subscription(s.id).await?;
        self.write_subscription(s).await?;
        self.told_subscription(before.as_ref(), s).await
    }

    async fn write_subscription(&mut self, s: &SubscriptionRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        later!(
            self,
            "INSERT INTO subscriptions (tenant, id, customer, application, plan, version, digest, multiple, state,
               machine, access_url, characteristics, ended_with_customer, last_backup, created_at, started_at,
               ended_at, restorable_until, removing)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19)
             ON CONFLICT (tenant, id) DO UPDATE SET plan = excluded.plan, version = excluded.version,
               digest = excluded.digest, state = excluded.state, machine = excluded.machine,
               access_url = excluded.access_url, characteristics = excluded.characteristics,
               ended_with_customer = excluded.ended_with_customer, last_backup = excluded.last_backup,
               started_at = excluded.started_at, ended_at = excluded.ended_at,
               restorable_until = excluded.restorable_until, removing = excluded.removing",
            &tenant,
            s.id,
            s.customer,
            &s.application,
            &s.plan,
            &s.version,
            &s.digest,
            s.multiple,
            &s.state,
            s.machine,
            &s.access_url,
            &s.characteristics,
            &s.ended_with_customer,
            s.last_backup,
            s.created_at,
            s.started_at,
            s.ended_at,
            s.restorable_until,
            s.removing
        )
    }

    /// When a subscription's next scheduled backup is due.
    pub async fn scheduled(&mut self, id: Uuid) -> Result<Option<DateTime<Utc>>, StoreError> {
        let tenant = self.tenant();
        let row = sql!(
            self,
            optional: (DateTime<Utc>,),
            "SELECT next_at FROM backup_schedules WHERE tenant = $1 AND subscription = $2",
            &tenant,
            id
        )?;
        Ok(row.map(|(at,)| at))
    }

    /// Sets when a subscription's next scheduled backup is due; none: no schedule.
    pub async fn set_schedule(&mut self, id: Uuid, next: Option<DateTime<Utc>>) -> Result<(), StoreError> {
        let tenant = self.tenant();
        match next {
            Some(at) => sql!(
                self,
                execute,
                "INSERT INTO backup_schedules (tenant, subscription, next_at) VALUES ($1, $2, $3)
                 ON CONFLICT (tenant, subscription) DO UPDATE SET next_at = excluded.next_at",
                &tenant,
                id,
                at
            )?,
            None => sql!(
                self,
                execute,
                "DELETE FROM backup_schedules WHERE tenant = $1 AND subscription = $2",
                &tenant,
                id
            )?,
        };
        Ok(())
    }
}

impl Tx<System> {
    /// Scheduled backups that are due: (tenant, subscription, due time).
    pub async fn due_schedules(
        &mut self,
        limit: i64,
    ) -> Result<Vec<(String, Uuid, DateTime<Utc>)>, StoreError> {
        let now = self.now();
        sql!(
            self,
            all: (String, Uuid, DateTime<Utc>),
            "SELECT tenant, subscription, next_at FROM backup_schedules WHERE next_at <= $1 ORDER BY next_at LIMIT $2",
            now,
            limit
        )
    }
}
