//! `telvisor simulator`: the simulated hypervisor as a process of its own, so that what it does outlives a worker,
//! and several workers share one world.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::out::Out;
use super::{Global, program, serve};
use crate::clock::new_id;
use crate::hypervisor::simulator::faults::Latency;
use crate::hypervisor::simulator::{Options, Settings, Simulator, remote};
use crate::telemetry;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Unix socket to answer on; made by this process, for its user only.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Folder of its world; made when missing.
    #[arg(long, value_name = "DIR")]
    world: PathBuf,
}

pub async fn run(global: &Global, arguments: &Arguments, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let config = global.load()?;
    serve::set_fault(&config)?;
    telemetry::start(&config.log).map_err(anyhow::Error::msg)?;
    let shutdown = CancellationToken::new();
    serve::stop_on_signal(shutdown.clone())?;
    let latency_ms = [("*".to_owned(), Latency::Fixed(config.simulator.latency_ms))].into();
    let faults = Settings { latency_ms, ..Settings::default() };
    let options = Options { new_world_id: new_id(), hosts: None, faults };
    let simulator = Simulator::open(&arguments.world, options).await?;
    let (socket, world) = (arguments.socket.display(), arguments.world.display());
    if out.json {
        out.json(&json!({ "socket": arguments.socket, "world": arguments.world }))?;
    } else {
        out.line(format!("The simulated hypervisor answers on {socket}, its world is {world}."))?;
        out.line(format!(
            "Next, in another terminal:\n  {} serve --hypervisor sim+unix:{socket}",
            program()
        ))?;
    }
    out.flush()?;
    let served = remote::serve(simulator.clone(), &arguments.socket, shutdown).await;
    simulator.close().await;
    served.with_context(|| format!("the simulator cannot answer on {socket}; choose another --socket"))?;
    Ok(0)
}
