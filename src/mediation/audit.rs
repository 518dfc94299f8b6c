//! The audit: for each period of each stream, what was journalled against what lies in files, type by type. What the
//! journal, the numbers and the manifests say is counted apart, and must balance to zero.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use telvisor_model::Alarm;
use telvisor_sdr::RecordType;

use super::encode::Manifest;
use super::schedule::Schedule;
use super::seal::{SealError, parsed, tell};
use crate::clock::show;
use crate::config::Recipient;
use crate::engine::Engine;
use crate::store::sdr_files::{FileRow, RecipientRow, StreamRow};
use crate::store::{System, Tx};

/// Most periods that are looked at in one stream at once.
pub const MOST: usize = 400;

/// Records of one type in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Journalled for the recipient.
    pub events: i64,
    /// Of these, waiting for their file: their period is not cut yet.
    pub open: i64,
    /// In a file.
    pub written: i64,
    /// Of these, in files that are delivered, acknowledged ones included.
    pub delivered: i64,
    pub acknowledged: i64,
    /// In files that the recipient refused.
    pub rejected: i64,
    /// What is missing in files (above zero), or too much there (below).
    pub difference: i64,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.open += other.open;
        self.written += other.written;
        self.delivered += other.delivered;
        self.acknowledged += other.acknowledged;
        self.rejected += other.rejected;
        self.difference += other.difference;
    }
}

/// One period of a stream.
#[derive(Debug, Clone)]
pub struct Period {
    pub tenant: String,
    pub recipient: String,
    pub test: bool,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Its last file is sealed.
    pub closed: bool,
    /// Its files, heartbeats included.
    pub files: usize,
    pub first_file: Option<i64>,
    pub last_file: Option<i64>,
    pub first_number: Option<i64>,
    pub last_number: Option<i64>,
    pub octets: i64,
    pub types: BTreeMap<RecordType, Count>,
    /// What does not agree, in words.
    pub trouble: Vec<String>,
}

impl Period {
    /// Over all types.
    #[must_use]
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        self.types.values().for_each(|c| total.add(c));
        total
    }

    /// Whether nothing is missing and nothing too much.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.trouble.is_empty() && self.types.values().all(|c| c.difference == 0)
    }
}

/// What is to be looked at: periods back from the one that contains `until`.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub tenant: &'a str,
    pub recipient: Option<&'a str>,
    pub until: DateTime<Utc>,
    pub periods: usize,
}

/// Audits the streams of a tenant, live and test, by recipient; the newest period first.
///
/// # Errors
/// When the database does not answer, or a recipient's configuration cannot be read.
pub async fn audit(engine: &Engine, ask: &Ask<'_>) -> Result<Vec<Period>, SealError> {
    let mut tx = engine.db.read_system().await?;
    let streams = tx.streams().await?;
    let mut out = vec![];
    for row in tx.recipients().await?.iter().filter(|r| ask.recipient.is_none_or(|name| r.name == name)) {
        let of = |s: &&StreamRow| s.tenant == ask.tenant && s.recipient == row.name;
        for stream in streams.iter().filter(of) {
            out.extend(periods(engine, &mut tx, row, stream, ask).await?);
        }
    }
    Ok(out)
}

async fn periods(
    engine: &Engine,
    tx: &mut Tx<System>,
    row: &RecipientRow,
    stream: &StreamRow,
    ask: &Ask<'_>,
) -> Result<Vec<Period>, SealError> {
    let versions = versions(tx, row).await?;
    let wrong = |problem| SealError::Recipient { name: row.name.clone(), problem };
    let schedule = Schedule::parse(&parsed(row)?.schedule).map_err(wrong)?;
    let mut out = vec![];
    let mut at = ask.until;
    while out.len() < ask.periods.min(MOST) && at > row.since {
        let (start, end) = schedule.period(engine.config.zone(), at);
        out.push(period(tx, row, &versions, stream, (start, end)).await?);
        at = start - TimeDelta::microseconds(1);
    }
    Ok(out)
}

/// A recipient's configurations with when each began, the oldest first.
async fn versions(
    tx: &mut Tx<System>,
    row: &RecipientRow,
) -> Result<Vec<(DateTime<Utc>, Recipient)>, SealError> {
    let rows = tx.recipient_versions(&row.name).await?;
    rows.iter().rev().map(|r| Ok((r.created_at, parsed(r)?))).collect()
}

