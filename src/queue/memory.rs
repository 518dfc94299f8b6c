//! The in-process queue of the embedded default.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::store::Hint;

/// Customers' lines to look at, and bells for jobs and for events.
#[derive(Default)]
pub struct Queue {
    /// Nobody in this process takes hints: they are dropped, the sweep of the workers' process finds the rows.
    deaf: bool,
    lines: Mutex<Waiting>,
    line_bell: Notify,
    job_bell: Notify,
    news_bell: Notify,
}

/// Lines in the order of their hints, each once.
#[derive(Default)]
struct Waiting {
    order: VecDeque<(String, String)>,
    known: HashSet<(String, String)>,
}

impl Queue {
    /// A queue whose hints somebody in this process takes, or nobody.
    #[must_use]
    pub fn new(taken: bool) -> Self {
        Self { deaf: !taken, ..Self::default() }
    }

    /// Publishes hints; a line that waits already is not queued twice.
    pub fn publish(&self, hints: Vec<Hint>) {
        if self.deaf {
            return;
        }
        for hint in hints {
            match hint {
                Hint::Line { tenant, customer_id } => {
                    let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                    let key = (tenant, customer_id);
                    if lines.known.insert(key.clone()) {
                        lines.order.push_back(key);
                    }
                    drop(lines);
                    self.line_bell.notify_one();
                }
                Hint::Job { .. } => self.job_bell.notify_one(),
                Hint::News => self.news_bell.notify_one(),
            }
        }
    }

    /// Wakes one worker that waits for jobs.
    pub fn ring(&self) {
        self.job_bell.notify_one();
    }

    /// The next line to look at, if one waits.
    pub fn take_line(&self) -> Option<(String, String)> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.order.pop_front();
        if let Some(key) = &line {
            lines.known.remove(key);
        }
        if !lines.order.is_empty() {
            self.line_bell.notify_one();
        }
        line
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
