//! Fills a stream's next file: as many of its open records as the file's limits allow, counted and digested as they
//! will be written, without being held.

use std::io::{Read as _, Seek as _, Write as _};

use chrono::{DateTime, FixedOffset, Offset as _, Utc};
use sha2::{Digest as _, Sha256};
use telvisor_sdr::file::{FileInfo, MAX_FILE_SEQ};
use telvisor_sdr::time::whole_seconds;
use telvisor_sdr::{Summary, Tally};
use tempfile::spooled_tempfile_in;
use uuid::Uuid;

use super::encode::Manifest;
use super::seal::{NORMAL, RECORDS, SIZE, SealError, Span};
use crate::config::Recipient;
use crate::engine::Engine;
use crate::store::sdr::Taking;
use crate::store::sdr_files::StreamRow;
use crate::store::{System, Tx};

/// Rows that are read at once.
pub(super) const CHUNK: i64 = 1000;
/// Octets that are held before they go into a temporary file.
const HELD: usize = 4 << 20;
/// What the numbers in head and tail may grow by.
const GROWTH: u64 = 256;

/// A file as it would be.
pub(super) struct Filled {
    pub manifest: Manifest,
    pub count: u64,
    /// Where it ends in the journal; none without records.
    pub last: Option<(DateTime<Utc>, Uuid)>,
    pub opened_at: DateTime<Utc>,
    pub bytes: u64,
    pub sha256: String,
}

impl Filled {
    pub(super) fn reason(&self) -> u8 {
        self.manifest.info.close_reason
    }
}

/// Fills one file with records of the span's period, from the first open one on.
pub(super) async fn fill(
    engine: &Engine,
    tx: &mut Tx<System>,
    recipient: &Recipient,
    stream: &StreamRow,
    taking: &Taking<'_>,
    span: &Span,
) -> Result<Filled, SealError> {
    let mut manifest = Manifest::new(recipient, info(engine, stream, span)?);
    let layout = manifest.layout();
    let wrong =
        |e: &dyn std::fmt::Display| SealError::Encode { name: span.name(stream), problem: e.to_string() };
    let empty = Tally::default().summary();
    let head = layout.head(&manifest.info, &empty).map_err(|e| wrong(&e))?;
    let tail = layout.tail(&manifest.info, &empty, &[0; 32]).map_err(|e| wrong(&e))?;
    let around = (head.len() + tail.len()) as u64 + GROWTH;

    let data = &engine.config.data;
    let io = |source| SealError::Io { path: data.display().to_string(), source };
    let mut body = spooled_tempfile_in(HELD, data);
    let (mut tally, mut one) = (Tally::default(), Vec::with_capacity(1024));
    let (mut after, mut last, mut opened_at) = ((DateTime::UNIX_EPOCH, Uuid::nil()), None, span.schedule.0);
    let mut reason = span.reason;
    'reading: loop {
        let rows = tx.unsealed(taking, after, CHUNK).await?;
        let more = i64::try_from(rows.len()) == Ok(CHUNK);
        for row in &rows {
            if row.record_time >= span.schedule.1 {
                break 'reading;
            }
            if tally.count() >= recipient.records as u64 {
                break 'reading;
            }
            let number = stream.next_number + i64::try_from(tally.count()).unwrap_or(i64::MAX);
            let record = manifest.record(engine, number, row)?;
            one.clear();
            layout.record(&manifest.info, &record, &mut one).map_err(|e| wrong(&e))?;
            // One record is never too large for a file.
            let full = tally.octets() + one.len() as u64 + around > recipient.bytes as u64;
            if full && tally.count() > 0 {
                reason = SIZE;
                break 'reading;
            }
            tally.add(&record, &one).map_err(|e| wrong(&e))?;
            body.write_all(&one).map_err(io)?;
            if last.is_none() {
                opened_at = row.record_time;
            }
            after = (row.record_time, row.record_id);
            last = Some(after);
        }
        if !more {
            break;
        }
    }
    let count = tally.count();
    if count == recipient.records as u64 {
        reason = RECORDS;
    }
    manifest.info.close_reason = reason;
    manifest.info.opened_at = local(engine, opened_at);
    let summary = tally.summary();
    let (bytes, sha256) = seal(&manifest, &summary, &mut body).map_err(|e| match e {
        Failed::Io(e) => io(e),
        Failed::Layout(e) => wrong(&e),
    })?;
    manifest.summary = Some(summary);
    Ok(Filled { manifest, count, last, opened_at, bytes, sha256 })
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Layout(#[from] telvisor_sdr::layout::LayoutError),
}

/// Size and digest of the whole file.
fn seal(
    manifest: &Manifest,
    summary: &Summary,
    body: &mut tempfile::SpooledTempFile,
) -> Result<(u64, String), Failed> {
    let layout = manifest.layout();
    let mut digest = Sha256::new();
    let head = layout.head(&manifest.info, summary)?;
    digest.update(&head);
    body.rewind()?;
    let mut piece = vec![0; 1 << 16];
    loop {
        match body.read(&mut piece)? {
            0 => break,
            n => digest.update(&piece[..n]),
        }
    }
    let tail = layout.tail(&manifest.info, summary, &digest.clone().finalize())?;
    digest.update(&tail);
    Ok(((head.len() + tail.len()) as u64 + summary.octets, hex::encode(digest.finalize())))
}

pub(super) fn local(engine: &Engine, t: DateTime<Utc>) -> DateTime<FixedOffset> {
    let zoned = t.with_timezone(&engine.config.zone());
    whole_seconds(zoned.with_timezone(&zoned.offset().fix()))
}

fn info(engine: &Engine, stream: &StreamRow, span: &Span) -> Result<FileInfo, SealError> {
    let file_seq = u32::try_from(stream.next_file).ok().filter(|n| *n <= MAX_FILE_SEQ);
    let file_seq = file_seq.ok_or_else(|| SealError::Recipient {
        name: stream.recipient.clone(),
        problem: format!("file numbers end at {MAX_FILE_SEQ}; agree on a new recipient, which begins at 1"),
    })?;
    Ok(FileInfo {
        node_id: engine.config.node_id.clone(),
        recipient: stream.recipient.clone(),
        file_seq,
        test: stream.test,
        period_start: local(engine, span.schedule.0),
        period_end: local(engine, span.schedule.1),
        opened_at: local(engine, span.schedule.0),
        closed_at: local(engine, span.now),
        tenant: stream.tenant.clone(),
        close_reason: NORMAL,
    })
}
