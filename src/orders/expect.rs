//! When an order is expected to be done: its expected start plus the 90th percentile of the recent durations of its
//! steps, the manifest's estimate until there are any. A waiting order counts what stands before it in the line, a
//! future one its date.
//!
//! The date is renewed when the line moves and when a step took notably longer or shorter than was expected of it.
//! What is shown changes only when it [`moved`], so that a listener hears of it when it means something.

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use telvisor_model::{EventKind, ItemState, OrderState};
use uuid::Uuid;

use super::line::{Extent, extent};
use super::moves::Moving;
use super::view::{self, Line};
use super::{estimates, jeopardy};
use crate::engine::Engine;
use crate::store::jobs::{JobRow, StepRow};
use crate::store::orders::{ItemRow, OrderRow};
use crate::store::{StoreError, Tenant, Tx, retrying};

/// A date that moves by less than this is left as it is shown.
const NOTABLE: TimeDelta = TimeDelta::minutes(1);

/// What the items that have not ended take by their outlines.
fn outlined(items: &[ItemRow]) -> TimeDelta {
    let open = items.iter().filter(|i| !i.state.is_final());
    TimeDelta::milliseconds(open.map(|i| i.takes_ms).sum())
}

/// What is left of an order in progress: of its jobs the steps that are not done, of the items after them the
/// outlines.
async fn left(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    order: &OrderRow,
    items: &[ItemRow],
) -> Result<TimeDelta, StoreError> {
    let mut sum = 0;
    for item in items.iter().filter(|i| !i.state.is_final()) {
        let jobs = match item.state {
            ItemState::Acknowledged => vec![],
            _ => tx.jobs_of(order.id, Some(&item.item_id)).await?,
        };
        if jobs.is_empty() {
            sum += item.takes_ms;
            continue;
        }
        // The jobs of an item run beside each other, each on its machine.
        let mut longest = 0;
        for job in jobs {
            let mut ms = 0;
            for step in tx.steps(job.id).await? {
                ms += match step.state.as_str() {
                    "waiting" => estimates::of(engine, tx, &step.act.0).await?,
                    "begun" => {
                        let spent = step.started_at.map_or(0, |at| (tx.now() - at).num_milliseconds());
                        (estimates::of(engine, tx, &step.act.0).await? - spent).max(0)
                    }
                    _ => 0,
                };
            }
            longest = longest.max(ms);
        }
        sum += longest;
    }
    Ok(TimeDelta::milliseconds(sum))
}

/// Up to the next full second.
fn rounded(at: DateTime<Utc>) -> DateTime<Utc> {
    match at.nanosecond() {
        0 => at,
        part => at + TimeDelta::nanoseconds(1_000_000_000 - i64::from(part)),
    }
}

/// Whether a new date is another than the one that is shown: it moved by more than a minute and by more than a
/// quarter of the time that was left, or it came to another side of the date that was requested.
fn moved(order: &OrderRow, to: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let Some(shown) = order.expected_completion else { return true };
    let by = (to - shown).abs();
    let misses = |at: DateTime<Utc>| order.requested_completion.is_some_and(|requested| at > requested);
    (by > NOTABLE && by > (shown - now).abs() / 4) || misses(to) != misses(shown)
}

/// What an order before waits for or does, until when.
type Before = (Extent, DateTime<Utc>);

/// The date on which an order that has not begun may begin.
fn start(order: &OrderRow, extent: &Extent, before: &[Before], now: DateTime<Utc>) -> DateTime<Utc> {
    let free = before.iter().filter(|(other, _)| other.meets(extent)).map(|(_, until)| *until).max();
    [Some(now), order.requested_start, free].into_iter().flatten().max().unwrap_or(now)
}

/// Whether an order stands still: until somebody decides, its date means nothing and stays.
fn stands_still(order: &OrderRow) -> bool {
    !(order.state == OrderState::InProgress || order.state == OrderState::Acknowledged || order.goes_on)
}

