//! Sealing: records get their numbers and their file in one transaction; the file itself is then a pure function of
//! them and of its manifest, so a crash, a resend or a take-over gives the same octets.

use chrono::{DateTime, FixedOffset, Offset as _, TimeDelta, Utc};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use telvisor_model::Alarm;
use telvisor_sdr::file::FileInfo;
use telvisor_sdr::time::whole_seconds;

pub use super::deliver::{deliver, folder, rebuild, root};
use super::octets::{encode, number};
use super::schedule::Schedule;
use crate::alarms;
use crate::config::{FileFormat, Recipient};
use crate::engine::Engine;
use crate::store::sdr::SdrRow;
use crate::store::sdr_files::{FileRow, RecipientRow, StreamRow};
use crate::store::{Json, StoreError, System, Tx, retrying};

/// Reasons to close a file, as in [`telvisor_sdr::file::CLOSE_REASONS`].
const NORMAL: u8 = 0;
const SIZE: u8 = 1;
const RECORDS: u8 = 3;
const OPERATOR: u8 = 4;

/// Version of the encoders; a file that was sealed by another cannot be rebuilt by this one.
pub(super) const CODEC: &str = "1.0";

/// Octets of a record in a file, header and trailer counted as one each, at most, without those that its journal row's
/// body, the node and the tenant give it: ids, times, subscriber and separators.
const AROUND: usize = 512;

/// Why a file could not be sealed or delivered.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("record {record}: {problem}")]
    Record { record: uuid::Uuid, problem: String },
    #[error("file {name} cannot be written: {problem}")]
    Encode { name: String, problem: String },
    #[error("file {name} was sealed with SHA-256 {sealed}, rebuilt it has {rebuilt}; nothing was delivered")]
    Differs { name: String, sealed: String, rebuilt: String },
    #[error("another file is under the name {path}; it was not touched")]
    Occupied { path: String },
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("recipient {name}: {problem}")]
    Recipient { name: String, problem: String },
}

/// Why a cut is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// By an operator: everything that is open.
    Manual,
    /// By the clock: periods that have ended.
    Period,
    /// Full files only.
    Limits,
}

/// Notes the configured recipients: records journalled from now on are theirs.
///
/// # Errors
/// When the database refuses.
pub async fn configure(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.system().await?;
    tx.lock_cut().await?;
    let mut names = vec![];
    for recipient in &engine.config.mediation.recipient {
        let config = serde_json::to_value(recipient).expect("plain data");
        tx.note_recipient(&recipient.name, &config).await?;
        names.push(recipient.name.clone());
    }
    tx.retire_recipients(&names).await?;
    tx.commit().await?;
    Ok(())
}

/// Seals what is due in every stream, then delivers. Returns the files sealed now.
///
/// # Errors
/// See [`SealError`]; what was sealed before stays and is delivered by the next call.
pub async fn seal(engine: &Engine, cut: Cut) -> Result<Vec<FileRow>, SealError> {
    let (recipients, kinds) = {
        let mut tx = engine.db.read_system().await?;
        (tx.recipients().await?, tx.sdr_kinds().await?)
    };
    let (mut sealed, mut trouble) = (vec![], None);
    for row in &recipients {
        for (tenant, test) in &kinds {
            match stream(engine, row, tenant, *test, cut).await {
                Ok(files) => sealed.extend(files),
                // The other streams do not wait for this one.
                Err(e) => {
                    fails(engine, Alarm::SdrSealingFailing, (tenant, &row.name, *test), &e).await;
                    keep_first(&mut trouble, e);
                }
            }
        }
    }
    if let Err(e) = deliver(engine).await {
        keep_first(&mut trouble, e);
    }
    trouble.map_or(Ok(sealed), Err)
}

/// Tells operators that a stream comes to a stop; they are told that it goes on when nobody says this any more.
pub(super) async fn fails(
    engine: &Engine,
    kind: Alarm,
    (tenant, recipient, test): (&str, &str, bool),
    e: &SealError,
) {
    if matches!(e, SealError::Store(_)) {
        // The database is an alarm of its own.
        return;
    }
    let (object, text) = (alarms::stream(recipient, test), e.to_string());
    let told = retrying("alarm", || async {
        let mut tx = engine.db.tenant(tenant).await?;
        alarms::hold(&mut tx, kind, kind.about().severity, &object, &text, None).await?;
        engine.queue.publish(tx.commit().await?);
        Ok::<_, StoreError>(())
    });
    if let Err(e) = told.await {
        tracing::warn!(error = %e, "an alarm could not be written; the next try does it");
    }
}

/// Keeps the first error to answer; a later one is only logged.
pub(super) fn keep_first(first: &mut Option<SealError>, e: SealError) {
    match first {
        None => *first = Some(e),
        Some(_) => tracing::error!(error = %e, "mediation has more than one trouble"),
    }
}

