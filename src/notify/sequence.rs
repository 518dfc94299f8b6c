//! Giving events their positions, and making of each the deliveries that it asks for.
//!
//! A position is given after the commit of its event, by one transaction at a time, so that positions have no gap and
//! no event comes to light behind one that was passed on already.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::envelope::{Sender, notification};
use super::{NotifyError, Shown, Shows, soap};
use crate::engine::Engine;
use crate::store::events::EventRow;
use crate::store::listeners::ListenerRow;
use crate::store::{Tenant, Tx, retrying};

/// Events that begin a batch; those of the same resources come along.
const BATCH: i64 = 200;

/// Places a batch of the tenant's events that have been committed. Returns whether there was one: more may wait.
///
/// # Errors
/// When the database does not answer.
pub async fn sequence(engine: &Engine, shows: &Shows, tenant: &str) -> Result<bool, NotifyError> {
    retrying("events", || batch(engine, shows, tenant)).await
}

async fn batch(engine: &Engine, shows: &Shows, tenant: &str) -> Result<bool, NotifyError> {
    let mut tx = engine.db.tenant(tenant).await?;
    tx.lock_positions().await?;
    let placed = place(engine, shows, &mut tx).await?;
    if placed {
        engine.commit(tx, ["events.before_commit", "events.after_commit"]).await?;
    }
    Ok(placed)
}

/// Places a batch of events under the lock of positions. Returns whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn place(engine: &Engine, shows: &Shows, tx: &mut Tx<Tenant>) -> Result<bool, NotifyError> {
    let events = in_order(tx.unplaced_events(BATCH).await?);
    if events.is_empty() {
        return Ok(false);
    }
    let listeners = tx.unnamed_listeners().await?;
    let followers = tx.followers_of_news().await?;
    let mut position = tx.last_position().await?;
    let (mut placed, mut given) = (vec![], vec![]);
    for event in &events {
        position += 1;
        placed.push((event.id, position));
        let named = followers.iter().filter(|f| f.order_id == event.resource_id).map(|f| &f.listener);
        let wanting = listeners.iter().chain(named).filter(|l| wants(engine, shows, l, event));
        given.extend(wanting.map(|l| (l.id, event, position)));
    }
    tx.place_events(&placed).await?;
    tx.give(&given).await?;
    Ok(true)
}

/// By time, and those of one resource by their numbers, whatever the clocks of the processes that wrote them said.
fn in_order(mut events: Vec<EventRow>) -> Vec<EventRow> {
    events.sort_by_key(|e| (e.resource_id, e.number));
    let mut latest: HashMap<Uuid, DateTime<Utc>> = HashMap::new();
    let mut keyed: Vec<(DateTime<Utc>, EventRow)> = vec![];
    for e in events {
        let at = latest.entry(e.resource_id).or_insert(e.at);
        *at = (*at).max(e.at);
        keyed.push((*at, e));
    }
    keyed.sort_by_key(|(at, e)| (*at, e.resource_id, e.number));
    keyed.into_iter().map(|(_, e)| e).collect()
}

/// Whether a listener is to be sent an event; a named one, if it is told of the order at all.
pub fn wants(engine: &Engine, shows: &Shows, listener: &ListenerRow, event: &EventRow) -> bool {
    if let Some(kind) = soap::Kind::of(listener) {
        return kind.wants(listener, event);
    }
    let Some(api) = shows.api(&listener.api) else { return false };
    if api.shows(event.resource, event.kind).is_none() {
        return false;
    }
    if listener.query.is_empty() {
        return true;
    }
    match render(engine, shows, listener, event) {
        Some(Ok((shown, notification))) => (shows.fits)(&listener.query, shown.key, &notification),
        // The listener sees for itself that something is wrong: better than that it misses what it wants.
        Some(Err(_)) => true,
        None => false,
    }
}

/// The notification that a listener gets of an event; none where its API has no such event.
pub fn render(
    engine: &Engine,
    shows: &Shows,
    listener: &ListenerRow,
    event: &EventRow,
) -> Option<Result<(&'static Shown, Value), serde_json::Error>> {
    let api = shows.api(&listener.api)?;
    let (shown, event_type) = api.shows(event.resource, event.kind)?;
    let sender = Sender { node_id: &engine.config.node_id };
    let made = notification(api, shown, &event_type, &listener.base, event, sender);
    Some(made.map(|notification| (shown, notification)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use telvisor_model::{EventKind, Resource};

    use super::*;
    use crate::store::Json;

    #[test]
    fn numbers_rule_over_clocks() {
        let event = |resource: u128, number: i64, second: u32| EventRow {
            id: Uuid::from_u128(resource * 100 + u128::from(second)),
            resource: Resource::ServiceOrder,
            resource_id: Uuid::from_u128(resource),
            number,
            kind: EventKind::StateChange,
            at: format!("2026-11-23T08:00:{second:02}Z").parse().unwrap(),
            body: Json(json!({})),
            personal: None,
            trace_parent: None,
            position: None,
        };
        // The second event of 1 was written by a process whose clock is slow.
        let sorted =
            in_order(vec![event(1, 2, 3), event(2, 1, 4), event(1, 1, 5), event(1, 3, 9), event(3, 7, 6)]);
        let told: Vec<_> = sorted.iter().map(|e| (e.resource_id.as_u128(), e.number)).collect();
        assert_eq!(told, [(2, 1), (1, 1), (1, 2), (3, 7), (1, 3)]);
    }
}
