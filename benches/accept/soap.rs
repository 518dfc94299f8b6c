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

use crate::process::used;

/// Microseconds of one of so many.
#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
fn each(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}
