//! Sealing: records get their numbers and their file in one transaction; the file itself is then a pure function of
//! them and of its manifest, so a crash, a resend or a take-over gives the same octets.

use chrono::{DateTime, TimeDelta, Utc};
use telvisor_model::Alarm;
use telvisor_sdr::name::NameTemplate;

use super::deliver::deliver_local;
pub use super::deliver::{FarError, deliver, folder, rebuild, root};
use super::fill::{Filled, fill};
use super::reconcile;
use super::schedule::Schedule;
use crate::alarms;
use crate::config::{Empty, Recipient};
use crate::engine::Engine;
use crate::store::sdr::Taking;
use crate::store::sdr_delivery::Progress;
use crate::store::sdr_files::{FileRow, RecipientRow, StreamRow};
use crate::store::{Json, StoreError, System, Tx, retrying};

/// Reasons to close a file, as in [`telvisor_sdr::file::CLOSE_REASONS`].
pub(super) const NORMAL: u8 = 0;
pub(super) const SIZE: u8 = 1;
const OPEN_TIME: u8 = 2;
pub(super) const RECORDS: u8 = 3;
const OPERATOR: u8 = 4;

/// Version of the encoders; a file that was sealed by another cannot be rebuilt by this one.
pub(super) const CODEC: &str = "1.0";

/// Octets of a record in a file, header and trailer counted as one each, at most, without those that its journal row's
/// body, the node and the tenant give it: ids, times, subscriber and separators.
const AROUND: usize = 512;

/// Most heartbeats, and accounts of periods, of one stream at once: who was away for longer tells the rest with the next
/// file's number.
const HEARTBEATS: usize = 400;

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
    #[error("{free} MiB of the disk are free; no file is sealed below mediation.stop_free_mib")]
    NearlyFull { free: u64 },
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("{at}: {source}")]
    Far { at: String, source: FarError },
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

/// Seals what is due in every stream, then delivers into folders of ours; other recipients have lanes of their own
/// ([`super::deliver::lanes`]). Returns the files sealed now.
///
/// # Errors
/// See [`SealError`]; what was sealed before stays and is delivered by the next call.
pub async fn seal(engine: &Engine, cut: Cut) -> Result<Vec<FileRow>, SealError> {
    if let Some(free) = nearly_full(engine) {
        // The records wait in the journal, and what is sealed in its manifest.
        return if cut == Cut::Manual { Err(SealError::NearlyFull { free }) } else { Ok(vec![]) };
    }
    let (recipients, kinds) = {
        let mut tx = engine.db.read_system().await?;
        (tx.recipients().await?, kinds(&mut tx).await?)
    };
    let (mut sealed, mut trouble) = (vec![], None);
    for row in &recipients {
        let recipient = match parsed(row) {
            Ok(recipient) => recipient,
            Err(e) => {
                keep_first(&mut trouble, e);
                continue;
            }
        };
        let beats = recipient.empty == Empty::Heartbeat;
        let of = kinds.iter().filter(|(tenant, _, records)| recipient.takes(tenant) && (*records || beats));
        for (tenant, test, _) in of {
            match stream(engine, row, &recipient, (tenant, *test), cut).await {
                Ok(files) => sealed.extend(files),
                // The other streams do not wait for this one.
                Err(e) => {
                    fails(engine, Alarm::SdrSealingFailing, (tenant, &row.name, *test), &e).await;
                    keep_first(&mut trouble, e);
                }
            }
        }
    }
    if let Err(e) = deliver_local(engine).await {
        keep_first(&mut trouble, e);
    }
    if let Err(e) = reconcile::deliver(engine).await {
        keep_first(&mut trouble, e);
    }
    trouble.map_or(Ok(sealed), Err)
}

