//! Everything that an order, a job or a door may touch, in one value.

use std::sync::Arc;

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
use crate::store::{Db, StoreError, Tx};

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
}
