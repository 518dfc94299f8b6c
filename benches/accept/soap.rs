//! What SOAP costs: the layer itself beside a server that gSOAP generates, an order beside the same order over TMF641,
//! and what strangers send.

mod bad;
mod beside;
mod layer;
mod orders;

pub use bad::measure as bad;
pub use beside::{measure as layer, serve};
pub use orders::measure as orders;

use std::time::Duration;

use anyhow::Context as _;

/// Processor time that a process has used, all threads, to 10 ms.
fn used(pid: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = text.rsplit_once(')').context("a process's state")?.1;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|t| t.parse().unwrap_or(0)).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Microseconds of one of so many.
#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
fn each(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}
