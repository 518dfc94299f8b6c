//! Recipients elsewhere, each in a lane of its own: one that is slow or away keeps back no other. A lane is one process's
//! at a time, by a lease; should one whose lease ended still write, it writes the same octets at the same place as the
//! next, so that nothing is harmed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::far::{Far, FarError, Parcel, Put};
use super::rebuild::build;
use super::{address, failed, recipient, recovered};
use crate::clock;
use crate::config::{Ack, Delivery, Recipient};
use crate::engine::Engine;
use crate::mediation::seal::SealError;
use crate::store::StoreError;
use crate::store::sdr_files::FileRow;

/// First wait after a try that failed, and the longest, in milliseconds.
const WAITS: (u64, u64) = (1_000, 300_000);

/// Runs the lanes until `shutdown`.
pub async fn run(engine: Arc<Engine>, shutdown: CancellationToken) {
    let mut rounds = tokio::time::interval(Duration::from_millis(engine.config.jobs.sweep_ms));
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut lanes, mut busy) = (JoinSet::new(), HashSet::new());
    let mut looked: HashMap<String, Instant> = HashMap::new();
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            Some(done) = lanes.join_next() => {
                match done {
                    Ok(name) => { busy.remove::<String>(&name); }
                    Err(e) => {
                        tracing::error!(error = %e, "a lane of delivery broke; all begin anew");
                        lanes.abort_all();
                        busy.clear();
                    }
                }
                continue;
            }
            () = shutdown.cancelled() => return,
        }
        let due = match due(&engine, &looked).await {
            Ok(due) => due,
            Err(e) => {
                tracing::warn!(error = %e, "delivery could not be looked at");
                continue;
            }
        };
        for (name, look) in due {
            if !busy.insert(name.clone()) {
                continue;
            }
            if look {
                looked.insert(name.clone(), Instant::now());
            }
            let engine = engine.clone();
            lanes.spawn(async move {
                if let Err(e) = lane(&engine, &name, look).await {
                    tracing::debug!(error = %e, sdr.recipient = name, "a lane of delivery comes back");
                }
                name
            });
        }
    }
}

/// Recipients elsewhere that have something due, and whether their answers are to be looked for.
async fn due(engine: &Engine, looked: &HashMap<String, Instant>) -> Result<Vec<(String, bool)>, SealError> {
    let mut due = vec![];
    for name in names(engine).await? {
        let (_, r) = recipient(engine, &name).await?;
        let every = Duration::from_secs(r.look_seconds);
        let look = r.ack != Ack::None && looked.get(&name).is_none_or(|at| at.elapsed() >= every);
        if look || !streams(engine, &name).await?.is_empty() {
            due.push((name, look));
        }
    }
    Ok(due)
}

/// Recipients elsewhere: those configured, and those that are not any more but have files to get.
///
/// # Errors
/// When the database does not answer.
pub async fn names(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let mut tx = engine.db.read_system().await?;
    let mut names: Vec<String> = tx.recipients().await?.into_iter().map(|r| r.name).collect();
    names.extend(tx.undelivered().await?.into_iter().map(|f| f.recipient));
    names.sort();
    names.dedup();
    let mut elsewhere = vec![];
    for name in names {
        // One whose configuration cannot be read is told by what delivers to folders of ours.
        let row = tx.recipient_versions(&name).await?.into_iter().next();
        let read = row.map(|row| serde_json::from_value::<Recipient>(row.config.0));
        if matches!(read, Some(Ok(r)) if r.delivery != Delivery::Local) {
            elsewhere.push(name);
        }
    }
    Ok(elsewhere)
}

/// The files of each stream of a recipient whose first one may be tried now.
async fn streams(engine: &Engine, name: &str) -> Result<Vec<Vec<FileRow>>, StoreError> {
    let mut tx = engine.db.read_system().await?;
    let now = tx.lease_now().await?;
    let mut streams: Vec<Vec<FileRow>> = vec![];
    for f in tx.undelivered().await?.into_iter().filter(|f| f.recipient == name) {
        match streams.last_mut() {
            Some(s) if (&s[0].tenant, s[0].test) == (&f.tenant, f.test) => s.push(f),
            _ => streams.push(vec![f]),
        }
    }
    streams.retain(|s| s[0].delivery.next_try.is_none_or(|at| at <= now));
    Ok(streams)
}

