//! The lane of one listener: what it is to be sent, a few requests at a time, and never two of one resource.
//!
//! Lanes know nothing of each other, so a listener that is slow or dead delays nobody else. Within a lane an event
//! that fails delays only the later ones of its own resource. When as many in a row have failed as are sent at a time,
//! the listener is taken to be down: what was tried is tried again in its own time, and new events come forward one by
//! one until something gets through.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use telvisor_model::{Alarm, ListenerState};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::leading::Leading;
use super::send::{Letter, Post, trace_parent};
use super::soap::{self, Beside, Kind};
use super::{NotifyError, Shows, envelope, listeners, sequence};
use crate::access::{Caller, Door};
use crate::alarms;
use crate::clock::new_id;
use crate::engine::Engine;
use crate::store::deliveries::DueRow;
use crate::store::events::EventRow;
use crate::store::listeners::ListenerRow;
use crate::store::retrying;

/// Longest time between two tries.
const CAP: TimeDelta = TimeDelta::seconds(60);
/// Deliveries fetched at a time.
const FETCH: i64 = 32;
/// How long a lane without work stays.
const IDLE: Duration = Duration::from_secs(30);

/// A position, and how its sending ended: well, or why not.
type Ended = (i64, Result<(), String>);

/// One listener's lane in one process.
pub struct Lane {
    engine: Arc<Engine>,
    shows: Shows,
    post: Post,
    leading: Arc<Leading>,
    tenant: String,
    listener: ListenerRow,
    secret: Vec<u8>,
    ready: VecDeque<(DueRow, Beside)>,
    /// Positions under way.
    flying: HashMap<i64, (DueRow, Beside)>,
    posts: JoinSet<Ended>,
    /// Failures since the last success.
    failures: usize,
    /// When the next new event may be tried at a listener that is down.
    fresh_after: DateTime<Utc>,
}

impl Lane {
    /// Opens the lane of an active listener; none when there is no such one any more.
    ///
    /// # Errors
    /// When the database does not answer, or the listener's secret cannot be read.
    pub async fn open(
        engine: &Arc<Engine>,
        shows: Shows,
        post: &Post,
        leading: &Arc<Leading>,
        tenant: &str,
        id: Uuid,
    ) -> Result<Option<Self>, NotifyError> {
        let mut tx = engine.db.read(tenant).await?;
        let Some(listener) = tx.listener(id).await?.filter(|l| l.state == ListenerState::Active) else {
            return Ok(None);
        };
        let secret = match Kind::of(&listener) {
            Some(_) => vec![],
            None => listeners::unseal(engine, &listener, tx.sealed(listener.secret).await?)?,
        };
        Ok(Some(Self {
            engine: engine.clone(),
            shows,
            post: post.clone(),
            leading: leading.clone(),
            tenant: tenant.to_owned(),
            listener,
            secret,
            ready: VecDeque::new(),
            flying: HashMap::new(),
            posts: JoinSet::new(),
            failures: 0,
            fresh_after: DateTime::UNIX_EPOCH,
        }))
    }