/// Seals one stream, in one transaction.
async fn stream(
    engine: &Engine,
    row: &RecipientRow,
    tenant: &str,
    test: bool,
    cut: Cut,
) -> Result<Vec<FileRow>, SealError> {
    let wrong = |problem: String| SealError::Recipient { name: row.name.clone(), problem };
    let recipient: Recipient =
        serde_json::from_value(row.config.0.clone()).map_err(|e| wrong(e.to_string()))?;
    let schedule = Schedule::parse(&recipient.schedule).map_err(wrong)?;
    let zone = engine.config.zone();
    // Looked at all the time: nobody is made to wait for a cut that is not due.
    let due = match cut {
        Cut::Manual => true,
        Cut::Period => period_ended(engine, row, &schedule, tenant, test).await?,
        Cut::Limits => full(engine, row, &recipient, &schedule, tenant, test).await?,
    };
    if !due {
        return Ok(vec![]);
    }
    let mut tx = engine.db.system().await?;
    tx.lock_cut().await?;
    let now = tx.lease_now().await?;
    let mut stream = tx.stream(tenant, &row.name, test, row.since).await?;
    let (boundary, _) = schedule.period(zone, now);
    let until = match cut {
        Cut::Period => boundary.max(stream.cut_time),
        // Under the lock there is no more to come.
        Cut::Manual | Cut::Limits => all(now),
    };
    let rows = tx.unsealed(tenant, &row.name, test, since(row, &stream), until).await?;
    let mut files = vec![];
    let mut rest = rows.as_slice();
    while let Some(first) = rest.first() {
        let (start, end) = schedule.period(zone, first.record_time);
        let in_period = rest.iter().take_while(|r| r.record_time < end).count();
        let span = Span { schedule: (start, end), now, cut: if end <= now { Cut::Period } else { cut } };
        let fitted = fit(engine, &recipient, &stream, &rest[..in_period], &span)?;
        if span.cut == Cut::Limits && fitted.info.close_reason == NORMAL {
            break;
        }
        let taken = &rest[..fitted.count];
        files.push(file(engine, &mut tx, row, &recipient, &mut stream, taken, &span, fitted).await?);
        rest = &rest[taken.len()..];
    }
    let last = rows.last().map_or(stream.cut_time, |r| r.record_time);
    match cut {
        Cut::Limits => {}
        Cut::Period => stream.cut_time = stream.cut_time.max(boundary),
        Cut::Manual => stream.cut_time = stream.cut_time.max(now).max(last),
    }
    tx.update_stream(&stream).await?;
    engine.commit(tx, ["seal.before_commit", "seal.after_commit"]).await?;
    for f in &files {
        tracing::info!(
            sdr.file = f.name,
            sdr.recipient = f.recipient,
            sdr.records = f.records,
            "file sealed"
        );
    }
    Ok(files)
}

/// Records of a stream journalled before this were sealed by its last cut; the hour is for clocks that disagree.
fn since(row: &RecipientRow, stream: &StreamRow) -> DateTime<Utc> {
    row.since.max(stream.cut_time - TimeDelta::hours(1))
}

/// Later than every record that is committed.
fn all(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::days(1)
}

/// Whether a period has ended that the stream was not cut at.
async fn period_ended(
    engine: &Engine,
    row: &RecipientRow,
    schedule: &Schedule,
    tenant: &str,
    test: bool,
) -> Result<bool, StoreError> {
    let mut tx = engine.db.read_system().await?;
    let (boundary, _) = schedule.period(engine.config.zone(), tx.now());
    let stream = tx.peek_stream(tenant, &row.name, test).await?;
    Ok(stream.is_none_or(|s| boundary > s.cut_time))
}

/// Whether the stream's open records fill a file. The database counts them; only near a limit are they read and tried.
async fn full(
    engine: &Engine,
    row: &RecipientRow,
    recipient: &Recipient,
    schedule: &Schedule,
    tenant: &str,
    test: bool,
) -> Result<bool, SealError> {
    let mut tx = engine.db.read_system().await?;
    let now = tx.lease_now().await?;
    let stream = tx.peek_stream(tenant, &row.name, test).await?.unwrap_or_else(|| StreamRow {
        tenant: tenant.to_owned(),
        recipient: row.name.clone(),
        test,
        next_file: 1,
        next_number: 1,
        cut_time: row.since,
    });
    let (since, until) = (since(row, &stream), all(now));
    let (records, octets) = tx.unsealed_size(tenant, &row.name, test, since, until).await?;
    let number = |n: i64| usize::try_from(n).unwrap_or(0);
    let around = AROUND + engine.config.node_id.len() + tenant.len();
    let most = number(octets) + (number(records) + 2) * around;
    if number(records) < recipient.records && most <= recipient.bytes {
        return Ok(false);
    }
    let rows = tx.unsealed(tenant, &row.name, test, since, until).await?;
    let mut rest = rows.as_slice();
    while let Some(first) = rest.first() {
        let period = schedule.period(engine.config.zone(), first.record_time);
        let (these, later) = rest.split_at(rest.iter().take_while(|r| r.record_time < period.1).count());
        let span = Span { schedule: period, now, cut: Cut::Limits };
        if fit(engine, recipient, &stream, these, &span)?.info.close_reason != NORMAL {
            return Ok(true);
        }
        rest = later;
    }
    Ok(false)
}

