//! Backups that a plan includes: ordinary orders with channel `schedule`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::accept::accept;
use super::{Ask, Draft, DraftItem, Given, OrderError, service_item};
use crate::access::{Caller, Door};
use crate::engine::Engine;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{StoreError, Tenant, Tx};

/// When the plan's next backup is due after `now`; none when the plan has no schedule.
#[must_use]
pub fn next(engine: &Engine, s: &SubscriptionRow, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let app = engine.catalogue.find(&s.application)?;
    let backup = app.plan(&s.plan)?.backup.clone()?;
    let cron = crate::mediation::schedule::cron(&backup.cron).ok()?;
    let local = now.with_timezone(&engine.config.zone());
    cron.find_next_occurrence(&local, false).ok().map(|at| at.with_timezone(&Utc))
}

/// Orders every backup that is due, each once, and sets the next time.
///
/// # Errors
/// When the database refuses.
pub async fn run(engine: &Engine) -> Result<usize, StoreError> {
    let due = engine.db.read_system().await?.due_schedules(100).await?;
    for (tenant, id, at) in &due {
        order(engine, tenant, *id, *at).await?;
        let mut tx = engine.db.tenant(tenant).await?;
        if let Some(s) = tx.subscription(*id).await? {
            let next = if s.state == "active" { next(engine, &s, tx.now()) } else { None };
            tx.set_schedule(*id, next).await?;
        }
        tx.commit().await?;
    }
    Ok(due.len())
}

/// The key is the due time, so a schedule that is run twice orders once.
async fn order(
    engine: &Engine,
    tenant: &str,
    subscription: Uuid,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if engine.db.read(tenant).await?.has_open_order_on(subscription).await? {
        tracing::info!(%subscription, "no scheduled backup this time: an order on the subscription is open");
        return Ok(());
    }
    let ask = Ask::Modify {
        service: subscription.to_string(),
        state: None,
        characteristics: vec![Given { name: "operation".into(), value: Value::from("backup") }],
        application: None,
        direction: None,
    };
    let item = DraftItem { id: "1".into(), ask, relies_on: vec![], quantity: None };
    let draft = Draft {
        key: Some(format!("schedule:{subscription}:{}", at.timestamp())),
        request: json!({ "category": "backup", "serviceOrderItem": [service_item(&item, &[])] }),
        category: Some("backup".into()),
        items: vec![item],
        ..Draft::default()
    };
    match accept(engine, &Caller::system(tenant, Door::Schedule), &draft).await {
        Ok(_) => Ok(()),
        Err(OrderError::Store(e)) => Err(e),
        Err(why) => {
            tracing::info!(%subscription, %why, "no scheduled backup this time");
            Ok(())
        }
    }
}

/// Lets scheduled backups beyond what the plan keeps expire now, the oldest ones.
///
/// # Errors
/// When the database refuses.
pub async fn prune(engine: &Engine, tx: &mut Tx<Tenant>, s: &SubscriptionRow) -> Result<(), StoreError> {
    let plan = engine.catalogue.find(&s.application).and_then(|a| a.plan(&s.plan).cloned());
    let Some(backup) = plan.and_then(|p| p.backup) else {
        return Ok(());
    };
    let now = tx.now();
    let scheduled = tx.backups_of(s.id).await?;
    let beyond = scheduled
        .into_iter()
        .filter(|b| b.purpose == "schedule" && b.state == "available")
        .skip(backup.keep as usize);
    for mut b in beyond {
        b.expires_at = Some(now);
        tx.save_backup(&b).await?;
    }
    Ok(())
}
