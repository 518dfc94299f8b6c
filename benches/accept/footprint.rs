//! Memory of a server with the role api, idle and busy, and how long a start takes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::acceptance::over_http;
use crate::database::Database;
use crate::process::memory;
use crate::server::Server;
use crate::{median, ms, round2};

/// Starts that are measured, of each kind.
const STARTS: usize = 5;
/// How long a server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(5);
/// Client connections of the busy one, and its rounds.
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;
/// What operators may expect: resident memory, and process start to ready.
const GOAL_MIB: f64 = 100.0;
const GOAL_MS: f64 = 2000.0;

pub async fn measure(database: &Database, data: &Path) -> anyhow::Result<Value> {
    let first = start(database.url(), data).await?;
    let mut later = vec![];
    for _ in 0..STARTS {
        later.push(start(database.url(), data).await?);
    }
    let server = Server::start(database.url(), data, "api", "warn").await?;
    tokio::time::sleep(IDLE).await;
    let [idle, _] = memory(server.pid()?)?;
    let mut clients = vec![];
    for _ in 0..CONNECTIONS {
        clients.push(server.connect().await?);
    }
    let mut rates = vec![];
    for round in 0..ROUNDS {
        let (rate, _, back) = over_http(clients, round).await?;
        clients = back;
        rates.push(rate);
    }
    let [busy, most] = memory(server.pid()?)?;
    server.stop().await?;
    let again = median(&mut later);
    let figure = json!({
        "bench": "footprint", "database": database.kind(), "role": "api",
        "firstStartMs": first.round(), "startMs": again.round(), "goalMs": GOAL_MS,
        "idleMiB": round2(idle), "busyMiB": round2(busy), "mostMiB": round2(most), "goalMiB": GOAL_MIB,
        "busyConnections": CONNECTIONS, "busyOrdersPerSecond": median(&mut rates).round(),
    });
    println!(
        "\nA server with the role api: process start to ready {} ms with a new database, {} ms with one that is there \
         (median of {STARTS}; goal {GOAL_MS} ms); resident memory {} MiB idle, {} MiB after {} s of {CONNECTIONS} \
         connections ({} MiB at most; goal {GOAL_MIB} MiB)",
        figure["firstStartMs"],
        figure["startMs"],
        figure["idleMiB"],
        figure["busyMiB"],
        ROUNDS * 3,
        figure["mostMiB"]
    );
    Ok(figure)
}

/// Milliseconds from the start of the process to the first `ready`.
async fn start(database: &str, data: &Path) -> anyhow::Result<f64> {
    let began = Instant::now();
    let server = Server::start(database, data, "api", "warn").await?;
    let mut client = server.connect().await?;
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    loop {
        looks.tick().await;
        if client.get("/health/ready").await?.0 == 200 {
            break;
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "the server does not become ready");
    }
    let took = ms(began.elapsed());
    drop(client);
    server.stop().await?;
    Ok(took)
}