    /// Sends what is due, and what comes to be due, until the listener has been idle for a while, is paused or gone,
    /// or `stop` is cancelled; what is under way is brought to its end.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn run(mut self, bell: Arc<Notify>, stop: CancellationToken) -> Result<(), NotifyError> {
        loop {
            let wait = if stop.is_cancelled() { None } else { self.fill().await? };
            if self.posts.is_empty() {
                let Some(wait) = wait else { return Ok(()) };
                tokio::select! {
                    rung = tokio::time::timeout(wait, bell.notified()) => {
                        if rung.is_err() && wait >= IDLE {
                            return Ok(());
                        }
                    }
                    () = stop.cancelled() => {}
                }
                continue;
            }
            tokio::select! {
                Some(first) = self.posts.join_next() => self.record(first).await?,
                () = bell.notified() => {}
                // With others under way, one that is due again is not kept waiting.
                () = delay(wait) => {}
            }
        }
    }

    /// Sends what is due now, and returns when that is done: what tests use in place of waiting.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn run_due(mut self) -> Result<(), NotifyError> {
        loop {
            self.fill().await?;
            match self.posts.join_next().await {
                Some(first) => self.record(first).await?,
                None => return Ok(()),
            }
        }
    }

    /// Lets as many go as may be under way. How long until something is due that is not yet; none when the listener
    /// is not to be sent anything any more.
    async fn fill(&mut self) -> Result<Option<Duration>, NotifyError> {
        let room = self.engine.config.notify.concurrency;
        let mut wait = IDLE;
        if !self.leading.holds() {
            self.ready.clear();
            return Ok(Some(wait));
        }
        if self.ready.is_empty() && self.flying.len() < room {
            match self.fetch().await? {
                Some(until) => wait = until,
                None => return Ok(None),
            }
        }
        while self.flying.len() < room
            && self.leading.holds()
            && let Some((due, beside)) = self.ready.pop_front()
        {
            self.let_go(due, beside);
        }
        Ok(Some(wait))
    }

    async fn fetch(&mut self) -> Result<Option<Duration>, NotifyError> {
        let mut tx = self.engine.db.read(&self.tenant).await?;
        let now = tx.lease_now().await?;
        let id = self.listener.id;
        match tx.listener(id).await? {
            Some(l) if l.state == ListenerState::Active => self.listener = l,
            _ => return Ok(None),
        }
        // Those under way are due in the database too.
        let under_way = i64::try_from(self.flying.len()).unwrap_or(FETCH);
        let down = self.is_down();
        let new = match (down, now < self.fresh_after || under_way > 0) {
            (false, _) => FETCH,
            (true, false) => 1,
            (true, true) => 0,
        };
        let mut due = tx.retries_due(id, now, FETCH + under_way).await?;
        if new > 0 {
            due.extend(tx.fresh_due(id, new + under_way).await?);
        }
        due.retain(|d| !self.flying.values().any(|(f, _)| f.event.resource_id == d.event.resource_id));
        self.ready.clear();
        for row in due {
            let beside = Beside::of(&mut tx, &self.listener, &row.event).await?;
            self.ready.push_back((row, beside));
        }
        let next = tx.next_retry(id).await?.filter(|at| *at > now);
        let fresh = Some(self.fresh_after).filter(|at| down && *at > now);
        let next = next.into_iter().chain(fresh).min();
        let wait = next.and_then(|at| (at - now).to_std().ok()).unwrap_or(IDLE);
        Ok(Some(wait.max(Duration::from_millis(1))))
    }

    /// Sends one, beside what is under way.
    fn let_go(&mut self, due: DueRow, beside: Beside) {
        let position = due.event.position.unwrap_or_default();
        let letters = self.letters(&due.event, &beside);
        self.flying.insert(position, (due, beside));
        let post = self.post.clone();
        self.posts.spawn(async move { (position, send_all(&post, letters).await) });
    }

    fn letters(&self, event: &EventRow, beside: &Beside) -> Result<Vec<Letter>, String> {
        let mut letters = match Kind::of(&self.listener) {
            None => vec![self.notification(event)?],
            Some(kind) => {
                let taken = if kind == Kind::Reply { |_: &[u8]| Ok(()) } else { self.shows.soap.accepted };
                let made = soap::messages(&self.shows.soap, kind, &self.listener, event, beside);
                let made = made.map_err(|e| unreadable(&e))?;
                made.into_iter().map(|m| Letter::soap(self.listener.callback.clone(), m, taken)).collect()
            }
        };
        for letter in &mut letters {
            letter.headers.push(("traceparent", trace_parent(event.trace_parent.as_deref(), event.id)));
        }
        Ok(letters)
    }

    fn notification(&self, event: &EventRow) -> Result<Letter, String> {
        let made = sequence::render(&self.engine, &self.shows, &self.listener, event);
        let (shown, mut notification) =
            made.ok_or("this release does not show such an event")?.map_err(|e| unreadable(&e))?;
        envelope::shorten(shown, event, &mut notification);
        let mut callback = self.listener.callback.clone();
        if self.listener.listener_path {
            callback = listener_path(&callback, notification["eventType"].as_str().unwrap_or_default());
        }
        let body = notification.to_string().into_bytes();
        let now = self.engine.db.clock().now().timestamp();
        Ok(Letter::signed(callback, body, event.id, now, &self.secret))
    }

    /// Writes down how the first and all others that have ended meanwhile went, in one transaction.
    async fn record(&mut self, first: Result<Ended, JoinError>) -> Result<(), NotifyError> {
        let mut ended = vec![first];
        while let Some(other) = self.posts.try_join_next() {
            ended.push(other);
        }
        let ended = ended.into_iter().collect::<Result<Vec<_>, _>>().map_err(NotifyError::Broken)?;
        if retrying("deliveries", || self.write(&ended)).await? == ListenerState::Paused {
            self.ready.clear();
        }
        for (position, result) in &ended {
            let due = self.flying.remove(position);
            let (listener, api) = (self.listener.id.to_string(), self.listener.api.clone());
            match result {
                Ok(()) => {
                    self.failures = 0;
                    metrics::counter!("telvisor_events_delivered_total", "api" => api).increment(1);
                }
                Err(why) => {
                    self.failures += 1;
                    let down = self.failures.saturating_sub(self.engine.config.notify.concurrency);
                    self.fresh_after = self.engine.db.clock().now() + self.pause(down);
                    let event = due.map(|(d, _)| d.event.id.to_string());
                    tracing::warn!(
                        listener,
                        event,
                        callback = self.listener.callback,
                        error = why,
                        "an event was not delivered; it is tried again"
                    );
                    metrics::counter!("telvisor_events_not_delivered_total", "api" => api).increment(1);
                }
            }
        }
        if self.is_down() {
            // New ones come forward one by one now.
            self.ready.retain(|(d, _)| d.tries > 0);
        }
        Ok(())
    }

    /// Whether as many in a row have failed as are sent at a time.
    fn is_down(&self) -> bool {
        self.failures >= self.engine.config.notify.concurrency
    }

    /// Returns whether the listener is still active.
    async fn write(&self, ended: &[Ended]) -> Result<ListenerState, NotifyError> {
        let mut tx = self.engine.db.tenant(&self.tenant).await?;
        let now = tx.lease_now().await?;
        let id = self.listener.id;
        for (position, result) in ended {
            match result {
                Ok(()) => {
                    tx.delivered(id, *position).await?;
                    if let Some((due, beside)) = self.flying.get(position) {
                        soap::delivered(&mut tx, &self.listener, &due.event, beside).await?;
                    }
                }
                Err(why) => {
                    let tries = self.flying.get(position).map_or(0, |(d, _)| d.tries);
                    let again = now + self.pause(usize::try_from(tries).unwrap_or(usize::MAX));
                    tx.not_delivered(id, *position, again, why).await?;
                }
            }
        }
        let mut state = ListenerState::Paused;
        if let Some(mut l) = tx.listener(id).await? {
            let before = l.clone();
            match ended.iter().find(|(_, r)| r.is_ok()) {
                Some(_) => l.failing_since = None,
                None => l.failing_since = l.failing_since.or(Some(now)),
            }
            if let (Some(since), Some((_, Err(why)))) = (l.failing_since, ended.last()) {
                self.pause_if_long(&mut l, since, now, why);
            }
            if l != before {
                tx.update_listener(&l).await?;
            }
            state = l.state;
            if l.state != before.state {
                let caller = Caller::system(&self.tenant, Door::System);
                let detail = json!({ "why": l.paused_why });
                tx.audit(&caller, "listener.pause", &id.to_string(), Some(&detail)).await?;
                let why = l.paused_why.as_deref().unwrap_or_default();
                let text = format!("{} at {}: {why}", l.api, l.callback);
                alarms::raise(&mut tx, Alarm::ListenerPaused, &id.to_string(), &text).await?;
            }
        }
        self.engine.commit(tx, ["deliver.before_commit", "deliver.after_commit"]).await?;
        Ok(state)
    }

    /// Pauses a listener that nothing could be delivered to for longer than `notify.pause_after`.
    fn pause_if_long(&self, l: &mut ListenerRow, since: DateTime<Utc>, now: DateTime<Utc>, why: &str) {
        let hours = i64::from(self.engine.config.notify.pause_after);
        if hours == 0 || l.state == ListenerState::Paused || now - since < TimeDelta::hours(hours) {
            return;
        }
        l.state = ListenerState::Paused;
        l.paused_at = Some(now);
        l.paused_why = Some(format!("nothing could be delivered for {hours} hours; last: {why}"));
        metrics::counter!("telvisor_listeners_paused_total", "api" => l.api.clone()).increment(1);
    }

    /// The pause after a try, given how many failed before: it doubles up to [`CAP`], and half of it is drawn, so
    /// that listeners that failed together do not come back together.
    fn pause(&self, before: usize) -> TimeDelta {
        let base = i64::try_from(self.engine.config.notify.retry_base_ms).unwrap_or(1000);
        let doubled = base.saturating_mul(1 << before.min(20)).min(CAP.num_milliseconds());
        let drawn = i64::from(new_id().into_bytes()[15]);
        TimeDelta::milliseconds(doubled - doubled / 2 * drawn / 255)
    }
}

