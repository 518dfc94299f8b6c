//! What steps are expected to take: the 90th percentile of recent durations, the manifest's estimate until there are
//! any.

use telvisor_model::plan::{Act, Step};

use crate::engine::Engine;
use crate::store::{StoreError, Tenant, Tx};

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
