//! Jobs carried out per second: at most, beside a bare loop of messages on the same broker; and with one and two worker
//! processes when the hypervisor takes its time.

use std::path::Path;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::bare;
use crate::site::{SLOTS, Site};
use crate::{median, round2};

/// Rounds of each side, in turns.
const ROUNDS: usize = 3;
/// Jobs of a round.
const JOBS: usize = 200;
/// What an operation of the hypervisor takes when workers are to wait for it.
const LATENCY_MS: u64 = 50;
/// Slots of each worker process then: few, so that they wait for the hypervisor and not for processors, which they share
/// with the database, the broker and each other.
const FEW: u16 = 2;
/// Twice the workers are to do so much more.
const GOAL: f64 = 1.8;

pub async fn measure(folder: &Path) -> anyhow::Result<Vec<Value>> {
    let Some(mut site) = Site::open(folder, "jobs", 0).await? else {
        println!("\nTEST_AMQP_URL or TEST_DATABASE_URL is not set: no jobs are measured.");
        return Ok(vec![]);
    };
    let (mut ours, mut theirs) = (vec![], vec![]);
    for round in 0..=ROUNDS {
        let messages = bare::messages(site.broker(), SLOTS).await?;
        let jobs = batch(&mut site, 1, SLOTS).await?;
        // Round 0 warms both sides up.
        if round > 0 {
            ours.push(jobs);
            theirs.push(messages);
        }
    }
    site.close().await?;
    let (jobs, messages) = (median(&mut ours), median(&mut theirs));
    println!(
        "\nJobs carried out by one worker process, hypervisor without latency: {jobs:.0}/s; messages published, \
         consumed and acked on the same RabbitMQ: {messages:.0}/s (ratio {:.3})",
        jobs / messages
    );
    let most = json!({
        "bench": "jobs", "jobsPerSecond": round2(jobs), "messagesPerSecond": messages.round(),
        "ratio": (jobs / messages * 1000.0).round() / 1000.0, "rounds": ROUNDS, "jobs": JOBS, "slots": SLOTS,
    });
    Ok(vec![most, scaling(folder).await?])
}

async fn scaling(folder: &Path) -> anyhow::Result<Value> {
    let Some(mut site) = Site::open(folder, "scaling", LATENCY_MS).await? else { return Ok(Value::Null) };
    let (mut one, mut two, mut ratios) = (vec![], vec![], vec![]);
    for round in 0..=ROUNDS {
        let (a, b) = (batch(&mut site, 1, FEW).await?, batch(&mut site, 2, FEW).await?);
        if round > 0 {
            one.push(a);
            two.push(b);
            ratios.push(b / a);
        }
    }
    site.close().await?;
    let ratio = round2(median(&mut ratios));
    println!(
        "With {LATENCY_MS} ms for each operation and {FEW} slots: one worker process {:.1} jobs/s, two {:.1} (ratio {ratio}, goal {GOAL})",
        median(&mut one),
        median(&mut two)
    );
    Ok(json!({
        "bench": "scaling", "latencyMs": LATENCY_MS, "slots": FEW, "goal": GOAL, "ratio": ratio, "rounds": ROUNDS,
        "jobsPerSecond": [round2(median(&mut one)), round2(median(&mut two))], "jobs": JOBS,
    }))
}

/// Lets orders wait, starts so many worker processes, and returns the jobs per second that they carry out in the middle
/// of the batch, when all are busy.
async fn batch(site: &mut Site, workers: usize, slots: u16) -> anyhow::Result<f64> {
    let before = site.database.job_ends().await?.len();
    site.place(JOBS).await?;
    let names: Vec<String> = (0..workers).map(|n| format!("worker-{n}")).collect();
    let started =
        futures_util::future::try_join_all(names.iter().map(|n| site.start("worker", n, slots))).await?;
    site.done().await?;
    for server in started {
        server.stop().await?;
    }
    let ends = site.database.job_ends().await?;
    let ends = &ends[before..];
    ensure!(ends.len() == JOBS, "{} jobs for {JOBS} orders", ends.len());
    let (from, to) = (JOBS / 5, JOBS * 9 / 10);
    let took = (ends[to] - ends[from]).to_std()?;
    Ok(crate::rate(to - from, took))
}
