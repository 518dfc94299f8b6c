//! `telvisor sdr`: the files that go to mediation. `decode` and `icd` need no server.

use std::path::PathBuf;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use telvisor_sdr::icd::interface_control_document;

use super::http::{Http, query, segment};
use super::out::{Out, complain};
use super::sdr_files::{self, decode_files, gap, show, verify};
use super::{Global, icd, migrate, recipient};
use crate::access::DEFAULT_TENANT;
use crate::app;
use crate::config::{Config, Recipient};
use crate::mediation::resync;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the files.
    List,
    /// Show what is in a file of a running server.
    Show {
        recipient: String,
        /// Number of the file in its stream.
        file_seq: u32,
        /// The stream of the test customers.
        #[arg(long)]
        test: bool,
        /// The octets as they are.
        #[arg(long, conflicts_with = "json")]
        raw: bool,
    },
    /// Close what is open now, for every recipient.
    Seal,
    /// After a standby took over that lacked the last moments: give no number again. While no server runs.
    Resync(Got),
    /// List, show, set and remove recipients.
    #[command(subcommand)]
    Recipient(recipient::Command),
    /// Write a record that stands in the place of an earlier one; it goes into the next file.
    Correct(Correct),
    /// Show what is in files on disk; - is standard input.
    Decode(Files),
    /// Check files on disk: all that they tell of themselves, their numbers and their names.
    Verify {
        #[command(flatten)]
        files: Files,
        /// Ask the server, too, whether they are what it sealed.
        #[arg(long)]
        sealed: bool,
    },
    /// Look for missing numbers among files on disk, or in folders of them.
    Gap(Files),
    /// What was journalled against what lies in files, by period and type; status 1 when it does not balance.
    Audit(Audit),
    /// Print the interface control document, with the ASN.1 module in it.
    Icd,
}

/// What a recipient says that it has got last, where that is not in its folder any more.
#[derive(Debug, clap::Args)]
pub struct Got {
    /// The recipient.
    #[arg(long, requires_all = ["last_file", "last_number"])]
    recipient: Option<String>,
    /// Number of the last file that it has got.
    #[arg(long, requires = "recipient")]
    last_file: Option<u32>,
    /// Number of the last record in it.
    #[arg(long, requires = "recipient")]
    last_number: Option<u32>,
    #[arg(long, default_value = DEFAULT_TENANT)]
    tenant: String,
    /// The stream of the test customers.
    #[arg(long)]
    test: bool,
}

/// Files on disk.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The recipient of the configuration whose names and columns they have (default: the standard ones).
    #[arg(long)]
    recipient: Option<String>,
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Audit {
    /// One recipient (default: all).
    #[arg(long)]
    recipient: Option<String>,
    /// Periods of each stream, back from the last.
    #[arg(long, default_value_t = 7)]
    periods: u32,
    /// A time in the last period, such as 2026-11-23T08:00:00Z (default: now).
    #[arg(long)]
    until: Option<DateTime<Utc>>,
    /// As CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// The account of the recipient's last period that has ended, or of the one with --until in it, for its own books.
    #[arg(long, requires = "recipient", conflicts_with_all = ["csv", "json", "periods"])]
    account: bool,
    /// The account of the test customers' stream.
    #[arg(long, requires = "account")]
    test: bool,
}

/// What a record says instead.
#[derive(Debug, clap::Args)]
pub struct Correct {
    /// Id of the record.
    record: String,
    /// What it says instead, such as externalOrderId=PO-17; may be given more than once.
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    changes: Vec<String>,
    /// The one recipient that gets it (default: all).
    #[arg(long)]
    recipient: Option<String>,
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
}

/// A file as the server lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub recipient: String,
    #[serde(default)]
    pub test: bool,
    pub file_seq: u32,
    pub name: String,
    pub records: u64,
    pub bytes: u64,
    pub sha256: String,
    pub state: String,
    pub path: Option<String>,
    #[serde(default)]
    pub tries: u64,
    pub last_error: Option<String>,
}

