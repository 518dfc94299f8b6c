//! After a standby took over that lacked the last moments of the lost primary: the numbers that were given there are not
//! given again, and what was sealed there is not sealed again.
//!
//! What the lost primary sealed lies in the recipients' folders. Files whose numbers this database has not given yet are
//! taken over: their records, where the journal has them, get the numbers that they have there, and the stream goes on
//! behind them. What a recipient has collected already we cannot see: the operator says what it got last.

use std::path::Path;

use chrono::{DateTime, FixedOffset, Utc};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use telvisor_model::Alarm;
use telvisor_sdr::decode::decode;
use telvisor_sdr::file::FileInfo;
use telvisor_sdr::name::NameTemplate;
use telvisor_sdr::record::Record;
use telvisor_sdr::time::whole_seconds;
use uuid::Uuid;

use super::deliver::stream_folder;
use super::encode::Manifest;
use super::schedule::Schedule;
use super::seal::{CODEC, SealError, parsed};
use crate::access::{Caller, Door};
use crate::alarms;
use crate::config::{Config, Recipient};
use crate::store::sdr_delivery::Progress;
use crate::store::sdr_files::{FileRow, RecipientRow, StreamRow};
use crate::store::{Db, Json, System, Tx};

/// What a recipient has got last of a stream, as it says itself.
#[derive(Debug, Clone)]
pub struct Got {
    pub recipient: String,
    pub tenant: String,
    pub test: bool,
    pub file: i64,
    pub number: i64,
}

/// What was done with a stream.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resynced {
    pub recipient: String,
    pub tenant: String,
    pub test: bool,
    /// Files that were taken over.
    pub files: Vec<String>,
    /// Records of them that are numbered now as they are there.
    pub numbered: u64,
    /// Records of them that this database does not know: their work was lost with the primary, and what it does again is
    /// recorded again. The recipient has to be told.
    pub lost: Vec<Uuid>,
    /// Records of them that this database had sealed into another file already: the recipient has them twice.
    pub doubled: Vec<Uuid>,
    pub next_file: i64,
    pub next_number: i64,
}

/// Brings every stream behind what was given before; to be run before anything is sealed. Streams that lack nothing are
/// left alone.
///
/// # Errors
/// When a file in a recipient's folder cannot be read; nothing was done with its stream then.
pub async fn resync(db: &Db, config: &Config, got: &[Got]) -> Result<Vec<Resynced>, SealError> {
    let mut tx = db.read_system().await?;
    let (recipients, tenants) = (tx.recipients().await?, tx.all_tenants().await?);
    drop(tx);
    if let Some(unknown) = got.iter().find(|g| !recipients.iter().any(|r| r.name == g.recipient)) {
        let problem = "there is no recipient of this name".to_owned();
        return Err(SealError::Recipient { name: unknown.recipient.clone(), problem });
    }
    let mut done = vec![];
    for recipient in &recipients {
        for tenant in &tenants {
            for test in [false, true] {
                let of = |g: &&Got| (&g.recipient, &g.tenant, g.test) == (&recipient.name, tenant, test);
                let told = got.iter().find(of);
                done.extend(stream(db, config, recipient, (tenant, test), told).await?);
            }
        }
    }
    Ok(done)
}

/// A file as it lies there: its number, its name and its octets.
type Found = (i64, String, Vec<u8>);

async fn stream(
    db: &Db,
    config: &Config,
    row: &RecipientRow,
    (tenant, test): (&str, bool),
    got: Option<&Got>,
) -> Result<Option<Resynced>, SealError> {
    let mut tx = db.system().await?;
    tx.lock_cut().await?;
    let known = tx.peek_stream(tenant, &row.name, test).await?;
    let next = known.map_or(1, |s| s.next_file);
    let names = names(row)?;
    let files = beyond(&stream_folder(&config.data.join("sdr"), tenant, &row.name, test), &names, next)?;
    if files.is_empty() && got.is_none() {
        return Ok(None);
    }
    let mut stream = tx.stream(tenant, &row.name, test, row.since).await?;
    let mut done = Resynced {
        recipient: row.name.clone(),
        tenant: tenant.to_owned(),
        test,
        files: vec![],
        numbered: 0,
        lost: vec![],
        doubled: vec![],
        next_file: 0,
        next_number: 0,
    };
    let before = stream.next_number;
    let recipient = parsed(row)?;
    for (seq, name, octets) in files {
        let contents = contents(&recipient, &octets)
            .map_err(|problem| SealError::Encode { name: name.clone(), problem })?;
        let first = stream.next_number;
        for (number, record) in contents.records.iter().copied() {
            match tx.sdr_number(tenant, &row.name, record).await? {
                None => done.lost.push(record),
                Some(Some(_)) => done.doubled.push(record),
                // A number that this database gave to another record meanwhile stays with that one.
                Some(None) if number < before => done.doubled.push(record),
                Some(None) => {
                    tx.number_record(&stream, number, record, seq).await?;
                    done.numbered += 1;
                }
            }
            stream.next_number = stream.next_number.max(number.saturating_add(1));
        }
        take_over(&mut tx, config, row, &stream, (seq, &name, &octets), &contents, first).await?;
        stream.next_file = stream.next_file.max(seq + 1);
        done.files.push(name);
    }
    if let Some(got) = got {
        stream.next_file = stream.next_file.max(got.file + 1);
        stream.next_number = stream.next_number.max(got.number + 1);
    }
    tx.update_stream(&stream).await?;
    (done.next_file, done.next_number) = (stream.next_file, stream.next_number);
    let mut tx = tx.for_tenant(tenant);
    let text = format!(
        "numbers go on with file {} and record {}; {} files were taken over, {} records of them are lost, {} are there \
         twice",
        done.next_file,
        done.next_number,
        done.files.len(),
        done.lost.len(),
        done.doubled.len()
    );
    alarms::raise(&mut tx, Alarm::SdrResynced, &alarms::stream(&row.name, test), &text).await?;
    tx.audit(&Caller::local(Door::Cli), "sdr.resync", &row.name, Some(&json!(done))).await?;
    tx.commit().await?;
    Ok(Some(done))
}