/// The MiB that are free where the files go, when that is too little to go on.
fn nearly_full(engine: &Engine) -> Option<u64> {
    let least = engine.config.mediation.stop_free_mib;
    let sdr = root(engine);
    let place = if sdr.is_dir() { &sdr } else { &engine.config.data };
    // One that cannot be asked is found out by writing.
    let free = engine.files.room(place).ok()?.free >> 20;
    (free < least).then_some(free)
}

/// Tenants, whether test, and whether there are records: every tenant's live stream is there, for heartbeats.
async fn kinds(tx: &mut Tx<System>) -> Result<Vec<(String, bool, bool)>, StoreError> {
    let known = tx.sdr_kinds().await?;
    let mut all: Vec<_> = known.iter().map(|(tenant, test)| (tenant.clone(), *test, true)).collect();
    for tenant in tx.all_tenants().await? {
        if !known.iter().any(|(t, test)| *t == tenant && !test) {
            all.push((tenant, false, false));
        }
    }
    Ok(all)
}

/// The configuration of a recipient, as it was noted.
pub(super) fn parsed(row: &RecipientRow) -> Result<Recipient, SealError> {
    let wrong = |problem: String| SealError::Recipient { name: row.name.clone(), problem };
    serde_json::from_value(row.config.0.clone()).map_err(|e| wrong(e.to_string()))
}

/// Tells operators that a stream comes to a stop; they are told that it goes on when nobody says this any more.
pub(super) async fn fails(engine: &Engine, kind: Alarm, stream: (&str, &str, bool), e: &SealError) {
    // That the database is away is an alarm of its own.
    if !matches!(e, SealError::Store(_)) {
        tell(engine, kind, stream, &e.to_string()).await;
    }
}

