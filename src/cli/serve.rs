//! `telvisor serve`: the server, from its start to its drained end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use chrono::TimeDelta;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::out::{Out, complain};
use super::{Global, program};
use crate::app::{self, Started};
use crate::clock::ShiftedClock;
use crate::config::{Config, describe};
use crate::{fault, telemetry};

/// Status of a process that a second signal ended: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;

pub async fn run(global: &Global, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let server = Server::start(global.load()?).await?;
    announce(&server.started, out)?;
    out.flush()?;
    let ended = server.wait().await;
    telemetry::stop().await;
    ended?;
    Ok(0)
}

/// A server that is ready, in this process.
pub struct Server {
    pub started: Started,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    /// Starts, and waits until it is ready. From then on a signal drains and stops it.
    ///
    /// # Errors
    /// When it cannot start, with the key of the configuration to change.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        if config.role.has_api() {
            config.listen.iter().try_for_each(|address| check_free("listen", *address))?;
        }
        if let Some(address) = config.health_listen() {
            check_free("health.listen", address)?;
        }
        set_fault(&config)?;
        telemetry::start(&config.log).map_err(|problem| anyhow!(problem))?;
        let shutdown = CancellationToken::new();
        stop_on_signal(shutdown.clone())?;
        let (ready, started) = oneshot::channel();
        let clock = Arc::new(ShiftedClock(TimeDelta::seconds(config.test.clock_offset_s)));
        let mut task = tokio::spawn(app::serve(config, clock, shutdown.clone(), ready));
        match started.await {
            Ok(started) => Ok(Self { started, shutdown, task }),
            // It let go of the other end, so it has ended or is about to.
            Err(_) => match (&mut task).await {
                Ok(Ok(())) => bail!("stopped before it was ready"),
                Ok(Err(error)) => Err(error),
                Err(panic) => Err(anyhow!(panic).context("the server broke down as it started")),
            },
        }
    }

    /// Runs until a signal, then until all is drained.
    ///
    /// # Errors
    /// What made it end.
    pub async fn wait(self) -> anyhow::Result<()> {
        self.task.await.context("the server broke down")?
    }

    /// Drains and stops.
    ///
    /// # Errors
    /// What went wrong at that.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.wait().await
    }

    /// Resolves once it is stopping, by a signal or because it failed.
    pub async fn stopping(&self) {
        self.shutdown.cancelled().await;
    }
}

/// Refuses an address that another process listens on; `key` gives it.
pub fn check_free(key: &str, address: SocketAddr) -> anyhow::Result<()> {
    TcpListener::bind(address).map(drop).map_err(|e| {
        if e.kind() == std::io::ErrorKind::AddrInUse {
            let free = SocketAddr::new(address.ip(), address.port().wrapping_add(10).max(1024));
            let way = if key == "listen" {
                format!("--listen {free} (or TELVISOR_LISTEN)")
            } else {
                free.to_string()
            };
            anyhow!("{key}: something listens on {address} already; stop it, or listen elsewhere: {way}")
        } else {
            anyhow!("{key}: {address} cannot be listened on: {e}; give another")
        }
    })
}

/// Sets the fault that the configuration asks for.
pub fn set_fault(config: &Config) -> anyhow::Result<()> {
    let fault = Some(config.test.fault.as_str()).filter(|text| !text.is_empty());
    fault::set(fault).map_err(|problem| anyhow!("test.fault: {problem}; leave it empty outside of tests"))
}

/// The first SIGINT or SIGTERM cancels the token, the second ends the process at once.
pub fn stop_on_signal(token: CancellationToken) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                complain("stopping: what runs is finished first; once more ends at once");
                token.cancel();
            }
        }
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}

/// Says what runs, where, and what to try next.
pub fn announce(started: &Started, out: &mut Out<'_>) -> anyhow::Result<()> {
    let data = std::path::absolute(&started.data).unwrap_or_else(|_| started.data.clone());
    let database = describe::masked_url(&started.database);
    if out.json {
        return out.json(&json!({
            "urls": started.urls, "health": started.health, "data": data, "database": database, "hypervisor": started.hypervisor,
            "role": started.role, "applications": started.applications,
        }));
    }
    out.line(format!("Telvisor {} is ready. Ctrl-C stops it.", env!("CARGO_PKG_VERSION")))?;
    for url in &started.urls {
        out.line(format!("  TMF APIs     {url}/tmf-api/"))?;
        out.line(format!("  SOAP         {url}/soap/orders?wsdl   {url}/soap/ne?wsdl"))?;
        out.line(format!("  own API      {url}/api/v1/"))?;
        out.line(format!("  health       {url}/health/ready   metrics  {url}/metrics"))?;
    }
    for url in &started.health {
        out.line(format!("  health       {url}/health/ready   metrics  {url}/metrics"))?;
    }
    out.line(format!("  data         {}", data.display()))?;
    out.line(format!("  database     {database}"))?;
    out.line(format!("  hypervisor   {}", started.hypervisor))?;
    out.line(format!("  role         {}", started.role))?;
    out.line(format!("  catalogue    {} applications", started.applications))?;
    if let Some(url) = started.urls.first() {
        let program = program();
        out.line("Next, in another terminal:")?;
        out.line(format!("  curl {url}/tmf-api/serviceCatalogManagement/v4/serviceSpecification"))?;
        out.line(format!(
            "  {program} order place --server {url} --customer 4711 --action create-customer --name Ada --wait"
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let words = check_free("listen", address).unwrap_err().to_string();
        assert!(words.contains(&address.to_string()) && words.contains("--listen"), "{words}");
        drop(taken);
        check_free("listen", address).unwrap();
    }

    #[test]
    fn what_started_is_told_without_passwords() {
        let started = Started {
            urls: vec!["http://127.0.0.1:8080".into()],
            health: vec!["http://127.0.0.1:9100".into()],
            data: "./var".into(),
            database: "postgres://u:secret@h/db".into(),
            hypervisor: "sim".into(),
            role: "all".into(),
            applications: 5,
        };
        let mut text = Vec::new();
        announce(&started, &mut Out::new(&mut text, false)).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("http://127.0.0.1:8080/tmf-api/") && text.contains("5 applications"), "{text}");
        assert!(
            text.contains("order place")
                && text.contains("http://127.0.0.1:9100/metrics")
                && !text.contains("secret"),
            "{text}"
        );
    }
}
