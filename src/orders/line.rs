//! Whose turn it is: the orders on one customer run one at a time, in the order in which they became due.

use std::collections::BTreeSet;

use telvisor_model::{ItemState, OrderState};
use uuid::Uuid;

use super::finish::{self, End};
use super::moves::{Moving, RELIED_ON, relied_on};
use super::{approval, expect, hold, start};
use crate::engine::Engine;
use crate::fault;
use crate::store::lines::Entered;
use crate::store::orders::{ItemRow, OrderRow};
use crate::store::{StoreError, Tenant, Tx, retrying};

/// What an order touches, or occupies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extent {
    Customer,
    Subscriptions(BTreeSet<Uuid>),
}

impl Extent {
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Subscriptions(a), Self::Subscriptions(b)) => !a.is_disjoint(b),
            _ => true,
        }
    }
}

/// What the unfinished items of an order are about.
pub(super) fn extent(items: &[ItemRow]) -> Extent {
    let open: Vec<_> = items.iter().filter(|i| !i.state.is_final()).collect();
    if open.iter().any(|i| i.action().is_some_and(telvisor_model::Action::on_customer)) {
        return Extent::Customer;
    }
    Extent::Subscriptions(open.iter().filter_map(|i| i.subscription).collect())
}

/// What an open order that has begun keeps others from. A held order whose jobs still have something to do or to
/// undo on the machine itself keeps the whole customer: another order would find a machine that is about to change,
/// and an undo could take it away under that order's application.
async fn occupied(tx: &mut Tx<Tenant>, order: &OrderRow, items: &[ItemRow]) -> Result<Extent, StoreError> {
    Ok(match order.state {
        OrderState::Pending => extent(items),
        OrderState::Held if !works_on_machine(tx, order.id).await? => extent(items),
        _ => Extent::Customer,
    })
}

