//! The look at what nobody is told of: each process at what it sees itself, and one of all at what the database tells.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use telvisor_model::{Alarm, Severity};
use tokio_util::sync::CancellationToken;

use super::{clear, hold, stream};
use crate::engine::Engine;
use crate::hypervisor::Host;
use crate::store::{StoreError, retrying};

/// Rounds in which nobody has seen an alarm to hold, after which it is cleared.
const SILENT_ROUNDS: i64 = 6;
/// Rounds in a row without the broker before it is told: at the start it is still being connected.
const PATIENCE: u32 = 2;
/// Most orders that are told as stuck at once.
const STUCK_MOST: i64 = 100;
/// Rounds between two looks for cleared alarms that are to be forgotten.
const FORGET_EVERY: u64 = 360;

/// What a process remembers from look to look.
#[derive(Debug, Default)]
pub struct Watch {
    round: u64,
    /// Since when the database is away.
    away: Option<DateTime<Utc>>,
    /// Rounds without the broker.
    alone: u32,
    /// When machines and files were last compared.
    compared: Option<DateTime<Utc>>,
}

/// Something that is so.
#[derive(Debug)]
struct Seen {
    tenant: String,
    kind: Alarm,
    severity: Severity,
    object: String,
    text: String,
    since: Option<DateTime<Utc>>,
}

/// Looks until `shutdown`.
pub async fn run(engine: Arc<Engine>, shutdown: CancellationToken) {
    let mut rounds = tokio::time::interval(Duration::from_secs(engine.config.alarms.watch_seconds));
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = shutdown.cancelled() => return,
        }
        if let Err(e) = watch.round(&engine).await {
            tracing::warn!(error = %e, "alarms could not be looked after; they are looked at again");
        }
    }
}

impl Watch {
    /// One look.
    ///
    /// # Errors
    /// When the database fails in the middle; that it is away is no error, but an alarm.
    pub async fn round(&mut self, engine: &Engine) -> Result<(), StoreError> {
        // One that does not answer at all is an alarm of its own.
        let hosts = engine.driver.hosts().await;
        let mut seen = self.around(engine);
        if let Err(e) = &hosts {
            let name = engine.driver.capabilities().name;
            seen.push(own(engine, Alarm::HypervisorUnreachable, &name, e.to_string()));
        }
        match offset(engine).await {
            Ok(offset) => {
                let most = TimeDelta::milliseconds(engine.config.alarms.clock_offset_ms);
                if let Some(text) = differs(offset, most) {
                    seen.push(own(engine, Alarm::ClockOffset, &engine.config.node_id, text));
                }
            }
            Err(e) => {
                self.without_database(engine, &e);
                return Ok(());
            }
        }
        if let Some(since) = self.away {
            metrics::gauge!("telvisor_database_unreachable").set(0.0);
            let text = format!("{} did not reach the database since {since}", engine.worker);
            let back = own(engine, Alarm::DatabaseUnreachable, &engine.config.node_id, text);
            seen.push(Seen { since: Some(since), ..back });
        }
        let leads = {
            let mut tx = engine.db.system().await?;
            let length = Duration::from_secs(engine.config.alarms.watch_seconds * 3);
            let leads = tx.lease("alarms", &engine.worker, length).await?;
            tx.commit().await?;
            leads
        };
        if leads {
            seen.extend(overdue(engine).await?);
            seen.extend(kept_back(engine).await?);
            seen.extend(stuck(engine).await?);
            if let Ok(hosts) = &hosts {
                seen.extend(missing(engine, hosts).await?);
            }
        }
        for s in &seen {
            tell(engine, s).await?;
        }
        // It is written now.
        self.away = None;
        if leads {
            self.lead(engine).await?;
        }
        self.round += 1;
        Ok(())
    }

    /// What this process sees without the database.
    fn around(&mut self, engine: &Engine) -> Vec<Seen> {
        let mut seen = vec![];
        if let Some(broker) = engine.queue.broker() {
            self.alone = if broker.is_connected() { 0 } else { self.alone + 1 };
            if self.alone >= PATIENCE {
                let text = format!("{} is not connected to the broker", engine.worker);
                seen.push(own(engine, Alarm::BrokerUnreachable, &broker.hosts(), text));
            }
            let (queue, dead) = broker.dead_letters();
            if dead > 0 {
                let text = format!("{dead} messages that nobody could read lie in {queue}");
                seen.push(own(engine, Alarm::DeadLetters, &queue, text));
            }
        }
        seen.extend(storage(engine));
        seen
    }

    /// The database is away: the log and the metrics tell it at once, the table when it is back.
    fn without_database(&mut self, engine: &Engine, e: &StoreError) {
        let first = self.away.is_none();
        let since = *self.away.get_or_insert_with(|| engine.db.clock().now());
        metrics::gauge!("telvisor_database_unreachable").set(1.0);
        if first {
            let kind = Alarm::DatabaseUnreachable.as_str();
            tracing::error!(alarm = kind, severity = "critical", error = %e, %since, "alarm: the database is away");
        }
    }

