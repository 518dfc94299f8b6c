//! `make bench`: what accepting an order costs.
//!
//! Durable orders accepted per second over HTTP, by a server that does nothing else (`--role api`), against the same
//! rows written straight into the same tables of the same database; rounds of the two take turns, the median
//! counts. Then, with workers and at low load, how long an order waits for its first job. On SQLite in a fresh
//! folder, and on the PostgreSQL server that `TEST_DATABASE_URL` names. At last, what reading costs with ten thousand
//! and with a million orders. And what SOAP costs. A table for people, then one line of JSON for each. `cargo bench --bench accept
//! -- lists` measures one part: `accept`, `first-job`, `lists`, `soap-layer`, `soap-orders` or `soap-bad`.

mod baseline;
mod database;
mod latency;
mod lists;
mod server;
mod soap;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use baseline::Template;
use database::Database;
use server::{Client, Server};

/// The server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds of each side; the median of them counts.
const ROUNDS: usize = 5;
/// Length of one round of one side.
const ROUND: Duration = Duration::from_secs(3);
/// Client connections, and writers of the other side.
const CONNECTIONS: [usize; 2] = [1, 16];

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
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    if wanted("soap-layer") {
        figures.push(soap::layer()?);
    }
    if wanted("soap-bad") {
        figures.push(soap::bad()?);
    }
    let orders = ["accept", "first-job", "soap-orders"].into_iter().filter(|part| wanted(part));
    for kind in ["sqlite", "postgres"] {
        for part in orders.clone().filter(|part| *part != "soap-orders" || kind == "sqlite") {
            let data = folder.path().join(format!("{kind}-{part}"));
            let Some(database) = Database::fresh(kind, &data, &part.replace('-', "_")).await? else {
                println!("\nTEST_DATABASE_URL is not set: nothing is measured on PostgreSQL.");
                break;
            };
            match part {
                "accept" => figures.extend(acceptance(&database, &data).await?),
                "first-job" => figures.push(latency::measure(&database, &data).await?),
                _ => figures.push(soap::orders(&database, &data).await?),
            }
            database.discard().await?;
            std::fs::remove_dir_all(&data)?;
        }
        if wanted("lists") {
            figures.extend(lists::measure(kind, folder.path()).await?);
        }
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

async fn acceptance(database: &Database, data: &std::path::Path) -> anyhow::Result<Vec<Value>> {
    let statements = statements(database, data).await?;
    let server = Server::start(database.url(), data, "api", "warn").await?;
    let mut client = server.connect().await?;
    let before = database.counts().await?;
    place(&mut client, &order("o-00000001")).await?;
    let own = database::difference(&before, &database.counts().await?);
    let template = Template::of(database, &own, "o-00000001").await?;
    let before = database.counts().await?;
    template.write(database, "t-00000001").await?;
    let direct = database::difference(&before, &database.counts().await?);
    ensure!(
        own == direct,
        "the server writes {own:?}, the other side {direct:?}: there is nothing to compare"
    );

    let rows: u64 = own.values().sum();
    println!("\n{}", database.settings().await?);
    println!("One order: {rows} rows ({}), {statements} SQL statements by the server", names(&own));
    println!("  connections   orders/s over HTTP   answered in ms p50 / p99   written directly/s   ratio");
    let mut figures = vec![];
    for connections in CONNECTIONS {
        let figure = compare(database, &server, &template, connections).await?;
        println!(
            "  {connections:>11}   {:>18}   {:>24}   {:>18}   {:>5}",
            figure["ordersPerSecond"],
            format!("{} / {}", figure["answerMsP50"], figure["answerMsP99"]),
            figure["directPerSecond"],
            figure["ratio"]
        );
        figures.push(figure);
    }
    server.stop().await?;
    for figure in &mut figures {
        figure["rows"] = json!(own);
        figure["statements"] = json!(statements);
    }
    Ok(figures)
}

fn names(rows: &std::collections::BTreeMap<String, u64>) -> String {
    rows.iter().map(|(name, n)| format!("{n} {name}")).collect::<Vec<_>>().join(", ")
}

/// SQL statements that the server runs for one accepted order, its answer included: counted in its own log.
async fn statements(database: &Database, data: &std::path::Path) -> anyhow::Result<usize> {
    let server = Server::start(database.url(), data, "api", "warn,sqlx::query=debug").await?;
    let mut client = server.connect().await?;
    // The first order also opens connections, which takes statements of its own.
    place(&mut client, &order("s-00000001")).await?;
    let before = server.log()?.matches("sqlx::query").count();
    place(&mut client, &order("s-00000002")).await?;
    drop(client);
    let log = server.stop().await?;
    database.empty().await?;
    let count = log.matches("sqlx::query").count() - before;
    ensure!(count > 0, "the log of statements is empty");
    Ok(count)
}

/// Rounds of both sides in turns.
async fn compare(
    database: &Database,
    server: &Server,
    template: &Template,
    connections: usize,
) -> anyhow::Result<Value> {
    let mut clients = vec![];
    for _ in 0..connections {
        clients.push(server.connect().await?);
    }
    let direct = database.writers(connections).await?;
    let (mut ours, mut theirs, mut answers) = (vec![], vec![], vec![]);
    // Round 0 warms both sides up and is not counted.
    for round in 0..=ROUNDS {
        let (rate, times, back) = over_http(clients, round).await?;
        clients = back;
        let straight = directly(&direct, template, connections, round).await?;
        if round > 0 {
            ours.push(rate);
            theirs.push(straight);
            answers.extend(times);
        }
    }
    direct.close().await;
    answers.sort();
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    Ok(json!({
        "bench": "accept", "database": database.kind(), "connections": connections,
        "ordersPerSecond": ours.round(), "directPerSecond": theirs.round(), "ratio": round2(ours / theirs),
        "answerMsP50": round2(ms(percentile(&answers, 50)?)), "answerMsP99": round2(ms(percentile(&answers, 99)?)),
        "rounds": ROUNDS, "secondsPerRound": ROUND.as_secs(),
    }))
}

/// Orders per second, how long each answer took, and the clients for the next round.
async fn over_http(clients: Vec<Client>, round: usize) -> anyhow::Result<(f64, Vec<Duration>, Vec<Client>)> {
    let all = clients.len();
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (c, mut client) in clients.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut times = vec![];
            while began.elapsed() < ROUND {
                let body = order(&format!("o{all:02}{round}{c:02}-{:07}", times.len()));
                let sent = Instant::now();
                place(&mut client, &body).await?;
                times.push(sent.elapsed());
            }
            anyhow::Ok((client, times))
        });
    }
    let (mut clients, mut times) = (vec![], vec![]);
    while let Some(done) = tasks.join_next().await {
        let (client, mine) = done??;
        clients.push(client);
        times.extend(mine);
    }
    Ok((rate(times.len(), began.elapsed()), times, clients))
}

/// The same rows per second, one transaction for the rows of one order.
async fn directly(
    database: &Database,
    template: &Template,
    writers: usize,
    round: usize,
) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for w in 0..writers {
        let (database, template) = (database.clone(), template.clone());
        tasks.spawn(async move {
            let mut count = 0;
            while began.elapsed() < ROUND {
                template.write(&database, &format!("t{writers:02}{round}{w:02}-{count:07}")).await?;
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        count += done??;
    }
    Ok(rate(count, began.elapsed()))
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