async fn period(
    tx: &mut Tx<System>,
    row: &RecipientRow,
    versions: &[(DateTime<Utc>, Recipient)],
    stream: &StreamRow,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Period, SealError> {
    let of = (stream.tenant.as_str(), stream.recipient.as_str(), stream.test);
    let files = tx.audit_files(of, (start, end)).await?;
    let numbered: Vec<_> = files.iter().filter(|f| f.records > 0).collect();
    let mut period = Period {
        tenant: stream.tenant.clone(),
        recipient: stream.recipient.clone(),
        test: stream.test,
        start,
        end,
        closed: stream.cut_time >= end,
        files: files.len(),
        first_file: files.first().map(|f| f.file_seq),
        last_file: files.last().map(|f| f.file_seq),
        first_number: numbered.first().map(|f| f.first_number),
        last_number: numbered.last().map(|f| f.last_number),
        octets: files.iter().map(|f| f.bytes).sum(),
        types: RecordType::ALL.iter().map(|kind| (*kind, Count::default())).collect(),
        trouble: vec![],
    };
    for w in tx.audit_written(of, (start, end)).await? {
        let Some(count) = count(&mut period, &w.kind) else { continue };
        count.events += w.records;
        count.written += w.records;
        match w.state.as_deref() {
            Some("sealed") => {}
            Some("delivered") => count.delivered += w.records,
            Some("acknowledged" | "deleted") => {
                count.delivered += w.records;
                count.acknowledged += w.records;
            }
            Some(_) => count.rejected += w.records,
            None => {
                count.difference += w.records;
                period.trouble.push(format!("file {} has records and no manifest", w.file_seq));
            }
        }
    }
    // What came before the recipient is not its; a change of filters is judged by when a record was journalled.
    let present = &versions.last().expect("it has one").1;
    for (n, (began, then)) in versions.iter().enumerate() {
        let until = versions.get(n + 1).map_or(end, |(next, _)| (*next).min(end));
        let from = if n == 0 { row.since + TimeDelta::microseconds(1) } else { *began }.max(start);
        if from >= until {
            continue;
        }
        for u in tx.audit_unnumbered(of, (from, until)).await? {
            let passes = |r: &Recipient| r.passes(&u.kind, u.application.as_deref());
            let closed = period.closed;
            if passes(then)
                && passes(present)
                && let Some(count) = count(&mut period, &u.kind)
            {
                count.events += u.records;
                *(if closed { &mut count.difference } else { &mut count.open }) += u.records;
            }
        }
    }
    compare(tx, of, &files, &mut period).await?;
    Ok(period)
}

fn count<'a>(period: &'a mut Period, kind: &str) -> Option<&'a mut Count> {
    match kind.parse::<RecordType>() {
        Ok(kind) => Some(period.types.entry(kind).or_default()),
        Err(_) => {
            period.trouble.push(format!("there are records of the type {kind:?}, which no file can carry"));
            None
        }
    }
}

/// Compares the manifests of files with the numbers that were given in them.
async fn compare(
    tx: &mut Tx<System>,
    of: (&str, &str, bool),
    files: &[FileRow],
    period: &mut Period,
) -> Result<(), SealError> {
    let (Some(first), Some(last)) = (files.first(), files.last()) else { return Ok(()) };
    let given = tx.audit_numbered(of, (first.file_seq, last.file_seq)).await?;
    for f in files {
        let Ok(manifest) = serde_json::from_value::<Manifest>(f.manifest.0.clone()) else {
            period.trouble.push(format!("the manifest of {} cannot be read", f.name));
            continue;
        };
        // What was lost with a primary is told when its files are taken over.
        if manifest.resynced {
            continue;
        }
        let numbers = given.iter().filter(|g| g.file_seq == f.file_seq);
        let sum: i64 = numbers.clone().map(|g| g.records).sum();
        if sum != f.records {
            period.trouble.push(format!("{} has {} records, {sum} are numbered", f.name, f.records));
        }
        let Some(summary) = &manifest.summary else { continue };
        for (kind, told) in &summary.totals.by_type {
            let there: i64 = numbers.clone().filter(|g| g.kind == kind.as_str()).map(|g| g.records).sum();
            let told = i64::try_from(*told).unwrap_or(i64::MAX);
            if there != told {
                period.types.entry(*kind).or_default().difference += told - there;
                period.trouble.push(format!("{} tells of {told} {kind}, {there} are numbered", f.name));
            }
        }
    }
    Ok(())
}

/// The columns of [`to_csv`].
const TITLES: &str = "recipient,tenant,stream,periodStart,periodEnd,closed,type,files,firstFile,lastFile,firstNumber,\
                      lastNumber,octets,events,open,written,delivered,acknowledged,rejected,difference";