    /// What one process does for all.
    async fn lead(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let now = engine.db.system().await?.lease_now().await?;
        let minutes = engine.config.alarms.compare_minutes;
        let due = self.compared.is_none_or(|at| now - at >= TimeDelta::minutes(minutes));
        if minutes > 0 && due && engine.config.role.has_worker() {
            self.compared = Some(now);
            let mut found = machines(engine).await?.unwrap_or_default();
            found.extend(files(engine).await?);
            for s in &found {
                tell(engine, s).await?;
            }
            for kind in COMPARED {
                clear_but(engine, kind, &found).await?;
            }
        }
        let silent = TimeDelta::seconds(
            SILENT_ROUNDS * i64::try_from(engine.config.alarms.watch_seconds).unwrap_or(i64::MAX / 60),
        );
        for kind in Alarm::ALL.iter().filter(|k| k.about().told_while_it_holds && !COMPARED.contains(k)) {
            let gone = engine.db.read_system().await?.silent_alarms(*kind, now - silent).await?;
            for (tenant, object) in gone {
                over(engine, &tenant, *kind, &object).await?;
            }
        }
        if self.round.is_multiple_of(FORGET_EVERY) {
            let mut tx = engine.db.system().await?;
            let before = tx.now() - TimeDelta::days(engine.config.alarms.keep_days);
            tx.forget_alarms(before).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// What is compared once in a while; it is over when a comparison does not find it.
const COMPARED: [Alarm; 3] = [Alarm::MachineMissing, Alarm::MachineOrphaned, Alarm::SdrAudit];

/// Something of the installation.
fn own(engine: &Engine, kind: Alarm, object: &str, text: String) -> Seen {
    Seen {
        tenant: engine.config.alarms.tenant.clone(),
        kind,
        severity: kind.about().severity,
        object: object.to_owned(),
        text,
        since: None,
    }
}

async fn tell(engine: &Engine, s: &Seen) -> Result<(), StoreError> {
    retrying("alarm", || async {
        let mut tx = engine.db.tenant(&s.tenant).await?;
        hold(&mut tx, s.kind, s.severity, &s.object, &s.text, s.since).await?;
        engine.queue.publish(tx.commit().await?);
        Ok(())
    })
    .await
}

async fn over(engine: &Engine, tenant: &str, kind: Alarm, object: &str) -> Result<(), StoreError> {
    retrying("alarm", || async {
        let mut tx = engine.db.tenant(tenant).await?;
        clear(&mut tx, kind, object).await?;
        engine.queue.publish(tx.commit().await?);
        Ok(())
    })
    .await
}

/// Clears the alarms of a kind that were not found now.
async fn clear_but(engine: &Engine, kind: Alarm, found: &[Seen]) -> Result<(), StoreError> {
    let mut tx = engine.db.read_system().await?;
    // Whoever saw it last, it was before this.
    let later = tx.lease_now().await? + TimeDelta::days(1);
    let open = tx.silent_alarms(kind, later).await?;
    drop(tx);
    for (tenant, object) in open {
        if !found.iter().any(|s| s.kind == kind && s.tenant == tenant && s.object == object) {
            over(engine, &tenant, kind, &object).await?;
        }
    }
    Ok(())
}

/// How far the clock of this process is before that of the database.
async fn offset(engine: &Engine) -> Result<TimeDelta, StoreError> {
    let mut tx = engine.db.read_system().await?;
    let before = tx.now();
    let theirs = tx.database_now().await?;
    let ours = before + (tx.now() - before) / 2;
    Ok(ours - theirs)
}

/// What is said of clocks that are too far apart.
fn differs(offset: TimeDelta, most: TimeDelta) -> Option<String> {
    let ms = offset.num_milliseconds();
    let word = if ms > 0 { "before" } else { "behind" };
    (most > TimeDelta::zero() && offset.abs() > most)
        .then(|| format!("the clock of this process is {} ms {word} the database's", ms.abs()))
}

/// Folders with too little room, each file system once.
fn storage(engine: &Engine) -> Vec<Seen> {
    let percent = engine.config.alarms.storage_free_percent;
    let data = &engine.config.data;
    let folders = [("data", data.clone()), ("backups", data.join("backups")), ("sdr", data.join("sdr"))];
    let (mut seen, mut systems) = (vec![], HashSet::new());
    for (name, path) in folders {
        let Ok(there) = std::fs::metadata(&path) else { continue };
        if percent == 0 || !systems.insert(there.dev()) {
            continue;
        }
        if let Some((severity, text)) = full(engine, &path, percent) {
            seen.push(Seen { severity, ..own(engine, Alarm::StorageFull, name, text) });
        }
    }
    seen
}

fn full(engine: &Engine, path: &Path, percent: u64) -> Option<(Severity, String)> {
    let room = match engine.files.room(path) {
        Ok(room) => room,
        Err(e) => return Some((Severity::Major, format!("{}: {e}", path.display()))),
    };
    let free = room.percent();
    let severity = match free {
        f if f >= percent => return None,
        f if f * 3 < percent => Severity::Critical,
        _ => Severity::Major,
    };
    Some((severity, format!("{free} % of {} MiB are free", room.total >> 20)))
}

/// Orders in progress of which nothing moves.
async fn stuck(engine: &Engine) -> Result<Vec<Seen>, StoreError> {
    let minutes = engine.config.flow.stuck_minutes;
    let mut tx = engine.db.read_system().await?;
    let before = tx.lease_now().await? - TimeDelta::minutes(minutes);
    let mut seen = vec![];
    for order in tx.standing_still(before, STUCK_MOST).await? {
        let text = format!("nothing of it has moved for {minutes} minutes (flow.stuck_minutes)");
        let stuck = own(engine, Alarm::OrderStuck, &order.id.to_string(), text);
        seen.push(Seen { tenant: order.tenant, ..stuck });
    }
    Ok(seen)
}

/// Hosts that are gone with machines on them.
async fn missing(engine: &Engine, hosts: &[Host]) -> Result<Vec<Seen>, StoreError> {
    let hypervisor = engine.driver.capabilities().name;
    let mut tx = engine.db.read_system().await?;
    let mut seen = vec![];
    for host in tx.hosts_of(&hypervisor).await? {
        if hosts.iter().any(|h| h.name == host) {
            continue;
        }
        let machines = tx.machines_on(&hypervisor, &host).await?;
        if machines > 0 {
            let text = format!("{hypervisor} does not list it; {machines} machines are on it");
            seen.push(own(engine, Alarm::HostMissing, &host, text));
        }
    }
    Ok(seen)
}

/// Files that wait for their delivery for too long.
async fn overdue(engine: &Engine) -> Result<Vec<Seen>, StoreError> {
    let mut tx = engine.db.read_system().await?;
    let before = tx.lease_now().await? - TimeDelta::minutes(engine.config.alarms.delivery_minutes);
    let late = tx.overdue_files(before).await?;
    Ok(late
        .into_iter()
        .map(|(tenant, recipient, test, name)| {
            let text = format!("{name} is sealed and not delivered");
            Seen { tenant, ..own(engine, Alarm::SdrOverdue, &stream(&recipient, test), text) }
        })
        .collect())
}

/// Streams whose delivery failed and waits for its next try.
async fn kept_back(engine: &Engine) -> Result<Vec<Seen>, StoreError> {
    let found = engine.db.read_system().await?.kept_back().await?;
    let tell = |(tenant, recipient, test, error): (String, String, bool, String)| {
        let alarm = own(engine, Alarm::SdrDeliveryFailing, &stream(&recipient, test), error);
        Seen { tenant, ..alarm }
    };
    Ok(found.into_iter().map(tell).collect())
}

/// Compares the machines of customers with those on the hypervisor; none where that does not answer. What changes
/// meanwhile, or is being worked on, is left to the next comparison.
async fn machines(engine: &Engine) -> Result<Option<Vec<Seen>>, StoreError> {
    let before = engine.db.read_system().await?.machines_at_rest().await?;
    let Ok(owned) = engine.driver.owned(engine.installation).await else { return Ok(None) };
    let mut tx = engine.db.read_system().await?;
    let after: HashSet<_> =
        tx.machines_at_rest().await?.into_iter().map(|(_, id, _, fence)| (id, fence)).collect();
    let known: HashSet<_> = tx.machines_known().await?.into_iter().map(|(id,)| id).collect();
    drop(tx);
    let there: HashSet<_> = owned.iter().map(|o| o.tag.machine).collect();
    let mut seen = vec![];
    for (tenant, id, name, fence) in before {
        if !there.contains(&id) && after.contains(&(id, fence)) {
            let missing = own(engine, Alarm::MachineMissing, &id.to_string(), format!("{name} is not there"));
            seen.push(Seen { tenant, ..missing });
        }
    }
    for o in owned.iter().filter(|o| !known.contains(&o.tag.machine)) {
        let text = format!("{} on {} is no customer's machine", o.name, o.host);
        seen.push(own(engine, Alarm::MachineOrphaned, &o.name, text));
    }
    Ok(Some(seen))
}

/// Files of a stream that do not join.
async fn files(engine: &Engine) -> Result<Vec<Seen>, StoreError> {
    let mut seen: Vec<Seen> = vec![];
    for (tenant, recipient, test, name) in engine.db.read_system().await?.unjoined_files().await? {
        let object = stream(&recipient, test);
        if !seen.iter().any(|s| s.tenant == tenant && s.object == object) {
            let text = format!("{name} does not follow the file before it");
            seen.push(Seen { tenant, ..own(engine, Alarm::SdrAudit, &object, text) });
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_differ_beyond_the_limit_in_both_directions() {
        let most = TimeDelta::milliseconds(2000);
        let text = |ms| differs(TimeDelta::milliseconds(ms), most);
        assert_eq!((text(0), text(2000), text(-2000)), (None, None, None));
        assert_eq!(text(2001).unwrap(), "the clock of this process is 2001 ms before the database's");
        assert_eq!(text(-9000).unwrap(), "the clock of this process is 9000 ms behind the database's");
        assert_eq!(differs(TimeDelta::days(1), TimeDelta::zero()), None, "0 looks away");
    }
}
