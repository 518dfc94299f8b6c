//! Requests to cancel orders.

use chrono::{DateTime, Utc};
use telvisor_model::{OrderKind, OrderState, Resource};
use uuid::Uuid;

use super::lines::OrderKey;
use super::{StoreError, System, Tenant, Tx, sql};

/// A request to cancel an order; kept in events as it is here.
#[derive(Debug, Clone, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub struct CancelRow {
    pub id: Uuid,
    pub order_id: Uuid,
    /// Of the order.
    #[sqlx(try_from = "String")]
    pub kind: OrderKind,
    /// TMF641 v4.1 `TaskStateType`: accepted (`acknowledged` elsewhere), inProgress, done,
    /// terminatedWithError.
    pub state: String,
    /// State to which the order goes back when the cancel is denied.
    #[sqlx(try_from = "String")]
    pub back_to: OrderState,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub requested_at: DateTime<Utc>,
    pub requested_for: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

impl CancelRow {
    /// What its events are about.
    #[must_use]
    pub fn resource(&self) -> Resource {
        match self.kind {
            OrderKind::Product => Resource::CancelProductOrder,
            OrderKind::Service => Resource::CancelServiceOrder,
        }
    }
}

impl Tx<Tenant> {
    pub async fn insert_cancel(&mut self, c: &CancelRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO cancel_orders (tenant, id, order_id, state, back_to, reason, message, requested_at,
               requested_for, ended_at, kind) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)",
            &tenant,
            c.id,
            c.order_id,
            &c.state,
            c.back_to.as_str(),
            &c.reason,
            &c.message,
            c.requested_at,
            c.requested_for,
            c.ended_at,
            c.kind.as_str()
        )?;
        Ok(())
    }

    pub async fn update_cancel(&mut self, c: &CancelRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "UPDATE cancel_orders SET state = $3, message = $4, ended_at = $5, back_to = $6 WHERE tenant = $1 AND id = $2",
            &tenant,
            c.id,
            &c.state,
            &c.message,
            c.ended_at,
            c.back_to.as_str()
        )?;
        Ok(())
    }

    /// A cancel task of an order of this kind.
    pub async fn cancel(&mut self, kind: OrderKind, id: Uuid) -> Result<Option<CancelRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: CancelRow,
            "SELECT * FROM cancel_orders WHERE tenant = $1 AND id = $2 AND kind = $3",
            &tenant,
            id,
            kind.as_str()
        )
    }

    /// The cancel task of an order that is being carried out.
    pub async fn open_cancel(&mut self, order: Uuid) -> Result<Option<CancelRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: CancelRow,
            "SELECT * FROM cancel_orders WHERE tenant = $1 AND order_id = $2 AND state = 'inProgress'",
            &tenant,
            order
        )
    }

    /// A cancel task that waits for its date.
    pub async fn waiting_cancel(&mut self, id: Uuid) -> Result<Option<CancelRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: CancelRow,
            "SELECT * FROM cancel_orders WHERE tenant = $1 AND id = $2 AND state = 'accepted'",
            &tenant,
            id
        )
    }

    /// The cancel task of an order that waits for its date.
    pub async fn planned_cancel(&mut self, order: Uuid) -> Result<Option<CancelRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: CancelRow,
            "SELECT * FROM cancel_orders WHERE tenant = $1 AND order_id = $2 AND state = 'accepted'",
            &tenant,
            order
        )
    }
}

impl Tx<System> {
    /// Cancel tasks that waited for their date, which has come or whose order has ended meanwhile: tenant, customer
    /// id, task.
    pub async fn due_cancels(&mut self, limit: i64) -> Result<Vec<OrderKey>, StoreError> {
        let now = self.now();
        sql!(
            self,
            all: OrderKey,
            "SELECT c.tenant, o.customer_id, c.id FROM cancel_orders c
             JOIN orders o ON o.tenant = c.tenant AND o.id = c.order_id
             WHERE c.state = 'accepted' AND o.customer_id IS NOT NULL
               AND (c.requested_for <= $1 OR o.ended_at IS NOT NULL)
             ORDER BY c.requested_for LIMIT $2",
            now,
            limit
        )
    }
}
