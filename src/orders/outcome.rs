//! What a completed item leaves in the inventory: machines, backups, customer and subscriptions.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use telvisor_model::plan::Act;
use telvisor_model::view::Intent;
use telvisor_model::{Action, Role};
use uuid::Uuid;

use super::customers;
use super::moves::Moving;
use crate::engine::Engine;
use crate::mediation::journal;
use crate::store::customers::CustomerRow;
use crate::store::jobs::{Done, JobRow, StepRow};
use crate::store::machines::MachineRow;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{StoreError, Tenant, Tx};

pub(super) async fn opt(tx: &mut Tx<Tenant>, id: Option<Uuid>) -> Result<Option<CustomerRow>, StoreError> {
    match id {
        Some(id) => tx.customer(id).await,
        None => Ok(None),
    }
}

pub(super) async fn subscription(
    tx: &mut Tx<Tenant>,
    intent: &Intent,
) -> Result<Option<SubscriptionRow>, StoreError> {
    match intent.subscription {
        Some(id) => tx.subscription(id).await,
        None => Ok(None),
    }
}

pub(super) async fn machine_of(tx: &mut Tx<Tenant>, job: &JobRow) -> Result<Option<MachineRow>, StoreError> {
    match job.machine {
        Some(id) => tx.machine(id).await,
        None => Ok(None),
    }
}

/// Writes what a completed item changed: machines, backups, customer, subscriptions, and the journal.
///
/// # Errors
/// When the database refuses.
pub(super) async fn apply(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
    jobs: &[Done],
) -> Result<(), StoreError> {
    for (job, steps) in jobs {
        machine_after(tx, job, steps).await?;
        backups_after(engine, tx, steps).await?;
    }
    let Some(intent) = moving.items[n].intent.0.clone() else {
        return Ok(());
    };
    let until = tx.now() + TimeDelta::days(engine.config.terminate.retention_days);
    if intent.action.on_customer() {
        customer_after(engine, tx, moving, &intent, jobs, until).await?;
    } else {
        subscription_after(engine, tx, &intent, jobs, until).await?;
    }
    journal::completed_item(engine, tx, moving.placed(), &moving.items[n], jobs).await
}

pub(super) async fn machine_after(
    tx: &mut Tx<Tenant>,
    job: &JobRow,
    steps: &[StepRow],
) -> Result<(), StoreError> {
    let Some(mut m) = machine_of(tx, job).await? else {
        return Ok(());
    };
    for step in steps.iter().filter(|s| s.state == "done") {
        match &step.act.0 {
            Act::CreateMachine { size } => {
                m.set_size(*size);
                m.state = "running".into();
            }
            Act::ResizeMachine { size } => m.set_size(*size),
            Act::SuspendMachine => m.state = "suspended".into(),
            Act::ResumeMachine => m.state = "running".into(),
            Act::DeleteMachine => m.ended_at = Some(tx.now()),
            _ => {}
        }
    }
    tx.save_machine(&m).await?;
    if m.ended_at.is_some() { tx.release(m.id).await } else { tx.reserve(&m, m.size()).await }
}

async fn backups_after(engine: &Engine, tx: &mut Tx<Tenant>, steps: &[StepRow]) -> Result<(), StoreError> {
    for step in steps {
        let Act::FetchBackup { backup, .. } = step.act.0 else {
            continue;
        };
        let (Some(mut b), Some(result)) = (tx.backup(backup).await?, &step.result) else {
            continue;
        };
        b.state = "available".into();
        b.size = result.0.get("size").and_then(Value::as_i64);
        b.sha256 = result.0.get("sha256").and_then(Value::as_str).map(str::to_owned);
        let days = match b.purpose.as_str() {
            "last" => engine.config.terminate.retention_days,
            "ordered" => engine.config.backup.keep_days,
            _ => 0,
        };
        b.expires_at = (days > 0).then(|| tx.now() + TimeDelta::days(days));
        tx.save_backup(&b).await?;
    }
    Ok(())
}

/// The job that acted on a subscription's machine, for the machine's id, the address and the kept backup.
fn machine_for(jobs: &[Done], subscription: Uuid) -> Option<Uuid> {
    jobs.iter()
        .find(|(_, steps)| steps.iter().any(|s| touches(&s.act.0, subscription)))
        .and_then(|(j, _)| j.machine)
}

fn touches(act: &Act, subscription: Uuid) -> bool {
    matches!(act, Act::Script { target, .. } if target.subscription == subscription)
}

/// The address that the last start of the application answered.
fn address_of(jobs: &[Done], subscription: Uuid) -> Option<String> {
    jobs.iter()
        .flat_map(|(_, steps)| steps)
        .filter(|s| matches!(&s.act.0, Act::Script { role: Role::Start, target, .. } if target.subscription == subscription))
        .filter_map(|s| s.result.as_ref()?.0.get("endpoint")?.as_str().map(str::to_owned))
        .next_back()
}

/// The backup that a termination of the subscription stored.
fn last_of(jobs: &[Done], subscription: Uuid) -> Option<Uuid> {
    let steps = jobs.iter().flat_map(|(_, steps)| steps);
    let mut of_subscription = false;
    for step in steps {
        match &step.act.0 {
            Act::Script { role: Role::Backup, target, .. } => {
                of_subscription = target.subscription == subscription;
            }
            Act::FetchBackup { backup, .. } if of_subscription => return Some(*backup),
            _ => {}
        }
    }
    None
}

