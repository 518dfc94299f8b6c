//! From an accepted order to the start of its first job, with workers and at low load; and between the orders, on the
//! same database, the least that anybody can do: a row is inserted and claimed.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::database::Database;
use crate::server::{Client, Server};
use crate::{ORDERS, ms, order, percentile, place, round2};

/// Orders that are measured.
const ORDERS_PLACED: usize = 200;
/// One order in this time: what a server is idle between.
const PERIOD: Duration = Duration::from_millis(100);
/// What a user may expect of the p99.
const GOAL_MS: f64 = 50.0;
/// Customers that take turns, so that no order waits for the one before it.
const CUSTOMERS: usize = 10;

/// Suspends and re-activates applications in turns: each order is one job, and the world stays as large as it is.
pub async fn measure(database: &Database, data: &Path) -> anyhow::Result<Value> {
    let server = Server::start(database.url(), data, "all", "warn").await?;
    let mut client = server.connect().await?;
    let mut services = vec![];
    for n in 0..CUSTOMERS {
        let placed = place(&mut client, &order(&format!("customer-{n}"))).await?;
        let done = ended(&mut client, &placed).await?;
        ensure!(done["state"] == "completed", "a customer was not made: {done:#}");
        let id = done["serviceOrderItem"][1]["service"]["id"].as_str().context("the service has no id")?;
        services.push(id.to_owned());
    }
    let mut answers = vec![];
    let mut last = Value::Null;
    let mut bare = vec![];
    database.bare_queue().await?;
    let mut ticks = tokio::time::interval(PERIOD / 2);
    for n in 0..ORDERS_PLACED {
        ticks.tick().await;
        let began = Instant::now();
        database.bare_insert_and_claim(i32::try_from(n)?).await?;
        bare.push(began.elapsed());
        ticks.tick().await;
        let state = if (n / CUSTOMERS).is_multiple_of(2) { "inactive" } else { "active" };
        let body = json!({
            "externalId": format!("low-{n}"),
            "serviceOrderItem": [{
                "id": "1", "action": "modify", "service": { "id": services[n % CUSTOMERS], "state": state },
            }],
        });
        let sent = Instant::now();
        last = place(&mut client, &body).await?;
        answers.push(sent.elapsed());
    }
    ended(&mut client, &last).await?;
    drop(client);
    server.stop().await?;
    let mut waits = vec![];
    for (accepted, started) in database.first_starts("low-").await? {
        waits.push((started - accepted).to_std().context("a job started before its order was accepted")?);
    }
    ensure!(waits.len() == ORDERS_PLACED, "{} of {ORDERS_PLACED} orders had a job", waits.len());
    waits.sort();
    answers.sort();
    bare.sort();
    let (wait, least) = (ms(percentile(&waits, 99)?), ms(percentile(&bare, 99)?));
    let figure = json!({
        "bench": "first-job", "database": database.kind(), "orders": ORDERS_PLACED,
        "periodMs": PERIOD.as_millis(),
        "startMsP50": round2(ms(percentile(&waits, 50)?)), "startMsP99": round2(wait), "goalMs": GOAL_MS,
        "bareMsP50": round2(ms(percentile(&bare, 50)?)), "bareMsP99": round2(least), "ratioP99": round2(wait / least),
        "answerMsP50": round2(ms(percentile(&answers, 50)?)), "answerMsP99": round2(ms(percentile(&answers, 99)?)),
    });
    println!(
        "With workers, one order each {} ms: accepted (stamped before the commit) to first job started: \
         p50 {} ms, p99 {} ms (goal {GOAL_MS} ms), {} times a bare insert and claim (p99 {} ms); the 201 came after \
         p50 {} ms, p99 {} ms",
        PERIOD.as_millis(),
        figure["startMsP50"],
        figure["startMsP99"],
        figure["ratioP99"],
        figure["bareMsP99"],
        figure["answerMsP50"],
        figure["answerMsP99"]
    );
    Ok(figure)
}

/// The order as it is when it has ended.
async fn ended(client: &mut Client, placed: &Value) -> anyhow::Result<Value> {
    let id = placed["id"].as_str().context("an order without an id")?;
    let began = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    loop {
        looks.tick().await;
        let (status, answer) = client.get(&format!("{ORDERS}/{id}")).await?;
        ensure!(status == 200, "order {id}: {status}");
        let shown: Value = serde_json::from_slice(&answer)?;
        let state = shown["state"].as_str().unwrap_or_default();
        if !["acknowledged", "inProgress", "pending"].contains(&state) {
            return Ok(shown);
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "order {id} does not end: {shown:#}");
    }
}