/// One round for a recipient elsewhere, if no other process is at it.
///
/// # Errors
/// See [`SealError`]; what failed is noted, and is due again after a while.
pub async fn lane(engine: &Engine, name: &str, look: bool) -> Result<(), SealError> {
    let lease = format!("delivery/{name}");
    if !engine.leads(&lease).await? {
        return Ok(());
    }
    tokio::select! {
        done = round(engine, name, look) => done,
        lost = kept(engine, &lease) => lost,
    }
}

/// Renews a lease; ends when it is lost.
async fn kept(engine: &Engine, lease: &str) -> Result<(), SealError> {
    let mut rounds = tokio::time::interval(engine.lead_time() / 3);
    loop {
        rounds.tick().await;
        if !engine.leads(lease).await? {
            tracing::warn!(lease, "another process took over");
            return Ok(());
        }
    }
}

async fn round(engine: &Engine, name: &str, look: bool) -> Result<(), SealError> {
    let (version, r) = recipient(engine, name).await?;
    let streams = streams(engine, name).await?;
    if streams.is_empty() && !(look && r.ack != Ack::None) {
        return Ok(());
    }
    let wrong = |source: FarError| SealError::Far { at: address(name, &r.delivery), source };
    let far = match Far::open(&r.delivery).await {
        Ok(Some(far)) => far,
        Ok(None) => return Ok(()),
        Err(e) => {
            let e = wrong(e);
            for stream in &streams {
                failed(engine, &stream[0], &e, again(engine, &stream[0]).await?).await;
            }
            return Err(e);
        }
    };
    let mut trouble = None;
    for stream in &streams {
        if let Err((f, e)) = deliver(engine, &far, version, &r, stream).await {
            let may_pass = matches!(&e, SealError::Far { source, .. } if source.may_pass());
            failed(engine, f, &e, again(engine, f).await?).await;
            trouble.get_or_insert(e);
            if may_pass {
                // The connection is gone; the other streams have their turn with the next.
                break;
            }
        }
    }
    trouble.map_or(Ok(()), Err)
}

/// The files of a stream, up to the first that cannot be delivered.
async fn deliver<'a>(
    engine: &Engine,
    far: &Far,
    version: i64,
    r: &Recipient,
    stream: &'a [FileRow],
) -> Result<(), (&'a FileRow, SealError)> {
    for f in stream {
        one(engine, far, version, r, f).await.map_err(|e| (f, e))?;
    }
    Ok(())
}

/// No transaction is open while the network is at work.
async fn one(engine: &Engine, far: &Far, version: i64, r: &Recipient, f: &FileRow) -> Result<(), SealError> {
    let here = {
        let mut tx = engine.db.read_system().await?;
        build(engine, &mut tx, f).await?
    };
    let size = u64::try_from(f.bytes).unwrap_or(0);
    let put = far.put(Parcel { here: &here, name: &f.name, size, sha256: &f.sha256 }).await;
    // Made anew for each try: what is left of one is of no use.
    drop(std::fs::remove_file(&here));
    let put = put.map_err(|source| SealError::Far { at: address(&f.recipient, &r.delivery), source })?;
    let mut tx = engine.db.system().await?;
    tx.mark_delivered(f, version, r.ack == Ack::None).await?;
    tx.commit().await?;
    let again = put == Put::WasThere;
    tracing::info!(sdr.file = f.name, sdr.recipient = f.recipient, was_there = again, "file delivered");
    recovered(engine, f).await?;
    Ok(())
}

/// When a file is due again.
async fn again(engine: &Engine, f: &FileRow) -> Result<Option<DateTime<Utc>>, StoreError> {
    let now = engine.db.read_system().await?.lease_now().await?;
    let tries = f.delivery.tries;
    let wait = clock::backoff(WAITS, tries, &format!("{}{}{tries}", f.recipient, f.name));
    Ok(Some(now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX)))
}
