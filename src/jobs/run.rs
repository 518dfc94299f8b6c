//! One claim of one job: its steps forward, or backward when it is being undone.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;

use telvisor_model::plan::{Act, Undo};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::act::{self, Outcome};
use super::lease::{self, Lease, save_step};
use super::stop::Stop;
use crate::clock;
use crate::engine::Engine;
use crate::fault;
use crate::orders::expect;
use crate::orders::fallout;
use crate::orders::hold;
use crate::orders::line;
use crate::orders::moves::Moving;
use crate::store::claims::Limits;
use crate::store::jobs::{JobRow, StepRow};
use crate::store::{Json, StoreError, retrying};
use crate::trace;

/// Claims beyond the counted tries after which a job that takes its workers down is given up.
const MOST_LOST: i64 = 50;

/// Claims the due job of a class whose turn it is and carries it out; false when none is due.
///
/// # Errors
/// When the database does not answer; the job is then left to its lease.
pub async fn work(engine: &Engine, class: &str) -> Result<bool, StoreError> {
    let since = Instant::now();
    let Some(job) = retrying("claim", || claim(engine, class)).await? else {
        return Ok(false);
    };
    // Where one job was due there may be another: wakes the next idle worker.
    engine.queue.bells().ring_job();
    let span = tracing::info_span!(
        "job",
        order.id = job.order_id.map(tracing::field::display),
        request.id = job.request_id,
        trace_id = trace::id(job.trace_parent.as_deref()),
        job.id = %job.id,
        job.attempt = job.attempt,
        job.phase = job.phase
    );
    trace::follow(&span, job.trace_parent.as_deref());
    carry_out(engine, job, since).instrument(span).await?;
    Ok(true)
}

async fn claim(engine: &Engine, class: &str) -> Result<Option<JobRow>, StoreError> {
    let mut tx = engine.db.system().await?;
    let jobs = &engine.config.jobs;
    let limits = Limits { per_host: jobs.per_host, per_customer: jobs.per_customer };
    let Some(job) = tx.claim_job(class, &engine.worker, lease::length(engine), limits).await? else {
        return Ok(None);
    };
    engine.commit(tx, ["claim.before_commit", "claim.after_commit"]).await?;
    Ok(Some(job))
}

async fn carry_out(engine: &Engine, job: JobRow, since: Instant) -> Result<(), StoreError> {
    tracing::info!(job.state, job.phase, title = job.title, "job moved");
    let mut lease = Lease::new(engine, job.clone(), since);
    let failed = engine.db.read(&job.tenant).await?.failed_attempts(&job).await?;
    let outcome = if job.attempt > job.tries + MOST_LOST {
        Err(Stop::Fail("its workers are lost again and again".into()))
    } else if job.phase == "undo" {
        backward(engine, &job, &mut lease, failed).await
    } else {
        forward(engine, &job, &mut lease, failed).await
    };
    match outcome {
        Ok(()) => retrying("end of a job", || end(engine, &job)).await,
        Err(Stop::Lost) => {
            tracing::info!("the job is another worker's now");
            Ok(())
        }
        Err(Stop::Store(e)) => Err(e),
        Err(Stop::Retry(why)) => {
            let last = job.tries + 1 >= engine.config.jobs.attempts;
            retrying("end of a try", || again(engine, &job, &why, last)).await
        }
        Err(Stop::Fail(why)) => retrying("end of a try", || again(engine, &job, &why, true)).await,
    }
}

async fn forward(engine: &Engine, job: &JobRow, lease: &mut Lease<'_>, failed: i64) -> Result<(), Stop> {
    let mut steps = engine.db.read(&job.tenant).await?.steps(job.id).await?;
    for n in 0..steps.len() {
        if steps[n].state == "done" {
            continue;
        }
        let key = key(job, &steps[n], "do", 0, failed);
        begin_step(engine, job, &mut steps[n], &key).await?;
        let act = steps[n].act.0.clone();
        let context = act::Context { engine, job, steps: &steps, key };
        let handle = steps[n].handle.clone();
        let outcome = act::perform(&context, lease, &act, handle, steps[n].number).await?;
        end_step(engine, job, &mut steps[n], outcome).await?;
    }
    Ok(())
}

/// Key of an operation: the same after a crash, another after each failed attempt, an operator's retry included, so
/// that an attempt's ending is not taken for the next one's.
fn key(job: &JobRow, step: &StepRow, phase: &str, act: usize, failed: i64) -> String {
    format!("{}.{}.{phase}.{act}.{failed}", job.id.simple(), step.number)
}

/// Writes down that a step begins, before anything is done.
async fn begin_step(engine: &Engine, job: &JobRow, step: &mut StepRow, key: &str) -> Result<(), Stop> {
    if step.key.as_deref() != Some(key) {
        // The handle was that of an earlier try.
        step.handle = None;
        step.key = Some(key.to_owned());
    }
    step.state = "begun".into();
    let now = engine.db.clock().now();
    step.started_at.get_or_insert(now);
    let points = ["step.before_begin_commit", "step.after_begin_commit"];
    save_step(engine, job, step, points).await?;
    tracing::info!(step = step.number, step.state, title = step.title, "step moved");
    Ok(())
}

