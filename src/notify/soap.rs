//! Listeners by SOAP, through the same lanes as those of the hubs: a BSS that subscribed to orders, one that an order
//! named (`notifyTo`), and whoever waits for the reply to an operation (`wsa:ReplyTo`).
//!
//! Orders that name the same address share one listener, and so one lane: an address that is down is one listener that
//! is down.

use serde_json::Value;
use telvisor_model::{EventKind, ListenerState, OrderState, Resource};
use uuid::Uuid;

use super::guard::Refused;
use super::listeners::{Change, ListenerError, allowed, change};
use super::{Shows, sequence};
use crate::access::Caller;
use crate::clock::new_id;
use crate::engine::Engine;
use crate::store::events::EventRow;
use crate::store::followers::ReplyRow;
use crate::store::listeners::ListenerRow;
use crate::store::{Hint, StoreError, Tenant, Tx, retrying};

/// How the doors write letters by SOAP, and read what is answered.
#[derive(Debug, Clone, Copy)]
pub struct Soap {
    /// `NotifyOrderStateChange` of an event, given the state before it.
    pub notification: fn(event: &EventRow, before: Option<OrderState>) -> Result<Message, serde_json::Error>,
    /// The reply that an operation asked for, at the end of its order.
    pub reply: fn(event: &EventRow, to: &str, reply: &ReplyRow) -> Result<Message, serde_json::Error>,
    /// Whether the answer to a notification says that it is accepted.
    pub accepted: fn(answer: &[u8]) -> Result<(), String>,
}

/// A letter's content.
#[derive(Debug, Clone)]
pub struct Message {
    pub content_type: &'static str,
    /// Value of `SOAPAction`, with its quotes.
    pub action: String,
    pub body: Vec<u8>,
}

/// What a listener by SOAP is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The orders of the tenant that come to the states it subscribed to.
    Orders,
    /// The states of the orders that named it.
    Order,
    /// The ends of the orders whose operations asked for a reply.
    Reply,
}

impl Kind {
    /// As a listener keeps it in place of an API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "soap.orders",
            Self::Order => "soap.order",
            Self::Reply => "soap.reply",
        }
    }

    /// The kind of a listener; none where it is a hub's.
    #[must_use]
    pub fn of(listener: &ListenerRow) -> Option<Self> {
        [Self::Orders, Self::Order, Self::Reply].into_iter().find(|k| k.as_str() == listener.api)
    }

    /// Whether a listener of this kind is told of an event, if it is told of the order at all.
    #[must_use]
    pub fn wants(self, listener: &ListenerRow, event: &EventRow) -> bool {
        let Some(state) = state(event) else { return false };
        match self {
            Self::Orders => {
                let states = listener.query.strip_prefix(STATES).unwrap_or_default();
                states.is_empty() || states.split(',').any(|s| s == state.as_str())
            }
            Self::Order => true,
            Self::Reply => state.is_final(),
        }
    }
}

/// What the query of a subscription to some states begins with.
const STATES: &str = "state=";

/// The state that a service order comes to by an event; none where it comes to none.
#[must_use]
pub fn state(event: &EventRow) -> Option<OrderState> {
    let comes = matches!(event.kind, EventKind::Create | EventKind::StateChange);
    if event.resource != Resource::ServiceOrder || !comes {
        return None;
    }
    event.body["order"]["state"].as_str()?.parse().ok()
}

/// Judges an address before an order is placed that names it.
///
/// # Errors
/// Saying what is wrong with it.
pub async fn judge(engine: &Engine, address: &str) -> Result<(), Refused> {
    allowed(engine, address).await
}

