//! Time and ids, injected everywhere: no other file reads a clock or makes an id.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The present, truncated to microseconds (what PostgreSQL keeps).
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;

    /// Whether leases and due times go by this clock (tests) and not by the database's own.
    fn rules_leases(&self) -> bool {
        false
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

/// The machine's clock, set wrong: as a machine whose time service fails.
#[derive(Debug, Clone, Copy)]
pub struct ShiftedClock(pub TimeDelta);

impl Clock for ShiftedClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<Mutex<DateTime<Utc>>>);

impl TestClock {
    #[must_use]
    pub fn at(start: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(start.trunc_subsecs(6))))
    }

    /// Moves the clock; backwards too.
    pub fn advance(&self, by: TimeDelta) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rules_leases(&self) -> bool {
        true
    }
}

/// A new id that sorts by time (UUID version 7, RFC 9562).
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// Time as every interface shows it: RFC 3339, UTC, `Z`, microseconds only where there are any.
#[must_use]
pub fn show(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// How long to wait after this many tries that failed: `(first, longest)` milliseconds, doubled each time, with up to a
/// quarter more, drawn from a text so that those who failed together do not come back together.
#[must_use]
pub fn backoff((first, longest): (u64, u64), tries: i64, draw: &str) -> Duration {
    let base = first.saturating_mul(1 << tries.clamp(0, 20)).min(longest);
    let draw = Sha256::digest(draw);
    Duration::from_millis(base + base / 4 * u64::from(draw[0]) / 255)
}
