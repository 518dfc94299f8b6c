//! How long steps took, and what is expected of the next ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{StoreError, System, Tenant, Tx, later, sql};
use crate::clock::new_id;

/// Of each kind of step and application so many durations are kept, the newest.
const KEPT: i64 = 100;

/// How long expectations are used that were read: they change slowly.
const USED: TimeDelta = TimeDelta::seconds(5);

/// Tenant, application and kind of a step.
type Key = (String, String, String);

/// What the steps of an application are expected to take: kind and milliseconds.
pub type Kinds = Arc<HashMap<String, i64>>;

/// By tenant and application, with the time of reading.
type Read = HashMap<(String, String), (DateTime<Utc>, Kinds)>;

/// The expectations that a process has read: it reads them once in a few seconds, not for each order.
#[derive(Debug, Default)]
pub struct Estimates(Mutex<Read>);

impl Estimates {
    /// Of an application.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(&self, tx: &mut Tx<Tenant>, application: &str) -> Result<Kinds, StoreError> {
        let (key, now) = ((tx.tenant(), application.to_owned()), tx.now());
        if let Some((at, kinds)) = self.all().get(&key)
            && (now - *at).abs() < USED
        {
            return Ok(kinds.clone());
        }
        let kinds: Kinds = Arc::new(tx.step_estimates(application).await?.into_iter().collect());
        self.all().insert(key, (now, kinds.clone()));
        Ok(kinds)
    }

    /// Reads them anew from now on.
    pub fn forget(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tx<Tenant> {
    /// Remembers how long a step took, in milliseconds. Rows are only added here, so that workers do not wait for
    /// each other.
    pub async fn insert_duration(
        &mut self,
        application: &str,
        kind: &str,
        ms: i64,
    ) -> Result<(), StoreError> {
        let tenant = self.tenant();
        later!(
            self,
            "INSERT INTO step_durations (tenant, id, application, kind, ms, folded) VALUES ($1,$2,$3,$4,$5,FALSE)",
            &tenant,
            new_id(),
            application,
            kind,
            ms
        )
    }

    /// What the steps of an application are expected to take: kind and milliseconds.
    pub async fn step_estimates(&mut self, application: &str) -> Result<Vec<(String, i64)>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: (String, i64),
            "SELECT kind, p90_ms FROM step_estimates WHERE tenant = $1 AND application = $2",
            &tenant,
            application
        )
    }
}

impl Tx<System> {
    /// Brings the expectations up to date with what was remembered since, and forgets what is not recent any more.
    pub async fn fold_durations(&mut self) -> Result<(), StoreError> {
        let new = sql!(
            self,
            all: Key,
            "SELECT DISTINCT tenant, application, kind FROM step_durations WHERE NOT folded
             ORDER BY tenant, application, kind"
        )?;
        for key in new {
            self.fold(&key).await?;
        }
        Ok(())
    }

    async fn fold(&mut self, (tenant, application, kind): &Key) -> Result<(), StoreError> {
        let recent = sql!(
            self,
            all: (Uuid, i64),
            "SELECT id, ms FROM step_durations WHERE tenant = $1 AND application = $2 AND kind = $3
             ORDER BY id DESC LIMIT $4",
            tenant,
            application,
            kind,
            KEPT
        )?;
        let Some((oldest, _)) = recent.last().copied() else { return Ok(()) };
        let mut ms: Vec<i64> = recent.into_iter().map(|(_, ms)| ms).collect();
        sql!(
            self,
            execute,
            "INSERT INTO step_estimates (tenant, application, kind, p90_ms) VALUES ($1,$2,$3,$4)
             ON CONFLICT (tenant, application, kind) DO UPDATE SET p90_ms = excluded.p90_ms",
            tenant,
            application,
            kind,
            percentile_90(&mut ms)
        )?;
        sql!(
            self,
            execute,
            "DELETE FROM step_durations WHERE tenant = $1 AND application = $2 AND kind = $3 AND id < $4",
            tenant,
            application,
            kind,
            oldest
        )?;
        sql!(
            self,
            execute,
            "UPDATE step_durations SET folded = TRUE
             WHERE tenant = $1 AND application = $2 AND kind = $3 AND NOT folded",
            tenant,
            application,
            kind
        )?;
        Ok(())
    }
}

/// The least value that nine of ten do not exceed (nearest rank); 0 of none.
fn percentile_90(values: &mut [i64]) -> i64 {
    values.sort_unstable();
    let rank = (values.len() * 9).div_ceil(10);
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::percentile_90;

    #[test]
    fn nine_of_ten_are_not_above() {
        assert_eq!(percentile_90(&mut []), 0);
        assert_eq!(percentile_90(&mut [7]), 7);
        assert_eq!(percentile_90(&mut [10, 1, 2, 3, 4, 5, 6, 7, 8, 9]), 9);
        assert_eq!(percentile_90(&mut (1..=100).rev().collect::<Vec<_>>()), 90);
    }
}