/// Sends one letter after the other.
async fn send_all(post: &Post, letters: Result<Vec<Letter>, String>) -> Result<(), String> {
    for letter in letters? {
        post.send(letter).await?;
    }
    Ok(())
}

fn unreadable(e: &serde_json::Error) -> String {
    format!("the event is in a form that this release cannot read: {e}")
}

/// Waits; for ever where there is nothing to wait for.
async fn delay(wait: Option<Duration>) {
    match wait {
        Some(wait) => drop(tokio::time::timeout(wait, std::future::pending::<()>()).await),
        None => std::future::pending().await,
    }
}

/// `/listener/serviceOrderStateChangeEvent` appended to the path of a callback.
fn listener_path(callback: &str, event_type: &str) -> String {
    let (first, rest) = event_type.split_at(event_type.len().min(1));
    let (path, query) = callback.split_once('?').map_or((callback, None), |(p, q)| (p, Some(q)));
    let path = format!("{}/listener/{}{rest}", path.trim_end_matches('/'), first.to_ascii_lowercase());
    query.map_or(path.clone(), |q| format!("{path}?{q}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listener_path_goes_before_the_query() {
        let event = "ServiceOrderStateChangeEvent";
        let path = "/listener/serviceOrderStateChangeEvent";
        assert_eq!(listener_path("http://a/x", event), format!("http://a/x{path}"));
        assert_eq!(listener_path("http://a/x/?k=1", event), format!("http://a/x{path}?k=1"));
    }
}
