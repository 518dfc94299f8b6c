//! Registering listeners, and what operators do with them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use telvisor_model::{Alarm, ListenerState, Severity};
use uuid::Uuid;

use super::guard::{Guard, Refused};
use super::{Api, NotifyError, Shows, sequence, sign};
use crate::access::Caller;
use crate::alarms;
use crate::clock::new_id;
use crate::engine::Engine;
use crate::secrets::Sealed;
use crate::store::listeners::ListenerRow;
use crate::store::sealed::SealedRow;
use crate::store::{Hint, StoreError, retrying};

/// What a sealed secret is named by.
const SEALED_AS: &str = "listener";
/// Events looked at in one transaction of a replay.
const BATCH: i64 = 200;

/// A registration, as a hub understood it.
#[derive(Debug, Clone)]
pub struct Registration {
    pub callback: String,
    /// Empty: all events of the API.
    pub query: String,
    /// What hrefs begin with, as the client sees this server.
    pub base: String,
    /// The client's own secret; none: one is made.
    pub secret: Option<Vec<u8>>,
}

/// Why a listener was not registered, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    #[error(transparent)]
    Callback(#[from] Refused),
    /// The same callback with the same query is registered already, as this id.
    #[error("is registered already, as {0}")]
    Known(Uuid),
    #[error("there is no listener {0}")]
    NotFound(Uuid),
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl crate::store::Again for ListenerError {
    fn worth_again(&self) -> bool {
        match self {
            Self::Store(e) => e.worth_again(),
            Self::Notify(e) => e.worth_again(),
            _ => false,
        }
    }
}

/// Registers a listener of an API: it gets every event that is committed from now on. Returns it with its secret.
///
/// # Errors
/// [`ListenerError::Callback`], [`ListenerError::Known`].
pub async fn register(
    engine: &Engine,
    shows: &Shows,
    api: &Api,
    caller: &Caller,
    asked: &Registration,
) -> Result<(ListenerRow, Vec<u8>), ListenerError> {
    allowed(engine, &asked.callback).await?;
    let secret = match &asked.secret {
        Some(given) => given.clone(),
        None => sign::new_secret()?,
    };
    let listener = retrying("register", || once(engine, shows, api, caller, asked, &secret)).await?;
    Ok((listener, secret))
}

/// Judges a callback as this server's configuration says.
///
/// # Errors
/// Saying what is wrong with it.
pub(super) async fn allowed(engine: &Engine, callback: &str) -> Result<(), Refused> {
    let guard = Guard::new(&engine.config);
    guard.name(&guard.url(callback)?).await
}

async fn once(
    engine: &Engine,
    shows: &Shows,
    api: &Api,
    caller: &Caller,
    asked: &Registration,
    secret: &[u8],
) -> Result<ListenerRow, ListenerError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    // What was committed before is placed before: it is not this listener's.
    tx.lock_positions().await?;
    while sequence::place(engine, shows, &mut tx).await? {}
    if let Some(known) = tx.listener_like(api.name, &asked.callback, &asked.query).await? {
        return Err(ListenerError::Known(known.id));
    }
    let (id, secret_id) = (new_id(), new_id());
    let sealed = engine.secrets.seal(&sealed_for(id), secret)?;
    tx.insert_sealed(&SealedRow {
        id: secret_id,
        name: SEALED_AS.into(),
        key_id: sealed.key_id,
        nonce: sealed.nonce,
        body: sealed.body,
    })
    .await?;
    let listener = ListenerRow {
        id,
        api: api.name.to_owned(),
        callback: asked.callback.clone(),
        query: asked.query.clone(),
        base: asked.base.clone(),
        client: caller.principal.name(),
        state: ListenerState::Active,
        listener_path: engine.config.notify.listener_path,
        named: false,
        secret: secret_id,
        since: tx.last_position().await?,
        failing_since: None,
        paused_at: None,
        paused_why: None,
        created_at: tx.now(),
    };
    tx.insert_listener(&listener).await?;
    let detail = json!({ "api": api.name, "callback": asked.callback, "query": asked.query });
    tx.audit(caller, "listener.register", &id.to_string(), Some(&detail)).await?;
    engine.queue.publish(tx.commit().await?);
    Ok(listener)
}

fn sealed_for(listener: Uuid) -> String {
    format!("{SEALED_AS} {listener}")
}

/// Reads a listener's secret.
///
/// # Errors
/// When it was sealed under another key file.
pub fn unseal(engine: &Engine, listener: &ListenerRow, row: SealedRow) -> Result<Vec<u8>, NotifyError> {
    let sealed = Sealed { key_id: row.key_id, nonce: row.nonce, body: row.body };
    let opened = engine.secrets.unseal(&sealed_for(listener.id), &sealed);
    opened.map_err(|e| NotifyError::Secret(listener.id, e))
}

