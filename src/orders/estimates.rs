//! What steps are expected to take: the 90th percentile of recent durations, the manifest's estimate until there are
//! any. Read from the database once in a few seconds, not for each order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use telvisor_model::plan::{Act, Step};

use crate::engine::Engine;
use crate::store::{StoreError, Tenant, Tx};

/// How long what was read is used: they change slowly.
const KEPT: TimeDelta = TimeDelta::seconds(5);

/// Kind of step, and milliseconds.
type Kinds = Arc<HashMap<String, i64>>;

/// What a process has read of them.
#[derive(Debug, Default)]
pub struct Estimates(Mutex<HashMap<(String, String), (DateTime<Utc>, Kinds)>>);

impl Estimates {
    /// Reads them anew from now on.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn of(&self, tx: &mut Tx<Tenant>, application: &str) -> Result<Kinds, StoreError> {
        let (key, now) = ((tx.tenant(), application.to_owned()), tx.now());
        let all = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, kinds)) = all().get(&key)
            && (now - *at).abs() < KEPT
        {
            return Ok(kinds.clone());
        }
        let kinds: Kinds = Arc::new(tx.step_estimates(application).await?.into_iter().collect());
        all().insert(key, (now, kinds.clone()));
        Ok(kinds)
    }
}

/// Milliseconds that an act is expected to take.
pub(super) async fn of(engine: &Engine, tx: &mut Tx<Tenant>, act: &Act) -> Result<i64, StoreError> {
    let (kind, application) = act.work();
    if let Some(ms) = engine.estimates.of(tx, application).await?.get(kind) {
        return Ok(*ms);
    }
    let of_package = || engine.catalogue.find(application).map_or(0, |app| app.estimate(kind));
    Ok(i64::from(act.usual_seconds().unwrap_or_else(of_package)) * 1000)
}

/// Milliseconds that steps take, one after another.
pub(super) async fn of_steps(
    engine: &Engine,
    tx: &mut Tx<Tenant>,
    steps: &[Step],
) -> Result<i64, StoreError> {
    let mut sum = 0;
    for step in steps {
        sum += of(engine, tx, &step.act).await?;
    }
    Ok(sum)
}
