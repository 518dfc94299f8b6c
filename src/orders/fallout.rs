//! When a job's attempts are used up, and what an operator decides then.

use telvisor_model::{Alarm, ItemState, OrderState};
use uuid::Uuid;

use super::finish::{self, End};
use super::jeopardy::{self, HELD};
use super::moves::Moving;
use super::{OrderError, cancel, hold, line};
use crate::access::Caller;
use crate::alarms;
use crate::config::OnFailure;
use crate::engine::Engine;
use crate::fault;
use crate::store::jobs::{Done, JobRow, StepRow};
use crate::store::{StoreError, Tenant, Tx, retrying};

/// Error code of an item that an operator gave up; it stays while the item is undone, and through a retry of that.
const ABANDONED: &str = "abandoned";

fn begun(step: &StepRow) -> bool {
    step.state == "begun" || step.state == "done"
}

/// Why an order cannot be undone any more; none when it can.
///
/// # Errors
/// When the database does not answer.
pub async fn no_return(tx: &mut Tx<Tenant>, moving: &Moving) -> Result<Option<String>, StoreError> {
    if let Some(done) = moving.items.iter().find(|i| i.state == ItemState::Completed && i.intent.0.is_some())
    {
        return Ok(Some(format!("item {} is completed, and stays", done.item_id)));
    }
    for n in 0..moving.items.len() {
        for (job, steps) in finish::jobs_of(tx, moving, n).await? {
            if let Some(step) = steps.iter().find(|s| s.last_chance && begun(s)) {
                return Ok(Some(format!(
                    "{}: {:?} has begun, which cannot be undone",
                    job.title, step.title
                )));
            }
        }
    }
    Ok(None)
}

/// Turns every job of the running item around; whether there is anything to undo.
///
/// # Errors
/// When the database refuses.
pub async fn undo_running(
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    state: ItemState,
) -> Result<bool, StoreError> {
    let running = |s: ItemState| matches!(s, ItemState::InProgress | ItemState::Held);
    let Some(n) = moving.items.iter().position(|i| running(i.state)) else {
        return Ok(false);
    };
    let mut jobs = finish::jobs_of(tx, moving, n).await?;
    turn_all(tx, moving, n, state, &mut jobs).await
}

/// Turns the jobs of an item around; whether there is anything to undo. The item is in `state` meanwhile.
async fn turn_all(
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
    state: ItemState,
    jobs: &mut [Done],
) -> Result<bool, StoreError> {
    let mut undoing = false;
    for (job, steps) in jobs {
        if job.state == "undone" || job.state == "failed" {
            continue;
        }
        let something = steps.iter().any(begun);
        turn(tx, job, something).await?;
        undoing |= something;
    }
    if undoing && state != moving.items[n].state {
        moving.item_to(tx, n, state, None, "undo").await?;
    }
    Ok(undoing)
}

/// Turns one job around. The attempt grows, so that a worker which still runs it finds its writes refused.
async fn turn(tx: &mut Tx<Tenant>, job: &mut JobRow, something: bool) -> Result<(), StoreError> {
    if job.state == "fallout" {
        alarms::clear(tx, Alarm::JobInFallout, &job.id.to_string()).await?;
    }
    job.phase = "undo".into();
    job.state = if something { "ready" } else { "undone" }.into();
    job.attempt += 1;
    job.tries = 0;
    job.worker = None;
    job.lease_until = None;
    job.run_after = tx.lease_now().await?;
    job.ended_at = (!something).then(|| tx.now());
    tx.update_job(job).await?;
    if something {
        tx.hint(job.hint());
    }
    Ok(())
}

