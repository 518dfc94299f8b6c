//! A worker's hold on a job: no driver call starts whose time limit exceeds what is left of the lease.

use std::time::Duration;

use tokio::time::Instant;

use super::stop::Stop;
use crate::engine::Engine;
use crate::store::jobs::{JobRow, StepRow};
use crate::store::retrying;

/// The lease of one claimed job. Counted from before the claim was sent, so it never seems longer than it is.
pub struct Lease<'a> {
    engine: &'a Engine,
    job: JobRow,
    since: Instant,
    length: Duration,
}

impl<'a> Lease<'a> {
    #[must_use]
    pub fn new(engine: &'a Engine, job: JobRow, since: Instant) -> Self {
        Self { engine, job, since, length: length(engine) }
    }

    /// Renews the lease when a third of it is gone or a call needs more than what is left.
    ///
    /// # Errors
    /// [`Stop::Lost`] when the job is another worker's by now.
    pub async fn cover(&mut self, call: Duration) -> Result<(), Stop> {
        let spent = self.since.elapsed();
        if spent < self.length / 3 && self.length - spent > call {
            return Ok(());
        }
        let since = Instant::now();
        let (engine, job, length) = (self.engine, &self.job, self.length);
        retrying("lease", async || {
            let mut tx = engine.db.tenant(&job.tenant).await?;
            if tx.hold_job(job, length).await?.is_none() {
                return Err(Stop::Lost);
            }
            tx.commit().await?;
            Ok(())
        })
        .await?;
        self.since = since;
        Ok(())
    }
}

/// Length of a lease by configuration.
#[must_use]
pub fn length(engine: &Engine) -> Duration {
    Duration::from_secs(engine.config.jobs.lease_s)
}

/// Writes a step back, as long as the job is still this worker's.
pub(super) async fn save_step(
    engine: &Engine,
    job: &JobRow,
    step: &StepRow,
    points: [&'static str; 2],
) -> Result<(), Stop> {
    retrying("step", async || {
        let mut tx = engine.db.tenant(&job.tenant).await?;
        if tx.hold_job(job, length(engine)).await?.is_none() {
            return Err(Stop::Lost);
        }
        tx.update_step(step).await?;
        if let (Some(took), "do") = (step.took(), job.phase.as_str()) {
            let (kind, application) = step.act.0.work();
            tx.insert_duration(application, kind, took.num_milliseconds().max(0)).await?;
        }
        Ok(engine.commit(tx, points).await?)
    })
    .await
}
