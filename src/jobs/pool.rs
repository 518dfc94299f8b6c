//! The workers of one process.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{run, sweep};
use crate::engine::Engine;
use crate::orders::line;
use crate::queue::amqp::Ticket;
use crate::queue::{Line, MACHINE_JOBS};
use crate::store::StoreError;

/// How long a worker waits before it asks a database again that did not answer.
const TROUBLE: Duration = Duration::from_secs(1);

/// Starts workers, the reader of lines and the sweep. They end when `shutdown` is cancelled, each after the job that
/// it has.
pub fn start(engine: &Arc<Engine>, tasks: &mut JoinSet<()>, shutdown: &CancellationToken) {
    for _ in 0..engine.config.jobs.workers {
        tasks.spawn(worker(engine.clone(), shutdown.clone()));
    }
    tasks.spawn(lines(engine.clone(), shutdown.clone()));
    tasks.spawn(sweep::run(engine.clone(), shutdown.clone()));
}

async fn worker(engine: Arc<Engine>, shutdown: CancellationToken) {
    let mut ticket: Option<Ticket> = None;
    while !shutdown.is_cancelled() {
        match run::work(&engine, MACHINE_JOBS).await {
            Ok(true) => {}
            Ok(false) => {
                // What the message told of is done, or somebody else does it.
                if let Some(ticket) = ticket.take() {
                    ticket.done().await;
                }
                tokio::select! {
                    () = engine.queue.bells().job_hinted() => ticket = engine.queue.bells().take_ticket(),
                    () = shutdown.cancelled() => {}
                }
            }
            Err(e) => {
                tracing::warn!(error = %e, "a worker could not go on; the job is left to its lease");
                if let Some(ticket) = ticket.take() {
                    ticket.again().await;
                }
                trouble(&shutdown).await;
            }
        }
    }
}

async fn lines(engine: Arc<Engine>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let Some(Line { tenant, customer_id, tickets }) = engine.queue.bells().take_line() else {
            tokio::select! {
                () = engine.queue.bells().line_hinted() => {}
                () = shutdown.cancelled() => {}
            }
            continue;
        };
        let looked = line::look(&engine, &tenant, &customer_id).await;
        for ticket in tickets {
            if looked.is_ok() { ticket.done().await } else { ticket.again().await }
        }
        if let Err(e) = looked {
            tracing::warn!(error = %e, customer_id, "a line could not be looked at; the sweep comes back to it");
            trouble(&shutdown).await;
        }
    }
}

async fn trouble(shutdown: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(TROUBLE) => {}
        () = shutdown.cancelled() => {}
    }
}

/// Runs lines and jobs until nothing is due: what tests use in place of waiting.
///
/// # Errors
/// When the database does not answer.
pub async fn run_to_empty(engine: &Engine) -> Result<(), StoreError> {
    loop {
        let hints = sweep::look(engine).await?;
        let mut moved = false;
        look_at_lines(engine).await?;
        while run::work(engine, MACHINE_JOBS).await? {
            moved = true;
            look_at_lines(engine).await?;
        }
        if !moved && !hints {
            return Ok(());
        }
    }
}

async fn look_at_lines(engine: &Engine) -> Result<(), StoreError> {
    while let Some(line) = engine.queue.bells().take_line() {
        line::look(engine, &line.tenant, &line.customer_id).await?;
    }
    Ok(())
}
