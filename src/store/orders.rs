//! Orders, their items, personal parts, history, cancel tasks, idempotency keys and the customers' lines.

use chrono::{DateTime, Utc};
use serde_json::Value;
use telvisor_model::view::Intent;
use telvisor_model::{Action, ItemState, OrderState};
use uuid::Uuid;

use super::{Json, StoreError, System, Tenant, Tx, sql};

/// One order, version-neutral.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct OrderRow {
    pub id: Uuid,
    pub kind: String,
    pub parent: Option<Uuid>,
    pub customer_id: Option<String>,
    pub customer: Option<Uuid>,
    pub door: String,
    pub channel: String,
    pub client: String,
    pub external_id: Option<String>,
    pub category: Option<String>,
    pub priority: Option<String>,
    /// 0 (most urgent) to 4, from `priority`.
    pub urgency: i64,
    #[sqlx(try_from = "String")]
    pub state: OrderState,
    pub order_date: DateTime<Utc>,
    pub requested_start: Option<DateTime<Utc>>,
    pub requested_completion: Option<DateTime<Utc>>,
    pub expected_completion: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub cancelled_at: Option<DateTime<Utc>>,
    pub cancel_reason: Option<String>,
    /// Place in the customer's line; none while its date lies ahead, and for rejected orders.
    pub place: Option<i64>,
    /// What it waits for, in words.
    pub waits_for: Option<String>,
    /// A pending order has what it waited for, and goes on at its turn.
    pub goes_on: bool,
    pub version: i64,
    pub event_number: i64,
    pub history_number: i64,
    pub errors: Json<Vec<OrderError>>,
    pub trace_parent: Option<String>,
    pub request_id: Option<String>,
}

/// Why an order or item failed, in the words of the layer that failed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderError {
    pub code: String,
    pub reason: String,
    pub message: String,
    pub at: DateTime<Utc>,
    /// Items it is about.
    pub items: Vec<String>,
}

/// One item of an order.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ItemRow {
    pub order_id: Uuid,
    /// The client's own id of the item.
    pub item_id: String,
    pub uid: Uuid,
    /// Place in the running order, from 0.
    pub number: i64,
    #[sqlx(try_from = "String")]
    pub state: ItemState,
    /// What is asked; none for an item that names nothing to do.
    pub action: String,
    pub intent: Json<Option<Intent>>,
    pub relies_on: Json<Vec<String>>,
    pub subscription: Option<Uuid>,
    /// What was there before: written when the item starts.
    pub before: Option<Json<Before>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub error_code: Option<String>,
    pub error: Option<String>,
}

impl ItemRow {
    /// The action, none for an item that names nothing to do.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.intent.0.as_ref().map(|i| i.action)
    }
}

/// The subscription as an item found it at its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    pub plan: Option<String>,
    pub version: Option<String>,
    pub state: Option<String>,
}

#[derive(Debug, sqlx::FromRow)]
struct IntentRow {
    #[sqlx(try_from = "String")]
    state: ItemState,
    intent: Json<Option<Intent>>,
}

/// The personal part of an order: the request as given, and notes.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PersonalRow {
    pub request: Json<Value>,
    pub notes: Json<Vec<Value>>,
}

/// One entry of an order's history.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct HistoryRow {
    pub number: i64,
    pub at: DateTime<Utc>,
    pub item_id: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub caused_by: String,
}

/// A request to cancel an order.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CancelRow {
    pub id: Uuid,
    pub order_id: Uuid,
    /// TMF641 v4.1 `TaskStateType`: accepted, inProgress, done, terminatedWithError.
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

