//! What an order costs from acceptance to its SDR in a file, all roles as processes of their own, at two sizes: the
//! smaller one predicts the larger one ([`Model`]), and the larger one says what a network needs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::model::{Cost, Model};
use crate::process::{used, used_below};
use crate::server::Server;
use crate::site::{SLOTS, Site};

/// Orders that warm up, and of the two sizes.
const WARM: usize = 50;
const SMALL: usize = 200;
const LARGE: usize = 800;
/// How long nothing is asked, so that what goes on all the same can be told from what orders cost.
const IDLE: Duration = Duration::from_secs(5);

struct Roles {
    site: Site,
    worker: Server,
    mediation: Server,
    /// The process that all sessions of PostgreSQL are children of.
    postmaster: u32,
    /// Records sealed and delivered per second, the last time.
    sealed: f64,
}

pub async fn measure(folder: &Path) -> anyhow::Result<Value> {
    let Some(site) = Site::open(folder, "scale", 0).await? else {
        println!(
            "\nTEST_AMQP_URL or TEST_DATABASE_URL is not set: the model of docs/scale.md is not checked."
        );
        return Ok(Value::Null);
    };
    let worker = site.start("worker", "worker", SLOTS).await?;
    let mediation = site.start("mediation", "mediation", SLOTS).await?;
    let postmaster = site.database.postmaster().await?;
    let mut roles = Roles { site, worker, mediation, postmaster, sealed: 0.0 };
    roles.orders(WARM).await?;
    let before = roles.spent().await?;
    let began = Instant::now();
    tokio::time::sleep(IDLE).await;
    let seconds = began.elapsed().as_secs_f64();
    let mut idle = less(&roles.spent().await?, &before);
    idle.iter_mut().for_each(|cost| *cost /= seconds);
    let small = roles.orders(SMALL).await?;
    let large = roles.orders(LARGE).await?;
    let sealed = roles.sealed;
    let placed = roles.events().await?;
    let Roles { site, worker, mediation, .. } = roles;
    worker.stop().await?;
    mediation.stop().await?;
    site.close().await?;

    println!(
        "\nFrom acceptance to the SDR file, one process of each role: {LARGE} orders predicted from {SMALL}"
    );
    let figures = Model::of(count(SMALL)?, &small, &idle).check(count(LARGE)?, &large)?;
    let network = Model::of(count(LARGE)?, &large, &idle).network(placed, sealed);
    Ok(json!({ "bench": "scale", "small": SMALL, "large": LARGE, "costs": figures, "network": network }))
}

fn count(orders: usize) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(orders)?))
}

fn less(after: &Cost, before: &Cost) -> Cost {
    std::array::from_fn(|n| after[n] - before[n])
}

impl Roles {
    /// What orders cost until they have ended, all is told, and their records lie in files.
    async fn orders(&mut self, count: usize) -> anyhow::Result<Cost> {
        let before = self.spent().await?;
        let began = Instant::now();
        self.site.place(count).await?;
        self.site.done().await?;
        let sealing = Instant::now();
        let mut client = self.site.api.connect().await?;
        let (status, answer) = client.post("/api/v1/sdr/seal", "{}").await?;
        ensure!(status < 300, "the seal was answered with {status}: {}", String::from_utf8_lossy(&answer));
        self.site.delivered().await?;
        let (seconds, seal) = (began.elapsed().as_secs_f64(), sealing.elapsed().as_secs_f64());
        let mut cost = less(&self.spent().await?, &before);
        cost[0] = seconds;
        self.sealed = cost[11] / seal;
        Ok(cost)
    }

    /// Events that get their positions per second: all that there are, once more.
    async fn events(&self) -> anyhow::Result<f64> {
        let all = self.site.database.displace().await?;
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        let mut first = None;
        let began = Instant::now();
        loop {
            looks.tick().await;
            let left = self.site.database.unplaced().await?;
            // The first ones are found by a look that comes once a second.
            let (at, from) = match first {
                None if left == all => continue,
                None => *first.insert((Instant::now(), left)),
                Some(first) => first,
            };
            if left == 0 {
                return Ok(f64::from(u32::try_from(from)?) / at.elapsed().as_secs_f64());
            }
            ensure!(began.elapsed() < Duration::from_secs(120), "the events do not get their positions");
        }
    }

    /// What was spent so far, in the order of [`crate::model::QUANTITIES`].
    async fn spent(&self) -> anyhow::Result<Cost> {
        let Self { site, worker, mediation, postmaster, .. } = self;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let [rows, octets, wal, files, events, records] = site.database.volume().await?;
        let mut messages = 0.0;
        for server in [&site.api, worker, mediation] {
            let (_, text) = server.connect().await?.get("/metrics").await?;
            let text = String::from_utf8(text)?;
            let published = text.lines().filter(|l| l.starts_with("telvisor_amqp_published_total"));
            for line in published {
                messages += line.rsplit(' ').next().context("a metric without a value")?.parse::<f64>()?;
            }
        }
        let cost = [
            0.0,
            ms(used(site.api.pid()?)?),
            ms(used(worker.pid()?)?),
            ms(used(mediation.pid()?)?),
            ms(used_below(*postmaster)?),
            rows,
            octets,
            wal,
            messages,
            files,
            events,
            records,
        ];
        Ok(cost)
    }
}
