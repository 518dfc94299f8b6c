//! Moving an order and its items along their diagrams, with history and one event for each move.

use telvisor_model::order::end_state;
use telvisor_model::{Alarm, EventKind, ItemState, OrderKind, OrderState, product_order};
use uuid::Uuid;

use super::jeopardy::HELD;
use super::milestones;
use crate::alarms;
use crate::store::events::NewEvent;
use crate::store::orders::{ItemRow, OrderBody, OrderError, OrderRow, PersonalRow, Wanted};
use crate::store::{StoreError, Tenant, Tx};

/// Code of the error of an item that relies on one that was not completed.
pub(super) const RELIED_ON: &str = "relied-on";
/// What is the matter with an item that failed, short.
pub(super) const NOT_COMPLETED: &str = "the item was not completed";

/// Why an item that relies on another one failed.
pub(super) fn relied_on(item: &str) -> String {
    format!("relies on item {item}, which was not completed")
}

/// An order with its items, being moved in one transaction. A service order that a product order was taken apart into
/// takes that along: whatever happens to it happens to the product order too, by that one's own diagram.
#[derive(Debug, Clone)]
pub struct Moving {
    pub order: OrderRow,
    pub items: Vec<ItemRow>,
    /// The order as it was read or last written.
    read: OrderRow,
    /// The event of the last change of state is still to be written: its items may follow in the same transaction.
    untold: bool,
    /// So is the event of the milestones that were reached since.
    reached: bool,
    /// What the event that is written now asks for.
    wanted: Vec<Wanted>,
    /// The product order that this service order belongs to.
    product: Option<Box<Moving>>,
    /// The personal part, where this transaction wrote it with the order.
    personal: Option<PersonalRow>,
}

impl Moving {
    #[must_use]
    pub fn new(order: OrderRow, items: Vec<ItemRow>) -> Self {
        Self {
            read: order.clone(),
            order,
            items,
            untold: false,
            reached: false,
            wanted: vec![],
            product: None,
            personal: None,
        }
    }

    /// Remembers the personal part of a new order, so that its events need not read it.
    pub(super) fn knows(&mut self, personal: PersonalRow) {
        self.personal = Some(personal);
    }

    /// A service order that belongs to a product order.
    #[must_use]
    pub fn of_product(order: OrderRow, items: Vec<ItemRow>, product: Self) -> Self {
        Self { product: Some(Box::new(product)), ..Self::new(order, items) }
    }