impl Tx<Tenant> {
    /// Locks a customer's line; makes it when it is new. Every order of the customer is decided under this lock.
    pub async fn lock_line(&mut self, customer_id: &str) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO lines (tenant, customer_id, next_place) VALUES ($1, $2, 1)
             ON CONFLICT (tenant, customer_id) DO UPDATE SET next_place = lines.next_place",
            &tenant,
            customer_id
        )?;
        Ok(())
    }

    /// Draws the next place in a locked line.
    pub async fn next_place(&mut self, customer_id: &str) -> Result<i64, StoreError> {
        let tenant = self.tenant();
        let (next,) = sql!(
            self,
            one: (i64,),
            "UPDATE lines SET next_place = next_place + 1 WHERE tenant = $1 AND customer_id = $2 RETURNING next_place",
            &tenant,
            customer_id
        )?;
        Ok(next - 1)
    }

    /// Takes an idempotency key; returns what stands under it when it is taken: (digest, order).
    pub async fn take_key(
        &mut self,
        client: &str,
        door: &str,
        key: &str,
        digest: &str,
        order: Uuid,
    ) -> Result<Option<(String, Uuid)>, StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        let taken = sql!(
            self,
            execute,
            "INSERT INTO idempotency (tenant, client, door, key, digest, order_id, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, client, door, key) DO NOTHING",
            &tenant,
            client,
            door,
            key,
            digest,
            order,
            now
        )?;
        if taken == 1 {
            return Ok(None);
        }
        sql!(
            self,
            optional: (String, Uuid),
            "SELECT digest, order_id FROM idempotency WHERE tenant = $1 AND client = $2 AND door = $3 AND key = $4",
            &tenant,
            client,
            door,
            key
        )
    }

    /// Looks an idempotency key up without taking it.
    pub async fn find_key(
        &mut self,
        client: &str,
        door: &str,
        key: &str,
    ) -> Result<Option<(String, Uuid)>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: (String, Uuid),
            "SELECT digest, order_id FROM idempotency WHERE tenant = $1 AND client = $2 AND door = $3 AND key = $4",
            &tenant,
            client,
            door,
            key
        )
    }

    pub async fn insert_order(&mut self, o: &OrderRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO orders (tenant, id, kind, parent, customer_id, customer, door, channel, client, external_id,
               category, priority, urgency, state, order_date, requested_start, requested_completion,
               expected_completion, started_at, ended_at, cancelled_at, cancel_reason, place, waits_for, version,
               event_number, history_number, errors, trace_parent, request_id, goes_on)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,
               $27,$28,$29,$30,$31)",
            &tenant,
            o.id,
            &o.kind,
            o.parent,
            &o.customer_id,
            o.customer,
            &o.door,
            &o.channel,
            &o.client,
            &o.external_id,
            &o.category,
            &o.priority,
            o.urgency,
            o.state.as_str(),
            o.order_date,
            o.requested_start,
            o.requested_completion,
            o.expected_completion,
            o.started_at,
            o.ended_at,
            o.cancelled_at,
            &o.cancel_reason,
            o.place,
            &o.waits_for,
            o.version,
            o.event_number,
            o.history_number,
            &o.errors,
            &o.trace_parent,
            &o.request_id,
            o.goes_on
        )?;
        Ok(())
    }

    /// Writes an order back; the version read must still be the one stored.
    pub async fn update_order(&mut self, o: &mut OrderRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "UPDATE orders SET category = $3, priority = $4, urgency = $5, state = $6, requested_start = $7,
               requested_completion = $8, expected_completion = $9, started_at = $10, ended_at = $11,
               cancelled_at = $12, cancel_reason = $13, place = $14, waits_for = $15, event_number = $16,
               history_number = $17, errors = $18, external_id = $19, customer = $20, goes_on = $22, version = version + 1
             WHERE tenant = $1 AND id = $2 AND version = $21",
            &tenant,
            o.id,
            &o.category,
            &o.priority,
            o.urgency,
            o.state.as_str(),
            o.requested_start,
            o.requested_completion,
            o.expected_completion,
            o.started_at,
            o.ended_at,
            o.cancelled_at,
            &o.cancel_reason,
            o.place,
            &o.waits_for,
            o.event_number,
            o.history_number,
            &o.errors,
            &o.external_id,
            o.customer,
            o.version,
            o.goes_on
        )?;
        if rows == 0 {
            return Err(StoreError::Missing { what: "order at the version read", id: o.id.to_string() });
        }
        o.version += 1;
        Ok(())
    }

    pub async fn order(&mut self, id: Uuid) -> Result<Option<OrderRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: OrderRow,
            "SELECT * FROM orders WHERE tenant = $1 AND id = $2 AND hidden_at IS NULL",
            &tenant,
            id
        )
    }

    /// An order, even one that is hidden from reads: a repeat under its key is answered with it.
    pub async fn order_even_hidden(&mut self, id: Uuid) -> Result<Option<OrderRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: OrderRow,
            "SELECT * FROM orders WHERE tenant = $1 AND id = $2",
            &tenant,
            id
        )
    }

    /// An order by its id, hidden or not: what a repeat of its request is answered with.
    pub async fn order_for_replay(&mut self, id: Uuid) -> Result<Option<OrderRow>, StoreError> {
        let tenant = self.tenant();
        sql!(self, optional: OrderRow, "SELECT * FROM orders WHERE tenant = $1 AND id = $2", &tenant, id)
    }

    /// Hides an order from reads; it is kept for audit, and its key stays used.
    pub async fn hide_order(&mut self, id: Uuid) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sql!(
            self,
            execute,
            "UPDATE orders SET hidden_at = $3 WHERE tenant = $1 AND id = $2",
            &tenant,
            id,
            now
        )?;
        Ok(())
    }

    /// The open orders of a customer that have a place in its line, in that order.
    pub async fn line(&mut self, customer_id: &str) -> Result<Vec<OrderRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: OrderRow,
            "SELECT * FROM orders WHERE tenant = $1 AND customer_id = $2 AND place IS NOT NULL AND state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')
             ORDER BY place",
            &tenant,
            customer_id
        )
    }

    /// The items of the open orders in a customer's line.
    ///
    /// CROSS JOIN makes SQLite begin with the orders; by itself it begins with all items of the tenant.
    pub async fn line_items(&mut self, customer_id: &str) -> Result<Vec<ItemRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: ItemRow,
            "SELECT i.* FROM orders o CROSS JOIN order_items i
             WHERE i.tenant = o.tenant AND i.order_id = o.id AND o.tenant = $1 AND o.customer_id = $2 AND o.place IS NOT NULL AND o.state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')
             ORDER BY o.place, i.number",
            &tenant,
            customer_id
        )
    }

    /// What the open orders in a customer's line ask, those left out that are being cancelled: the state and intent
    /// of each item, in order.
    pub async fn line_intents(
        &mut self,
        customer_id: &str,
    ) -> Result<Vec<(ItemState, Json<Option<Intent>>)>, StoreError> {
        let tenant = self.tenant();
        let rows = sql!(
            self,
            all: IntentRow,
            "SELECT i.state, i.intent FROM orders o CROSS JOIN order_items i
             WHERE i.tenant = o.tenant AND i.order_id = o.id AND o.tenant = $1 AND o.customer_id = $2
               AND o.place IS NOT NULL AND o.state <> 'pendingCancellation' AND o.state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')
             ORDER BY o.place, i.number",
            &tenant,
            customer_id
        )?;
        Ok(rows.into_iter().map(|r| (r.state, r.intent)).collect())
    }

    pub async fn insert_item(&mut self, i: &ItemRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO order_items (tenant, order_id, item_id, uid, number, state, action, intent, relies_on,
               subscription, before, started_at, ended_at, error_code, error)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)",
            &tenant,
            i.order_id,
            &i.item_id,
            i.uid,
            i.number,
            i.state.as_str(),
            &i.action,
            &i.intent,
            &i.relies_on,
            i.subscription,
            &i.before,
            i.started_at,
            i.ended_at,
            &i.error_code,
            &i.error
        )?;
        Ok(())
    }

    pub async fn update_item(&mut self, i: &ItemRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "UPDATE order_items SET state = $4, intent = $5, before = $6, started_at = $7, ended_at = $8,
               error_code = $9, error = $10
             WHERE tenant = $1 AND order_id = $2 AND item_id = $3",
            &tenant,
            i.order_id,
            &i.item_id,
            i.state.as_str(),
            &i.intent,
            &i.before,
            i.started_at,
            i.ended_at,
            &i.error_code,
            &i.error
        )?;
        Ok(())
    }

    /// The items of an order, in running order.
    pub async fn items(&mut self, order: Uuid) -> Result<Vec<ItemRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: ItemRow,
            "SELECT * FROM order_items WHERE tenant = $1 AND order_id = $2 ORDER BY number",
            &tenant,
            order
        )
    }

    pub async fn insert_personal(
        &mut self,
        order: Uuid,
        request: &Value,
        notes: &[Value],
    ) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO order_personal (tenant, order_id, request, notes) VALUES ($1, $2, $3, $4)",
            &tenant,
            order,
            Json(request),
            Json(notes)
        )?;
        Ok(())
    }

    pub async fn update_personal(
        &mut self,
        order: Uuid,
        request: &Value,
        notes: &[Value],
    ) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "UPDATE order_personal SET request = $3, notes = $4 WHERE tenant = $1 AND order_id = $2",
            &tenant,
            order,
            Json(request),
            Json(notes)
        )?;
        Ok(())
    }

    pub async fn personal(&mut self, order: Uuid) -> Result<PersonalRow, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: PersonalRow,
            "SELECT request, notes FROM order_personal WHERE tenant = $1 AND order_id = $2",
            &tenant,
            order
        )?
        .ok_or_else(|| StoreError::Missing { what: "personal part of order", id: order.to_string() })
    }

    /// Appends to an order's history; the number is counted in the order's row.
    pub async fn insert_history(
        &mut self,
        o: &mut OrderRow,
        item_id: Option<&str>,
        state: &str,
        reason: Option<&str>,
        caused_by: &str,
    ) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        o.history_number += 1;
        sql!(
            self,
            execute,
            "INSERT INTO order_history (tenant, order_id, number, at, item_id, state, reason, caused_by)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8)",
            &tenant,
            o.id,
            o.history_number,
            now,
            item_id,
            state,
            reason,
            caused_by
        )?;
        Ok(())
    }

    pub async fn history(&mut self, order: Uuid) -> Result<Vec<HistoryRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: HistoryRow,
            "SELECT number, at, item_id, state, reason, caused_by FROM order_history
             WHERE tenant = $1 AND order_id = $2 ORDER BY number",
            &tenant,
            order
        )
    }

    pub async fn insert_cancel(&mut self, c: &CancelRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO cancel_orders (tenant, id, order_id, state, back_to, reason, message, requested_at,
               requested_for, ended_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
            &tenant,
            c.id,
            c.order_id,
            &c.state,
            c.back_to.as_str(),
            &c.reason,
            &c.message,
            c.requested_at,
            c.requested_for,
            c.ended_at
        )?;
        Ok(())
    }

    pub async fn update_cancel(&mut self, c: &CancelRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "UPDATE cancel_orders SET state = $3, message = $4, ended_at = $5 WHERE tenant = $1 AND id = $2",
            &tenant,
            c.id,
            &c.state,
            &c.message,
            c.ended_at
        )?;
        Ok(())
    }

    pub async fn cancel(&mut self, id: Uuid) -> Result<Option<CancelRow>, StoreError> {
        let tenant = self.tenant();
        sql!(self, optional: CancelRow, "SELECT * FROM cancel_orders WHERE tenant = $1 AND id = $2", &tenant, id)
    }

    /// The cancel task of an order that has not ended.
    pub async fn open_cancel(&mut self, order: Uuid) -> Result<Option<CancelRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: CancelRow,
            "SELECT * FROM cancel_orders WHERE tenant = $1 AND order_id = $2 AND ended_at IS NULL",
            &tenant,
            order
        )
    }
}

