//! Checks of an ordering API: TMF641 and TMF622, v4 and v5. They make orders of their own, so they may be run again,
//! and on a server that is in use; the one customer that they create is terminated at the end.

use super::check::Checks;
use super::client::Client;

mod answers;
pub mod bench;
mod cancel;
mod filters;
mod hub;
mod idempotency;
mod kits;
pub mod life;
mod machine;
mod patch;
mod v5;

pub use bench::Bench;
pub use hub::Ear;

/// What is checked, by name.
pub const SECTIONS: [&str; 10] =
    ["kits", "answers", "refusals", "lists", "idempotency", "patch", "v5", "life", "cancel", "hub"];

/// Runs the sections that are wanted.
pub async fn run(
    checks: &mut Checks<'_>,
    b: &Bench,
    catalogue: &Client,
    application: Option<&str>,
    ear: &Ear,
    wanted: impl Fn(&str) -> bool,
) {
    if wanted("kits") {
        Box::pin(kits::run(checks, b)).await;
    }
    if wanted("answers") {
        Box::pin(answers::accepted(checks, b)).await;
    }
    if wanted("refusals") {
        Box::pin(answers::refusals(checks, b)).await;
    }
    if wanted("lists") {
        Box::pin(filters::run(checks, b)).await;
    }
    if wanted("idempotency") {
        Box::pin(idempotency::run(checks, b)).await;
    }
    if wanted("patch") {
        Box::pin(patch::run(checks, b)).await;
    }
    if wanted("v5") && b.is_v5() {
        Box::pin(v5::run(checks, b)).await;
    }
    if wanted("life") {
        Box::pin(life::run(checks, b, catalogue, application)).await;
    }
    if wanted("cancel") {
        Box::pin(cancel::run(checks, b)).await;
    }
    if wanted("hub") {
        Box::pin(hub::run(checks, b, ear)).await;
    }
}