/// A job cannot go on: its attempts are used up, or trying again cannot help. Decides between undo and hold.
///
/// # Errors
/// When the database refuses.
pub async fn given_up(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    job: &mut JobRow,
    why: &str,
) -> Result<(), StoreError> {
    job.error = Some(why.to_owned());
    job.worker = None;
    job.lease_until = None;
    tx.update_job(job).await?;
    tx.lock_jobs(moving.order.id).await?;
    let n = item_of(moving, job)?;
    let mut jobs = finish::jobs_of(tx, moving, n).await?;
    let undoing = job.phase == "undo";
    let stuck = if undoing {
        let own = jobs.iter().filter(|(j, _)| j.id == job.id).flat_map(|(_, steps)| steps);
        Some(format!("undoing failed; left: {}", left(own)))
    } else if let Some(why) = past_return(&jobs) {
        Some(why)
    } else if engine.config.jobs.on_failure == OnFailure::Hold {
        Some("on_failure is hold".to_owned())
    } else {
        None
    };
    let (object, title) = (job.id.to_string(), job.title.clone());
    let Some(stuck) = stuck else {
        // Undo: the item ends failed when its jobs have been undone.
        alarms::raise(tx, Alarm::JobGivenUp, &object, &format!("{title}: {why}")).await?;
        moving.items[n].error = Some(why.to_owned());
        let item = moving.items[n].clone();
        tx.update_item(&item).await?;
        if !turn_all(tx, moving, n, ItemState::InProgress, &mut jobs).await? {
            fail_item(engine, tx, moving, n, &jobs).await?;
            alarms::clear(tx, Alarm::JobGivenUp, &object).await?;
        }
        return Ok(());
    };
    job.state = "fallout".into();
    job.ended_at = Some(tx.now());
    tx.update_job(job).await?;
    let message = format!("{title}: {why} ({stuck})");
    alarms::clear(tx, Alarm::JobGivenUp, &object).await?;
    alarms::raise(tx, Alarm::JobInFallout, &object, &message).await?;
    let id = moving.items[n].item_id.clone();
    // What the item fails with in the end is why it is undone, not why the undo came to a stop.
    if !undoing || moving.items[n].error.is_none() {
        moving.items[n].error = Some(message.clone());
    }
    moving.item_to(tx, n, ItemState::Held, Some(&message), "jobs").await?;
    moving.error(tx, HELD, "a job needs an operator", &message, vec![id.clone()]);
    hold(tx, moving, &message).await?;
    jeopardy::alert(tx, moving, HELD, Some(why), message, vec![id]).await
}

/// Puts the order in held; one that is being cancelled first goes back.
async fn hold(tx: &mut Tx<Tenant>, moving: &mut Moving, message: &str) -> Result<(), StoreError> {
    if moving.order.state == OrderState::PendingCancellation {
        // The diagram knows no way back from here: the order stays, its job waits in fallout.
        return Ok(());
    }
    moving.to(tx, OrderState::Held, Some(message), "jobs").await
}

fn item_of(moving: &Moving, job: &JobRow) -> Result<usize, StoreError> {
    let found = moving.items.iter().position(|i| Some(&i.item_id) == job.item_id.as_ref());
    found.ok_or_else(|| StoreError::Missing { what: "item of job", id: job.id.to_string() })
}

fn past_return(jobs: &[Done]) -> Option<String> {
    let mut steps = jobs.iter().flat_map(|(_, steps)| steps);
    let step = steps.find(|s| s.last_chance && begun(s))?;
    Some(format!("{:?} has begun, which cannot be undone", step.title))
}

/// The steps that are not undone, by name.
fn left<'a>(steps: impl IntoIterator<Item = &'a StepRow>) -> String {
    let names: Vec<_> = steps.into_iter().filter(|s| begun(s)).map(|s| s.title.as_str()).collect();
    names.join(", ")
}

async fn fail_item(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
    jobs: &[Done],
) -> Result<(), StoreError> {
    let why = moving.items[n].error.clone().unwrap_or_default();
    finish::end_item(engine, tx, moving, n, End::Failed("job", &why), jobs).await
}

