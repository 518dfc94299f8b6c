//! Orders, their items, personal parts and history.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use telvisor_model::view::Intent;
use telvisor_model::{Action, ItemState, OrderKind, OrderState, Resource};
use uuid::Uuid;

use super::{Json, StoreError, Tenant, Tx, later, sql};

/// One order, version-neutral. Events keep it as it is here, so a member that is added and may not be missing
/// wants `#[serde(default)]`.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow, Serialize, Deserialize)]
pub struct OrderRow {
    pub id: Uuid,
    #[sqlx(try_from = "String")]
    pub kind: OrderKind,
    /// The product order that a service order was made from.
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
    /// What puts it in jeopardy now.
    #[serde(default)]
    pub alerts: Json<Vec<Alert>>,
    /// It was told that the expected date passed.
    #[serde(default)]
    pub late: bool,
    /// `asked` or `approved`; none where no approval is needed.
    pub approval: Option<String>,
    /// When an approval that was asked for is taken as refused.
    pub approval_until: Option<DateTime<Utc>>,
    /// Why an operator keeps it from going on.
    pub hold: Option<String>,
    /// When its state last changed; none in events of a release that did not keep it.
    #[serde(default)]
    pub changed_at: Option<DateTime<Utc>>,
}

/// One thing that puts an order in jeopardy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// The cause, see [`crate::orders::jeopardy`].
    pub name: String,
    pub at: DateTime<Utc>,
    /// What the failing layer said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    pub message: String,
    /// Items it is about.
    pub items: Vec<String>,
}

impl OrderRow {
    /// What its events are about.
    #[must_use]
    pub fn resource(&self) -> Resource {
        match self.kind {
            OrderKind::Product => Resource::ProductOrder,
            OrderKind::Service => Resource::ServiceOrder,
        }
    }
}

/// What an event of an order keeps of it; its personal part is a [`PersonalRow`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderBody<O = OrderRow, I = Vec<ItemRow>, W = Vec<Wanted>> {
    pub order: O,
    pub items: I,
    /// What it waits for, where the event says that it does.
    #[serde(default)]
    pub wanted: W,
}

/// A characteristic that an item has to be given before it can start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub item: String,
    pub name: String,
}

/// Why an order or item failed, in the words of the layer that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderError {
    pub code: String,
    pub reason: String,
    pub message: String,
    pub at: DateTime<Utc>,
    /// Items it is about.
    pub items: Vec<String>,
}

/// One item of an order; kept in events as it is here.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
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
    /// What it is expected to take, in milliseconds, until its plan is made.
    #[serde(default)]
    pub takes_ms: i64,
}

impl ItemRow {
    /// The action, none for an item that names nothing to do.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.intent.0.as_ref().map(|i| i.action)
    }
}

/// The subscription as an item found it at its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    pub plan: Option<String>,
    pub version: Option<String>,
    pub state: Option<String>,
}

/// The personal part of an order: the request as given, and notes.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
pub struct PersonalRow {
    pub request: Json<Value>,
    pub notes: Json<Vec<Value>>,
}

/// One entry of an order's history.
#[derive(Debug, Clone, sqlx::FromRow, Serialize)]
pub struct HistoryRow {
    pub number: i64,
    pub at: DateTime<Utc>,
    pub item_id: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub caused_by: String,
}

impl Tx<Tenant> {
    pub async fn insert_order(&mut self, o: &OrderRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        later!(
            self,
            "INSERT INTO orders (tenant, id, kind, parent, customer_id, customer, door, channel, client, external_id,
               category, priority, urgency, state, order_date, requested_start, requested_completion,
               expected_completion, started_at, ended_at, cancelled_at, cancel_reason, place, waits_for, version,
               event_number, history_number, errors, trace_parent, request_id, goes_on, alerts, late, approval,
               approval_until, hold, changed_at)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,
               $27,$28,$29,$30,$31,$32,$33,$34,$35,$36,$37)",
            &tenant,
            o.id,
            o.kind.as_str(),
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
            o.goes_on,
            &o.alerts,
            o.late,
            &o.approval,
            o.approval_until,
            &o.hold,
            o.changed_at
        )?;
        self.count_new(o.kind, o.state).await
    }

    /// Writes an order back; the version read must still be the one stored.
    pub async fn update_order(&mut self, o: &mut OrderRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        self.count_moved(o.id, o.state).await?;
        let rows = sql!(
            self,
            execute,
            "UPDATE orders SET category = $3, priority = $4, urgency = $5, state = $6, requested_start = $7,
               requested_completion = $8, expected_completion = $9, started_at = $10, ended_at = $11,
               cancelled_at = $12, cancel_reason = $13, place = $14, waits_for = $15, event_number = $16,
               history_number = $17, errors = $18, external_id = $19, customer = $20, goes_on = $22, alerts = $23,
               late = $24, approval = $25, approval_until = $26, hold = $27, changed_at = $28, version = version + 1
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
            o.goes_on,
            &o.alerts,
            o.late,
            &o.approval,
            o.approval_until,
            &o.hold,
            o.changed_at
        )?;
        if rows == 0 {
            return Err(StoreError::Changed { what: "order", id: o.id.to_string() });
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

    /// An order of this kind.
    pub async fn order_of(&mut self, kind: OrderKind, id: Uuid) -> Result<Option<OrderRow>, StoreError> {
        Ok(self.order(id).await?.filter(|o| o.kind == kind))
    }

    /// The service order that a product order was taken apart into; none where nothing is to do, and for a service
    /// order.
    pub async fn service_order_of(&mut self, product_order: Uuid) -> Result<Option<OrderRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            optional: OrderRow,
            "SELECT * FROM orders WHERE tenant = $1 AND parent = $2",
            &tenant,
            product_order
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

    /// Takes a draft away, if it is still at this version; whether it was. Where it was not, the transaction must not
    /// be committed.
    pub async fn remove_draft(&mut self, id: Uuid, version: i64) -> Result<bool, StoreError> {
        self.count_hidden(id).await?;
        let tenant = self.tenant();
        let rows = sql!(
            self,
            execute,
            "DELETE FROM orders
             WHERE tenant = $1 AND id = $2 AND version = $3 AND state = 'draft' AND hidden_at IS NULL",
            &tenant,
            id,
            version
        )?;
        if rows == 0 {
            return Ok(false);
        }
        sql!(self, execute, "DELETE FROM order_personal WHERE tenant = $1 AND order_id = $2", &tenant, id)?;
        Ok(true)
    }

    /// Hides an order from reads; it is kept for audit, and its key stays used.
    pub async fn hide_order(&mut self, id: Uuid) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        self.count_hidden(id).await?;
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

    pub async fn insert_item(&mut self, i: &ItemRow) -> Result<(), StoreError> {
        let tenant = self.tenant();
        later!(
            self,
            "INSERT INTO order_items (tenant, order_id, item_id, uid, number, state, action, intent, relies_on,
               subscription, before, started_at, ended_at, error_code, error, takes_ms)
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)",
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
            &i.error,
            i.takes_ms
        )?;
        Ok(())
    }

    /// Removes the items of an order that is given others.
    pub async fn delete_items(&mut self, order: Uuid) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(self, execute, "DELETE FROM order_items WHERE tenant = $1 AND order_id = $2", &tenant, order)?;
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
        later!(
            self,
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
        later!(
            self,
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
}
