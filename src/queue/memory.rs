//! What the tasks of one process wait at.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Line;
use super::amqp::Ticket;
use crate::store::Hint;

/// Customers' lines to look at, and bells for jobs and for events.
#[derive(Default)]
pub struct Bells {
    lines: Mutex<Waiting>,
    line_bell: Notify,
    tickets: Mutex<VecDeque<Ticket>>,
    job_bell: Notify,
    news_bell: Notify,
}

/// Lines in the order of their hints, each once, with the messages that told of them.
#[derive(Default)]
struct Waiting {
    order: VecDeque<(String, String)>,
    known: HashMap<(String, String), Vec<Ticket>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bells {
    /// Wakes whom a hint is for; a line that waits already is not queued twice. The ticket is given back by whoever
    /// takes the hint.
    pub fn ring(&self, hint: Hint, ticket: Option<Ticket>) {
        match hint {
            Hint::Line { tenant, customer_id, .. } => {
                let mut lines = lock(&self.lines);
                let key = (tenant, customer_id);
                if !lines.known.contains_key(&key) {
                    lines.order.push_back(key.clone());
                }
                lines.known.entry(key).or_default().extend(ticket);
                drop(lines);
                self.line_bell.notify_one();
            }
            Hint::Job { .. } => {
                lock(&self.tickets).extend(ticket);
                self.job_bell.notify_one();
            }
            Hint::News => self.news_bell.notify_one(),
        }
    }

    /// Wakes one worker that waits for jobs.
    pub fn ring_job(&self) {
        self.job_bell.notify_one();
    }

    /// The next line to look at, if one waits.
    pub fn take_line(&self) -> Option<Line> {
        let mut lines = lock(&self.lines);
        let key = lines.order.pop_front()?;
        let tickets = lines.known.remove(&key).unwrap_or_default();
        if !lines.order.is_empty() {
            self.line_bell.notify_one();
        }
        let (tenant, customer_id) = key;
        Some(Line { tenant, customer_id, tickets })
    }

    /// The message that woke a worker, if one did.
    pub fn take_ticket(&self) -> Option<Ticket> {
        lock(&self.tickets).pop_front()
    }

    /// Waits until a line was hinted.
    pub async fn line_hinted(&self) {
        self.line_bell.notified().await;
    }

    /// Waits until there are events to pass on.
    pub async fn news_hinted(&self) {
        self.news_bell.notified().await;
    }

    /// Waits until a job was hinted.
    pub async fn job_hinted(&self) {
        self.job_bell.notified().await;
    }
}
