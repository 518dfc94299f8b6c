//! Whether new orders are let in: shut while there is more to do than can be done.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The gate of one process.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Option<String>>);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shuts it, saying why, or opens it. Returns whether that is new.
    pub fn set(&self, shut: Option<String>) -> bool {
        let mut now = self.lock();
        let new = now.is_some() != shut.is_some();
        *now = shut;
        new
    }

    /// Why it is shut; none while it is open.
    #[must_use]
    pub fn shut(&self) -> Option<String> {
        self.lock().clone()
    }
}