async fn customer_after(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &Moving,
    intent: &Intent,
    jobs: &[Done],
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    let gone = || StoreError::Missing { what: "customer of order", id: moving.order.id.to_string() };
    let mut c = opt(tx, moving.order.customer).await?.ok_or_else(gone)?;
    let before = c.clone();
    let now = tx.now();
    let keeps = engine.config.terminate.retention_days > 0;
    for mut s in tx.subscriptions_of(c.uid).await? {
        match intent.action {
            Action::CreateCustomer if s.state == "terminated" => {
                s.restorable_until = None;
                s.ended_with_customer = None;
            }
            Action::TerminateCustomer if s.is_live() => {
                s.ended_with_customer = Some(s.state.clone());
                let last = last_of(jobs, s.id);
                end(&mut s, now, keeps.then_some(until), last);
                tx.set_schedule(s.id, None).await?;
                limit_backups(tx, &s, Some(until)).await?;
            }
            Action::ReactivateCustomer if c.state == "terminated" => {
                let Some(was) = s.ended_with_customer.take() else {
                    continue;
                };
                s.machine = machine_for(jobs, s.id);
                s.access_url = address_of(jobs, s.id);
                s.state = was;
                limit_backups(tx, &s, None).await?;
                revive(&mut s);
                schedule(engine, tx, &s).await?;
            }
            Action::ReactivateCustomer => {
                if let Some(url) = address_of(jobs, s.id) {
                    s.access_url = Some(url);
                }
            }
            _ => continue,
        }
        tx.save_subscription(&s).await?;
    }
    match intent.action {
        Action::CreateCustomer => {
            c.state = "active".into();
            c.started_at = Some(now);
            c.ended_at = None;
            c.restorable_until = None;
        }
        Action::SuspendCustomer => c.state = "suspended".into(),
        Action::ReactivateCustomer => {
            c.state = "active".into();
            c.ended_at = None;
            c.restorable_until = None;
        }
        Action::TerminateCustomer => {
            c.state = "terminated".into();
            c.ended_at = Some(now);
            c.restorable_until = keeps.then_some(until);
        }
        _ => {}
    }
    customers::save(tx, Some(&before), &c, None).await
}

fn end(s: &mut SubscriptionRow, now: DateTime<Utc>, until: Option<DateTime<Utc>>, last: Option<Uuid>) {
    s.state = "terminated".into();
    s.machine = None;
    s.access_url = None;
    s.ended_at = Some(now);
    s.restorable_until = until;
    s.last_backup = last;
}

/// Backups without a time of their own are kept as long as their subscription can come back (`until`; none when it
/// has come back). A time that is not the one given at the termination is their own.
async fn limit_backups(
    tx: &mut Tx<Tenant>,
    s: &SubscriptionRow,
    until: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    for mut b in tx.backups_of(s.id).await? {
        let own_time = b.expires_at.is_some() && b.expires_at != s.restorable_until;
        if b.state == "available" && b.purpose != "last" && !own_time {
            b.expires_at = until;
            tx.save_backup(&b).await?;
        }
    }
    Ok(())
}

fn revive(s: &mut SubscriptionRow) {
    s.ended_at = None;
    s.restorable_until = None;
    s.ended_with_customer = None;
}

async fn subscription_after(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    intent: &Intent,
    jobs: &[Done],
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    let gone = |what| StoreError::Missing { what, id: format!("{:?}", intent.subscription) };
    let mut s = subscription(tx, intent).await?.ok_or_else(|| gone("subscription"))?;
    let now = tx.now();
    if let Some(url) = address_of(jobs, s.id) {
        s.access_url = Some(url);
    }
    match intent.action {
        Action::Provision => {
            s.state = "active".into();
            s.machine = machine_for(jobs, s.id);
            s.started_at = Some(now);
        }
        Action::Change => {
            s.plan = intent.plan.clone().unwrap_or(s.plan);
            s.version = intent.version.clone().unwrap_or(s.version);
            let app = engine.catalogue.find(&s.application);
            let digest = app.and_then(|a| a.version(&s.version).map(|v| v.digest.clone()));
            s.digest = digest.ok_or_else(|| gone("version in the catalogue of subscription"))?;
        }
        Action::SuspendSubscription => s.state = "suspended".into(),
        Action::ReactivateSubscription => {
            if s.state == "terminated" {
                s.machine = machine_for(jobs, s.id);
                limit_backups(tx, &s, None).await?;
            }
            s.state = "active".into();
            revive(&mut s);
        }
        Action::TerminateSubscription => {
            let last = last_of(jobs, s.id);
            end(&mut s, now, last.is_some().then_some(until), last);
            limit_backups(tx, &s, Some(until)).await?;
        }
        Action::Backup => super::schedule::prune(engine, tx, &s).await?,
        _ => {}
    }
    schedule(engine, tx, &s).await?;
    tx.save_subscription(&s).await
}

/// Sets when the plan's next scheduled backup is due. One that is due already stays: the sweep orders it.
async fn schedule(engine: &Engine, tx: &mut Tx<Tenant>, s: &SubscriptionRow) -> Result<(), StoreError> {
    let next = if s.state == "active" { super::schedule::next(engine, s, tx.now()) } else { None };
    let due = tx.scheduled(s.id).await?.is_some_and(|at| at <= tx.now());
    if due && next.is_some() {
        return Ok(());
    }
    tx.set_schedule(s.id, next).await
}
