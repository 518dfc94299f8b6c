//! Other items for an order that has not begun: judged as a whole as if they had been placed so, and put in the
//! place of those that it had, in one transaction.

use telvisor_model::view::Intent;
use telvisor_model::{Action, OrderState};

use super::accept::Standing;
use super::form::check_form;
use super::moves::Moving;
use super::resolve::Resolved;
use super::{Ask, Draft, Member, OrderError, accept, approval, decompose, expect, finish, rows, view};
use crate::engine::Engine;
use crate::store::orders::ItemRow;
use crate::store::{Tenant, Tx};

/// Gives the order the items of a changed draft. Its place in the line, its channel and its customer stay.
///
/// # Errors
/// [`OrderError::Forbidden`] when the order has begun; what acceptance would say of the draft.
pub(super) async fn replan(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    draft: &Draft,
) -> Result<(), OrderError> {
    let Some(customer_id) = moving.order.customer_id.clone() else {
        return Err(forbidden("the order has ended".into()));
    };
    if moving.order.state != OrderState::Acknowledged {
        let message = format!(
            "what an order is about can be changed until it begins, it is {}; cancel it and place another",
            moving.order.state
        );
        return Err(forbidden(message));
    }
    check_form(draft)?;
    for (n, item) in draft.items.iter().enumerate() {
        if let Ask::Nothing { reason } = &item.ask {
            return Err(OrderError::invalid(n, Member::Service, reason.clone()));
        }
    }
    // What the items so far reserved is taken back first, so that the new ones find the customer without it.
    for n in 0..moving.items.len() {
        finish::take_back(tx, moving, n, &[]).await?;
    }
    let (order, product) = (moving.order.id, moving.order.parent);
    for id in [Some(order), product].into_iter().flatten() {
        tx.delete_items(id).await?;
    }
    let line = view::line(tx, &customer_id).await?;
    let standing = Standing { line, is_new: false, place: moving.order.place };
    let mut prepared = accept::prepare(engine, tx, &customer_id, draft, standing).await?;
    for (n, resolved) in &mut prepared.items {
        keep_id(resolved, &draft.items[*n].id, &moving.items);
    }
    let placed = product.unwrap_or(order);
    let (customer, items) = rows::reserve(tx, placed, &customer_id, draft, &prepared).await?;
    let own = match product {
        Some(_) => rows::acting(draft, order, &items),
        None => items.clone(),
    };
    if own.is_empty() {
        return Err(OrderError::invalid(None, Member::Items, "nothing is left to do; cancel the order"));
    }
    if let Some(product) = product {
        for item in &items {
            tx.insert_item(item).await?;
        }
        let personal = tx.personal(order).await?;
        tx.update_personal(order, &decompose::service_request(draft, product), &personal.notes.0).await?;
    }
    for item in &own {
        tx.insert_item(item).await?;
    }
    moving.set_items(own, items);
    moving.order.customer = customer;
    if let Some(product) = moving.product() {
        product.customer = customer;
    }
    let date = expect::at_the_end(tx.now(), &prepared.line, &moving.order, &moving.items);
    moving.order.expected_completion = Some(date);
    if moving.order.place.is_some() && approval::is_needed(engine, &moving.order, &moving.items) {
        approval::ask(engine, tx, moving).await?;
    }
    Ok(())
}

/// A subscription has had its id since acceptance: an item that still asks for the same application keeps it.
fn keep_id(resolved: &mut Resolved, item_id: &str, before: &[ItemRow]) {
    let provision = |i: &Intent| i.action == Action::Provision;
    let Some(intent) = resolved.intent.as_mut().filter(|i| provision(i)) else { return };
    let old = before.iter().filter(|i| i.item_id == item_id).find_map(|i| i.intent.0.as_ref());
    if let Some(old) = old.filter(|old| provision(old) && old.application == intent.application) {
        intent.subscription = old.subscription;
        resolved.kept = true;
    }
}

fn forbidden(message: String) -> OrderError {
    OrderError::Forbidden { item: None, message }
}