struct Span {
    schedule: (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
    cut: Cut,
}

/// A file as it would be: how many records it takes, and why it ends there.
struct Fitted {
    count: usize,
    info: FileInfo,
    octets: Vec<u8>,
}

/// Fits as many of `rows` into the next file as its limits allow.
fn fit(
    engine: &Engine,
    recipient: &Recipient,
    stream: &StreamRow,
    rows: &[SdrRow],
    span: &Span,
) -> Result<Fitted, SealError> {
    let local = |t: DateTime<Utc>| -> DateTime<FixedOffset> {
        let zoned = t.with_timezone(&engine.config.zone());
        whole_seconds(zoned.with_timezone(&zoned.offset().fix()))
    };
    let mut count = rows.len().min(recipient.records);
    let mut reason = match span.cut {
        _ if count == recipient.records => RECORDS,
        Cut::Manual => OPERATOR,
        Cut::Period | Cut::Limits => NORMAL,
    };
    loop {
        let taken = &rows[..count];
        let mut info = FileInfo {
            node_id: engine.config.node_id.clone(),
            recipient: stream.recipient.clone(),
            file_seq: u32::try_from(stream.next_file).unwrap_or(u32::MAX),
            test: stream.test,
            period_start: local(span.schedule.0),
            period_end: local(span.schedule.1),
            opened_at: local(taken[0].record_time),
            closed_at: local(span.now),
            tenant: stream.tenant.clone(),
            close_reason: reason,
        };
        let numbered = number(stream, taken);
        let make = |info: &FileInfo| {
            let (node, zone) = (&engine.config.node_id, info.closed_at.timezone());
            encode(recipient.format, info, node, &numbered, zone)
        };
        let mut octets = make(&info)?;
        if octets.len() > recipient.bytes {
            reason = SIZE;
            if count > 1 {
                count = (count * recipient.bytes / octets.len()).clamp(1, count - 1);
                continue;
            }
            // One record is never too large for a file.
            info.close_reason = reason;
            octets = make(&info)?;
        }
        return Ok(Fitted { count, info, octets });
    }
}

/// Seals one file of `rows`.
#[expect(clippy::too_many_arguments, reason = "all of them are facts about one file")]
async fn file(
    engine: &Engine,
    tx: &mut Tx<System>,
    row: &RecipientRow,
    recipient: &Recipient,
    stream: &mut StreamRow,
    rows: &[SdrRow],
    span: &Span,
    Fitted { count, info, octets }: Fitted,
) -> Result<FileRow, SealError> {
    let manifest = json!({ "info": info, "format": recipient.format, "framing": recipient.framing });
    let last = stream.next_number + i64::try_from(count).unwrap_or(0) - 1;
    let out = FileRow {
        tenant: stream.tenant.clone(),
        recipient: stream.recipient.clone(),
        test: stream.test,
        file_seq: stream.next_file,
        revision: 1,
        config_version: row.version,
        name: info.default_name(match recipient.format {
            FileFormat::Csv => "csv",
            FileFormat::Asn1 => "cdr",
        }),
        state: "sealed".into(),
        records: i64::try_from(count).unwrap_or(i64::MAX),
        first_number: stream.next_number,
        last_number: last,
        bytes: i64::try_from(octets.len()).unwrap_or(i64::MAX),
        sha256: hex::encode(Sha256::digest(&octets)),
        manifest: Json(manifest),
        node_id: engine.config.node_id.clone(),
        node_address: None,
        utc_offset_s: i64::from(info.closed_at.offset().local_minus_utc()),
        period_start: span.schedule.0,
        period_end: span.schedule.1,
        opened_at: rows[0].record_time,
        closed_at: span.now,
        close_reason: i64::from(info.close_reason),
        codec_version: CODEC.into(),
        rejected_reference: None,
        delivered_at: None,
        acknowledged_at: None,
    };
    for (number, record) in number(stream, rows) {
        tx.number_record(stream, number, record.record_id, stream.next_file).await?;
    }
    tx.insert_file(&out).await?;
    stream.next_file += 1;
    stream.next_number = last + 1;
    Ok(out)
}