/// A job has ended, done or undone: goes on with its item and order. Called in the transaction that ends the job.
///
/// # Errors
/// When the database refuses.
pub async fn job_ended(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    job: &JobRow,
) -> Result<(), StoreError> {
    let n = item_of(moving, job)?;
    if job.phase == "undo" {
        alarms::clear(tx, Alarm::JobGivenUp, &job.id.to_string()).await?;
    }
    let jobs = finish::jobs_of(tx, moving, n).await?;
    if jobs.iter().any(|(j, _)| !matches!(j.state.as_str(), "done" | "undone" | "failed")) {
        let stuck = |j: &JobRow| j.state == "fallout";
        let moves = |j: &JobRow| matches!(j.state.as_str(), "ready" | "running");
        if moving.order.state == OrderState::InProgress
            && jobs.iter().any(|(j, _)| stuck(j))
            && !jobs.iter().any(|(j, _)| moves(j))
        {
            let why = "another job of the item needs an operator";
            moving.item_to(tx, n, ItemState::Held, Some(why), "jobs").await?;
            moving.to(tx, OrderState::Held, Some(why), "jobs").await?;
        }
        return hold::settle(tx, moving, "hold").await;
    }
    if jobs.iter().all(|(j, _)| j.state == "done") {
        if moving.order.state == OrderState::Held {
            moving.to(tx, OrderState::InProgress, None, "jobs").await?;
        }
        finish::jobs_done(engine, tx, moving, n, &jobs).await?;
    } else if moving.order.state == OrderState::PendingCancellation {
        if let Some(mut task) = tx.open_cancel(moving.placed().id).await? {
            cancel::granted(engine, tx, moving, &mut task, "everything was undone").await?;
            tx.update_cancel(&task).await?;
        }
    } else if moving.items[n].error_code.as_deref() == Some(ABANDONED) {
        abandoned(engine, tx, moving).await?;
    } else {
        fail_item(engine, tx, moving, n, &jobs).await?;
    }
    if moving.order.state == OrderState::InProgress {
        line::run_items(engine, tx, moving).await?;
    }
    Ok(())
}

/// An operator gave the order up, and what could be undone is: it ends cancelled.
async fn abandoned(engine: &Engine, tx: &mut Tx<Tenant>, moving: &mut Moving) -> Result<(), StoreError> {
    finish::cancel_items(engine, tx, moving).await?;
    let reason = moving.order.cancel_reason.clone();
    let reason = reason.as_deref().unwrap_or("abandoned by an operator");
    moving.to(tx, OrderState::Cancelled, Some(reason), "operator").await
}

/// What an operator decides about a job in fallout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try again from the step where it stopped.
    Retry,
    /// The item ends failed as it is, the rest goes on.
    Skip,
    /// Undo what still can be undone; the order ends cancelled.
    Abandon,
}

/// Carries an operator's decision out.
///
/// # Errors
/// [`OrderError::NotFound`] when there is no such job, [`OrderError::Forbidden`] when it is not in fallout.
pub async fn decide(
    engine: &Engine,
    caller: &Caller,
    job: Uuid,
    decision: Decision,
    reason: Option<&str>,
) -> Result<(), OrderError> {
    retrying("decision", || decide_once(engine, caller, job, decision, reason)).await
}

