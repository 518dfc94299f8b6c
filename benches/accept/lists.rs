//! What reading costs with ten thousand orders and with a million: by id, by external id, the first page, pages deep in
//! the list by cursor and by filter. Each of these is to take about as long with a million as with ten thousand. What
//! has to count or to skip is measured beside them, without a bound.

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
/// Orders within a range of dates: a few pages.
const RANGE: u64 = 100;
/// Orders lie so far apart.
const SECONDS_APART: i64 = 7;

/// What is asked, whether it is bounded, and the path of request `n` with so many orders.
type Asked = (&'static str, bool, fn(n: u64, size: u64, cursor: &str) -> String);

const ASKED: &[Asked] = &[
    ("order by id", true, |n, size, _| format!("{ORDERS}/{}", id(pick(n, size)))),
    ("by externalId", true, |n, size, _| format!("{ORDERS}?externalId=e-{}", pick(n, size))),
    ("by v5 externalReference.id", true, |n, size, _| {
        format!("{}?externalReference.id=e-{}", ORDERS.replace("/v4/", "/v5/"), pick(n, size))
    }),
    ("first page", true, |_, _, _| format!("{ORDERS}?limit={PAGE}")),
    ("first page of a state", true, |_, _, _| format!("{ORDERS}?state=failed&limit={PAGE}")),
    ("page in the middle, by cursor", true, |_, _, cursor| format!("{ORDERS}?limit={PAGE}&cursor={cursor}")),
    ("the same of a state", true, |_, _, cursor| {
        format!("{ORDERS}?state=failed&limit={PAGE}&cursor={cursor}")
    }),
    ("page in the middle, by a range of dates", true, |n, size, _| {
        let from = size / 4 + pick(n, size / 4);
        let (after, before) = (date(from), date(from + RANGE));
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

/// So many orders in a database of their own, and a server over it.
struct Side {
    size: u64,
    database: Database,
    server: Server,
    client: Client,
    /// Of a place in the middle of the list.
    cursor: String,
}

pub async fn measure(kind: &str, folder: &Path) -> anyhow::Result<Vec<Value>> {
    let mut sides = vec![];
    for size in SIZES {
        let data = folder.join(format!("{kind}-{size}"));
        let Some(database) = Database::fresh(kind, &data, &format!("lists_{size}")).await? else {
            return Ok(vec![]);
        };
        sides.push(filled(database, &data, size).await?);
    }
    println!("  median ms with {:>9} {:>9}   ratio", SIZES[0], SIZES[1]);
    let mut figures = vec![];
    for (what, bounded, path) in ASKED {
        let requests = if *bounded { REQUESTS } else { SLOW_REQUESTS };
        let took = timed(&mut sides, requests, !*bounded, *path).await;
        let [(few, _), (many, stopped)] = took.with_context(|| (*what).to_owned())?[..] else { continue };
        let ratio = round2(many / few);
        let kept = !*bounded || ratio <= MOST;
        println!(
            "  {what:<42} {few:>7.2} {many:>9.2}   {ratio:>5}{}",
            match (bounded, kept, stopped) {
                (true, true, _) => "",
                (true, false, _) => "  more than 2",
                (false, _, false) => "  as measured",
                (false, _, true) => "  ended by the time limit",
            }
        );
        figures.push(json!({
            "bench": "lists", "database": kind, "what": what, "orders": SIZES,
            "msP50": [round2(few), round2(many)], "ratio": ratio, "bounded": bounded, "kept": kept,
            "stopped": stopped,
        }));
    }
    for side in sides {
        drop(side.client);
        side.server.stop().await?;
        side.database.discard().await?;
        std::fs::remove_dir_all(folder.join(format!("{kind}-{}", side.size)))?;
    }
    Ok(figures)
}

/// One order, placed at the door, and copies of it.
async fn filled(database: Database, data: &Path, size: u64) -> anyhow::Result<Side> {
    let server = Server::start(database.url(), data, "api", "warn").await?;
    // One item, so that a million orders fit on any disk.
    let mut first = order("first");
    if let Some(items) = first["serviceOrderItem"].as_array_mut() {
        items.truncate(1);
    }
    place(&mut server.connect().await?, &first).await?;
    server.stop().await?;
    let began = Instant::now();
    let mut made = 0;
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
    Ok(Side { size, database, server, client, cursor })
}

/// The cursor that a page in the middle of the list gives.
async fn cursor_in_the_middle(client: &mut Client, size: u64) -> anyhow::Result<String> {
    let (status, _) = client.get(&format!("{ORDERS}?limit=1&orderDate.lt={}", date(size / 2))).await?;
    ensure!(status == 200, "a page was answered with {status}");
    let cursor = client.link.split("cursor=").nth(1).and_then(|rest| rest.split(['&', '>']).next());
    Ok(cursor.context("the page has no cursor")?.to_owned())
}

/// Median of the times of each side, in milliseconds, and whether the time limit of lists ended a request, where that
/// `may` be: one is enough then. The sides take turns, so that what else the machine does is the same for both.
async fn timed(
    sides: &mut [Side],
    requests: u64,
    may_stop: bool,
    path: fn(n: u64, size: u64, cursor: &str) -> String,
) -> anyhow::Result<Vec<(f64, bool)>> {
    let mut times: Vec<Vec<f64>> = sides.iter().map(|_| vec![]).collect();
    let mut stopped = vec![false; sides.len()];
    // The first ones warm up and are not counted.
    for n in 0..requests + requests / 4 {
        for ((side, times), stopped) in sides.iter_mut().zip(&mut times).zip(&mut stopped) {
            if *stopped {
                continue;
            }
            let path = path(n, side.size, &side.cursor);
            let sent = Instant::now();
            let (status, answer) = side.client.get(&path).await?;
            let took: Duration = sent.elapsed();
            if may_stop && status == 503 {
                (*times, *stopped) = (vec![ms(took)], true);
                continue;
            }
            ensure!(status == 200, "{path} was answered with {status}: {}", String::from_utf8_lossy(&answer));
            ensure!(answer.len() > 2, "{path} finds nothing");
            if n >= requests / 4 {
                times.push(ms(took));
            }
        }
    }
    Ok(times.iter_mut().map(|t| median(t)).zip(stopped).collect())
}