/// The files of a folder with this number or a later one, in their order.
fn beyond(folder: &Path, names: &NameTemplate, next: i64) -> Result<Vec<Found>, SealError> {
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |source| SealError::Io { path, source }
    };
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(seq) = names.seq_of(&name).map(i64::from).filter(|seq| *seq >= next && path.is_file()) {
            found.push((seq, name, std::fs::read(&path).map_err(at(&path))?));
        }
    }
    found.sort();
    Ok(found)
}

/// How the recipient's files are named.
fn names(row: &RecipientRow) -> Result<NameTemplate, SealError> {
    let wrong = |problem| SealError::Recipient { name: row.name.clone(), problem };
    NameTemplate::parse(&parsed(row)?.file_name).map_err(wrong)
}

/// What a file tells of its records: number and id of each, and when the first and the last one were written.
struct Contents {
    records: Vec<(i64, Uuid)>,
    info: Option<FileInfo>,
    span: Option<(DateTime<FixedOffset>, DateTime<FixedOffset>)>,
}

fn contents(recipient: &Recipient, octets: &[u8]) -> Result<Contents, String> {
    if let Some(template) = &recipient.csv {
        let rows = template.read(octets).map_err(|e| e.to_string())?;
        let records = rows.records.iter().map(|row| {
            let cell = |name: &str| row.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
            let number = cell("seq").and_then(|n| n.parse().ok());
            let id = cell("recordId").and_then(|id| id.parse().ok());
            number.zip(id).ok_or_else(|| {
                "its columns do not tell seq and recordId: move it away, and tell with --last-file and --last-number \
                 what the recipient got last"
                    .to_owned()
            })
        });
        return Ok(Contents { records: records.collect::<Result<_, _>>()?, info: None, span: None });
    }
    let decoded = decode(octets).map_err(|e| e.to_string())?;
    let number = |r: &Record| (i64::try_from(r.seq).unwrap_or(i64::MAX), r.record_id);
    let span = decoded.records.first().zip(decoded.records.last());
    Ok(Contents {
        records: decoded.records.iter().map(number).collect(),
        span: span.map(|(first, last)| (first.record_time, last.record_time)),
        info: decoded.info,
    })
}

/// Lists a file of the lost primary among ours, as delivered.
async fn take_over(
    tx: &mut Tx<System>,
    config: &Config,
    row: &RecipientRow,
    stream: &StreamRow,
    (seq, name, octets): (i64, &str, &[u8]),
    contents: &Contents,
    next: i64,
) -> Result<(), SealError> {
    let wrong = |problem: String| SealError::Recipient { name: row.name.clone(), problem };
    let recipient = parsed(row)?;
    let schedule = Schedule::parse(&recipient.schedule).map_err(wrong)?;
    // Not every layout tells of times: then what the stream has come to.
    let local = |t: DateTime<Utc>| whole_seconds(t.with_timezone(&config.zone()).fixed_offset());
    let (first, last) = contents.span.unwrap_or_else(|| (local(stream.cut_time), local(stream.cut_time)));
    let (start, end) = schedule.period(config.zone(), first.to_utc());
    let info = contents.info.clone().unwrap_or_else(|| FileInfo {
        node_id: config.node_id.clone(),
        recipient: stream.recipient.clone(),
        file_seq: u32::try_from(seq).unwrap_or(u32::MAX),
        test: stream.test,
        period_start: local(start),
        period_end: local(end),
        opened_at: first,
        closed_at: last,
        tenant: stream.tenant.clone(),
        close_reason: 0,
    });
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let numbers = contents.records.first().zip(contents.records.last());
    let (first_number, last_number) =
        numbers.map_or((next, next - 1), |((first, _), (last, _))| (*first, *last));
    let file = FileRow {
        tenant: stream.tenant.clone(),
        recipient: stream.recipient.clone(),
        test: stream.test,
        file_seq: seq,
        revision: 1,
        config_version: row.version,
        name: name.to_owned(),
        state: "sealed".into(),
        records: number(contents.records.len() as u64),
        first_number,
        last_number,
        bytes: number(octets.len() as u64),
        sha256: hex::encode(Sha256::digest(octets)),
        manifest: Json(json!(Manifest { resynced: true, ..Manifest::new(&recipient, info.clone()) })),
        node_id: info.node_id.clone(),
        node_address: None,
        utc_offset_s: i64::from(info.closed_at.offset().local_minus_utc()),
        period_start: info.period_start.to_utc(),
        period_end: info.period_end.to_utc(),
        opened_at: info.opened_at.to_utc(),
        closed_at: info.closed_at.to_utc(),
        close_reason: i64::from(info.close_reason),
        codec_version: CODEC.into(),
        rejected_reference: None,
        delivered_at: None,
        acknowledged_at: None,
        place: None,
        delivery: Progress::default(),
    };
    tx.insert_file(&file).await?;
    tx.mark_delivered(&file, row.version, true).await?;
    Ok(())
}
