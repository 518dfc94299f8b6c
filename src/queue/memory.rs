//! The in-process queue of the embedded default.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::store::Hint;

/// Customers' lines to look at, and a bell for jobs.
#[derive(Default)]
pub struct Queue {
    lines: Mutex<VecDeque<(String, String)>>,
    line_bell: Notify,
    job_bell: Notify,
}

impl Queue {
    /// Publishes hints; a line that waits already is not queued twice.
    pub fn publish(&self, hints: Vec<Hint>) {
        for hint in hints {
            match hint {
                Hint::Line { tenant, customer_id } => {
                    let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                    let key = (tenant, customer_id);
                    if !lines.contains(&key) {
                        lines.push_back(key);
                    }
                    drop(lines);
                    self.line_bell.notify_one();
                }
                Hint::Job { .. } => self.job_bell.notify_one(),
            }
        }
    }

    /// The next line to look at, if one waits.
    pub fn take_line(&self) -> Option<(String, String)> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.pop_front();
        if !lines.is_empty() {
            self.line_bell.notify_one();
        }
        line
    }

    /// Waits until a line was hinted.
    pub async fn line_hinted(&self) {
        self.line_bell.notified().await;
    }

    /// Waits until a job was hinted.
    pub async fn job_hinted(&self) {
        self.job_bell.notified().await;
    }
}
