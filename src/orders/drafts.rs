//! Product orders that are not submitted yet (TMF622 v5): kept as they are given, without items, without a service order
//! and without a place in the line. A client changes, submits or deletes them as it likes; nobody else is told of them,
//! so there are no events before one is submitted. To submit one is to accept it ([`super::accept`]) under its id.

use telvisor_model::OrderState;
use uuid::Uuid;

use super::accept::{Accepted, replayed};
use super::draft::Drafted;
use super::form::check_form;
use super::moves::Moving;
use super::rows::order_row;
use super::{Draft, OrderError};
use crate::access::Caller;
use crate::clock::new_id;
use crate::engine::Engine;
use crate::store::orders::OrderRow;
use crate::store::{StoreError, Tenant, Tx, retrying};

/// Keeps a new draft. Its key is used like that of an order.
///
/// # Errors
/// [`OrderError::Invalid`] for what is wrong in itself; what it names is looked at when it is submitted.
pub async fn keep(engine: &Engine, caller: &Caller, draft: &Draft) -> Result<Accepted, OrderError> {
    check_form(draft)?;
    retrying("draft", || keep_once(engine, caller, draft)).await
}

async fn keep_once(engine: &Engine, caller: &Caller, draft: &Draft) -> Result<Accepted, OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let id = new_id();
    if let Some(before) = replayed(engine, &mut tx, caller, draft, id).await? {
        return Ok(Accepted::Replayed(before));
    }
    let row = write(&mut tx, caller, draft, id, 1).await?;
    tx.audit(caller, "draft.keep", &id.to_string(), None).await?;
    tx.commit().await?;
    Ok(Accepted::New(Box::new(Moving::new(row, vec![]))))
}

/// Puts other content in the place of the draft that it names.
///
/// # Errors
/// [`OrderError::Changed`] when it is not at that version any more, or is no draft; and as [`keep`].
pub async fn change(
    engine: &Engine,
    caller: &Caller,
    drafted: Drafted,
    draft: &Draft,
) -> Result<(), OrderError> {
    check_form(draft)?;
    retrying("draft", || change_once(engine, caller, drafted, draft)).await
}

async fn change_once(
    engine: &Engine,
    caller: &Caller,
    drafted: Drafted,
    draft: &Draft,
) -> Result<(), OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    take(&mut tx, drafted).await?;
    let draft = Draft { drafted: Some(drafted), ..draft.clone() };
    write(&mut tx, caller, &draft, drafted.id, drafted.version + 1).await?;
    tx.audit(caller, "draft.change", &drafted.id.to_string(), None).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a draft out of the database: for its new content, or for the order that it becomes.
pub(super) async fn take(tx: &mut Tx<Tenant>, drafted: Drafted) -> Result<(), OrderError> {
    if tx.remove_draft(drafted.id, drafted.version).await? { Ok(()) } else { Err(OrderError::Changed) }
}

async fn write(
    tx: &mut Tx<Tenant>,
    caller: &Caller,
    draft: &Draft,
    id: Uuid,
    version: i64,
) -> Result<OrderRow, StoreError> {
    let mut row = order_row(tx, caller, draft, id, draft.customer.as_deref());
    row.state = OrderState::Draft;
    row.version = version;
    tx.insert_personal(id, &draft.request, &draft.notes).await?;
    tx.insert_order(&row).await?;
    Ok(row)
}
