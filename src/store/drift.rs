//! One time for all processes: each corrects its clock by what the database's was found to differ from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::{Db, StoreError};
use crate::clock::Clock;

/// Time between two looks at the database's clock.
const EVERY: Duration = Duration::from_secs(60);
/// A machine whose clock is further off than this has a time service that fails.
const MUCH: TimeDelta = TimeDelta::seconds(1);

/// The clock of this process, corrected to the database's.
pub struct Corrected {
    base: Arc<dyn Clock>,
    /// Microseconds by which the database is ahead.
    ahead: AtomicI64,
}

impl Corrected {
    #[must_use]
    pub fn new(base: Arc<dyn Clock>) -> Self {
        Self { base, ahead: AtomicI64::new(0) }
    }

    /// Looks at the database's clock, and goes by it from now on. SQLite has no clock of its own, and a test's clock
    /// is right by definition. Returns by how much the database is ahead.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn correct(&self, db: &Db) -> Result<TimeDelta, StoreError> {
        if self.base.rules_leases() || db.kind() == "sqlite" {
            return Ok(TimeDelta::zero());
        }
        let mut tx = db.read_system().await?;
        let asked = self.base.now();
        let there = tx.lease_now().await?;
        // It was read somewhere in between.
        let here = asked + (self.base.now() - asked) / 2;
        let ahead = there - here;
        self.ahead.store(ahead.num_microseconds().unwrap_or(0), Ordering::Relaxed);
        metrics::gauge!("telvisor_clock_behind_seconds").set(ahead.as_seconds_f64());
        Ok(ahead)
    }

    /// Keeps it corrected until `shutdown`.
    pub async fn keep(self: Arc<Self>, db: Db, shutdown: CancellationToken) {
        let mut told = false;
        loop {
            match self.correct(&db).await {
                Ok(ahead) if ahead.abs() > MUCH && !told => {
                    told = true;
                    tracing::warn!(
                        seconds = ahead.as_seconds_f64(),
                        "this machine's clock is behind the database's (ahead, where negative) and is corrected; \
                         see to its time service"
                    );
                }
                Ok(ahead) => told = ahead.abs() > MUCH,
                Err(e) => tracing::debug!(error = %e, "the database's clock could not be read"),
            }
            if tokio::time::timeout(EVERY, shutdown.cancelled()).await.is_ok() {
                return;
            }
        }
    }
}

impl Clock for Corrected {
    fn now(&self) -> DateTime<Utc> {
        self.base.now() + TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed))
    }

    fn rules_leases(&self) -> bool {
        self.base.rules_leases()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ShiftedClock;

    #[test]
    fn the_clock_goes_by_what_was_found() {
        let wrong = Corrected::new(Arc::new(ShiftedClock(TimeDelta::minutes(5))));
        wrong.ahead.store(-300_000_000, Ordering::Relaxed);
        let off = wrong.now() - ShiftedClock(TimeDelta::zero()).now();
        assert!(off.abs() < TimeDelta::seconds(5), "{off}");
    }
}
