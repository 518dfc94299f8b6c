//! `telvisor sdr`: the files that go to mediation. `decode` and `icd` need no server.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use telvisor_sdr::decode;
use telvisor_sdr::icd::{IcdSettings, interface_control_document};

use super::http::{Http, query, segment};
use super::out::{Out, complain};
use super::{Global, migrate, recipient};
use crate::access::DEFAULT_TENANT;
use crate::app;
use crate::config::{Config, FileFormat};
use crate::mediation::causes::CAUSES;
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
    Decode {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
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
        Command::Decode { files } => return decode_files(files, out),
        Command::Icd => {
            let text = interface_control_document(&icd_settings(&global.load()?));
            if out.json {
                out.json(&json!({ "markdown": text }))?;
            } else {
                out.bytes(text.as_bytes())?;
            }
        }
    }
    Ok(0)
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

fn decode_files(files: &[PathBuf], out: &mut Out<'_>) -> anyhow::Result<u8> {
    let mut status = 0;
    for path in files {
        let name = path.display().to_string();
        let octets = read(path).with_context(|| format!("{name} cannot be read"))?;
        if let Err(error) = show(&name, &octets, out) {
            if error.is::<super::Stop>() {
                return Err(error);
            }
            // The other files are still worth a look.
            complain(&format!("{error:#}"));
            status = 1;
        }
    }
    Ok(status)
}

pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return std::fs::read(path);
    }
    let mut octets = Vec::new();
    std::io::stdin().read_to_end(&mut octets)?;
    Ok(octets)
}

fn show(name: &str, octets: &[u8], out: &mut Out<'_>) -> anyhow::Result<()> {
    let decoded = decode::decode(octets).with_context(|| name.to_owned())?;
    if out.json {
        return out.line(decode::to_json(&decoded));
    }
    out.line(name)?;
    out.bytes(decode::to_table(&decoded).as_bytes())
}

/// What the document says of an installation with this configuration.
fn icd_settings(config: &Config) -> IcdSettings {
    // Any time does for an example; the same one makes the same document every day.
    let example: DateTime<Utc> = "2026-11-24T00:00:00Z".parse().expect("a time");
    let now = example.with_timezone(&config.zone()).fixed_offset();
    let recipients = &config.mediation.recipient;
    let format = |format| match format {
        FileFormat::Csv => "CSV",
        FileFormat::Asn1 => "ASN.1, one record after the other",
    };
    let mut schedules: Vec<_> = recipients.iter().map(|r| format!("{} ({})", r.schedule, r.name)).collect();
    if recipients.iter().all(|r| r.schedule == "day") {
        schedules = vec!["every day at 00:00".into()];
    }
    IcdSettings {
        software_version: env!("CARGO_PKG_VERSION").into(),
        example: telvisor_sdr::FileInfo {
            node_id: config.node_id.clone(),
            recipient: recipients.first().map_or_else(|| "recipient".into(), |r| r.name.clone()),
            file_seq: 1,
            test: false,
            period_start: now,
            period_end: now,
            opened_at: now,
            closed_at: now,
            tenant: crate::access::DEFAULT_TENANT.into(),
            close_reason: 0,
        },
        schedule: schedules.join(", "),
        time_zone: config.time_zone.clone(),
        max_records: recipients.iter().map(|r| r.records as u64).max().unwrap_or_default(),
        max_octets: recipients.iter().map(|r| r.bytes as u64).max().unwrap_or_default(),
        recipients: recipients.iter().map(|r| (r.name.clone(), format(r.format).to_owned())).collect(),
        causes: CAUSES.iter().map(|(_, code, meaning)| (*code, (*meaning).to_owned())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn the_document_carries_node_schedule_and_module() {
        let config = Config::load(None, &Overrides::default()).unwrap();
        let text = interface_control_document(&icd_settings(&config));
        assert!(text.contains("every day at 00:00") && text.contains("mediation-asn1"));
        assert!(text.contains(telvisor_sdr::ASN1_MODULE.trim()));
    }

    #[test]
    fn a_file_that_is_none_is_told_and_the_status_is_1() {
        let mut text = Vec::new();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        std::fs::write(&path, "nonsense").unwrap();
        assert_eq!(decode_files(&[path], &mut Out::new(&mut text, false)).unwrap(), 1);
        assert!(decode_files(&[dir.path().join("absent")], &mut Out::new(&mut text, false)).is_err());
    }
}
