//! An item's end and an order's end, and what is taken back of an item that did not come to be.

use telvisor_model::order::end_state;
use telvisor_model::plan::{Act, Undo};
use telvisor_model::{Action, ItemState};

use super::customers;
use super::moves::{Moving, NOT_COMPLETED};
use super::outcome::{apply, machine_after, machine_of, opt, subscription};
use super::removal;
use crate::engine::Engine;
use crate::mediation::journal;
use crate::store::jobs::Done;
use crate::store::{StoreError, Tenant, Tx};

/// Loads the jobs of an item with their steps.
///
/// # Errors
/// When the database does not answer.
pub async fn jobs_of(tx: &mut Tx<Tenant>, moving: &Moving, n: usize) -> Result<Vec<Done>, StoreError> {
    let mut out = vec![];
    for job in tx.jobs_of(moving.order.id, Some(&moving.items[n].item_id)).await? {
        let steps = tx.steps(job.id).await?;
        out.push((job, steps));
    }
    Ok(out)
}

/// How an item ends.
#[derive(Debug, Clone, Copy)]
pub enum End<'a> {
    Completed,
    Cancelled,
    /// With the code and the words of why.
    Failed(&'a str, &'a str),
}

/// Ends an item. What it never did is taken back from the inventory when it was not completed; `jobs` are all that it
/// has, as they have ended.
///
/// # Errors
/// When the database refuses.
pub async fn end_item(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
    end: End<'_>,
    jobs: &[Done],
) -> Result<(), StoreError> {
    removal::note(tx, moving, n, false).await?;
    match end {
        End::Completed => {
            // What it was held for on its way is no error of what is completed.
            moving.items[n].error_code = None;
            moving.items[n].error = None;
            moving.item_to(tx, n, ItemState::Completed, None, "jobs").await
        }
        End::Cancelled => {
            take_back(tx, moving, n, jobs).await?;
            moving.item_to(tx, n, ItemState::Cancelled, None, "jobs").await
        }
        End::Failed(code, why) => {
            let id = moving.items[n].item_id.clone();
            moving.items[n].error_code = Some(code.to_owned());
            moving.items[n].error = Some(why.to_owned());
            moving.error(tx, code, NOT_COMPLETED, why, vec![id]);
            take_back(tx, moving, n, jobs).await?;
            if engine.config.sdr.failures {
                journal::failed_item(engine, tx, moving.placed(), &moving.items[n]).await?;
            }
            moving.item_to(tx, n, ItemState::Failed, Some(why), "jobs").await
        }
    }
}

/// Ends every item that is open, because the order is cancelled.
///
/// # Errors
/// When the database refuses.
pub async fn cancel_items(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
) -> Result<(), StoreError> {
    for n in 0..moving.items.len() {
        if !moving.items[n].state.is_final() {
            let jobs = jobs_of(tx, moving, n).await?;
            end_item(engine, tx, moving, n, End::Cancelled, &jobs).await?;
        }
    }
    Ok(())
}

/// Ends an order whose items have all ended.
///
/// # Errors
/// When the database refuses.
pub async fn end_order(tx: &mut Tx<Tenant>, moving: &mut Moving) -> Result<(), StoreError> {
    let states: Vec<_> = moving.items.iter().map(|i| i.state).collect();
    let reason = moving.items.iter().find_map(|i| i.error.clone());
    moving.to(tx, end_state(&states), reason.as_deref(), "jobs").await
}

/// What was reserved for an item that did not come to be.
pub(super) async fn take_back(
    tx: &mut Tx<Tenant>,
    moving: &Moving,
    n: usize,
    jobs: &[Done],
) -> Result<(), StoreError> {
    let Some(intent) = moving.items[n].intent.0.clone() else {
        return Ok(());
    };
    if intent.action == Action::CreateCustomer
        && let Some(mut c) = opt(tx, moving.order.customer).await?
        && c.state == "pending"
    {
        let before = c.clone();
        c.state = "cancelled".into();
        c.ended_at = Some(tx.now());
        customers::save(tx, Some(&before), &c, None).await?;
    }
    if intent.action == Action::Provision
        && let Some(mut s) = subscription(tx, &intent).await?
        && s.state == "reserved"
    {
        s.state = "cancelled".into();
        s.ended_at = Some(tx.now());
        tx.save_subscription(&s).await?;
    }
    for (_, steps) in jobs {
        for step in steps {
            if let Act::FetchBackup { backup, .. } = step.act.0
                && let Some(mut b) = tx.backup(backup).await?
                && b.state == "taking"
            {
                b.state = "failed".into();
                tx.save_backup(&b).await?;
            }
        }
    }
    for (job, steps) in jobs {
        if job.state == "failed" {
            // Given up as it is: what was done is there, and is not undone.
            machine_after(tx, job, steps).await?;
        }
        if let Some(mut m) = machine_of(tx, job).await? {
            // A disk that was grown stays so: the size after the undo is not always the one before.
            for step in steps.iter().filter(|s| s.state == "undone") {
                if let Undo::By(acts) = &step.undo.0
                    && let [Act::ResizeMachine { size }] = acts.as_slice()
                {
                    m.set_size(*size);
                    tx.save_machine(&m).await?;
                }
            }
            if m.ended_at.is_some() {
                continue;
            }
            if m.state == "planned" {
                m.ended_at = Some(tx.now());
                tx.save_machine(&m).await?;
                tx.release(m.id).await?;
            } else {
                tx.reserve(&m, m.size()).await?;
            }
        }
    }
    Ok(())
}

/// Completes the item whose jobs are all done.
///
/// # Errors
/// When the database refuses.
pub async fn jobs_done(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
    jobs: &[Done],
) -> Result<(), StoreError> {
    apply(engine, tx, moving, n, jobs).await?;
    end_item(engine, tx, moving, n, End::Completed, jobs).await
}
