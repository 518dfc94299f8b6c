//! The model of `docs/scale.md`: what an order costs is measured with few orders, and what more of them cost is what
//! follows: so much for each order, and so much for each second in which the processes run at all.

use anyhow::ensure;
use serde_json::{Value, json};

/// What is counted, in the order of [`Cost::of`]: name, unit, and how far a prediction may lie from what is measured, as
/// a part of it. What is counted is exact; processor time, and time even more so, varies with what else the machine does.
pub const QUANTITIES: [(&str, &str, f64); 12] = [
    ("time", "s", 1.0),
    ("processor time of api", "ms", 0.4),
    ("processor time of worker", "ms", 0.4),
    ("processor time of mediation", "ms", 0.6),
    ("processor time of PostgreSQL", "ms", 0.4),
    ("rows", "", 0.02),
    ("octets of tables and indexes", "B", 0.3),
    ("octets of WAL", "B", 0.4),
    ("messages of the broker", "", 0.3),
    ("octets of SDR files", "B", 0.05),
    ("events", "", 0.02),
    ("SDRs", "", 0.02),
];

/// The network that is asked about.
pub const SUBSCRIBERS: f64 = 10e6;
/// Orders per second in the busy hour.
pub const PEAK: f64 = 1000.0;
/// Of the orders of a busy hour so many come in a mean one.
pub const MEAN: f64 = 0.1;
/// Of a processor's time so much is planned with: the rest is for what is uneven.
pub const LOAD: f64 = 0.6;
/// Processors of one process of ours.
pub const PROCESSORS: f64 = 4.0;
/// Days that ended orders stay in the database.
pub const DAYS: f64 = 90.0;

/// One number for each of [`QUANTITIES`].
pub type Cost = [f64; QUANTITIES.len()];

/// What costs come to.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// Of each order.
    pub each: Cost,
    /// Of each second without an order.
    pub idle: Cost,
}

impl Model {
    /// From what so many orders cost, and what a second without any costs.
    pub fn of(orders: f64, cost: &Cost, idle: &Cost) -> Self {
        let mut each = [0.0; QUANTITIES.len()];
        for (n, each) in each.iter_mut().enumerate() {
            *each = ((cost[n] - idle[n] * cost[0]) / orders).max(0.0);
        }
        each[0] = cost[0] / orders;
        Self { each, idle: *idle }
    }

    /// What so many orders cost.
    pub fn predict(&self, orders: f64) -> Cost {
        let time = self.each[0] * orders;
        let mut all = [0.0; QUANTITIES.len()];
        for (n, all) in all.iter_mut().enumerate() {
            *all = self.each[n] * orders + self.idle[n] * time;
        }
        all[0] = time;
        all
    }

    /// Prints prediction and measurement, and fails where they lie too far apart.
    pub fn check(&self, orders: f64, measured: &Cost) -> anyhow::Result<Vec<Value>> {
        let predicted = self.predict(orders);
        println!(
            "  {:<30} {:>12} {:>14} {:>14} {:>7} {:>6}",
            "", "each order", "predicted", "measured", "error", "bound"
        );
        let mut figures = vec![];
        let mut wrong = vec![];
        for (n, (name, unit, bound)) in QUANTITIES.iter().enumerate() {
            let error = (predicted[n] - measured[n]) / measured[n].max(f64::MIN_POSITIVE);
            println!(
                "  {name:<30} {:>12.3} {:>14.1} {:>14.1} {:>6.0}% {:>5.0}% {unit}",
                self.each[n],
                predicted[n],
                measured[n],
                error * 100.0,
                bound * 100.0
            );
            if error.abs() > *bound {
                wrong.push(*name);
            }
            figures.push(json!({
                "what": name, "unit": unit, "each": self.each[n], "idlePerSecond": self.idle[n],
                "predicted": predicted[n], "measured": measured[n], "error": (error * 100.0).round() / 100.0,
            }));
        }
        ensure!(wrong.is_empty(), "the model is wrong about: {}", wrong.join(", "));
        Ok(figures)
    }

    /// What the network needs, where the one process that places events does so many in a second, and the one that seals
    /// so many records.
    pub fn network(&self, placed: f64, sealed: f64) -> Value {
        let [_, api, worker, mediation, database, rows, octets, wal, messages, files, events, records] =
            self.each;
        let processors = |ms: f64| ms / 1000.0 * PEAK / LOAD;
        let processes = |ms: f64| (processors(ms) / PROCESSORS).ceil().max(2.0);
        let per_day = PEAK * MEAN * 86_400.0;
        let figure = json!({
            "subscribers": SUBSCRIBERS, "peakOrdersPerSecond": PEAK, "ordersPerDay": per_day,
            "apiProcessors": processors(api).ceil(), "apiProcesses": processes(api),
            "workerProcessors": processors(worker).ceil(), "workerProcesses": processes(worker),
            "mediationProcessors": processors(mediation).ceil(),
            "databaseProcessors": processors(database).ceil(),
            "walMBPerSecond": (wal * PEAK / 1e6).round(),
            "messagesPerSecond": (messages * PEAK).round(),
            "rowsPerSecond": (rows * PEAK).round(),
            "databaseGBPerDay": (octets * per_day / 1e9).round(),
            "databaseTBKept": (octets * per_day * DAYS / 1e12 * 10.0).round() / 10.0,
            "eventsPerSecond": (events * PEAK).round(), "eventsPlacedPerSecond": placed.round(),
            "ordersPerSecondThatEventsAllow": (placed / events).round(),
            "recordsPerSecond": (records * PEAK).round(), "recordsSealedPerSecond": sealed.round(),
            "ordersPerSecondThatSealingAllows": (sealed / records).round(),
            "mediationMsPerRecord": (mediation / records * 1000.0).round() / 1000.0,
            "fileOctetsPerRecord": (files / records).round(),
            "sdrFilesGBPerDay": (files * per_day / 1e9 * 10.0).round() / 10.0,
        });
        println!(
            "  {SUBSCRIBERS:e} subscribers, {PEAK} orders/s in the busy hour, a mean hour {MEAN} of it, processors {LOAD} \
             busy, {PROCESSORS} for a process, {DAYS} days kept:"
        );
        println!("  {figure:#}");
        figure
    }
}
