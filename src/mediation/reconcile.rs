//! What a recipient is told of a period that is closed: its files with their digests, and its records by type, for its
//! own books. A pure function of the manifests.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use telvisor_sdr::{RecordType, time};

use super::deliver::{root, stream_folder};
use super::encode::Manifest;
use super::fill::local;
use super::schedule::Schedule;
use super::seal::{SealError, keep_first, parsed};
use crate::clock::show;
use crate::config::{Delivery, Recipient};
use crate::engine::Engine;
use crate::store::sdr_files::StreamRow;
use crate::store::sdr_reconciliations::ReconciliationRow;
use crate::store::{System, Tx};

/// Begin and end.
type Span = (DateTime<Utc>, DateTime<Utc>);

/// The account of a period, as CSV (RFC 4180): a row `A` on the period, `F` for each file, `S` for each type of
/// records, `T` for all. Rows have nine cells.
///
/// # Errors
/// When the database does not answer, or a manifest cannot be read.
pub async fn account(
    engine: &Engine,
    tx: &mut Tx<System>,
    (tenant, recipient, test): (&str, &str, bool),
    (start, end): Span,
) -> Result<String, SealError> {
    let files = tx.audit_files((tenant, recipient, test), (start, end)).await?;
    let kind = if test { "TEST" } else { "LIVE" };
    let shown = |t| time::to_text(&local(engine, t));
    let mut out = format!(
        "A,SDR-AUDIT,1.0,{},{recipient},{tenant},{kind},{},{}\r\n",
        engine.config.node_id,
        shown(start),
        shown(end)
    );
    let mut add = |row: String| write!(out, "{row}\r\n").expect("a String takes all");
    let mut by_type: Vec<(RecordType, u64)> = RecordType::ALL.iter().map(|kind| (*kind, 0)).collect();
    let (mut records, mut octets, mut volume) = (0, 0, 0_u64);
    for f in &files {
        let numbers =
            if f.records > 0 { format!("{},{}", f.first_number, f.last_number) } else { ",".to_owned() };
        add(format!(
            "F,{},{},{},{},{numbers},{},{}",
            f.file_seq, f.revision, f.name, f.records, f.bytes, f.sha256
        ));
        (records, octets) = (records + f.records, octets + f.bytes);
        let unreadable =
            |e: serde_json::Error| SealError::Encode { name: f.name.clone(), problem: e.to_string() };
        let manifest: Manifest = serde_json::from_value(f.manifest.0.clone()).map_err(unreadable)?;
        if let Some(summary) = manifest.summary {
            volume = volume.saturating_add(summary.totals.sum_volume_octets);
            for (kind, sum) in &mut by_type {
                *sum += summary.totals.by_type.get(kind).copied().unwrap_or(0);
            }
        }
    }
    for (kind, sum) in by_type {
        add(format!("S,{},{},{sum},,,,,", kind.code(), kind.as_str()));
    }
    add(format!("T,{},{records},{octets},{volume},,,,", files.len()));
    Ok(out)
}

/// The account of the period that contains `at`, else of the last that has ended; none when there is no such recipient.
///
/// # Errors
/// As [`account`].
pub async fn of_period(
    engine: &Engine,
    stream: (&str, &str, bool),
    at: Option<DateTime<Utc>>,
) -> Result<Option<String>, SealError> {
    let mut tx = engine.db.read_system().await?;
    let Some(row) = tx.recipient_versions(stream.1).await?.into_iter().next() else { return Ok(None) };
    let problem = |problem| SealError::Recipient { name: row.name.clone(), problem };
    let schedule = Schedule::parse(&parsed(&row)?.schedule).map_err(problem)?;
    let zone = engine.config.zone();
    let at = at.unwrap_or_else(|| schedule.period(zone, tx.now()).0 - TimeDelta::microseconds(1));
    let span = schedule.period(zone, at);
    account(engine, &mut tx, stream, span).await.map(Some)
}

/// Writes down, in the transaction that closes a stream's periods, the accounts of those that end by `boundary`.
pub(super) async fn close(
    engine: &Engine,
    tx: &mut Tx<System>,
    schedule: &Schedule,
    stream: &StreamRow,
    boundary: DateTime<Utc>,
    most: usize,
) -> Result<(), SealError> {
    let of = (stream.tenant.as_str(), stream.recipient.as_str(), stream.test);
    let mut at = stream.cut_time;
    for _ in 0..most {
        if at >= boundary {
            break;
        }
        let (start, end) = schedule.period(engine.config.zone(), at);
        let begun = local(engine, start);
        let name = format!("{}_-_{}.audit", engine.config.node_id, begun.format("%Y%m%d_-_%H%M%z"));
        let body = account(engine, tx, of, (start, end)).await?;
        tx.insert_reconciliation(of, (start, end), &name, &body).await?;
        at = end;
    }
    Ok(())
}

/// Puts the accounts that are due into the folders `audit` of recipients who fetch, each after the files that it tells
/// of.
///
/// # Errors
/// See [`SealError`]; what was not put is tried again by the next call.
pub(super) async fn deliver(engine: &Engine) -> Result<(), SealError> {
    let due = engine.db.read_system().await?.due_reconciliations().await?;
    let mut trouble = None;
    for r in &due {
        if let Err(e) = one(engine, r).await {
            keep_first(&mut trouble, e);
        }
    }
    trouble.map_or(Ok(()), Err)
}

async fn one(engine: &Engine, r: &ReconciliationRow) -> Result<(), SealError> {
    let row = engine.db.read_system().await?.recipient_versions(&r.recipient).await?.into_iter().next();
    let recipient: Option<Recipient> = row.as_ref().map(parsed).transpose()?;
    if recipient.is_none_or(|r| r.delivery == Delivery::Local) {
        put(engine, r)?;
        let mut tx = engine.db.system().await?;
        tx.reconciliation_delivered(r).await?;
        tx.commit().await?;
        tracing::info!(
            sdr.file = r.name,
            sdr.recipient = r.recipient,
            from = show(r.period_start),
            "account delivered"
        );
    }
    Ok(())
}

fn put(engine: &Engine, r: &ReconciliationRow) -> Result<(), SealError> {
    let (files, root) = (engine.files.as_ref(), root(engine));
    let folder = stream_folder(&root, &r.tenant, &r.recipient, r.test).join("audit");
    let target = folder.join(&r.name);
    let part = root.join(".work").join(format!("{}.{}.{}.{}.tmp", r.recipient, r.tenant, r.test, r.name));
    let io = |source| SealError::Io { path: target.display().to_string(), source };
    files.make_folder(&root.join(".work")).map_err(io)?;
    files.make_folder(&folder).map_err(io)?;
    files.write(&part, r.body.as_bytes(), true).map_err(io)?;
    files.sync(&part).map_err(io)?;
    files.rename(&part, &target).map_err(io)?;
    files.sync_folder(&folder).map_err(io)
}
