//! Performance counters per granularity period, as an OSS expects of a network element (3GPP TS 32.401): how many
//! orders, how long each kind of step, how many machines, records and files.
//!
//! Nothing is counted while it happens. When a period is over, the database derives its counters from the rows of what
//! happened in it, so that a process that dies loses none and none is there twice. A transaction that was open when
//! the period ended may still add a row with a time in it. So a period is derived a second time when every transaction
//! that had begun before its end has ended: then it is *settled*, and stays. (On SQLite there is one writer, and
//! deriving is a write: nothing is open beside it.)

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::store::{StoreError, retrying};

/// Pause between two looks whether a period has ended.
const PERIOD: Duration = Duration::from_secs(10);
/// How far the clock of a process may be behind the one that periods go by. Rows that it writes this long after the
/// end still count into the period.
pub const MARGIN: TimeDelta = TimeDelta::seconds(30);
/// Most periods of one length that are made up for after a time in which nothing ran.
const MOST: i64 = 10_000;

/// A counter: its name, its labels, what is counted, and what `sum` and `longest` are.
pub const COUNTERS: &[(&str, &str, &str, &str)] = &[
    ("orders.received", "`door`, `kind`", "orders that came in, drafts among them, by `orderDate`", ""),
    ("orders.ended", "`door`, `kind`, `outcome`", "orders that came to a final state", ""),
    ("items.ended", "`action`, `outcome`", "items of service orders that came to a final state", ""),
    ("attempts", "`outcome`, `phase`", "claims of jobs that ended, by how", ""),
    ("steps", "`step`", "steps that were done", "milliseconds: of all together, and of the longest"),
    (
        "machines",
        "`state`",
        "machines as the period ended, by state; taken then, and missing where nothing ran",
        "",
    ),
    ("machines.made", "`host`", "machines that orders brought", ""),
    ("machines.gone", "`host`", "machines that orders ended", ""),
    ("sdr.written", "`stream`, `type`", "records journalled; `stream` is `live` or `test`", ""),
    ("files.sealed", "`recipient`, `stream`", "SDR files that were closed", "octets: of all together"),
    ("files.records", "`recipient`, `stream`", "records in those files", ""),
];

/// Closes periods until `shutdown`.
pub async fn run(engine: Arc<Engine>, shutdown: CancellationToken) {
    let mut rounds = tokio::time::interval(PERIOD);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = shutdown.cancelled() => return,
        }
        if let Err(e) = lead(&engine).await {
            tracing::warn!(error = %e, "performance counters could not be derived; the rows are there, it comes back");
        }
    }
}

async fn lead(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.system().await?;
    let leader = tx.lease("performance", &engine.worker, PERIOD * 3).await?;
    tx.commit().await?;
    if leader { round(engine).await } else { Ok(()) }
}

/// Closes every period that has ended, settles those that can be, and forgets old ones.
///
/// # Errors
/// When the database does not answer.
pub async fn round(engine: &Engine) -> Result<(), StoreError> {
    let config = &engine.config.performance;
    let mut tx = engine.db.read_system().await?;
    let now = tx.lease_now().await?;
    let unsettled = tx.unsettled_periods().await?;
    let mut new = vec![];
    for minutes in &config.minutes {
        let length = TimeDelta::minutes(*minutes);
        let current = begin_of(now, *minutes);
        let next = match tx.last_period(*minutes).await? {
            Some(last) => (last + length).max(current - length * i32::try_from(MOST).unwrap_or(i32::MAX)),
            // The first time: what ended before this installation counted is not made up for.
            None => current - length,
        };
        let mut start = next;
        while start < current {
            new.push((*minutes, start));
            start += length;
        }
    }
    drop(tx);
    for (minutes, start) in new {
        let end = start + TimeDelta::minutes(minutes);
        // A state is that of the end only right after it.
        let sample = now - end < TimeDelta::minutes(minutes);
        close(engine, minutes, start, sample).await?;
    }
    for period in unsettled {
        close(engine, period.minutes, period.period_start, false).await?;
    }
    let mut tx = engine.db.system().await?;
    tx.forget_performance(now - TimeDelta::days(config.keep_days)).await?;
    tx.commit().await?;
    Ok(())
}

/// Derives a period, and settles it where nothing can be added any more. One that is derived and cannot be settled
/// yet is left as it is.
async fn close(engine: &Engine, minutes: i64, start: DateTime<Utc>, sample: bool) -> Result<(), StoreError> {
    let end = start + TimeDelta::minutes(minutes);
    // Before it is derived: what has ended by now is seen.
    let (settled, tenants) = retrying("performance", || async {
        let mut tx = engine.db.system().await?;
        let late = end + MARGIN;
        let oldest = tx.oldest_transaction().await?;
        let settled = tx.lease_now().await? >= late && oldest.is_none_or(|began| began >= late);
        Ok::<_, StoreError>((settled, tx.tenants_with_orders().await?))
    })
    .await?;
    let first = engine.db.read_system().await?.last_period(minutes).await?.is_none_or(|last| last < start);
    if !first && !settled {
        return Ok(());
    }
    for tenant in tenants {
        retrying("performance", || async {
            let mut tx = engine.db.tenant(&tenant).await?;
            tx.derive(minutes, start, end, sample).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(())
        })
        .await?;
    }
    retrying("performance", || async {
        let mut tx = engine.db.system().await?;
        tx.close_period(minutes, start, settled).await?;
        tx.commit().await?;
        Ok(())
    })
    .await
}

/// When the period began that a time is in. Periods are aligned to UTC.
#[must_use]
pub fn begin_of(at: DateTime<Utc>, minutes: i64) -> DateTime<Utc> {
    let seconds = (minutes * 60).max(1);
    DateTime::from_timestamp(at.timestamp().div_euclid(seconds) * seconds, 0).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_aligned() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        for (minutes, time, begin) in [
            (5, "2026-11-23T08:04:59.999Z", "2026-11-23T08:00:00Z"),
            (5, "2026-11-23T08:05:00Z", "2026-11-23T08:05:00Z"),
            (15, "2026-11-23T08:44:00Z", "2026-11-23T08:30:00Z"),
            (60, "2026-11-23T23:59:59Z", "2026-11-23T23:00:00Z"),
        ] {
            assert_eq!(begin_of(at(time), minutes), at(begin), "{minutes} {time}");
        }
    }
}
