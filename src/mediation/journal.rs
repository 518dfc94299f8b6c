//! Writes service detail records, in the transaction that completes an order item, and never before.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use telvisor_model::plan::Act;
use telvisor_model::view::Intent;
use telvisor_model::{Action, Role};
use telvisor_sdr::record::RecordType;
use uuid::Uuid;

use super::causes;
use crate::engine::Engine;
use crate::store::backups::BackupRow;
use crate::store::jobs::Done;
use crate::store::orders::{Before, ItemRow, OrderRow};
use crate::store::sdr::NewSdr;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{StoreError, Tenant, Tx};

/// What a journal row says, without the subscriber and the numbers that a recipient gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    pub application: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<String>,
    pub instance: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u32>,
    pub success: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_octets: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_plan: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_order: Option<String>,
    /// The earlier record that this one replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<Uuid>,
}

/// A record to journal: its type, what changed (part of the key), when the work was done, and the body.
struct Entry {
    kind: RecordType,
    change: &'static str,
    event_time: DateTime<Utc>,
    body: Body,
}

fn body(s: &SubscriptionRow, order: &OrderRow) -> Body {
    Body {
        application: s.application.clone(),
        version: s.version.clone(),
        previous_version: None,
        instance: s.id,
        duration_s: None,
        success: true,
        cause: None,
        backup: None,
        volume_octets: None,
        plan: Some(s.plan.clone()),
        previous_plan: None,
        order: Some(order.id),
        external_order: order.external_id.clone(),
        corrects: None,
    }
}

/// When the step of these roles on the subscription ended.
fn ended(jobs: &[Done], subscription: Uuid, roles: &[Role]) -> Option<DateTime<Utc>> {
    let fits = |act: &Act| matches!(act, Act::Script { role, target, .. } if target.subscription == subscription && roles.contains(role));
    jobs.iter().flat_map(|(_, steps)| steps).filter(|s| fits(&s.act.0)).filter_map(|s| s.ended_at).next_back()
}

fn fetched(jobs: &[Done], backup: Uuid) -> Option<DateTime<Utc>> {
    let fits = |act: &Act| matches!(act, Act::FetchBackup { backup: b, .. } if *b == backup);
    jobs.iter().flat_map(|(_, steps)| steps).filter(|s| fits(&s.act.0)).find_map(|s| s.ended_at)
}

fn missing(what: &'static str, id: &impl ToString) -> StoreError {
    StoreError::Missing { what, id: id.to_string() }
}

