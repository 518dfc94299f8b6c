//! Chaos: two processes with doors, two workers, one that mediates, on PostgreSQL and RabbitMQ of their own, under a load
//! by all doors, while all of them die and return and their connections are cut; and the auditor who looks at what is
//! left. Only with `TEST_CHAOS`, because it wants the machine for itself; `TEST_POSTGRES` and `TEST_RABBITMQ` name the
//! scripts that start private servers.
//!
//! `TELVISOR_TEST_SEED` draws the same blows again, `TELVISOR_TEST_FULL` asks for at least 100 deaths.

mod proxy;
mod rolling;
mod run;
mod servers;
mod strikes;
mod told;

use run::Run;

use crate::crash::seed;
use crate::harness::setting;

const DEATHS: usize = 15;
const DEATHS_FULL: usize = 100;

#[tokio::test]
async fn nothing_is_lost_and_nothing_doubled_whatever_dies() {
    let deaths = if setting("TELVISOR_TEST_FULL").is_some() { DEATHS_FULL } else { DEATHS };
    let seed = seed();
    let Some(mut run) = Box::pin(Run::begin(seed)).await else { return };
    println!("seed {seed} (TELVISOR_TEST_SEED={seed} draws the same again)");
    Box::pin(run.strike(seed, deaths)).await;
    println!("{}", run.report());
    let (books, seen, wrong) = Box::pin(run.end()).await;
    println!(
        "{} orders, {} links, {} SDR files audited",
        books.placed.len(),
        books.links.len(),
        seen.files.len()
    );
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
}
