//! Everything that an order, a job or a door may touch, in one value.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::access::memory::Memory;
use crate::apps::catalogue::Catalogue;
use crate::config::Config;
use crate::fault;
use crate::hypervisor::Driver;
use crate::inventory::objects::Objects;
use crate::mediation::files::FileLayer;
use crate::queue::Queue;
use crate::secrets::Secrets;
use crate::store::durations::Estimates;
use crate::store::{Db, StoreError, Tx};

/// How long the one process that does what only one may do leads without a sign of life, at most.
const LEAD: Duration = Duration::from_secs(5);

/// Shared by all tasks of one process.
pub struct Engine {
    pub config: Config,
    pub db: Db,
    pub catalogue: Catalogue,
    pub queue: Arc<Queue>,
    pub driver: Arc<dyn Driver>,
    pub objects: Objects,
    /// Where sealed files go.
    pub files: Arc<dyn FileLayer>,
    pub secrets: Secrets,
    /// What steps are expected to take.
    pub estimates: Estimates,
    /// What is known of credentials, for a while.
    pub access: Memory,
    /// This installation's id, in every ownership tag.
    pub installation: Uuid,
    /// Names this process in leases.
    pub worker: String,
}

impl Engine {
    /// Commits, then publishes the hints. The two names are fault points; where there are hints, a third one stands
    /// after the call.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn commit<S>(&self, tx: Tx<S>, [before, after]: [&'static str; 2]) -> Result<(), StoreError> {
        fault::point(before);
        let hints = tx.commit().await?;
        fault::point(after);
        self.queue.publish(hints);
        Ok(())
    }

    /// How long a lead lasts without a sign of life.
    #[must_use]
    pub fn lead_time(&self) -> Duration {
        LEAD.min(Duration::from_secs(self.config.jobs.lease_s))
    }

    /// Whether this process is the one of all that does what only one may do (a sweep, a schedule, a sequencer): takes
    /// or renews its lease. When its holder dies, another has it after [`Engine::lead_time`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn leads(&self, what: &str) -> Result<bool, StoreError> {
        let mut tx = self.db.system().await?;
        let leads = tx.lease(what, &self.worker, self.lead_time()).await?;
        self.commit(tx, ["lease.before_commit", "lease.after_commit"]).await?;
        Ok(leads)
    }

    /// Lets others lead at once.
    ///
    /// # Errors
    /// When the database does not answer; they wait for the end of the leases then.
    pub async fn give_up_leases(&self) -> Result<(), StoreError> {
        let mut tx = self.db.system().await?;
        tx.give_up_leases(&self.worker).await?;
        tx.commit().await?;
        Ok(())
    }
}
