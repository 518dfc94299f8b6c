//! What reading costs with ten thousand orders and with a million: by id, by external id, the first page, pages deep in
//! the list by cursor and by filter. Each of these is to take about as long with a million as with ten thousand. What
//! has to count or to skip is measured beside them, without a bound.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::database::{Database, ID_BASE};
use crate::server::{Client, Server};
use crate::{ORDERS, median, ms, order, place, round2};

const SIZES: [u64; 2] = [10_000, 1_000_000];
/// Requests of each kind; the median of their times counts.
const REQUESTS: u64 = 200;
/// Requests of what is measured without a bound.
const SLOW_REQUESTS: u64 = 5;
/// Most that a bounded one may take with the larger number, as a multiple of its time with the smaller.
const MOST: f64 = 2.0;
/// Orders made in one transaction.
const STEP: u64 = 50_000;
/// Entries of a page.
const PAGE: u64 = 20;
/// Orders lie so far apart.
const SECONDS_APART: i64 = 7;

/// What is asked, whether it is bounded, and the path of request `n` with so many orders.
type Asked = (&'static str, bool, fn(n: u64, size: u64, cursor: &str) -> String);

const ASKED: &[Asked] = &[
    ("order by id", true, |n, size, _| format!("{ORDERS}/{}", id(pick(n, size)))),
    ("by externalId", true, |n, size, _| format!("{ORDERS}?externalId=e-{}", pick(n, size))),
    ("first page", true, |_, _, _| format!("{ORDERS}?limit={PAGE}")),
    ("first page of a state", true, |_, _, _| format!("{ORDERS}?state=failed&limit={PAGE}")),
    ("page in the middle, by cursor", true, |_, _, cursor| format!("{ORDERS}?limit={PAGE}&cursor={cursor}")),
    ("the same of a state", true, |_, _, cursor| {
        format!("{ORDERS}?state=failed&limit={PAGE}&cursor={cursor}")
    }),
    ("page in the middle, by a range of dates", true, |n, size, _| {
        let from = size / 4 + pick(n, size / 4);
        let (after, before) = (date(from), date(from + 1000));
        format!("{ORDERS}?orderDate.gt={after}&orderDate.lt={before}&limit={PAGE}")
    }),
    ("page in the middle, by offset", false, |_, size, _| {
        format!("{ORDERS}?limit={PAGE}&offset={}", size / 2)
    }),
    ("count of half of them", false, |_, size, _| {
        format!("{ORDERS}?orderDate.lt={}&limit={PAGE}", date(size / 2))
    }),
    ("by a pattern", false, |n, size, _| format!("{ORDERS}?externalId.regex=^e-{}$", pick(n, size))),
];

/// Order number of request `n`, spread over all.
fn pick(n: u64, size: u64) -> u64 {
    1 + n.wrapping_mul(7919) % (size - 1)
}

/// Id of an order, in the order of time as those that the server makes.
fn id(n: u64) -> String {
    let text = format!("{:012x}7000{n:016x}", ID_BASE + n);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

fn date(n: u64) -> String {
    let at = begin() + chrono::TimeDelta::seconds(SECONDS_APART * i64::try_from(n).unwrap_or(0));
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn begin() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(16_000)
}

pub async fn measure(database: &Database, data: &Path) -> anyhow::Result<Vec<Value>> {
    let server = Server::start(database.url(), data, "api", "warn").await?;
    // One item, so that a million orders fit on any disk.
    let mut first = order("first");
    if let Some(items) = first["serviceOrderItem"].as_array_mut() {
        items.truncate(1);
    }
    place(&mut server.connect().await?, &first).await?;
    server.stop().await?;
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut made = 0;
    for size in SIZES {
        let began = Instant::now();
        while made < size - 1 {
            let next = (made + STEP).min(size - 1);
            database.copies_of_the_order(made + 1, next, &begin().to_rfc3339(), SECONDS_APART).await?;
            made = next;
        }
        database.recount().await?;
        println!("{size} orders on {}, made in {:.0} s", database.kind(), began.elapsed().as_secs_f64());
        let server = Server::start(database.url(), data, "api", "warn").await?;
        let mut client = server.connect().await?;
        let cursor = cursor_in_the_middle(&mut client, size).await?;
        for (what, bounded, path) in ASKED {
            let requests = if *bounded { REQUESTS } else { SLOW_REQUESTS };
            times
                .entry(*what)
                .or_default()
                .push(timed(&mut client, requests, |n| path(n, size, &cursor)).await?);
        }
        drop(client);
        server.stop().await?;
    }
    let mut figures = vec![];
    println!("  median ms with {:>9} {:>9}   ratio", SIZES[0], SIZES[1]);
    for (what, bounded, _) in ASKED {
        let [few, many] = times[what][..] else { continue };
        let ratio = round2(many / few);
        let kept = !*bounded || ratio <= MOST;
        println!(
            "  {what:<42} {:>7.2} {:>9.2}   {ratio:>5}{}",
            few,
            many,
            match (bounded, kept) {
                (true, true) => "",
                (true, false) => "  more than 2",
                (false, _) => "  as measured",
            }
        );
        figures.push(json!({
            "bench": "lists", "database": database.kind(), "what": what, "orders": SIZES,
            "msP50": [round2(few), round2(many)], "ratio": ratio, "bounded": bounded, "kept": kept,
        }));
    }
    Ok(figures)
}

/// The cursor that a page in the middle of the list gives.
async fn cursor_in_the_middle(client: &mut Client, size: u64) -> anyhow::Result<String> {
    let (status, _) = client.get(&format!("{ORDERS}?limit=1&orderDate.lt={}", date(size / 2))).await?;
    ensure!(status == 200, "a page was answered with {status}");
    let cursor = client.link.split("cursor=").nth(1).and_then(|rest| rest.split(['&', '>']).next());
    Ok(cursor.context("the page has no cursor")?.to_owned())
}

/// Median of the times, in milliseconds.
async fn timed(client: &mut Client, requests: u64, path: impl Fn(u64) -> String) -> anyhow::Result<f64> {
    let mut times = vec![];
    // The first ones warm up and are not counted.
    for n in 0..requests + requests / 4 {
        let path = path(n);
        let sent = Instant::now();
        let (status, answer) = client.get(&path).await?;
        let took: Duration = sent.elapsed();
        ensure!(status == 200, "{path} was answered with {status}: {}", String::from_utf8_lossy(&answer));
        ensure!(answer.len() > 2, "{path} finds nothing");
        if n >= requests / 4 {
            times.push(ms(took));
        }
    }
    Ok(median(&mut times))
}
