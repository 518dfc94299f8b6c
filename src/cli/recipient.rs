//! `telvisor sdr recipient`: who gets SDR files, and how.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Http, segment};
use super::out::Out;
use super::sdr_files::read;

const RECIPIENTS: &str = "/api/v1/sdr/recipients";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the recipients.
    List,
    /// Show a recipient with its earlier versions.
    Show { name: String },
    /// Set a recipient from a TOML file; a change applies from its next file.
    Set {
        name: String,
        /// What its [[mediation.recipient]] table would hold, without that line; - is standard input.
        file: PathBuf,
    },
    /// Remove a recipient: it gets no more files.
    Remove { name: String },
}

#[derive(Debug, Deserialize)]
struct Recipient {
    name: String,
    version: i64,
    origin: String,
    configuration: Value,
}

impl Recipient {
    fn text(&self, key: &str) -> String {
        self.configuration[key].as_str().unwrap_or("-").to_owned()
    }
}

pub async fn run(http: &Http, command: &Command, out: &mut Out<'_>) -> anyhow::Result<()> {
    let path = |name: &str| format!("{RECIPIENTS}/{}", segment(name));
    match command {
        Command::List => list(http, out).await,
        Command::Show { name } => {
            let found: Value = http.get(&path(name)).await?;
            show(&found, out)
        }
        Command::Set { name, file } => {
            let reply = http.put(&path(name), &table(file)?).await?;
            show(&reply.body, out)
        }
        Command::Remove { name } => {
            http.delete(&path(name)).await?;
            if !out.json {
                out.line(format!("{name} is removed; what is sealed for it is still delivered"))?;
            }
            Ok(())
        }
    }
}

/// The table in a TOML file, as JSON.
fn table(file: &Path) -> anyhow::Result<Value> {
    let name = file.display();
    let octets = read(file).with_context(|| format!("{name} cannot be read"))?;
    let text = String::from_utf8(octets).with_context(|| format!("{name} is no text"))?;
    let table: toml::Table = toml::from_str(&text).with_context(|| format!("{name} is no TOML"))?;
    Ok(json!(table))
}

async fn list(http: &Http, out: &mut Out<'_>) -> anyhow::Result<()> {
    let found: Value = http.get(RECIPIENTS).await?;
    if out.json {
        return out.json(&found);
    }
    let all: Vec<Recipient> = serde_json::from_value(found)?;
    let row = |r: &Recipient| {
        let layout =
            if r.text("format") == "csv" { "csv".into() } else { format!("asn1 {}", r.text("framing")) };
        let delivery = r.configuration["delivery"]["kind"].as_str().unwrap_or("-").to_owned();
        vec![r.name.clone(), r.version.to_string(), r.origin.clone(), layout, r.text("schedule"), delivery]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    out.table(&["recipient", "version", "set by", "layout", "schedule", "delivery"], &rows, "no recipient")
}

/// As the TOML that would set it.
fn show(found: &Value, out: &mut Out<'_>) -> anyhow::Result<()> {
    if out.json {
        return out.json(found);
    }
    let r: Recipient = serde_json::from_value(found.clone())?;
    out.line(format!("# {}, version {}, set by {}", r.name, r.version, r.origin))?;
    let table: toml::Table = serde_json::from_value(r.configuration)?;
    out.bytes(toml::to_string(&table)?.as_bytes())
}