async fn decide_once(
    engine: &Engine,
    caller: &Caller,
    job: Uuid,
    decision: Decision,
    reason: Option<&str>,
) -> Result<(), OrderError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let missing = || OrderError::NotFound(job.to_string());
    let seen = tx.job(job).await?.ok_or_else(missing)?;
    let order = match seen.order_id {
        Some(id) => tx.order(id).await?,
        None => None,
    };
    let customer_id = order.as_ref().and_then(|o| o.customer_id.clone()).ok_or_else(missing)?;
    tx.lock_line(&customer_id).await?;
    let mut job = tx.job(job).await?.ok_or_else(missing)?;
    let mut moving = Moving::load(&mut tx, job.order_id.unwrap_or_default()).await?.ok_or_else(missing)?;
    tx.lock_jobs(moving.order.id).await?;
    if job.state != "fallout" {
        let message = format!("the job is not in fallout, it is {}", job.state);
        return Err(OrderError::Forbidden { item: None, message });
    }
    let n = item_of(&moving, &job)?;
    let by = caller.principal.name();
    match decision {
        Decision::Retry => {
            alarms::clear(&mut tx, Alarm::JobInFallout, &job.id.to_string()).await?;
            job.state = "ready".into();
            job.tries = 0;
            job.attempt += 1;
            job.run_after = tx.lease_now().await?;
            job.ended_at = None;
            tx.update_job(&job).await?;
            tx.hint(job.hint());
            if job.phase == "do" {
                moving.items[n].error = None;
            }
            moving.item_to(&mut tx, n, ItemState::InProgress, reason, &by).await?;
            if moving.order.state == OrderState::Held {
                moving.to(&mut tx, OrderState::InProgress, reason, &by).await?;
            }
        }
        Decision::Skip => {
            let message =
                "an order that is being cancelled has nothing to go on with: retry or abandon".to_owned();
            if moving.order.state != OrderState::Held {
                return Err(OrderError::Forbidden { item: None, message });
            }
            let mut jobs = finish::jobs_of(&mut tx, &moving, n).await?;
            skip(&mut tx, &mut moving, n, &mut jobs).await?;
            moving.item_to(&mut tx, n, ItemState::Held, reason, &by).await?;
            moving.to(&mut tx, OrderState::InProgress, reason, &by).await?;
            fail_item(engine, &mut tx, &mut moving, n, &jobs).await?;
            line::run_items(engine, &mut tx, &mut moving).await?;
        }
        Decision::Abandon => {
            moving.items[n].error_code = Some(ABANDONED.into());
            moving.item_to(&mut tx, n, ItemState::Held, reason, &by).await?;
            if moving.order.state == OrderState::Held {
                moving.order.cancel_reason = reason.map(str::to_owned);
            }
            abandon(engine, &mut tx, &mut moving, &job).await?;
        }
    }
    moving.save(&mut tx).await?;
    let action = format!("fallout.{decision:?}").to_lowercase();
    let detail = serde_json::json!({
        "order": moving.order.id, "item": moving.items[n].item_id, "job": job.title, "reason": reason,
    });
    tx.audit(caller, &action, &job.id.to_string(), Some(&detail)).await?;
    line::advance(engine, &mut tx, &customer_id).await?;
    Ok(decided(engine, tx).await?)
}

/// Commits what an operator decided, and publishes what follows.
pub(super) async fn decided(engine: &Engine, tx: Tx<Tenant>) -> Result<(), StoreError> {
    engine.commit(tx, ["decide.before_commit", "decide.after_commit"]).await?;
    fault::point("decide.after_publish");
    Ok(())
}

/// Ends all jobs of an item where they stand, and tells on the order what they leave.
async fn skip(
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
    jobs: &mut [Done],
) -> Result<(), StoreError> {
    for (job, steps) in jobs {
        if !matches!(job.state.as_str(), "done" | "undone") {
            for kind in [Alarm::JobInFallout, Alarm::JobGivenUp] {
                alarms::clear(tx, kind, &job.id.to_string()).await?;
            }
            job.state = "failed".into();
            job.attempt += 1;
            job.ended_at = Some(tx.now());
            tx.update_job(job).await?;
        }
        let left = left(&*steps);
        if job.state != "undone" && !left.is_empty() {
            let item = moving.items[n].item_id.clone();
            let message = format!("{}: {left}", job.title);
            moving.error(tx, "left", "steps that were begun and are not undone", &message, vec![item]);
        }
    }
    Ok(())
}

async fn abandon(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    job: &JobRow,
) -> Result<(), StoreError> {
    let n = item_of(moving, job)?;
    let mut jobs = finish::jobs_of(tx, moving, n).await?;
    let undoable = job.phase == "do" && past_return(&jobs).is_none();
    if undoable && turn_all(tx, moving, n, ItemState::Held, &mut jobs).await? {
        return Ok(());
    }
    skip(tx, moving, n, &mut jobs).await?;
    if moving.order.state == OrderState::PendingCancellation {
        if let Some(mut task) = tx.open_cancel(moving.placed().id).await? {
            let message = "given up by an operator; not everything was undone";
            cancel::granted(engine, tx, moving, &mut task, message).await?;
            tx.update_cancel(&task).await?;
        }
        return Ok(());
    }
    abandoned(engine, tx, moving).await
}