/// As CSV (RFC 4180): a line for each type that occurs, and one for all types (`all`) of each period, which alone tells
/// of files.
#[must_use]
pub fn to_csv(periods: &[Period]) -> String {
    let mut out = format!("{TITLES}\r\n");
    for p in periods {
        let mut line = |kind: &str, files: &str, c: &Count| {
            let stream = if p.test { "TEST" } else { "LIVE" };
            let of = format!(
                "{},{},{stream},{},{},{}",
                p.recipient,
                p.tenant,
                show(p.start),
                show(p.end),
                p.closed
            );
            let counts = [c.events, c.open, c.written, c.delivered, c.acknowledged, c.rejected, c.difference];
            let counts = counts.map(|n| n.to_string()).join(",");
            write!(out, "{of},{kind},{files},{counts}\r\n").expect("a String takes all");
        };
        for (kind, c) in p.types.iter().filter(|(_, c)| **c != Count::default()) {
            line(kind.as_str(), ",,,,,", c);
        }
        let or_none = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
        let numbers = [p.first_file, p.last_file, p.first_number, p.last_number].map(or_none).join(",");
        line("all", &format!("{},{numbers},{}", p.files, p.octets), &p.total());
    }
    out
}

/// Between two audits when no period ends.
const AGAIN: TimeDelta = TimeDelta::hours(1);
/// Between two times that an imbalance is told; it is over when nobody has told it for a minute.
const TELL: TimeDelta = TimeDelta::seconds(10);
/// Periods back that are watched.
const WATCHED: usize = 8;

/// Tenant, recipient, whether test.
type Stream = (String, String, bool);

/// What a process remembers from audit to audit.
#[derive(Debug, Default)]
pub struct Auditor {
    audited: Option<DateTime<Utc>>,
    told: Option<DateTime<Utc>>,
    cuts: BTreeMap<Stream, DateTime<Utc>>,
    found: BTreeMap<Stream, String>,
}

impl Auditor {
    /// Audits all streams when a period has ended, and once an hour; tells operators of what does not balance.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn round(&mut self, engine: &Engine) -> Result<(), SealError> {
        let mut tx = engine.db.read_system().await?;
        let now = tx.lease_now().await?;
        let of = |s: StreamRow| ((s.tenant, s.recipient, s.test), s.cut_time);
        let cuts: BTreeMap<_, _> = tx.streams().await?.into_iter().map(of).collect();
        drop(tx);
        if cuts != self.cuts || self.audited.is_none_or(|at| now - at >= AGAIN) {
            self.found = unbalanced(engine, now).await?;
            (self.audited, self.cuts, self.told) = (Some(now), cuts, None);
        }
        if self.told.is_none_or(|at| now - at >= TELL) {
            for ((tenant, recipient, test), text) in &self.found {
                tell(engine, Alarm::SdrUnbalanced, (tenant, recipient, *test), text).await;
            }
            self.told = Some(now);
        }
        Ok(())
    }
}

/// The streams whose last periods do not balance, with the oldest trouble of each.
async fn unbalanced(engine: &Engine, now: DateTime<Utc>) -> Result<BTreeMap<Stream, String>, SealError> {
    let tenants = engine.db.read_system().await?.all_tenants().await?;
    let mut found = BTreeMap::new();
    for tenant in &tenants {
        let ask = Ask { tenant, recipient: None, until: now, periods: WATCHED };
        let mut differences: BTreeMap<(String, bool), i64> = BTreeMap::new();
        for p in audit(engine, &ask).await? {
            *differences.entry((p.recipient.clone(), p.test)).or_default() += p.total().difference.abs();
            if !p.balances() {
                let difference = p.total().difference;
                let detail = p.trouble.first().map(|t| format!("; {t}")).unwrap_or_default();
                let text = format!(
                    "the period from {} to {}: {} records were journalled, {} are in files, {} wait, {difference} differ{detail}",
                    show(p.start),
                    show(p.end),
                    p.total().events,
                    p.total().written,
                    p.total().open
                );
                found.insert((p.tenant, p.recipient, p.test), text);
            }
        }
        for ((recipient, test), difference) in differences {
            let stream = if test { "test" } else { "live" };
            metrics::gauge!(
                "telvisor_sdr_audit_difference", "tenant" => tenant.clone(), "recipient" => recipient, "stream" => stream
            )
            .set(difference as f64);
        }
    }
    Ok(found)
}