/// What an operator can do with a listener.
#[derive(Debug, Clone)]
pub enum Change {
    Pause {
        reason: Option<String>,
    },
    Resume,
    /// Whether `/listener/<event>` is appended to the callback.
    ListenerPath(bool),
    Remove,
}

impl Change {
    const fn word(&self) -> &'static str {
        match self {
            Self::Pause { .. } => "listener.pause",
            Self::Resume => "listener.resume",
            Self::ListenerPath(_) => "listener.change",
            Self::Remove => "listener.remove",
        }
    }
}

/// Changes a listener; returns it as it is then. What holds already is no mistake.
///
/// # Errors
/// [`ListenerError::NotFound`].
pub async fn change(
    engine: &Engine,
    caller: &Caller,
    id: Uuid,
    change: &Change,
) -> Result<ListenerRow, ListenerError> {
    retrying("listener", || change_once(engine, caller, id, change)).await
}

async fn change_once(
    engine: &Engine,
    caller: &Caller,
    id: Uuid,
    change: &Change,
) -> Result<ListenerRow, ListenerError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let mut l = tx.listener(id).await?.ok_or(ListenerError::NotFound(id))?;
    let mut detail: Option<Value> = None;
    match change {
        Change::Pause { reason } => {
            if l.state == ListenerState::Active {
                l.paused_at = Some(tx.now());
                let why = reason.clone().unwrap_or_else(|| "by an operator".into());
                let text = format!("{} at {}: {why}", l.api, l.callback);
                let (kind, warning) = (Alarm::ListenerPaused, Severity::Warning);
                alarms::raise_as(&mut tx, kind, warning, &id.to_string(), &text).await?;
                l.paused_why = Some(why);
            }
            l.state = ListenerState::Paused;
            detail = Some(json!({ "why": l.paused_why }));
        }
        Change::Resume => {
            alarms::clear(&mut tx, Alarm::ListenerPaused, &id.to_string()).await?;
            l.state = ListenerState::Active;
            (l.paused_at, l.paused_why, l.failing_since) = (None, None, None);
            tx.retry_now(id).await?;
        }
        Change::ListenerPath(on) => {
            l.listener_path = *on;
            detail = Some(json!({ "listenerPath": on }));
        }
        Change::Remove => {
            alarms::clear(&mut tx, Alarm::ListenerPaused, &id.to_string()).await?;
            tx.delete_listener(&l).await?;
        }
    }
    tx.update_listener(&l).await?;
    tx.audit(caller, change.word(), &id.to_string(), detail.as_ref()).await?;
    tx.hint(Hint::News);
    engine.queue.publish(tx.commit().await?);
    Ok(l)
}

/// From where a replay begins.
#[derive(Debug, Clone, Copy)]
pub enum From {
    Position(i64),
    Time(DateTime<Utc>),
}

/// Sends a listener again what fits it from a point on, with the same ids, before what it has not had yet. Returns
/// how many events that is; those that are forgotten (`notify.keep_days`) are not among them.
///
/// # Errors
/// [`ListenerError::NotFound`].
pub async fn replay(
    engine: &Engine,
    shows: &Shows,
    caller: &Caller,
    id: Uuid,
    from: From,
) -> Result<usize, ListenerError> {
    let mut tx = engine.db.read(&caller.tenant).await?;
    let listener = tx.listener(id).await?.ok_or(ListenerError::NotFound(id))?;
    let first = match from {
        From::Position(position) => Some(position),
        From::Time(at) => tx.position_at(at).await?,
    };
    drop(tx);
    let mut again = 0;
    let mut next = first;
    while let Some(position) = next {
        let (more, after) =
            retrying("replay", || replay_batch(engine, shows, caller, &listener, position)).await?;
        again += more;
        next = after;
    }
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let detail = json!({ "from": first, "events": again });
    tx.audit(caller, "listener.replay", &id.to_string(), Some(&detail)).await?;
    tx.hint(Hint::News);
    engine.queue.publish(tx.commit().await?);
    Ok(again)
}

async fn replay_batch(
    engine: &Engine,
    shows: &Shows,
    caller: &Caller,
    listener: &ListenerRow,
    from: i64,
) -> Result<(usize, Option<i64>), StoreError> {
    let mut tx = engine.db.tenant(&caller.tenant).await?;
    let events = tx.events_from(from, BATCH).await?;
    let mut given = vec![];
    for e in &events {
        let told = !listener.named || !tx.replies(listener.id, e.resource_id).await?.is_empty();
        if told && sequence::wants(engine, shows, listener, e) {
            given.push((listener.id, e, e.position.unwrap_or_default()));
        }
    }
    tx.give(&given).await?;
    let again = given.len();
    let next = events.last().and_then(|e| e.position).map(|p| p + 1);
    tx.commit().await?;
    Ok((again, next))
}