    /// Loads an order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load(tx: &mut Tx<Tenant>, id: Uuid) -> Result<Option<Self>, StoreError> {
        let Some(order) = tx.order(id).await? else {
            return Ok(None);
        };
        let items = tx.items(id).await?;
        Self::complete(tx, order, items).await.map(Some)
    }

    /// An order that is read already, with the product order that it belongs to.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn complete(
        tx: &mut Tx<Tenant>,
        order: OrderRow,
        items: Vec<ItemRow>,
    ) -> Result<Self, StoreError> {
        let Some(id) = order.parent else {
            return Ok(Self::new(order, items));
        };
        let missing = || StoreError::Missing { what: "product order of service order", id: id.to_string() };
        let parent = tx.order(id).await?.ok_or_else(missing)?;
        let product = Self::new(parent, tx.items(id).await?);
        Ok(Self::of_product(order, items, product))
    }

    /// Loads an order as a client knows it: of a product order the service order that does its work, which takes it
    /// along; the product order itself where there is nothing to do.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load_placed(tx: &mut Tx<Tenant>, id: Uuid) -> Result<Option<Self>, StoreError> {
        let Some(order) = tx.order(id).await? else {
            return Ok(None);
        };
        let items = tx.items(id).await?;
        if order.kind == OrderKind::Product
            && let Some(service) = tx.service_order_of(id).await?
        {
            let of_service = tx.items(service.id).await?;
            return Ok(Some(Self::of_product(service, of_service, Self::new(order, items))));
        }
        Ok(Some(Self::new(order, items)))
    }

    /// The order that the client placed: the product order where there is one.
    #[must_use]
    pub fn placed(&self) -> &OrderRow {
        self.product.as_ref().map_or(&self.order, |p| &p.order)
    }

    /// The product order, of which this is the service order.
    pub fn product(&mut self) -> Option<&mut OrderRow> {
        self.product.as_mut().map(|p| &mut p.order)
    }

    /// Other items, of the order and of its product order.
    pub(super) fn set_items(&mut self, items: Vec<ItemRow>, of_product: Vec<ItemRow>) {
        self.items = items;
        if let Some(product) = &mut self.product {
            product.items = of_product;
        }
    }

    /// The order that the client placed, with its items.
    #[must_use]
    pub fn into_placed(self) -> Self {
        match self.product {
            Some(product) => *product,
            None => self,
        }
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
        for state in path {
            self.step(tx, state, reason, by, to == OrderState::InProgress).await?;
        }
        self.share();
        if let Some(product) = &mut self.product {
            product.follow(tx, to, reason, by).await?;
        }
        Ok(())
    }

    /// Moves a product order after its service order.
    async fn follow(
        &mut self,
        tx: &mut Tx<Tenant>,
        service: OrderState,
        reason: Option<&str>,
        by: &str,
    ) -> Result<(), StoreError> {
        if service.is_final() {
            self.settle(tx, service == OrderState::Cancelled, by).await?;
        }
        // It has items that its service order has not.
        let states: Vec<_> = self.items.iter().map(|i| i.state).collect();
        let to = match service {
            OrderState::Completed | OrderState::Failed | OrderState::Partial => end_state(&states),
            other => other,
        };
        for state in product_order::follow(self.order.state, to) {
            self.step(tx, state, reason, by, to == OrderState::InProgress).await?;
        }
        if self.order.state == OrderState::InProgress {
            self.settle(tx, false, by).await?;
        }
        Ok(())
    }

    /// Ends the items that change nothing, as soon as what they rely on has ended; at once when the order is cancelled.
    async fn settle(&mut self, tx: &mut Tx<Tenant>, cancelled: bool, by: &str) -> Result<(), StoreError> {
        for n in 0..self.items.len() {
            let item = &self.items[n];
            if item.intent.0.is_some() || item.state.is_final() {
                continue;
            }
            if cancelled {
                self.item_step(tx, n, ItemState::Cancelled, None, by).await?;
                continue;
            }
            let relied: Vec<_> =
                self.items.iter().filter(|i| item.relies_on.0.contains(&i.item_id)).collect();
            if let Some(failed) =
                relied.iter().find(|i| i.state.is_final() && i.state != ItemState::Completed)
            {
                let why = relied_on(&failed.item_id);
                let id = item.item_id.clone();
                self.items[n].error_code = Some(RELIED_ON.to_owned());
                self.items[n].error = Some(why.clone());
                self.note_error(tx, RELIED_ON, NOT_COMPLETED, &why, vec![id]);
                self.item_step(tx, n, ItemState::Failed, Some(&why), by).await?;
            } else if relied.iter().all(|i| i.state.is_final()) {
                self.item_step(tx, n, ItemState::Completed, None, by).await?;
            }
        }
        Ok(())
    }

    /// Ends a product order that has nothing to do.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn end_idle(&mut self, tx: &mut Tx<Tenant>, by: &str) -> Result<(), StoreError> {
        self.follow(tx, OrderState::InProgress, None, by).await?;
        self.follow(tx, OrderState::Completed, None, by).await
    }

    async fn step(
        &mut self,
        tx: &mut Tx<Tenant>,
        state: OrderState,
        reason: Option<&str>,
        by: &str,
        begins: bool,
    ) -> Result<(), StoreError> {
        self.tell(tx).await?;
        let now = tx.now();
        let was = std::mem::replace(&mut self.order.state, state);
        self.order.changed_at = Some(now);
        // One that only passes through `inProgress` has not begun.
        if begins && self.order.started_at.is_none() {
            self.order.started_at = Some(now);
        }
        if state.is_final() {
            self.order.ended_at = Some(now);
            self.order.waits_for = None;
            self.order.goes_on = false;
            self.order.approval_until = None;
            self.order.hold = None;
            self.order.alerts.0.clear();
            // Nobody is waited for any more; what it was held for stays in the history.
            self.order.errors.0.retain(|e| e.code != HELD);
        }
        if state == OrderState::Cancelled {
            self.order.cancelled_at = Some(now);
            self.order.cancel_reason = reason.map(str::to_owned);
        }
        tx.insert_history(&mut self.order, None, state.as_str(), reason, by).await?;
        self.untold = true;
        self.alarm(tx, was, reason).await?;
        tracing::info!(order.id = %self.order.id, request.id = self.order.request_id, order.state = %state, reason, by, "order moved");
        Ok(())
    }

    /// An order that is held needs somebody. A product order shows the state of its service order, which has the alarm.
    async fn alarm(
        &self,
        tx: &mut Tx<Tenant>,
        was: OrderState,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let (held, id) = (OrderState::Held, self.order.id.to_string());
        if self.order.kind != OrderKind::Service || (was == held) == (self.order.state == held) {
            return Ok(());
        }
        if was == held {
            return alarms::clear(tx, Alarm::OrderHeld, &id).await;
        }
        alarms::raise(tx, Alarm::OrderHeld, &id, reason.unwrap_or("the order is held")).await
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
        self.item_step(tx, n, to, reason, by).await?;
        let Some(product) = &mut self.product else {
            return Ok(());
        };
        let item = &self.items[n];
        if let Some(n) = product.items.iter().position(|i| i.item_id == item.item_id) {
            product.items[n].error_code.clone_from(&item.error_code);
            product.items[n].error.clone_from(&item.error);
            product.item_step(tx, n, to, reason, by).await?;
        }
        if product.order.state == OrderState::InProgress {
            product.settle(tx, false, by).await?;
        }
        Ok(())
    }

    async fn item_step(
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
        self.reached |= to == ItemState::Completed && milestones::is_milestone(item);
        tx.update_item(item).await?;
        let id = item.item_id.clone();
        tx.insert_history(&mut self.order, Some(&id), to.as_str(), reason, by).await?;
        tracing::info!(order.id = %self.order.id, request.id = self.order.request_id, item = id, item.state = %to, reason, by, "item moved");
        Ok(())
    }

    /// Notes an error on the order.
    pub fn error(&mut self, tx: &Tx<Tenant>, code: &str, reason: &str, message: &str, items: Vec<String>) {
        if let Some(product) = &mut self.product {
            product.note_error(tx, code, reason, message, items.clone());
        }
        self.note_error(tx, code, reason, message, items);
    }

    fn note_error(&mut self, tx: &Tx<Tenant>, code: &str, reason: &str, message: &str, items: Vec<String>) {
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
        self.share();
        self.tell(tx).await?;
        self.write_event(tx, kind).await?;
        if let Some(product) = &mut self.product {
            product.tell(tx).await?;
            product.write_event(tx, kind).await?;
        }
        Ok(())
    }

    /// Writes the event that the order waits for information.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn ask_for(
        &mut self,
        tx: &mut Tx<Tenant>,
        wanted: Vec<Wanted>,
    ) -> Result<(), StoreError> {
        // What was untold till now asked for nothing.
        self.share();
        self.tell(tx).await?;
        self.wanted = wanted;
        self.write_event(tx, EventKind::InformationRequired).await?;
        let wanted = std::mem::take(&mut self.wanted);
        let Some(product) = &mut self.product else { return Ok(()) };
        product.tell(tx).await?;
        product.wanted = wanted;
        product.write_event(tx, EventKind::InformationRequired).await?;
        product.wanted.clear();
        Ok(())
    }

    /// Writes the event that the order is there. Its product order has told so itself.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn created(&mut self, tx: &mut Tx<Tenant>) -> Result<(), StoreError> {
        self.write_event(tx, EventKind::Create).await
    }

    /// What a product order has from its service order beside the states.
    fn share(&mut self) {
        if let Some(product) = &mut self.product {
            product.order.waits_for.clone_from(&self.order.waits_for);
            product.order.expected_completion = self.order.expected_completion;
            product.order.approval.clone_from(&self.order.approval);
            product.order.hold.clone_from(&self.order.hold);
            product.order.alerts.clone_from(&self.order.alerts);
        }
    }

    async fn tell(&mut self, tx: &mut Tx<Tenant>) -> Result<(), StoreError> {
        if std::mem::take(&mut self.untold) {
            self.write_event(tx, EventKind::StateChange).await?;
        }
        if std::mem::take(&mut self.reached) {
            self.write_event(tx, EventKind::Milestone).await?;
        }
        Ok(())
    }

    async fn write_event(&mut self, tx: &mut Tx<Tenant>, kind: EventKind) -> Result<(), StoreError> {
        self.order.event_number += 1;
        let read = match &self.personal {
            None => Some(tx.personal(self.order.id).await?),
            Some(_) => None,
        };
        tx.insert_event(&NewEvent {
            resource: self.order.resource(),
            resource_id: self.order.id,
            number: self.order.event_number,
            kind,
            body: &OrderBody { order: &self.order, items: &self.items, wanted: &self.wanted },
            personal: read.as_ref().or(self.personal.as_ref()),
            trace_parent: self.order.trace_parent.as_deref(),
        })
        .await
    }

    /// Writes the order's row back, where it changed.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save(&mut self, tx: &mut Tx<Tenant>) -> Result<(), StoreError> {
        self.share();
        self.write(tx).await?;
        match &mut self.product {
            Some(product) => product.write(tx).await,
            None => Ok(()),
        }
    }

    async fn write(&mut self, tx: &mut Tx<Tenant>) -> Result<(), StoreError> {
        self.tell(tx).await?;
        if self.order != self.read {
            tx.update_order(&mut self.order).await?;
            self.read = self.order.clone();
        }
        Ok(())
    }

    /// Writes the order's row for the first time; last of all, because it counts history and events.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert(&mut self, tx: &mut Tx<Tenant>) -> Result<(), StoreError> {
        self.share();
        if let Some(product) = &mut self.product {
            product.tell(tx).await?;
            tx.insert_order(&product.order).await?;
        }
        self.tell(tx).await?;
        tx.insert_order(&self.order).await
    }
}
