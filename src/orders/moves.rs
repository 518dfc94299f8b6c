//! Moving an order and its items along their diagrams, with history and one event for each move.

use telvisor_model::{EventKind, ItemState, OrderState};

use crate::store::events::NewEvent;
use crate::store::orders::{ItemRow, OrderBody, OrderError, OrderRow};
use crate::store::{StoreError, Tenant, Tx};

/// Code of an order's error while one of its jobs needs an operator; shown as a jeopardy alert until the order ends.
pub(super) const HELD: &str = "held";

/// An order with its items, being moved in one transaction.
#[derive(Debug, Clone)]
pub struct Moving {
    pub order: OrderRow,
    pub items: Vec<ItemRow>,
    /// The event of the last change of state is still to be written: its items may follow in the same transaction.
    untold: bool,
}

impl Moving {
    #[must_use]
    pub fn new(order: OrderRow, items: Vec<ItemRow>) -> Self {
        Self { order, items, untold: false }
    }

    /// Loads an order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load(tx: &mut Tx<Tenant>, id: uuid::Uuid) -> Result<Option<Self>, StoreError> {
        let Some(order) = tx.order(id).await? else {
            return Ok(None);
        };
        let items = tx.items(id).await?;
        Ok(Some(Self::new(order, items)))
    }

    /// Moves the order to a state, through the state between where the diagram has no arrow. The event of each state
    /// is written before the next one, or with [`Self::save`], and so shows the items as they followed the order.
    ///
    /// # Errors
    /// When the database refuses. A move that the diagram forbids is a programming error and is logged.
    pub async fn to(
        &mut self,
        tx: &mut Tx<Tenant>,
        to: OrderState,
        reason: Option<&str>,
        by: &str,
    ) -> Result<(), StoreError> {
        let Some(path) = self.order.state.path_to(to) else {
            tracing::error!(order.id = %self.order.id, from = %self.order.state, %to, "the diagram has no such way");
            return Ok(());
        };
        let now = tx.now();
        for state in path {
            self.tell(tx).await?;
            self.order.state = state;
            if state == OrderState::InProgress && self.order.started_at.is_none() {
                self.order.started_at = Some(now);
            }
            if state.is_final() {
                self.order.ended_at = Some(now);
                self.order.waits_for = None;
                // Nobody is waited for any more; what it was held for stays in the history.
                self.order.errors.0.retain(|e| e.code != HELD);
            }
            if state == OrderState::Cancelled {
                self.order.cancelled_at = Some(now);
                self.order.cancel_reason = reason.map(str::to_owned);
            }
            tx.insert_history(&mut self.order, None, state.as_str(), reason, by).await?;
            self.untold = true;
            tracing::info!(order.id = %self.order.id, request.id = self.order.request_id, order.state = %state, reason, by, "order moved");
        }
        Ok(())
    }

    /// Moves an item.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn item_to(
        &mut self,
        tx: &mut Tx<Tenant>,
        n: usize,
        to: ItemState,
        reason: Option<&str>,
        by: &str,
    ) -> Result<(), StoreError> {
        let now = tx.now();
        let item = &mut self.items[n];
        if item.state.is_final() {
            return Ok(());
        }
        item.state = to;
        if to == ItemState::InProgress && item.started_at.is_none() {
            item.started_at = Some(now);
        }
        if to.is_final() {
            item.ended_at = Some(now);
        }
        tx.update_item(item).await?;
        let id = item.item_id.clone();
        tx.insert_history(&mut self.order, Some(&id), to.as_str(), reason, by).await?;
        tracing::info!(order.id = %self.order.id, request.id = self.order.request_id, item = id, item.state = %to, reason, by, "item moved");
        Ok(())
    }

    /// Notes an error on the order.
    pub fn error(&mut self, tx: &Tx<Tenant>, code: &str, reason: &str, message: &str, items: Vec<String>) {
        self.order.errors.0.push(OrderError {
            code: code.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            at: tx.now(),
            items,
        });
    }

    /// Writes an event with the whole order as it is now, after that of its last change of state.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn event(&mut self, tx: &mut Tx<Tenant>, kind: EventKind) -> Result<(), StoreError> {
        self.tell(tx).await?;
        self.write_event(tx, kind).await
    }

    async fn tell(&mut self, tx: &mut Tx<Tenant>) -> Result<(), StoreError> {
        if std::mem::take(&mut self.untold) {
            self.write_event(tx, EventKind::StateChange).await?;
        }
        Ok(())
    }

    async fn write_event(&mut self, tx: &mut Tx<Tenant>, kind: EventKind) -> Result<(), StoreError> {
        self.order.event_number += 1;
        let personal = tx.personal(self.order.id).await?;
        tx.insert_event(&NewEvent {
            resource: self.order.resource(),
            resource_id: self.order.id,
            number: self.order.event_number,
            kind,
            body: &OrderBody { order: &self.order, items: &self.items },
            personal: Some(&personal),
            trace_parent: self.order.trace_parent.as_deref(),
        })
        .await
    }

    /// Writes the order's row back.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save(&mut self, tx: &mut Tx<Tenant>) -> Result<(), StoreError> {
        self.tell(tx).await?;
        tx.update_order(&mut self.order).await
    }

    /// Writes the order's row for the first time; last of all, because it counts history and events.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert(&mut self, tx: &mut Tx<Tenant>) -> Result<(), StoreError> {
        self.tell(tx).await?;
        tx.insert_order(&self.order).await
    }
}
