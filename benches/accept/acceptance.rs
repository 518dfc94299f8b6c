//! Orders accepted per second over HTTP, by a server that does nothing else, against the same rows written straight
//! into the same tables: by `pgbench` into PostgreSQL, by our own code into SQLite, which no such program knows.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::baseline::Template;
use crate::database::{self, Counts, Database, Pool};
use crate::pgbench::Script;
use crate::server::{Client, Server};
use crate::{median, ms, order, percentile, place, rate, round2};

/// Rounds of each side; the median of them counts.
const ROUNDS: usize = 5;
/// Length of one round of one side, in seconds.
const ROUND: u64 = 3;

/// The names of the two orders that the other side is made from.
const NAMES: [&str; 2] = ["o-00000001", "o-00000002"];

/// Who writes the rows of an order straight into the database.
enum Direct {
    Sqlite(Template),
    Postgres(Script),
}

impl Direct {
    /// Client connections, and writers of the other side. SQLite has one writer at a time.
    fn connections(&self) -> &'static [usize] {
        match self {
            Self::Sqlite(_) => &[1, 16],
            Self::Postgres(_) => &[1, 16, 64],
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "own code",
            Self::Postgres(_) => "pgbench -M prepared",
        }
    }
}

pub async fn measure(database: &Database, data: &Path) -> anyhow::Result<Vec<Value>> {
    let statements = statements(database, data).await?;
    let server = Server::start(database.url(), data, "api", "warn").await?;
    let mut client = server.connect().await?;
    let before = database.counts().await?;
    place(&mut client, &order(NAMES[0])).await?;
    let own = database::difference(&before, &database.counts().await?);
    let direct = direct(database, &mut client, &own).await?;
    checked(database, data, &direct, &own).await?;
    drop(client);

    let rows: u64 = own.values().sum();
    println!("\n{}", database.settings().await?);
    println!("One order: {rows} rows ({}), {statements} SQL statements by the server", names(&own));
    println!(
        "The other side: {}, one transaction for an order, one INSERT for each of its rows",
        direct.name()
    );
    println!("  connections   orders/s over HTTP   answered in ms p50 / p99   written directly/s   ratio");
    let mut figures = vec![];
    for connections in direct.connections() {
        let figure = compare(database, data, &server, &direct, *connections).await?;
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

/// The other side, made from what the server wrote.
async fn direct(database: &Database, client: &mut Client, own: &Counts) -> anyhow::Result<Direct> {
    Ok(match &database.pool {
        Pool::Sqlite(_) => Direct::Sqlite(Template::of(database, own, NAMES[0]).await?),
        Pool::Postgres(pool) => {
            place(client, &order(NAMES[1])).await?;
            let script = Script::of(pool, own, NAMES).await?;
            ensure!(u64::try_from(script.rows())? == own.values().sum::<u64>(), "one INSERT for each row");
            Direct::Postgres(script)
        }
    })
}

/// It writes the rows that the server writes, or there is nothing to compare.
async fn checked(database: &Database, data: &Path, direct: &Direct, own: &Counts) -> anyhow::Result<()> {
    let before = database.counts().await?;
    match direct {
        Direct::Sqlite(template) => template.write(database, "t-00000001").await?,
        Direct::Postgres(script) => {
            script.run(database.url(), data, 1, ["--transactions", "1"], 0).await?;
        }
    }
    let theirs = database::difference(&before, &database.counts().await?);
    ensure!(
        *own == theirs,
        "the server writes {own:?}, the other side {theirs:?}: there is nothing to compare"
    );
    Ok(())
}

fn names(rows: &BTreeMap<String, u64>) -> String {
    rows.iter().map(|(name, n)| format!("{n} {name}")).collect::<Vec<_>>().join(", ")
}

/// SQL statements that the server runs for one accepted order, its answer included: counted in its own log. What runs
/// beside orders is in the log, too, so the least of several counts.
async fn statements(database: &Database, data: &Path) -> anyhow::Result<usize> {
    let server = Server::start(database.url(), data, "api", "warn,sqlx::query=debug").await?;
    let mut client = server.connect().await?;
    // The first order also opens connections, which takes statements of its own.
    place(&mut client, &order("s-00000000")).await?;
    let mut counts = vec![];
    for n in 1..=10 {
        let before = server.log()?.matches("sqlx::query").count();
        place(&mut client, &order(&format!("s-{n:08}"))).await?;
        counts.push(server.log()?.matches("sqlx::query").count() - before);
    }
    drop(client);
    server.stop().await?;
    database.empty().await?;
    let least = counts.into_iter().min().context("nothing was counted")?;
    ensure!(least > 0, "the log of statements is empty");
    Ok(least)
}

/// Rounds of both sides in turns.
async fn compare(
    database: &Database,
    data: &Path,
    server: &Server,
    direct: &Direct,
    connections: usize,
) -> anyhow::Result<Value> {
    let mut clients = vec![];
    for _ in 0..connections {
        clients.push(server.connect().await?);
    }
    let writers = database.writers(1).await?;
    let (mut ours, mut theirs, mut ratios, mut answers) = (vec![], vec![], vec![], vec![]);
    // Round 0 warms both sides up and is not counted.
    for round in 0..=ROUNDS {
        let (rate, times, back) = over_http(clients, round).await?;
        clients = back;
        let straight = match direct {
            Direct::Sqlite(template) => directly(&writers, template, connections, round).await?,
            Direct::Postgres(script) => {
                let begin = u64::try_from(connections * 10 + round)? * 1_000_000;
                let length = ["--time", &ROUND.to_string()];
                script.run(database.url(), data, connections, length, begin).await?
            }
        };
        if round > 0 {
            ours.push(rate);
            theirs.push(straight);
            ratios.push(rate / straight);
            answers.extend(times);
        }
    }
    writers.close().await;
    answers.sort();
    Ok(json!({
        "bench": "accept", "database": database.kind(), "connections": connections, "other": direct.name(),
        "ordersPerSecond": median(&mut ours).round(), "directPerSecond": median(&mut theirs).round(),
        // Of each round with the one beside it: the machine was as busy for both.
        "ratio": round2(median(&mut ratios)), "ratios": ratios.iter().map(|r| round2(*r)).collect::<Vec<_>>(),
        "answerMsP50": round2(ms(percentile(&answers, 50)?)), "answerMsP99": round2(ms(percentile(&answers, 99)?)),
        "rounds": ROUNDS, "secondsPerRound": ROUND,
    }))
}

/// Orders per second, how long each answer took, and the clients for the next round.
pub async fn over_http(
    clients: Vec<Client>,
    round: usize,
) -> anyhow::Result<(f64, Vec<Duration>, Vec<Client>)> {
    let all = clients.len();
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (c, mut client) in clients.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut times = vec![];
            while began.elapsed() < Duration::from_secs(ROUND) {
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

/// The same rows per second into SQLite, one transaction for the rows of one order.
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
            while began.elapsed() < Duration::from_secs(ROUND) {
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