pub async fn run(global: &Global, command: &Command, out: &mut Out<'_>) -> anyhow::Result<u8> {
    match command {
        Command::List => list(&global.http()?, out).await?,
        Command::Show { recipient, file_seq, test, raw } => {
            let octets = octets(&global.http()?, recipient, *file_seq, *test).await?;
            if *raw {
                out.bytes(&octets)?;
            } else {
                show(&format!("file {file_seq} of {recipient}"), &octets, out)?;
            }
        }
        Command::Seal => {
            let answer = seal(&global.http()?).await?;
            if out.json {
                out.json(&answer)?;
            } else if answer.files.is_empty() {
                out.line("nothing was open")?;
            } else {
                for file in &answer.files {
                    out.line(file.path.as_ref().unwrap_or(&file.name))?;
                }
            }
        }
        Command::Recipient(command) => recipient::run(&global.http()?, command, out).await?,
        Command::Correct(wanted) => correct(&global.http()?, wanted, out).await?,
        Command::Resync(got) => resync(&global.load()?, got, out).await?,
        Command::Decode(of) => {
            let config = global.load()?;
            return decode_files(&of.files, recipient_of(&config, of)?, out);
        }
        Command::Verify { files: of, sealed } => {
            let config = global.load()?;
            let http = if *sealed { Some(global.http()?) } else { None };
            return verify(&of.files, recipient_of(&config, of)?, http.as_ref(), out).await;
        }
        Command::Gap(of) => {
            let config = global.load()?;
            return gap(&of.files, recipient_of(&config, of)?, out);
        }
        Command::Audit(ask) => return audit(&global.http()?, ask, out).await,
        Command::Icd => {
            let text = interface_control_document(&icd::settings(&global.load()?));
            if out.json {
                out.json(&json!({ "markdown": text }))?;
            } else {
                out.bytes(text.as_bytes())?;
            }
        }
    }
    Ok(0)
}

fn recipient_of<'a>(config: &'a Config, of: &Files) -> anyhow::Result<Option<&'a Recipient>> {
    sdr_files::recipient(config, of.recipient.as_deref())
}

async fn audit(http: &Http, ask: &Audit, out: &mut Out<'_>) -> anyhow::Result<u8> {
    if let (Some(recipient), true) = (&ask.recipient, ask.account) {
        let asked = [("at", ask.until.map(crate::clock::show)), ("test", Some(ask.test.to_string()))];
        let path = format!("/api/v1/sdr/audit/{}{}", segment(recipient), query(&asked));
        out.bytes(&http.octets(&path).await?)?;
        return Ok(0);
    }
    let query = query(&[
        ("recipient", ask.recipient.clone()),
        ("periods", Some(ask.periods.to_string())),
        ("until", ask.until.map(crate::clock::show)),
    ]);
    let path = format!("/api/v1/sdr/audit{query}");
    let told: Value = http.get(&path).await?;
    let status = u8::from(told["balances"] != true);
    if ask.csv {
        let answer = http.ask(reqwest::Method::GET, &path, "text/csv", None).await?;
        out.bytes(&answer.bytes().await?)?;
        return Ok(status);
    }
    if out.json {
        out.json(&told)?;
        return Ok(status);
    }
    let mut rows = vec![];
    for p in told["periods"].as_array().into_iter().flatten() {
        let text = |of: &Value| of.as_str().map_or_else(|| of.to_string(), str::to_owned);
        let types = p["types"].as_object().into_iter().flatten().map(|(kind, c)| (kind.clone(), c));
        for (kind, c) in types.chain([("all".to_owned(), &p["total"])]) {
            let stream = if p["test"] == true { " (test)" } else { "" };
            let mut row = vec![format!("{}{stream}", text(&p["recipient"])), text(&p["periodStart"]), kind];
            let names = ["events", "open", "written", "delivered", "acknowledged", "rejected", "difference"];
            row.extend(names.map(|n| text(&c[n])));
            rows.push(row);
        }
        for trouble in p["trouble"].as_array().into_iter().flatten() {
            complain(&text(trouble));
        }
    }
    let titles = [
        "recipient",
        "period",
        "type",
        "events",
        "open",
        "written",
        "delivered",
        "acknowledged",
        "rejected",
        "difference",
    ];
    out.table(&titles, &rows, "nothing was sealed yet")?;
    out.line(if status == 0 { "it balances" } else { "it does NOT balance" })?;
    Ok(status)
}

