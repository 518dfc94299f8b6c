//! `make bench`: what accepting an order costs, and what carrying it out costs.
//!
//! Durable orders accepted per second over HTTP, by a server that does nothing else (`--role api`), against the same
//! rows written straight into the same tables of the same database, by `pgbench` into PostgreSQL; rounds of the two take
//! turns, the median counts. Then, with workers and at low load, how long an order waits for its first job. On SQLite in
//! a fresh folder, and on the PostgreSQL server that `TEST_DATABASE_URL` names. What reading costs with ten thousand and
//! with a million orders. What SOAP costs. What a server needs of memory and of time to start; how many jobs workers
//! carry out, and what an order costs all processes, with the RabbitMQ that `TEST_AMQP_URL` names. A table for people,
//! then one line of JSON for each.
//!
//! `cargo bench --bench accept -- lists` measures one part: `accept`, `first-job`, `lists`, `footprint`, `jobs`, `scale`,
//! `soap-layer`, `soap-orders` or `soap-bad`; `-- accept postgres` the same on one database.

mod acceptance;
mod bare;
mod baseline;
mod database;
mod footprint;
mod jobs;
mod latency;
mod lists;
mod model;
mod pgbench;
mod process;
mod scale;
mod server;
mod site;
mod soap;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use database::Database;
use server::Client;

/// The server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Databases.
const KINDS: [&str; 2] = ["sqlite", "postgres"];

const ORDERS: &str = "/tmf-api/serviceOrdering/v4/serviceOrder";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    // The other side of soap-layer, in a process of its own.
    if std::env::args().nth(1).as_deref() == Some("soap-serve") {
        return soap::serve().await;
    }
    // In the build folder: a temporary folder may be in memory, where nothing is durable.
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    println!("Server and benchmark are built with the bench profile of Cargo.toml: opt-level 2, no LTO.");
    println!(
        "{} processors; server, database and clients share them.",
        std::thread::available_parallelism()?
    );
    println!(
        "fdatasync of 4 KiB in {}: median {:.2} ms",
        folder.path().display(),
        ms(sync_time(folder.path())?)
    );
    println!("An order creates a customer and provisions an application for it (two items, one externalId).");
    let mut figures = vec![];
    let parts: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let (kinds, parts): (Vec<String>, Vec<String>) =
        parts.into_iter().partition(|p| KINDS.contains(&p.as_str()));
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    if wanted("soap-layer") {
        figures.push(soap::layer()?);
    }
    if wanted("soap-bad") {
        figures.push(soap::bad()?);
    }
    let on = |kind: &str, part: &str| match part {
        "soap-orders" => kind == "sqlite",
        "footprint" => kind == "postgres",
        _ => true,
    };
    let orders = ["accept", "first-job", "soap-orders", "footprint"].into_iter().filter(|part| wanted(part));
    for kind in KINDS.into_iter().filter(|kind| kinds.is_empty() || kinds.iter().any(|k| k == kind)) {
        for part in orders.clone().filter(|part| on(kind, part)) {
            let data = folder.path().join(format!("{kind}-{part}"));
            let Some(database) = Database::fresh(kind, &data, &part.replace('-', "_")).await? else {
                println!("\nTEST_DATABASE_URL is not set: nothing is measured on PostgreSQL.");
                break;
            };
            match part {
                "accept" => figures.extend(acceptance::measure(&database, &data).await?),
                "first-job" => figures.push(latency::measure(&database, &data).await?),
                "footprint" => figures.push(footprint::measure(&database, &data).await?),
                _ => figures.push(soap::orders(&database, &data).await?),
            }
            database.discard().await?;
            std::fs::remove_dir_all(&data)?;
        }
        if wanted("lists") {
            figures.extend(lists::measure(kind, folder.path()).await?);
        }
    }
    if wanted("jobs") {
        figures.extend(jobs::measure(folder.path()).await?);
    }
    if wanted("scale") {
        figures.push(scale::measure(folder.path()).await?);
    }
    println!();
    for figure in figures {
        println!("{figure}");
    }
    Ok(())
}

/// The order that is placed: a new subscriber. `name` is customer id and external id.
fn order(name: &str) -> Value {
    let party = json!([{ "id": name, "role": "customer" }]);
    json!({
        "externalId": name,
        "serviceOrderItem": [
            { "id": "1", "action": "add", "service": {
                "serviceSpecification": { "id": "customer-account" }, "relatedParty": party,
                "serviceCharacteristic": [
                    { "name": "name", "value": "Ada Lovelace" }, { "name": "email", "value": "ada@example.com" },
                ],
            } },
            { "id": "2", "action": "add",
              "serviceOrderItemRelationship": [{ "relationshipType": "reliesOn", "orderItem": { "itemId": "1" } }],
              "service": {
                "serviceSpecification": { "id": "kinfolk" }, "relatedParty": party,
                "serviceCharacteristic": [{ "name": "plan", "value": "solo" }],
            } },
        ],
    })
}

/// Places an order; anything but 201 is an error.
async fn place(client: &mut Client, body: &Value) -> anyhow::Result<Value> {
    let (status, answer) = client.post(ORDERS, &body.to_string()).await?;
    ensure!(status == 201, "an order was answered with {status}: {}", String::from_utf8_lossy(&answer));
    Ok(serde_json::from_slice(&answer)?)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn round2(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Of sorted times, by the nearest rank.
fn percentile(sorted: &[Duration], percent: usize) -> anyhow::Result<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().context("nothing was measured")
}

/// How long the disk takes to make 4 KiB durable: what bounds every durable commit.
fn sync_time(folder: &std::path::Path) -> anyhow::Result<Duration> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(folder.join("sync"))?;
    let mut times = vec![];
    for _ in 0..100 {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort();
    if times.is_empty() {
        bail!("nothing was measured");
    }
    percentile(&times, 50)
}
