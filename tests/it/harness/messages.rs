//! The queue run to empty by messages, where `TEST_AMQP_URL` names a broker: what is due has to be told by it.

use std::sync::Arc;
use std::time::Duration;

use telvisor::app::Running;
use telvisor::config::Config;
use telvisor::engine::Engine;
use telvisor::jobs::run;
use telvisor::orders::line;
use telvisor::queue::MACHINE_JOBS;
use telvisor::queue::amqp::{self, Ending, Process};
use telvisor::store::StoreError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::harness::setting;
use crate::process::{Looks, PATIENCE};

/// The connection to the broker, which ends with this.
pub struct Connected(#[expect(dead_code, reason = "held, as its drop ends the tasks")] JoinSet<()>);

/// Lets the hints of a test go over the broker, in queues of its own.
pub fn configure(config: &mut Config) {
    if let Some(url) = setting("TEST_AMQP_URL") {
        config.amqp.url = url;
        config.amqp.prefix = format!("t-{}", telvisor::clock::new_id().simple());
    }
}

/// Connects; none where hints stay in the process.
pub async fn connect(running: &Running) -> Option<Connected> {
    let queue: &Arc<_> = &running.engine.queue;
    let broker = queue.broker().filter(|_| setting("TEST_AMQP_URL").is_some())?;
    let mut tasks = JoinSet::new();
    let process = Process { name: running.engine.worker.clone(), slots: Some(4) };
    let ending = Ending { shutdown: CancellationToken::new(), quiet: CancellationToken::new() };
    amqp::start(queue, process, &mut tasks, ending);
    let mut looks = Looks::until("the broker is connected", PATIENCE);
    while !broker.is_connected() {
        looks.again().await;
    }
    Some(Connected(tasks))
}

/// Runs lines and jobs until nothing is due. A job that is due is begun when a message has told of it, and not before.
pub async fn run_to_empty(engine: &Engine) -> Result<(), StoreError> {
    loop {
        while due(engine).await? {
            let mut looks = Looks::until("a message tells of a job that is due", PATIENCE);
            while !told(engine).await? {
                looks.again().await;
            }
        }
        // Lines that wait for a message, and those that wait for something else; what is due then is told again.
        while told(engine).await? {}
        let lines = engine.db.read_system().await?.waiting_lines(500).await?;
        for (tenant, customer_id) in lines {
            line::look(engine, &tenant, &customer_id).await?;
        }
        if !due(engine).await? {
            return Ok(());
        }
    }
}

async fn due(engine: &Engine) -> Result<bool, StoreError> {
    Ok(!engine.db.read_system().await?.due_jobs(1).await?.is_empty())
}

/// Does what messages tell of; whether there was one within a moment.
async fn told(engine: &Engine) -> Result<bool, StoreError> {
    let bells = engine.queue.bells();
    let mut any = false;
    loop {
        if let Some(line) = bells.take_line() {
            line::look(engine, &line.tenant, &line.customer_id).await?;
            for ticket in line.tickets {
                ticket.done().await;
            }
        } else if let Some(ticket) = bells.take_ticket() {
            while run::work(engine, MACHINE_JOBS).await? {}
            ticket.done().await;
        } else {
            let moment = tokio::time::timeout(Duration::from_millis(20), async {
                tokio::select! {
                    () = bells.line_hinted() => {}
                    () = bells.job_hinted() => {}
                }
            });
            if moment.await.is_err() {
                return Ok(any);
            }
            continue;
        }
        any = true;
    }
}
