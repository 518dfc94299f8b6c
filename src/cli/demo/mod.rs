//! `telvisor demo`: the same server that `serve` starts, and a subscriber's whole life played through its HTTP door
//! in front of the reader. Every sentence that says `ok` was looked up at the door, not assumed.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::http::Http;
use super::out::Out;
use super::serve::{self, Server};
use super::{Global, program};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, Config, Role};

mod files;
mod story;
mod tour;

use tour::Tour;

#[derive(Debug, Args)]
pub struct Arguments {
    /// End after the tour, with status 0 only if all of it came true.
    #[arg(long)]
    exit: bool,
}

pub async fn run(global: &Global, arguments: &Arguments, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let mut config = global.load()?;
    if config.role != Role::All {
        bail!("role: the demo plays every part itself; leave --role and TELVISOR_ROLE away");
    }
    quieten(&mut config);
    let customer = format!("demo-{}", SystemClock.now().timestamp_millis());
    let world = (config.hypervisor == "sim").then(|| config.data.join("world"));
    let server = Server::start(config).await?;
    if !out.json {
        serve::announce(&server.started, out)?;
    }
    let Some(base) = server.started.urls.first().cloned() else {
        bail!("the server started without an address");
    };
    let http = Http::new(&base, config::token())?;
    let played = tokio::select! {
        played = Box::pin(play(http, customer.clone(), world, out)) => Some(played),
        () = server.stopping() => None,
    };
    let Some(played) = played else {
        server.wait().await?;
        return Ok(1);
    };
    if arguments.exit || played.is_err() {
        // What the tour met matters more than how the server ended after it.
        let stopped = server.stop().await;
        let status = played?;
        stopped?;
        return Ok(status);
    }
    let status = played?;
    if !out.json {
        go_on(&base, &customer, out)?;
    }
    out.flush()?;
    server.wait().await?;
    Ok(status)
}

/// The server's own log would stand between the lines of the tour; who asked for a level gets it.
fn quieten(config: &mut Config) {
    let default: toml::Table = config::DEFAULTS.parse().expect("the embedded defaults are TOML");
    if default["log"]["filter"].as_str() == Some(&config.log.filter) {
        config.log.filter = "warn".into();
    }
}

async fn play(http: Http, customer: String, world: Option<PathBuf>, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let mut tour = Tour::new(http, customer);
    story::play(&mut tour, world.as_deref(), out).await?;
    tour.sum_up(out)
}

fn go_on(base: &str, customer: &str, out: &mut Out<'_>) -> anyhow::Result<()> {
    let program = program();
    let example = r#"{"relatedParty":[{"id":"4711","role":"customer"}],"serviceOrderItem":[{"id":"1","action":"add","service":{"serviceSpecification":{"id":"customer-account"},"serviceCharacteristic":[{"name":"name","value":"Ada"}]}}]}"#;
    out.line("\nThe server stays up; Ctrl-C stops it. Go on with:")?;
    out.line(format!("  curl '{base}/tmf-api/serviceInventory/v4/service?relatedParty.id={customer}'"))?;
    out.line(format!("  curl {base}/tmf-api/serviceCatalogManagement/v4/serviceSpecification"))?;
    out.line(format!("  curl -H 'Content-Type: application/json' -d '{example}' \\"))?;
    out.line(format!("    {base}{}", super::order::ORDERS))?;
    out.line(format!("  {program} order list --server {base}"))?;
    out.line(format!("  {program} sdr list --server {base}"))
}
