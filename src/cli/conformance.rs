//! `conformance`: checks of a TM Forum API on any server, and what the official kits need to find there.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};

use super::out::{Out, Stop};
use crate::conformance::check::Stop as Check;
use crate::conformance::official::{APIS, Api};
use crate::conformance::report::{self, Counts};
use crate::conformance::{self, Options, seed};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check an API by its specification; exit status 1 when a check fails.
    Run(Box<Run>),
    /// Put onto a server what the official kits need to find: a customer with two applications.
    Seed(Seed),
}

#[derive(Debug, Args)]
pub struct Run {
    /// The server, or the API's own base URL (default: the server of this configuration).
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// tmf620, tmf622, tmf629, tmf633, tmf635, tmf637, tmf638, tmf639, tmf641 or tmf642.
    #[arg(long, default_value = "tmf641")]
    api: String,
    /// Version of the API, 4 or 5.
    #[arg(long = "version", default_value_t = 4, value_name = "VERSION")]
    api_version: u8,
    /// Leave out what only Telvisor promises.
    #[arg(long)]
    any_implementation: bool,
    /// Run these sections only; may be given more than once.
    #[arg(long, value_name = "SECTION")]
    only: Vec<String>,
    /// Service specification to provision (default: the first with two plans).
    #[arg(long, value_name = "ID")]
    application: Option<String>,
    /// Base URL of TMF633 v4 (default: on the same server).
    #[arg(long, value_name = "URL")]
    catalogue: Option<String>,
    /// Address to listen on for events.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listener: SocketAddr,
    /// How the server calls that address (default: by itself).
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
    /// Write a JUnit report.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report as JSON, as --json prints it.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Seed {
    /// The server (default: that of this configuration).
    #[arg(long, value_name = "URL")]
    target: Option<String>,
}

/// # Errors
/// When the checks cannot be run, or a report not be written. `server` is asked where no target is given.
pub async fn run(
    server: impl FnOnce() -> anyhow::Result<String>,
    token: Option<String>,
    command: Command,
    out: &mut Out<'_>,
) -> anyhow::Result<u8> {
    match command {
        Command::Run(arguments) => {
            let target = arguments.target.clone().map_or_else(server, Ok)?;
            check(target, token, *arguments, out).await
        }
        Command::Seed(arguments) => {
            let target = arguments.target.map_or_else(server, Ok)?;
            match seed::run(&target, token).await {
                Ok(new) if new.is_empty() => out.line(format!("{} is there already", seed::CUSTOMER))?,
                Ok(new) => out.line(format!("{} has {}", seed::CUSTOMER, new.join(" and ")))?,
                Err(Check::Failed(why) | Check::Skipped(why)) => bail!("{why}"),
            }
            Ok(0)
        }
    }
}

async fn check(
    target: String,
    token: Option<String>,
    arguments: Run,
    out: &mut Out<'_>,
) -> anyhow::Result<u8> {
    let api = Api::named(&arguments.api, arguments.api_version).ok_or_else(|| {
        let known: Vec<_> = APIS.iter().map(|api| format!("{} {}", api.name, api.version)).collect();
        let (name, version) = (&arguments.api, arguments.api_version);
        anyhow!(Stop::Usage(format!(
            "there are no checks of {name} {version}; there are {}",
            known.join(", ")
        )))
    })?;
    let suite = format!("{}-v{}", api.name, api.version);
    let options = Options {
        target,
        api,
        token,
        any_implementation: arguments.any_implementation,
        catalogue: arguments.catalogue,
        application: arguments.application,
        listener: arguments.listener,
        callback: arguments.callback,
        only: arguments.only,
    };
    let mut written = Ok(());
    let mut tell = |outcome: &_| {
        if !out.json && written.is_ok() {
            written = out.line(report::line(outcome)).and_then(|()| out.flush());
        }
    };
    let outcomes = conformance::run(&options, &mut tell).await.map_err(|e| Stop::Usage(e.to_string()))?;
    written?;
    let json = report::json(&suite, &options.target, &outcomes);
    if let Some(path) = &arguments.junit {
        std::fs::write(path, report::junit(&suite, &outcomes)).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &arguments.report {
        std::fs::write(path, format!("{json:#}\n")).with_context(|| path.display().to_string())?;
    }
    let total = Counts::of(&outcomes);
    if out.json {
        out.json(&json)?;
    } else {
        let rows = report::clauses(&outcomes).into_iter().map(|(clause, counts)| {
            let numbers = [counts.passed, counts.failed, counts.skipped].map(|n| n.to_string());
            std::iter::once(clause.to_owned()).chain(numbers).collect()
        });
        out.line("")?;
        out.table(&["clause", "passed", "failed", "skipped"], &rows.collect::<Vec<_>>(), "no check was run")?;
        out.line("")?;
        out.line(format!("{suite}: {} passed, {} failed", total.passed, total.failed))?;
    }
    Ok(u8::from(!total.is_good()))
}
