//! The life of an operation: begun under its key with the fence checked, carried out after its latency, recorded
//! in the world before anybody can see it done.
//!
//! Everything about one machine happens under that machine's lock, so the check of a fence and the change that
//! it allows are one step, even where a newer worker came between `begin` and the effect.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::REMEMBERED;
use super::entries::Record;
use super::faults::Effect;
use super::inner::{Inner, Running, away, check_name};
use super::run::{self, Ended};
use crate::hypervisor::{DriverError, Guard, Handle, Observation, Operation};

/// What `observe` finds first.
pub(super) enum Look {
    Running(Arc<Running>),
    Ended(Observation),
}

/// What a fault makes of an operation that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twist {
    None,
    Fail,
    Retry,
    Forget,
}

impl Inner {
    pub(super) fn begin(
        self: &Arc<Self>,
        guard: &Guard,
        operation: &Operation,
        key: &str,
    ) -> Result<Handle, DriverError> {
        let fault = self.faults.strike("begin", operation.name(), &guard.name);
        let lost = || DriverError::Unreachable("begin timed out, as a fault rule wants".into());
        let twist = match fault {
            Some(Effect::TimeoutBefore) => return Err(lost()),
            Some(Effect::Capacity) => return Err(DriverError::Capacity("a fault rule wants it so".into())),
            Some(Effect::Fail) => Twist::Fail,
            Some(Effect::Retry) => Twist::Retry,
            Some(Effect::Unknown) => Twist::Forget,
            Some(Effect::TimeoutAfterActing) | None => Twist::None,
        };
        let handle = self.locked(&guard.name, || self.begin_locked(guard, operation, key, twist))?;
        if fault == Some(Effect::TimeoutAfterActing) { Err(lost()) } else { Ok(handle) }
    }

    fn begin_locked(
        self: &Arc<Self>,
        guard: &Guard,
        operation: &Operation,
        key: &str,
        twist: Twist,
    ) -> Result<Handle, DriverError> {
        let (machine, mut tag) = self.admit(guard)?;
        Self::check_fence(guard, &tag)?;
        let handle = Handle(format!("{}/{key}", guard.name));
        let running = self.running().get(&handle.0).cloned();
        let seen_before = running.is_some() || tag.record(key).is_some();
        if !seen_before {
            self.check_possible(guard, operation, machine.as_ref(), &tag)?;
            if let (Operation::CreateMachine { host, .. }, None) = (operation, &machine) {
                tag.host.clone_from(host);
            }
        }
        if let Some(running) = &running {
            running.fence.fetch_max(guard.fence, Ordering::SeqCst);
        }
        if !seen_before || tag.fence < guard.fence {
            tag.fence = guard.fence;
            if let Err(e) = self.world.save_tag(&guard.name, &tag) {
                self.settle_capacity(&guard.name);
                return Err(away(&e));
            }
        }
        if !seen_before {
            self.start(guard, operation, key, twist, &handle);
        }
        Ok(handle)
    }

    fn start(
        self: &Arc<Self>,
        guard: &Guard,
        operation: &Operation,
        key: &str,
        twist: Twist,
        handle: &Handle,
    ) {
        let running = Arc::new(Running {
            operation: operation.clone(),
            fence: AtomicI64::new(guard.fence),
            cancel: CancellationToken::new(),
            since: Instant::now(),
            latency: self.faults.latency(operation.name(), key),
            ended: watch::Sender::new(None),
        });
        self.running().insert(handle.0.clone(), Arc::clone(&running));
        let (inner, guard, key, handle) = (Arc::clone(self), guard.clone(), key.to_owned(), handle.clone());
        self.tasks.spawn(async move {
            let seen = tokio::select! {
                biased;
                // As if the process had died: nothing is recorded.
                () = inner.stop.cancelled() => Observation::Unknown,
                aborted = wait(&running) => {
                    let (carried, running) = (Arc::clone(&inner), Arc::clone(&running));
                    let finish = move || carried.finish(&guard, &running, &key, twist, aborted);
                    inner.tasks.spawn_blocking(finish).await.unwrap_or(Observation::Unknown)
                }
            };
            inner.running().remove(&handle.0);
            running.ended.send_replace(Some(seen));
        });
    }

