//! `telvisor health`: whether a process is ready, told by the status, as those who watch over containers ask it.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::Global;
use super::http::Http;
use super::out::Out;
use crate::hypervisor::Driver as _;
use crate::hypervisor::simulator::remote::RemoteSimulator;

/// Longest time that a process gets to answer: who asks here asks again soon.
const ANSWER: Duration = Duration::from_secs(4);

#[derive(Debug, Args)]
pub struct Arguments {
    /// http://HOST:PORT of a server, or sim+unix:PATH of a simulator (default: the server that this configuration
    /// starts).
    target: Option<String>,
}

pub async fn run(global: &Global, arguments: &Arguments, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let (target, answer) = match arguments.target.as_deref() {
        Some(target) if target.starts_with("sim+unix:") => {
            (target.to_owned(), simulator(Path::new(&target["sim+unix:".len()..])).await)
        }
        given => {
            let http = match given {
                Some(url) => Http::new(url, None)?,
                None => global.http()?,
            };
            (http.base().to_owned(), server(&http).await)
        }
    };
    let ready = answer.is_ok();
    if out.json {
        out.json(&json!({ "target": target, "ready": ready, "problem": answer.err() }))?;
    } else if let Err(problem) = answer {
        out.line(format!("{target} is not ready: {problem}"))?;
    } else {
        out.line(format!("{target} is ready"))?;
    }
    Ok(u8::from(!ready))
}

async fn server(http: &Http) -> Result<(), String> {
    match tokio::time::timeout(ANSWER, http.get::<Value>("/health/ready")).await {
        Ok(answer) => answer.map(drop).map_err(|e| e.to_string()),
        Err(_) => Err("it does not answer".into()),
    }
}

async fn simulator(socket: &Path) -> Result<(), String> {
    let asked = async { RemoteSimulator::connect_with_limit(socket, ANSWER).await?.world_id().await };
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(answer) => answer.map(drop).map_err(|e| e.to_string()),
        Err(_) => Err("it does not answer".into()),
    }
}