async fn end_step(engine: &Engine, job: &JobRow, step: &mut StepRow, result: Outcome) -> Result<(), Stop> {
    step.state = "done".into();
    step.result = (result != Value::Null).then_some(Json(result));
    step.ended_at = Some(engine.db.clock().now());
    let points = ["step.before_done_commit", "step.after_done_commit"];
    save_step(engine, job, step, points).await?;
    tracing::info!(step = step.number, step.state, title = step.title, "step moved");
    if let Err(e) = expect::step_ended(engine, job, step).await {
        tracing::warn!(error = %e, "the expected dates were not renewed; the end of the job does it");
    }
    Ok(())
}

async fn backward(engine: &Engine, job: &JobRow, lease: &mut Lease<'_>, failed: i64) -> Result<(), Stop> {
    let mut steps = engine.db.read(&job.tenant).await?.steps(job.id).await?;
    for n in (0..steps.len()).rev() {
        if steps[n].state != "begun" && steps[n].state != "done" {
            continue;
        }
        if steps[n].state == "begun" {
            act::stop(engine, lease, steps[n].handle.as_deref()).await?;
        }
        let acts: Vec<Act> = match &steps[n].undo.0 {
            Undo::By(acts) => acts.clone(),
            Undo::Nothing(_) => vec![],
        };
        let done = usize::try_from(steps[n].undone).unwrap_or(0);
        for (i, act) in acts.iter().enumerate().skip(done) {
            let context =
                act::Context { engine, job, steps: &steps, key: key(job, &steps[n], "undo", i, failed) };
            act::perform(&context, lease, act, None, steps[n].number).await?;
            steps[n].undone += 1;
            note_undone(engine, job, &steps[n]).await?;
        }
        steps[n].state = "undone".into();
        note_undone(engine, job, &steps[n]).await?;
        let step = &steps[n];
        tracing::info!(step = step.number, step.state, title = step.title, "step moved");
    }
    Ok(())
}

async fn note_undone(engine: &Engine, job: &JobRow, step: &StepRow) -> Result<(), Stop> {
    save_step(engine, job, step, ["undo.before_commit", "undo.after_commit"]).await
}

/// All steps are done, or undone: ends the job, and goes on with its item and order in the same transaction.
async fn end(engine: &Engine, job: &JobRow) -> Result<(), StoreError> {
    let Some((mut tx, customer_id)) = open(engine, job).await? else {
        return Ok(());
    };
    let mut job = job.clone();
    let Some(order) = job.order_id else { return Ok(()) };
    if tx.hold_job(&job, lease::length(engine)).await?.is_none() {
        return Ok(());
    }
    job.state = if job.phase == "undo" { "undone" } else { "done" }.into();
    job.worker = None;
    job.lease_until = None;
    job.ended_at = Some(tx.now());
    tx.update_job(&job).await?;
    tx.end_attempt(&job, &job.state.clone(), None).await?;
    if let Some(mut moving) = Moving::load(&mut tx, order).await? {
        fallout::job_ended(engine, &mut tx, &mut moving, &job).await?;
        moving.save(&mut tx).await?;
    }
    line::advance(engine, &mut tx, &customer_id).await?;
    engine.commit(tx, ["job.before_commit", "job.after_commit"]).await?;
    tracing::info!(job.state, title = job.title, "job moved");
    fault::point("job.after_publish");
    Ok(())
}

/// A try failed: the next one later, or the job is given up.
async fn again(engine: &Engine, job: &JobRow, why: &str, last: bool) -> Result<(), StoreError> {
    let Some((mut tx, customer_id)) = open(engine, job).await? else {
        return Ok(());
    };
    if tx.hold_job(job, lease::length(engine)).await?.is_none() {
        return Ok(());
    }
    let mut job = job.clone();
    tx.end_attempt(&job, if last { "failed" } else { "retry" }, Some(why)).await?;
    if last {
        tracing::warn!(why, "the job is given up");
        let Some(order) = job.order_id else { return Ok(()) };
        if let Some(mut moving) = Moving::load(&mut tx, order).await? {
            fallout::given_up(engine, &mut tx, &mut moving, &mut job, why).await?;
            if moving.order.state == telvisor_model::OrderState::InProgress {
                line::run_items(engine, &mut tx, &mut moving).await?;
            }
            moving.save(&mut tx).await?;
        }
        line::advance(engine, &mut tx, &customer_id).await?;
    } else {
        let delay = delay(engine, &job);
        tracing::info!(why, ?delay, "the job is tried again");
        job.tries += 1;
        job.state = "ready".into();
        job.error = Some(why.to_owned());
        job.worker = None;
        job.lease_until = None;
        job.run_after = tx.lease_now().await? + TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
        tx.update_job(&job).await?;
        hold::after_try(&mut tx, &job).await?;
    }
    engine.commit(tx, ["again.before_commit", "again.after_commit"]).await?;
    tracing::info!(job.state, job.phase, title = job.title, "job moved");
    fault::point("again.after_publish");
    Ok(())
}

/// Opens the transaction that ends a claim, under the lock of the customer's line.
async fn open(
    engine: &Engine,
    job: &JobRow,
) -> Result<Option<(crate::store::Tx<crate::store::Tenant>, String)>, StoreError> {
    let mut tx = engine.db.tenant(&job.tenant).await?;
    let Some(customer) = tx.customer(job.customer).await? else {
        return Ok(None);
    };
    tx.lock_line(&customer.customer_id).await?;
    Ok(Some((tx, customer.customer_id)))
}

/// How long a job waits after a try.
fn delay(engine: &Engine, job: &JobRow) -> Duration {
    let j = &engine.config.jobs;
    let waits = (j.retry_base_ms, j.retry_cap_ms);
    clock::backoff(waits, job.tries, &format!("{}{}", job.id, job.attempt))
}
