//! Which orders a named listener is told of.

use chrono::{DateTime, Utc};
use serde_json::Value;
use telvisor_model::OrderState;
use uuid::Uuid;

use super::listeners::ListenerRow;
use super::{Json, StoreError, Tenant, Tx, sql};

/// A listener that is told of an order.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FollowerRow {
    pub order_id: Uuid,
    #[sqlx(flatten)]
    pub listener: ListenerRow,
}

/// A reply that a listener waits for.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ReplyRow {
    /// The request that it replies to.
    pub message_id: String,
    /// What the door needs to write it; no personal values.
    pub context: Json<Value>,
    /// Since when it is delivered.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Tx<Tenant> {
    /// Lets a listener be told of an order; false when it is already, for this message.
    pub async fn follow(
        &mut self,
        listener: Uuid,
        order: Uuid,
        message_id: &str,
        context: &Value,
    ) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "INSERT INTO listener_orders (tenant, listener, order_id, message_id, context) VALUES ($1,$2,$3,$4,$5)
             ON CONFLICT (tenant, listener, order_id, message_id) DO NOTHING",
            &tenant,
            listener,
            order,
            message_id,
            Json(context)
        )?;
        Ok(rows == 1)
    }

    /// The named listeners that are told of orders with events that have no position yet.
    pub async fn followers_of_news(&mut self) -> Result<Vec<FollowerRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: FollowerRow,
            "SELECT DISTINCT o.order_id, l.* FROM listener_orders o
               JOIN listeners l ON l.tenant = o.tenant AND l.id = o.listener
             WHERE o.tenant = $1 AND o.ended_at IS NULL AND o.order_id IN
               (SELECT e.resource_id FROM events e WHERE e.tenant = $1 AND e.position IS NULL)",
            &tenant
        )
    }

    /// What a listener waits for of an order; empty where it is not told of it.
    pub async fn replies(&mut self, listener: Uuid, order: Uuid) -> Result<Vec<ReplyRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: ReplyRow,
            "SELECT message_id, context, ended_at FROM listener_orders
             WHERE tenant = $1 AND listener = $2 AND order_id = $3 ORDER BY message_id",
            &tenant,
            listener,
            order
        )
    }

    /// Notes that a listener has the end of an order, or the reply to a message.
    pub async fn end_follow(
        &mut self,
        listener: Uuid,
        order: Uuid,
        message_id: &str,
    ) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sql!(
            self,
            execute,
            "UPDATE listener_orders SET ended_at = $5 WHERE tenant = $1 AND listener = $2 AND order_id = $3
               AND message_id = $4 AND ended_at IS NULL",
            &tenant,
            listener,
            order,
            message_id,
            now
        )?;
        Ok(())
    }

    /// The state that an order had before an event; none before its first, or when that is forgotten.
    pub async fn state_before(&mut self, order: Uuid, number: i64) -> Result<Option<OrderState>, StoreError> {
        let tenant = self.tenant();
        let found = sql!(
            self,
            optional: (Json<Value>,),
            "SELECT body FROM events WHERE tenant = $1 AND resource_id = $2 AND number < $3
             ORDER BY number DESC LIMIT 1",
            &tenant,
            order,
            number
        )?;
        Ok(found.and_then(|(body,)| body["order"]["state"].as_str()?.parse().ok()))
    }

    /// Forgets which orders ended at a listener before a time. Returns the named listeners that are told of no order
    /// any more.
    pub async fn forget_follows(&mut self, before: DateTime<Utc>) -> Result<Vec<ListenerRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "DELETE FROM listener_orders WHERE tenant = $1 AND ended_at IS NOT NULL AND ended_at < $2",
            &tenant,
            before
        )?;
        sql!(
            self,
            all: ListenerRow,
            "SELECT * FROM listeners l WHERE l.tenant = $1 AND l.named AND NOT EXISTS
               (SELECT 1 FROM listener_orders o WHERE o.tenant = l.tenant AND o.listener = l.id)",
            &tenant
        )
    }
}