async fn works_on_machine(tx: &mut Tx<Tenant>, order: Uuid) -> Result<bool, StoreError> {
    for job in tx.jobs_of(order, None).await? {
        if matches!(job.state.as_str(), "done" | "undone" | "failed") {
            continue;
        }
        if tx.steps(job.id).await?.iter().any(|s| s.act.0.is_on_machine()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks at a customer's line: gives due orders their place, and starts what can start.
///
/// # Errors
/// When the database refuses.
pub async fn look(engine: &Engine, tenant: &str, customer_id: &str) -> Result<(), StoreError> {
    retrying("line", || look_once(engine, tenant, customer_id)).await
}

async fn look_once(engine: &Engine, tenant: &str, customer_id: &str) -> Result<(), StoreError> {
    let mut tx = engine.db.tenant(tenant).await?;
    tx.lock_line(customer_id).await?;
    place_due(engine, &mut tx, customer_id).await?;
    advance(engine, &mut tx, customer_id).await?;
    engine.commit(tx, ["line.before_commit", "line.after_commit"]).await?;
    fault::point("line.after_publish");
    Ok(())
}

/// Locks the line of a customer for an order that comes into it behind all whose date has come.
///
/// # Errors
/// When the database refuses.
pub async fn enter(engine: &Engine, tx: &mut Tx<Tenant>, customer_id: &str) -> Result<Entered, StoreError> {
    let mut entered = tx.enter_line(customer_id).await?;
    if !entered.is_new && place_due(engine, tx, customer_id).await? {
        entered.place = tx.next_place(customer_id).await?;
    }
    Ok(entered)
}

/// Gives every order of a locked line its place whose date has come; whether there was any.
///
/// # Errors
/// When the database refuses.
pub async fn place_due(engine: &Engine, tx: &mut Tx<Tenant>, customer_id: &str) -> Result<bool, StoreError> {
    let due = tx.due_without_place(customer_id).await?;
    let any = !due.is_empty();
    for order in due {
        let items = tx.items(order.id).await?;
        let mut moving = Moving::complete(tx, order, items).await?;
        moving.order.place = Some(tx.next_place(customer_id).await?);
        if approval::is_needed(engine, &moving.order, &moving.items) {
            moving.order.goes_on = false;
            approval::ask(engine, tx, &mut moving).await?;
        }
        moving.save(tx).await?;
    }
    Ok(any)
}

/// Starts every order of a locked line whose turn it is. Orders that end at once make room for the next.
///
/// # Errors
/// When the database refuses.
pub async fn advance(engine: &Engine, tx: &mut Tx<Tenant>, customer_id: &str) -> Result<(), StoreError> {
    let mut begun = vec![];
    loop {
        let line = tx.line(customer_id).await?;
        let all_items = tx.line_items(customer_id).await?;
        let items_of = |id: Uuid| all_items.iter().filter(|i| i.order_id == id).cloned().collect::<Vec<_>>();
        let mut before: Vec<(Extent, String)> = vec![];
        let mut started = None;
        let mut standing = vec![];
        for order in line {
            let items = items_of(order.id);
            if order.state != OrderState::Acknowledged && !order.goes_on {
                let extent = occupied(tx, &order, &items).await?;
                before.push((extent, format!("order {} ({})", order.id, order.state)));
                standing.push((order, items));
                continue;
            }
            let extent = extent(&items);
            let Some((_, what)) = before.iter().find(|(other, _)| other.meets(&extent)) else {
                started = Some((order, items));
                break;
            };
            let what = what.clone();
            let order = note(tx, order, &what).await?;
            before.push((extent, format!("order {} (acknowledged)", order.id)));
            standing.push((order, items));
        }
        let Some((order, items)) = started else { return expect::renew(engine, tx, standing, &begun).await };
        let mut moving = Moving::complete(tx, order, items).await?;
        moving.order.waits_for = None;
        moving.order.goes_on = false;
        moving.to(tx, OrderState::InProgress, None, "line").await?;
        run_items(engine, tx, &mut moving).await?;
        expect::begin(engine, tx, &mut moving).await?;
        begun.push(moving.order.id);
        moving.save(tx).await?;
    }
}

/// Notes what an order waits for; the order as it is then.
async fn note(tx: &mut Tx<Tenant>, order: OrderRow, what: &str) -> Result<OrderRow, StoreError> {
    let text = format!("waits for {what}");
    if order.waits_for.as_deref() == Some(&text) {
        return Ok(order);
    }
    let mut moving = Moving::complete(tx, order, vec![]).await?;
    moving.order.waits_for = Some(text);
    moving.save(tx).await?;
    Ok(moving.order)
}

/// Runs the items of an order in progress, one after another, until one has jobs to wait for or all have ended.
///
/// # Errors
/// When the database refuses.
pub async fn run_items(engine: &Engine, tx: &mut Tx<Tenant>, moving: &mut Moving) -> Result<(), StoreError> {
    loop {
        if moving.order.state != OrderState::InProgress {
            return Ok(());
        }
        if moving.items.iter().any(|i| i.state == ItemState::InProgress || i.state == ItemState::Held) {
            return Ok(());
        }
        let Some(n) = moving.items.iter().position(|i| !i.state.is_final()) else {
            return finish::end_order(tx, moving).await;
        };
        if moving.order.hold.is_some() {
            return hold::settle(tx, moving, "hold").await;
        }
        let failed = moving.items[n]
            .relies_on
            .0
            .iter()
            .find(|id| moving.items.iter().any(|i| i.item_id == **id && i.state != ItemState::Completed));
        if let Some(failed) = failed.cloned() {
            let why = relied_on(&failed);
            finish::end_item(engine, tx, moving, n, End::Failed(RELIED_ON, &why), &[]).await?;
            continue;
        }
        start::start_item(engine, tx, moving, n).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_on_different_subscriptions_pass_each_other() {
        let a = Extent::Subscriptions(BTreeSet::from([Uuid::from_u128(1)]));
        let b = Extent::Subscriptions(BTreeSet::from([Uuid::from_u128(2)]));
        assert!(!a.meets(&b));
        assert!(a.meets(&a));
        assert!(a.meets(&Extent::Customer) && Extent::Customer.meets(&a));
        assert!(Extent::Customer.meets(&Extent::Subscriptions(BTreeSet::new())));
    }
}