async fn correct(http: &Http, wanted: &Correct, out: &mut Out<'_>) -> anyhow::Result<()> {
    let mut changes = serde_json::Map::new();
    for change in &wanted.changes {
        let (field, value) = change.split_once('=').with_context(|| format!("{change}: not FIELD=VALUE"))?;
        let number = ["durationSeconds", "volumeOctets", "causeCode"].contains(&field);
        let value = match value.parse::<u64>() {
            Ok(n) if number => json!(n),
            _ => json!(value),
        };
        changes.insert(field.to_owned(), value);
    }
    let body = json!({ "changes": changes, "recipient": wanted.recipient, "reason": wanted.reason });
    let path = format!("/api/v1/sdr/records/{}/corrections", segment(&wanted.record));
    let reply = http.post(&path, &body).await?;
    if out.json {
        return out.json(&reply.body);
    }
    let id = reply.body["recordId"].as_str().unwrap_or_default();
    out.line(format!("{id} is journalled, and stands in the place of {}", wanted.record))
}

/// On database and folders, without a server.
async fn resync(config: &Config, got: &Got, out: &mut Out<'_>) -> anyhow::Result<()> {
    let _lock = app::hold(config)?;
    let db = migrate::open(config).await?;
    let told = got.recipient.as_ref().map(|recipient| resync::Got {
        recipient: recipient.clone(),
        tenant: got.tenant.clone(),
        test: got.test,
        file: got.last_file.unwrap_or(0).into(),
        number: got.last_number.unwrap_or(0).into(),
    });
    let done = resync::resync(&db, config, told.as_slice()).await?;
    db.close().await;
    if out.json {
        return out.json(&done);
    }
    if done.is_empty() {
        return out.line("no folder has a file that the database does not know");
    }
    for stream in &done {
        let test = if stream.test { ", test" } else { "" };
        out.line(format!(
            "{} ({}{test}): {} files taken over, {} records numbered; goes on with file {} and record {}",
            stream.recipient,
            stream.tenant,
            stream.files.len(),
            stream.numbered,
            stream.next_file,
            stream.next_number
        ))?;
        for (records, meaning) in [
            (&stream.lost, "the database has lost this record; what its work does again is recorded again"),
            (&stream.doubled, "the recipient has this record twice"),
        ] {
            for record in records {
                out.line(format!("  {record}  {meaning}"))?;
            }
        }
    }
    Ok(())
}

/// What sealing closed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sealed {
    pub files: Vec<Listed>,
}

pub async fn seal(http: &Http) -> anyhow::Result<Sealed> {
    let reply = http.post("/api/v1/sdr/seal", &json!({})).await?;
    serde_json::from_value(reply.body).context("the answer to sealing")
}

/// The octets of a file.
pub async fn octets(http: &Http, recipient: &str, file_seq: u32, test: bool) -> anyhow::Result<Vec<u8>> {
    let query = query(&[("test", Some(test.to_string()))]);
    Ok(http.octets(&format!("/api/v1/sdr/files/{}/{file_seq}{query}", segment(recipient))).await?)
}

async fn list(http: &Http, out: &mut Out<'_>) -> anyhow::Result<()> {
    let found: Value = http.get("/api/v1/sdr/files").await?;
    if out.json {
        return out.json(&found);
    }
    let files: Vec<Listed> = serde_json::from_value(found)?;
    let rows: Vec<Vec<String>> = files
        .into_iter()
        .map(|f| {
            let recipient = if f.test { format!("{} (test)", f.recipient) } else { f.recipient };
            vec![
                recipient,
                f.file_seq.to_string(),
                f.name,
                f.records.to_string(),
                f.bytes.to_string(),
                match f.last_error {
                    Some(error) => format!("{}, {} tries: {error}", f.state, f.tries),
                    None => f.state,
                },
            ]
        })
        .collect();
    let empty = "no file yet; `telvisor sdr seal` closes what is open";
    out.table(&["recipient", "file", "name", "records", "octets", "state"], &rows, empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn the_document_carries_node_schedule_and_module() {
        let config = Config::load(None, &Overrides::default()).unwrap();
        let text = interface_control_document(&icd::settings(&config));
        assert!(text.contains("00:00 of every day") && text.contains("mediation-asn1"));
        assert!(text.contains(telvisor_sdr::ASN1_MODULE.trim()));
    }
}
