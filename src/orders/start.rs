//! An item's turn: judged once more against the inventory, then taken apart into jobs.

use telvisor_model::catalogue::Required;
use telvisor_model::view::Intent;
use telvisor_model::{Action, ItemState, OrderState, Refusal, Verdict};

use super::finish::{self, End};
use super::moves::Moving;
use super::planning::plan_item;
use super::removal;
use super::view::{self, Loaded};
use crate::engine::Engine;
use crate::store::orders::{Before, Wanted};
use crate::store::{Json, StoreError, Tenant, Tx};

/// Starts the item at `n`: it ends at once, or has jobs afterwards.
///
/// # Errors
/// When the database refuses.
pub async fn start_item(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
) -> Result<(), StoreError> {
    moving.item_to(tx, n, ItemState::InProgress, None, "line").await?;
    let (Some(intent), Some(customer_id)) =
        (moving.items[n].intent.0.clone(), moving.order.customer_id.clone())
    else {
        return finish::end_item(engine, tx, moving, n, End::Completed, &[]).await;
    };
    if let Some(missing) = missing(engine, tx, &intent).await? {
        return ask(tx, moving, n, missing).await;
    }
    // Retention was judged at acceptance, and an accepted order keeps its backup from deletion.
    let keeps = engine.config.terminate.retention_days > 0;
    let loaded = view::load(tx, &customer_id, moving.order.order_date, keeps).await?;
    match loaded.view.judge(&intent) {
        Verdict::Refuse(why) => {
            let why = words(why);
            finish::end_item(engine, tx, moving, n, End::Failed("precondition", &why), &[]).await
        }
        Verdict::Holds => finish::end_item(engine, tx, moving, n, End::Completed, &[]).await,
        Verdict::Act => {
            remember(tx, moving, n, &loaded, &intent).await?;
            match plan_item(engine, tx, moving, n, &loaded, &intent).await? {
                Ok(0) => finish::jobs_done(engine, tx, moving, n, &[]).await,
                Ok(_) => removal::note(tx, moving, n, true).await,
                Err(why) => finish::end_item(engine, tx, moving, n, End::Failed("plan", &why), &[]).await,
            }
        }
    }
}

/// Characteristics that the package wants before the start and that are not known yet.
async fn missing(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    intent: &Intent,
) -> Result<Option<Vec<String>>, StoreError> {
    let (Action::Provision, Some(id)) = (intent.action, intent.subscription) else {
        return Ok(None);
    };
    let Some(s) = tx.subscription(id).await? else {
        return Ok(None);
    };
    let Some(app) = engine.catalogue.find(&s.application) else {
        return Ok(None);
    };
    let missing: Vec<String> = app
        .characteristics
        .iter()
        .filter(|d| d.required == Required::BeforeStart && s.characteristics.0.get(&d.name).is_none())
        .map(|d| d.name.clone())
        .collect();
    Ok((!missing.is_empty()).then_some(missing))
}

/// The order waits for information: a PATCH of its item supplies it.
async fn ask(
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
    missing: Vec<String>,
) -> Result<(), StoreError> {
    let item = moving.items[n].item_id.clone();
    let text = format!("item {item} needs: {}", missing.join(", "));
    moving.item_to(tx, n, ItemState::Pending, Some(&text), "line").await?;
    moving.order.waits_for = Some(text.clone());
    moving.to(tx, OrderState::Pending, Some(&text), "line").await?;
    let wanted = missing.into_iter().map(|name| Wanted { item: item.clone(), name });
    moving.ask_for(tx, wanted.collect()).await
}

fn words(why: Refusal) -> String {
    match why {
        Refusal::UnknownCustomer => "the customer does not exist".into(),
        Refusal::UnknownSubscription => "the subscription does not exist".into(),
        Refusal::AlreadyExists(why) | Refusal::Forbidden(why) => why.into(),
    }
}

/// Writes down what the item found.
async fn remember(
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
    n: usize,
    loaded: &Loaded,
    intent: &Intent,
) -> Result<(), StoreError> {
    let sub = intent.subscription.and_then(|id| loaded.subscriptions.iter().find(|s| s.id == id));
    let before = match sub {
        Some(s) => Before {
            plan: Some(s.plan.clone()),
            version: Some(s.version.clone()),
            state: Some(s.state.clone()),
        },
        None => Before { state: loaded.customer.as_ref().map(|c| c.state.clone()), ..Before::default() },
    };
    moving.items[n].before = Some(Json(before));
    let item = moving.items[n].clone();
    tx.update_item(&item).await
}