    /// Carries a begun operation out and records how it ended.
    pub(super) fn finish(
        &self,
        guard: &Guard,
        running: &Running,
        key: &str,
        twist: Twist,
        aborted: bool,
    ) -> Observation {
        self.locked(&guard.name, || {
            let seen = self.finish_locked(guard, running, key, twist, aborted).unwrap_or_else(|e| {
                tracing::warn!(machine = guard.name, operation = running.operation.name(), "lost: {e}");
                Observation::Unknown
            });
            self.settle_capacity(&guard.name);
            seen
        })
    }

    fn finish_locked(
        &self,
        guard: &Guard,
        running: &Running,
        key: &str,
        twist: Twist,
        aborted: bool,
    ) -> io::Result<Observation> {
        let unacted = |seen| Ended { seen, changed: false };
        let fence = running.fence.load(Ordering::SeqCst);
        let name = running.operation.name();
        let reason = format!("{name} was ended by a fault rule");
        let refused = match self.admit(guard) {
            Ok((_, tag)) if tag.fence > fence => Some(format!(
                "a newer worker has acted on this machine (fence {} is above {fence})",
                tag.fence
            )),
            Ok(_) => aborted.then(|| format!("{name} was aborted before it acted")),
            Err(DriverError::Unreachable(e)) => return Err(io::Error::other(e)),
            Err(e) => Some(e.to_string()),
        };
        let ended = match (refused, twist) {
            (Some(reason), _) => unacted(Observation::Retry { reason }),
            (None, Twist::Fail) => unacted(Observation::Fail { reason }),
            (None, Twist::Retry) => unacted(Observation::Retry { reason }),
            (None, Twist::None | Twist::Forget) => run::act(&self.world, guard, &running.operation)?,
        };
        let outcome = serde_json::to_value(&ended.seen).map_err(io::Error::other)?;
        self.world.log(&json!({
            "machine": guard.name, "id": guard.tag.machine, "operation": name, "key": key, "fence": fence,
            "changed": ended.changed, "outcome": outcome,
        }))?;
        if twist == Twist::Forget {
            return Ok(Observation::Unknown);
        }
        if let Some(mut tag) = self.world.tag(&guard.name)? {
            let record =
                Record { key: key.to_owned(), operation: name.to_owned(), outcome: ended.seen.clone() };
            tag.operations.push(record);
            let surplus = tag.operations.len().saturating_sub(REMEMBERED);
            tag.operations.drain(..surplus);
            self.world.save_tag(&guard.name, &tag)?;
        }
        Ok(ended.seen)
    }

    pub(super) fn look(&self, handle: &Handle) -> Result<Look, DriverError> {
        let running = self.running().get(&handle.0).cloned();
        let (name, key) = handle.0.split_once('/').unwrap_or((&handle.0, ""));
        if check_name(name).is_err() {
            return Ok(Look::Ended(Observation::Unknown));
        }
        let record = match &running {
            Some(_) => None,
            None => self.world.tag(name).map_err(|e| away(&e))?.and_then(|t| t.record(key).cloned()),
        };
        let operation = match (&running, &record) {
            (Some(running), _) => running.operation.name(),
            (_, Some(record)) => &record.operation,
            _ => "*",
        };
        match self.faults.strike("observe", operation, name) {
            None => {}
            Some(Effect::Unknown) => return Ok(Look::Ended(Observation::Unknown)),
            Some(Effect::Fail) => return Err(DriverError::Refused("a fault rule wants it so".into())),
            Some(Effect::Capacity) => return Err(DriverError::Capacity("a fault rule wants it so".into())),
            Some(_) => {
                return Err(DriverError::Unreachable("observe timed out, as a fault rule wants".into()));
            }
        }
        Ok(match running {
            Some(running) => Look::Running(running),
            None => Look::Ended(record.map_or(Observation::Unknown, |r| r.outcome)),
        })
    }

    pub(super) fn abort(&self, handle: &Handle) -> Result<(), DriverError> {
        if let Some(running) = self.running().get(&handle.0) {
            running.cancel.cancel();
        }
        Ok(())
    }
}

/// Waits the latency out; true if the operation was aborted meanwhile.
async fn wait(running: &Running) -> bool {
    if running.latency.is_zero() {
        return running.cancel.is_cancelled();
    }
    tokio::select! {
        biased;
        () = running.cancel.cancelled() => true,
        () = tokio::time::sleep(running.latency) => false,
    }
}