/// The expected date of an order that comes into its customer's line now or on its date, or that stands in it.
pub(super) fn at_the_end(
    now: DateTime<Utc>,
    line: &Line,
    order: &OrderRow,
    items: &[ItemRow],
) -> DateTime<Utc> {
    let stands_before = |o: &OrderRow| o.id != order.id && order.place.is_none_or(|own| o.place < Some(own));
    let until = |o: &OrderRow| o.expected_completion.unwrap_or(now).max(now);
    let before: Vec<Before> = line
        .iter()
        .filter(|(other, _)| stands_before(other))
        .map(|(other, own)| (kept(other, own), until(other)))
        .collect();
    rounded(start(order, &extent(items), &before, now) + outlined(items))
}

/// What an order in the line keeps from those behind it: all of the customer while it runs.
fn kept(order: &OrderRow, items: &[ItemRow]) -> Extent {
    if stands_still(order) { extent(items) } else { Extent::Customer }
}

/// The date of an order that begins now, by its plan. Shown with the change of its state.
pub(super) async fn begin(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &mut Moving,
) -> Result<(), StoreError> {
    if moving.order.state != OrderState::InProgress {
        return Ok(());
    }
    let left = left(engine, tx, &moving.order, &moving.items).await?;
    moving.order.expected_completion = Some(rounded(tx.now() + left));
    jeopardy::judge(tx, moving).await
}

/// Renews the dates of the orders of a locked line, in their order; those of `fresh` are as they should be.
pub(super) async fn renew(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    line: Line,
    fresh: &[Uuid],
) -> Result<(), StoreError> {
    let now = tx.now();
    let mut before: Vec<Before> = vec![];
    for (order, items) in line {
        let keeps = kept(&order, &items);
        if stands_still(&order) || fresh.contains(&order.id) {
            let until = order.expected_completion.unwrap_or(now).max(now);
            before.push((keeps, until));
            continue;
        }
        let date = if order.state == OrderState::InProgress {
            now + left(engine, tx, &order, &items).await?
        } else {
            start(&order, &extent(&items), &before, now) + outlined(&items)
        };
        let date = rounded(date);
        before.push((keeps, date));
        if moved(&order, date, now) {
            let mut moving = Moving::complete(tx, order, items).await?;
            moving.order.expected_completion = Some(date);
            moving.event(tx, EventKind::AttributeValueChange).await?;
            jeopardy::judge(tx, &mut moving).await?;
            moving.save(tx).await?;
        }
    }
    Ok(())
}

/// What is left of an order by now; none while it stands still.
pub(super) async fn again(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    moving: &Moving,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let (order, items) = (&moving.order, &moving.items);
    if stands_still(order) {
        return Ok(None);
    }
    let left = if order.state == OrderState::InProgress {
        left(engine, tx, order, items).await?
    } else {
        outlined(items)
    };
    Ok(Some(rounded(tx.now() + left)))
}

/// Renews the dates of a line when a step took notably longer or shorter than was expected of it.
///
/// # Errors
/// When the database does not answer.
pub async fn step_ended(engine: &Engine, job: &JobRow, step: &StepRow) -> Result<(), StoreError> {
    let Some(took) = step.took() else { return Ok(()) };
    let mut tx = engine.db.read(&job.tenant).await?;
    let expected = estimates::of(engine, &mut tx, &step.act.0).await?;
    if (TimeDelta::milliseconds(expected) - took).abs() <= NOTABLE {
        return Ok(());
    }
    let Some(customer) = tx.customer(job.customer).await? else { return Ok(()) };
    drop(tx);
    retrying("expected dates", || renew_line(engine, &job.tenant, &customer.customer_id)).await
}

async fn renew_line(engine: &Engine, tenant: &str, customer_id: &str) -> Result<(), StoreError> {
    let mut tx = engine.db.tenant(tenant).await?;
    tx.lock_line(customer_id).await?;
    let line = view::line(&mut tx, customer_id).await?;
    renew(engine, &mut tx, line, &[]).await?;
    tx.commit().await?;
    Ok(())
}

/// Folds what steps took into what is expected of them.
///
/// # Errors
/// When the database does not answer.
pub async fn fold(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.system().await?;
    tx.fold_durations().await?;
    tx.commit().await?;
    engine.estimates.forget();
    Ok(())
}