/// Journals what a completed item did. The inventory already shows it. `order` is the one that the client placed: the
/// product order where there is one.
///
/// # Errors
/// When the database refuses, or something is gone without which the record cannot be written: nothing completes
/// without its record.
pub async fn completed_item(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    order: &OrderRow,
    item: &ItemRow,
    jobs: &[Done],
) -> Result<(), StoreError> {
    let Some(intent) = &item.intent.0 else {
        return Ok(());
    };
    let before = item.before.as_ref().map(|b| b.0.clone()).unwrap_or_default();
    match intent.action {
        Action::ReactivateCustomer if before.state.as_deref() == Some("terminated") => {
            let customer = order.customer.ok_or_else(|| missing("customer of order", &order.id))?;
            for s in tx.subscriptions_of(customer).await? {
                if let Some(at) = ended(jobs, s.id, &[Role::Install]) {
                    let entry = installed(&s, order, at);
                    write(tx, order, item, &s, entry).await?;
                }
            }
            Ok(())
        }
        Action::Provision
        | Action::ReactivateSubscription
        | Action::Change
        | Action::Backup
        | Action::Restore => {
            let id = intent.subscription.ok_or_else(|| missing("subscription of item", &item.uid))?;
            let s = tx.subscription(id).await?.ok_or_else(|| missing("subscription", &id))?;
            let backup = match intent.backup {
                Some(id) => Some(tx.backup(id).await?.ok_or_else(|| missing("backup", &id))?),
                None => None,
            };
            let now = tx.now();
            for entry in entries(engine, order, intent.action, &before, &s, backup.as_ref(), jobs, now)? {
                write(tx, order, item, &s, entry).await?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn installed(s: &SubscriptionRow, order: &OrderRow, at: DateTime<Utc>) -> Entry {
    Entry { kind: RecordType::ApplicationInstalled, change: "none", event_time: at, body: body(s, order) }
}

#[expect(clippy::too_many_arguments, reason = "all of them are facts about one completed item")]
fn entries(
    engine: &Engine,
    order: &OrderRow,
    action: Action,
    before: &Before,
    s: &SubscriptionRow,
    backup: Option<&BackupRow>,
    jobs: &[Done],
    now: DateTime<Utc>,
) -> Result<Vec<Entry>, StoreError> {
    let at = |roles: &[Role]| ended(jobs, s.id, roles).unwrap_or(now);
    let volume = backup.and_then(|b| b.size).and_then(|n| u64::try_from(n).ok());
    let of_backup = |kind, event_time| Entry {
        kind,
        change: "none",
        event_time,
        body: Body { backup: backup.map(|b| b.id), volume_octets: volume, ..body(s, order) },
    };
    Ok(match action {
        Action::Provision => vec![installed(s, order, at(&[Role::Install]))],
        Action::ReactivateSubscription if before.state.as_deref() == Some("terminated") => {
            vec![installed(s, order, at(&[Role::Install]))]
        }
        Action::Change => changes(engine, order, before, s, &at)?,
        Action::Backup => {
            let done = backup.and_then(|b| fetched(jobs, b.id)).unwrap_or(now);
            vec![of_backup(RecordType::BackupTaken, done)]
        }
        Action::Restore => vec![of_backup(RecordType::BackupRestored, at(&[Role::Restore]))],
        _ => vec![],
    })
}

/// A change of both version and plan writes two records, the version's first.
fn changes(
    engine: &Engine,
    order: &OrderRow,
    before: &Before,
    s: &SubscriptionRow,
    at: &dyn Fn(&[Role]) -> DateTime<Utc>,
) -> Result<Vec<Entry>, StoreError> {
    let app = engine.catalogue.find(&s.application);
    let app = app.ok_or_else(|| missing("application in the catalogue", &s.application))?;
    // Without the ranks of both, up cannot be told from down.
    let kind = |order: Option<std::cmp::Ordering>| match order {
        Some(std::cmp::Ordering::Greater) => Ok(RecordType::ApplicationUpgraded),
        Some(_) => Ok(RecordType::ApplicationDowngraded),
        None => Err(missing("plan or version in the catalogue", &s.application)),
    };
    let mut out = vec![];
    let (plan, version) =
        (before.plan.as_deref().unwrap_or(&s.plan), before.version.as_deref().unwrap_or(&s.version));
    if version != s.version {
        out.push(Entry {
            kind: kind(app.compare_versions(version, &s.version))?,
            change: "version",
            event_time: at(&[Role::Upgrade, Role::Downgrade]),
            body: Body {
                previous_version: Some(version.to_owned()),
                plan: Some(plan.to_owned()),
                ..body(s, order)
            },
        });
    }
    if plan != s.plan {
        out.push(Entry {
            kind: kind(app.compare_plans(plan, &s.plan))?,
            change: "plan",
            event_time: at(&[Role::Configure]),
            body: Body { previous_plan: Some(plan.to_owned()), ..body(s, order) },
        });
    }
    Ok(out)
}

async fn write(
    tx: &mut Tx<Tenant>,
    order: &OrderRow,
    item: &ItemRow,
    s: &SubscriptionRow,
    mut entry: Entry,
) -> Result<(), StoreError> {
    let customer = tx.customer(s.customer).await?.ok_or_else(|| missing("customer", &s.customer))?;
    let subject = tx.subject(customer.uid, &customer.customer_id, customer.phone.as_deref()).await?;
    if let Some(started) = item.started_at {
        let seconds = (entry.event_time - started).num_seconds().max(0);
        entry.body.duration_s = u32::try_from(seconds).ok();
    }
    let cause = format!("{}:{}:{}:{}", item.uid, s.id, entry.kind.as_str(), entry.change);
    let body = serde_json::to_value(&entry.body).expect("plain data");
    tx.insert_sdr(&NewSdr {
        cause: &cause,
        subject,
        test: customer.test,
        only: None,
        kind: entry.kind.as_str(),
        body: &body,
        event_time: entry.event_time,
    })
    .await?;
    tracing::info!(order.id = %order.id, sdr.kind = entry.kind.as_str(), subscription = %s.id, "record journalled");
    Ok(())
}

/// Journals a failed item (`sdr.failures = true`) of the order that the client placed.
///
/// # Errors
/// When the database refuses.
pub async fn failed_item(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    order: &OrderRow,
    item: &ItemRow,
) -> Result<(), StoreError> {
    let Some(intent) = &item.intent.0 else {
        return Ok(());
    };
    let Some(s) = (match intent.subscription {
        Some(id) => tx.subscription(id).await?,
        None => None,
    }) else {
        return Ok(());
    };
    let kind = match intent.action {
        Action::Provision | Action::ReactivateSubscription => RecordType::ApplicationInstalled,
        Action::Change => direction(engine, &s, intent),
        Action::Backup => RecordType::BackupTaken,
        Action::Restore => RecordType::BackupRestored,
        _ => return Ok(()),
    };
    let cause = item.error_code.as_deref().and_then(causes::code);
    let event_time = tx.now();
    let body = Body { success: false, cause, backup: intent.backup, ..body(&s, order) };
    write(tx, order, item, &s, Entry { kind, change: "none", event_time, body }).await
}

/// The direction of a change that did not come to be: the version's, else the plan's.
fn direction(engine: &Engine, s: &SubscriptionRow, intent: &Intent) -> RecordType {
    let order = engine.catalogue.find(&s.application).and_then(|app| {
        let version = intent.version.as_ref().and_then(|v| app.compare_versions(&s.version, v));
        let plan = intent.plan.as_ref().and_then(|p| app.compare_plans(&s.plan, p));
        version.filter(|o| o.is_ne()).or(plan)
    });
    if order == Some(std::cmp::Ordering::Less) {
        RecordType::ApplicationDowngraded
    } else {
        RecordType::ApplicationUpgraded
    }
}

/// Journals a download: once per link, when every octet has been sent under it.
///
/// # Errors
/// When the database refuses.
pub async fn downloaded(
    tx: &mut Tx<Tenant>,
    link: Uuid,
    backup: &BackupRow,
    seconds: i64,
) -> Result<(), StoreError> {
    let customer =
        tx.customer(backup.customer).await?.ok_or_else(|| missing("customer", &backup.customer))?;
    let subject = tx.subject(customer.uid, &customer.customer_id, customer.phone.as_deref()).await?;
    let body = Body {
        application: backup.application.clone(),
        version: backup.version.clone(),
        previous_version: None,
        instance: backup.subscription,
        duration_s: u32::try_from(seconds.max(0)).ok(),
        success: true,
        cause: None,
        backup: Some(backup.id),
        volume_octets: backup.size.and_then(|n| u64::try_from(n).ok()),
        plan: Some(backup.plan.clone()),
        previous_plan: None,
        order: None,
        external_order: None,
        corrects: None,
    };
    let body = serde_json::to_value(&body).expect("plain data");
    let event_time = tx.now();
    tx.insert_sdr(&NewSdr {
        cause: &format!("link:{link}"),
        subject,
        test: customer.test,
        only: None,
        kind: RecordType::BackupDownloaded.as_str(),
        body: &body,
        event_time,
    })
    .await?;
    Ok(())
}