/// Tells operators something of a stream (tenant, recipient, whether test).
pub(super) async fn tell(
    engine: &Engine,
    kind: Alarm,
    (tenant, recipient, test): (&str, &str, bool),
    text: &str,
) {
    let object = alarms::stream(recipient, test);
    let told = retrying("alarm", || async {
        let mut tx = engine.db.tenant(tenant).await?;
        alarms::hold(&mut tx, kind, kind.about().severity, &object, text, None).await?;
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

/// Words between commas, as [`Taking`] has them.
fn listed<T: ToString>(words: &[T]) -> String {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    if words.is_empty() { String::new() } else { format!(",{},", words.join(",")) }
}

/// Seals one stream, in one transaction.
async fn stream(
    engine: &Engine,
    row: &RecipientRow,
    recipient: &Recipient,
    (tenant, test): (&str, bool),
    cut: Cut,
) -> Result<Vec<FileRow>, SealError> {
    let wrong = |problem: String| SealError::Recipient { name: row.name.clone(), problem };
    let schedule = Schedule::parse(&recipient.schedule).map_err(wrong)?;
    let zone = engine.config.zone();
    let (types, applications) = (listed(&recipient.types), listed(&recipient.applications));
    let mut taking = Taking {
        tenant,
        recipient: &row.name,
        test,
        types: &types,
        applications: &applications,
        since: row.since,
        until: row.since,
    };
    // Looked at all the time: nobody is made to wait for a cut that is not due.
    let reason = match cut {
        Cut::Manual => Some(OPERATOR),
        Cut::Period => period_ended(engine, row, &schedule, tenant, test).await?.then_some(NORMAL),
        Cut::Limits => full(engine, row, recipient, &schedule, taking).await?,
    };
    let Some(reason) = reason else { return Ok(vec![]) };
    let mut tx = engine.db.system().await?;
    tx.lock_cut().await?;
    let now = tx.lease_now().await?;
    let mut stream = tx.stream(tenant, &row.name, test, row.since).await?;
    let (boundary, _) = schedule.period(zone, now);
    (taking.since, taking.until) = match cut {
        Cut::Period => (since(row, &stream), boundary.max(stream.cut_time)),
        // Under the lock there is no more to come.
        Cut::Manual | Cut::Limits => (since(row, &stream), all(now)),
    };
    let mut files = vec![];
    let mut newest = stream.cut_time;
    // Heartbeats stand where their periods stand among the files.
    let mut silent = if cut == Cut::Period && recipient.empty == Empty::Heartbeat {
        silent(&mut tx, &schedule, zone, &stream, boundary).await?
    } else {
        vec![]
    };
    loop {
        let first = tx.unsealed(&taking, (DateTime::UNIX_EPOCH, uuid::Uuid::nil()), 1).await?;
        let period = first.first().map(|r| schedule.period(zone, r.record_time));
        let next = match period {
            Some((start, _)) => silent.iter().position(|s| s.0 >= start).unwrap_or(silent.len()),
            None => silent.len(),
        };
        for empty in silent.drain(..next) {
            let span = Span { schedule: empty, now, reason: NORMAL };
            let nothing = Taking { since: taking.until, ..taking };
            let beat = fill(engine, &mut tx, recipient, &stream, &nothing, &span).await?;
            files.push(write(engine, &mut tx, row, recipient, &mut stream, &nothing, &span, beat).await?);
        }
        let Some(period) = period else { break };
        silent.retain(|s| s.0 != period.0);
        let span = Span { schedule: period, now, reason: if period.1 <= now { NORMAL } else { reason } };
        let filled = fill(engine, &mut tx, recipient, &stream, &taking, &span).await?;
        if cut == Cut::Limits && filled.reason() == NORMAL && period.1 > now {
            break;
        }
        let last = filled.last;
        files.push(write(engine, &mut tx, row, recipient, &mut stream, &taking, &span, filled).await?);
        if let Some((at, _)) = last {
            newest = newest.max(at);
            // All that the file took lies before, and need not be looked through for the next one.
            taking.since = taking.since.max(at - TimeDelta::microseconds(1));
        }
    }
    match cut {
        Cut::Limits => {}
        Cut::Period => {
            if recipient.reconciliation {
                reconcile::close(engine, &mut tx, &schedule, &stream, boundary, HEARTBEATS).await?;
            }
            stream.cut_time = stream.cut_time.max(boundary);
        }
        Cut::Manual => stream.cut_time = stream.cut_time.max(now).max(newest),
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

/// Periods that have ended since the stream's last cut and have no file yet.
async fn silent(
    tx: &mut Tx<System>,
    schedule: &Schedule,
    zone: chrono_tz::Tz,
    stream: &StreamRow,
    boundary: DateTime<Utc>,
) -> Result<Vec<(DateTime<Utc>, DateTime<Utc>)>, StoreError> {
    let mut periods = vec![];
    let mut at = stream.cut_time;
    while at < boundary && periods.len() < HEARTBEATS {
        let period = schedule.period(zone, at);
        if !tx.has_file_of((&stream.tenant, &stream.recipient, stream.test), period.0).await? {
            periods.push(period);
        }
        at = period.1;
    }
    Ok(periods)
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

/// The reason to close a file now, when the stream's open records fill one or have been open for too long. The database
/// counts them; only near a limit are they read and tried.
async fn full(
    engine: &Engine,
    row: &RecipientRow,
    recipient: &Recipient,
    schedule: &Schedule,
    mut taking: Taking<'_>,
) -> Result<Option<u8>, SealError> {
    let mut tx = engine.db.read_system().await?;
    let now = tx.lease_now().await?;
    let stream = tx.peek_stream(taking.tenant, &row.name, taking.test).await?.unwrap_or_else(|| StreamRow {
        tenant: taking.tenant.to_owned(),
        recipient: row.name.clone(),
        test: taking.test,
        next_file: 1,
        next_number: 1,
        cut_time: row.since,
    });
    (taking.since, taking.until) = (since(row, &stream), all(now));
    let (records, octets, oldest) = tx.unsealed_size(&taking).await?;
    let age = TimeDelta::minutes(recipient.open_minutes);
    if recipient.open_minutes > 0 && oldest.is_some_and(|oldest| oldest + age <= now) {
        return Ok(Some(OPEN_TIME));
    }
    let number = |n: i64| usize::try_from(n).unwrap_or(0);
    let around = AROUND + engine.config.node_id.len() + taking.tenant.len();
    let most = number(octets) + (number(records) + 2) * around;
    let Some(oldest) = oldest.filter(|_| number(records) >= recipient.records || most > recipient.bytes)
    else {
        return Ok(None);
    };
    // Those of later periods fill files of their own.
    let mut period = schedule.period(engine.config.zone(), oldest);
    loop {
        let span = Span { schedule: period, now, reason: NORMAL };
        let filled = fill(engine, &mut tx, recipient, &stream, &taking, &span).await?;
        if filled.reason() != NORMAL {
            return Ok(Some(NORMAL));
        }
        taking.since = taking.since.max(period.1 - TimeDelta::microseconds(1));
        let first = tx.unsealed(&taking, (DateTime::UNIX_EPOCH, uuid::Uuid::nil()), 1).await?;
        match first.first() {
            Some(first) => period = schedule.period(engine.config.zone(), first.record_time),
            None => return Ok(None),
        }
    }
}

/// What a file covers.
pub(super) struct Span {
    /// Begin and end of its period.
    pub schedule: (DateTime<Utc>, DateTime<Utc>),
    pub now: DateTime<Utc>,
    /// Why it ends where its records end, when no limit is reached before.
    pub reason: u8,
}

impl Span {
    /// Names the file in messages.
    pub(super) fn name(&self, stream: &StreamRow) -> String {
        format!("{} of {}", stream.next_file, stream.recipient)
    }
}

/// Writes down a file that was filled: its manifest and the numbers of its records.
#[expect(clippy::too_many_arguments, reason = "all of them are facts about one file")]
async fn write(
    engine: &Engine,
    tx: &mut Tx<System>,
    row: &RecipientRow,
    recipient: &Recipient,
    stream: &mut StreamRow,
    taking: &Taking<'_>,
    span: &Span,
    filled: Filled,
) -> Result<FileRow, SealError> {
    let info = &filled.manifest.info;
    let template = NameTemplate::parse(&recipient.file_name)
        .map_err(|problem| SealError::Recipient { name: row.name.clone(), problem })?;
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let last = stream.next_number + whole(filled.count) - 1;
    let out = FileRow {
        tenant: stream.tenant.clone(),
        recipient: stream.recipient.clone(),
        test: stream.test,
        file_seq: stream.next_file,
        revision: 1,
        config_version: row.version,
        name: template.render(info, filled.manifest.layout().extension(), 1),
        state: "sealed".into(),
        records: whole(filled.count),
        first_number: stream.next_number,
        last_number: last,
        bytes: whole(filled.bytes),
        sha256: filled.sha256,
        node_id: engine.config.node_id.clone(),
        node_address: Some(recipient.node_address.to_string()),
        utc_offset_s: i64::from(info.closed_at.offset().local_minus_utc()),
        period_start: span.schedule.0,
        period_end: span.schedule.1,
        opened_at: filled.opened_at,
        closed_at: span.now,
        close_reason: i64::from(info.close_reason),
        codec_version: CODEC.into(),
        manifest: Json(serde_json::to_value(&filled.manifest).expect("plain data")),
        rejected_reference: None,
        delivered_at: None,
        acknowledged_at: None,
        place: None,
        delivery: Progress::default(),
    };
    if let Some(last) = filled.last {
        let numbered = tx.number_records(taking, last, stream.next_number, stream.next_file).await?;
        if numbered != filled.count {
            let problem = format!("{} records were filled in, {numbered} numbered", filled.count);
            return Err(SealError::Encode { name: out.name, problem });
        }
    }
    tx.insert_file(&out).await?;
    stream.next_file += 1;
    stream.next_number = last + 1;
    Ok(out)
}