/// Tells an address of every order of the tenant that comes to one of these states; of all where there are none.
/// A client that subscribes once more in the same way gets the subscription that it has.
///
/// # Errors
/// [`ListenerError::Callback`]; [`ListenerError::Known`] where another client has this subscription.
pub async fn subscribe(
    engine: &Engine,
    shows: &Shows,
    caller: &Caller,
    address: &str,
    states: &[OrderState],
) -> Result<ListenerRow, ListenerError> {
    allowed(engine, address).await?;
    let mut names: Vec<_> = states.iter().map(|s| s.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let query = if names.is_empty() { String::new() } else { format!("{STATES}{}", names.join(",")) };
    retrying("subscribe", async || {
        let mut tx = engine.db.tenant(&caller.tenant).await?;
        // What was committed before is placed before: it is not this listener's.
        tx.lock_positions().await?;
        while sequence::place(engine, shows, &mut tx).await? {}
        let (listener, new) = listener(&mut tx, caller, Kind::Orders, address, &query).await?;
        if !new && listener.client != caller.principal.name() {
            return Err(ListenerError::Known(listener.id));
        }
        engine.queue.publish(tx.commit().await?);
        Ok(listener)
    })
    .await
}

/// Ends a subscription, with what was still to be told.
///
/// # Errors
/// [`ListenerError::NotFound`].
pub async fn unsubscribe(engine: &Engine, caller: &Caller, id: Uuid) -> Result<(), ListenerError> {
    let found = engine.db.read(&caller.tenant).await?.listener(id).await?;
    if found.as_ref().and_then(Kind::of) != Some(Kind::Orders) {
        return Err(ListenerError::NotFound(id));
    }
    change(engine, caller, id, &Change::Remove).await.map(drop)
}

/// Tells an address of every state of one order, those that it has come to already included. A repeat changes
/// nothing, so a client that was not answered may repeat its order.
///
/// # Errors
/// [`ListenerError::Callback`].
pub async fn for_order(
    engine: &Engine,
    shows: &Shows,
    caller: &Caller,
    order: Uuid,
    address: &str,
) -> Result<(), ListenerError> {
    follow(engine, shows, caller, Kind::Order, order, address, "", &Value::Null).await
}

/// Sends an address one reply when the order has ended: at once where it has. `context` is what the door needs to
/// write the reply, without personal values.
///
/// # Errors
/// [`ListenerError::Callback`].
pub async fn reply_to(
    engine: &Engine,
    shows: &Shows,
    caller: &Caller,
    order: Uuid,
    address: &str,
    message_id: &str,
    context: &Value,
) -> Result<(), ListenerError> {
    follow(engine, shows, caller, Kind::Reply, order, address, message_id, context).await
}

#[expect(clippy::too_many_arguments, reason = "they are those of the two doors to it, and their kind")]
async fn follow(
    engine: &Engine,
    shows: &Shows,
    caller: &Caller,
    kind: Kind,
    order: Uuid,
    address: &str,
    message_id: &str,
    context: &Value,
) -> Result<(), ListenerError> {
    allowed(engine, address).await?;
    retrying("follow", async || {
        let mut tx = engine.db.tenant(&caller.tenant).await?;
        tx.lock_positions().await?;
        while sequence::place(engine, shows, &mut tx).await? {}
        let (listener, _) = listener(&mut tx, caller, kind, address, "").await?;
        if tx.follow(listener.id, order, message_id, context).await? {
            // What happened before it was named is its own, too.
            let events = tx.events_of(order).await?;
            let own = events.iter().filter(|e| kind.wants(&listener, e));
            let given: Vec<_> = own.map(|e| (listener.id, e, e.position.unwrap_or_default())).collect();
            tx.give(&given).await?;
        }
        tx.hint(Hint::News);
        engine.queue.publish(tx.commit().await?);
        Ok(())
    })
    .await
}

/// The listener of this kind at this address, and whether it is new.
async fn listener(
    tx: &mut Tx<Tenant>,
    caller: &Caller,
    kind: Kind,
    address: &str,
    query: &str,
) -> Result<(ListenerRow, bool), ListenerError> {
    if let Some(known) = tx.listener_like(kind.as_str(), address, query).await? {
        return Ok((known, false));
    }
    let listener = ListenerRow {
        id: new_id(),
        api: kind.as_str().to_owned(),
        callback: address.to_owned(),
        query: query.to_owned(),
        base: String::new(),
        client: caller.principal.name(),
        state: ListenerState::Active,
        listener_path: false,
        named: kind != Kind::Orders,
        secret: Uuid::nil(),
        since: tx.last_position().await?,
        failing_since: None,
        paused_at: None,
        paused_why: None,
        created_at: tx.now(),
    };
    tx.insert_listener(&listener).await?;
    let detail = serde_json::json!({ "api": listener.api, "callback": address, "query": query });
    tx.audit(caller, "listener.register", &listener.id.to_string(), Some(&detail)).await?;
    Ok((listener, true))
}

/// What a letter needs beside its event.
#[derive(Debug, Default)]
pub struct Beside {
    pub before: Option<OrderState>,
    pub replies: Vec<ReplyRow>,
}

impl Beside {
    /// Looks up what a listener's letter about an event needs.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(
        tx: &mut Tx<Tenant>,
        listener: &ListenerRow,
        event: &EventRow,
    ) -> Result<Self, StoreError> {
        let mut beside = Self::default();
        match Kind::of(listener) {
            None => {}
            Some(Kind::Reply) => {
                let mut all = tx.replies(listener.id, event.resource_id).await?;
                // All of them only where an operator lets them be sent again.
                if all.iter().any(|r| r.ended_at.is_none()) {
                    all.retain(|r| r.ended_at.is_none());
                }
                beside.replies = all;
            }
            Some(Kind::Order | Kind::Orders) => {
                beside.before = tx.state_before(event.resource_id, event.number).await?;
            }
        }
        Ok(beside)
    }
}

/// Notes at a named listener that the end of an order was delivered, after that was noted of the event itself. A reply
/// that was promised while others were under way is sent next.
///
/// # Errors
/// When the database does not answer.
pub async fn delivered(
    tx: &mut Tx<Tenant>,
    listener: &ListenerRow,
    event: &EventRow,
    beside: &Beside,
) -> Result<(), StoreError> {
    if !listener.named || !state(event).is_some_and(OrderState::is_final) {
        return Ok(());
    }
    let order = event.resource_id;
    if Kind::of(listener) != Some(Kind::Reply) {
        return tx.end_follow(listener.id, order, "").await;
    }
    for reply in &beside.replies {
        tx.end_follow(listener.id, order, &reply.message_id).await?;
    }
    if tx.replies(listener.id, order).await?.iter().any(|r| r.ended_at.is_none()) {
        tx.give(&[(listener.id, event, event.position.unwrap_or_default())]).await?;
    }
    Ok(())
}

/// The letters to a listener about an event: one, or one for each reply.
///
/// # Errors
/// When the event was written in a form that this release cannot read.
pub fn messages(
    soap: &Soap,
    kind: Kind,
    listener: &ListenerRow,
    event: &EventRow,
    beside: &Beside,
) -> Result<Vec<Message>, serde_json::Error> {
    match kind {
        Kind::Reply => beside.replies.iter().map(|r| (soap.reply)(event, &listener.callback, r)).collect(),
        Kind::Order | Kind::Orders => Ok(vec![(soap.notification)(event, beside.before)?]),
    }
}