/// A customer's line named by tenant and customer id.
pub type LineKey = (String, String);

impl Tx<System> {
    /// Lines with an order that waits: has its place and is not started, or is due and has no place yet.
    pub async fn waiting_lines(&mut self, limit: i64) -> Result<Vec<LineKey>, StoreError> {
        let now = self.now();
        sql!(
            self,
            all: LineKey,
            "SELECT DISTINCT tenant, customer_id FROM orders
             WHERE customer_id IS NOT NULL AND (goes_on OR (state = 'acknowledged'
               AND (place IS NOT NULL OR requested_start IS NULL OR requested_start <= $1)))
             LIMIT $2",
            now,
            limit
        )
    }

    /// Number of orders that have not ended.
    pub async fn open_orders(&mut self) -> Result<i64, StoreError> {
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM orders WHERE state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')"
        )?;
        Ok(n)
    }

    /// Forgets idempotency keys older than `before`.
    pub async fn forget_keys(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        sql!(self, execute, "DELETE FROM idempotency WHERE created_at < $1", before)
    }
}

impl Tx<Tenant> {
    /// Whether a customer has an order that has not ended, a future one included.
    pub async fn has_open_order(&mut self, customer_id: &str) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM orders WHERE tenant = $1 AND customer_id = $2 AND state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')",
            &tenant,
            customer_id
        )?;
        Ok(n > 0)
    }

    /// Whether a subscription has an order that has not ended and has its place.
    pub async fn has_open_order_on(&mut self, subscription: Uuid) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM order_items i JOIN orders o ON o.tenant = i.tenant AND o.id = i.order_id
             WHERE i.tenant = $1 AND i.subscription = $2 AND o.place IS NOT NULL AND o.state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')",
            &tenant,
            subscription
        )?;
        Ok(n > 0)
    }

    /// Due orders of a customer that have no place yet, oldest date first.
    pub async fn due_without_place(&mut self, customer_id: &str) -> Result<Vec<OrderRow>, StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sql!(
            self,
            all: OrderRow,
            "SELECT * FROM orders WHERE tenant = $1 AND customer_id = $2 AND state = 'acknowledged'
             AND place IS NULL AND (requested_start IS NULL OR requested_start <= $3)
             ORDER BY requested_start, id",
            &tenant,
            customer_id,
            now
        )
    }
}
