//! How long events and what was delivered are kept.

use chrono::TimeDelta;

use crate::engine::Engine;
use crate::store::StoreError;

/// Most events forgotten in one transaction.
const MOST: i64 = 500;

/// Forgets what is older than `notify.keep_days`: deliveries that were made, and events that no listener waits for.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(engine: &Engine) -> Result<(), StoreError> {
    let tenants = engine.db.read_system().await?.all_tenants().await?;
    for tenant in tenants {
        loop {
            let mut tx = engine.db.tenant(&tenant).await?;
            let before = tx.now() - TimeDelta::days(engine.config.notify.keep_days);
            tx.forget_deliveries(before).await?;
            // Nobody is told to follow an order through a listener that goes.
            tx.lock_positions().await?;
            for idle in tx.forget_follows(before).await? {
                tx.delete_listener(&idle).await?;
            }
            let old = tx.old_events(before, MOST).await?;
            for id in &old {
                tx.forget_event(*id).await?;
            }
            tx.commit().await?;
            if old.is_empty() {
                break;
            }
        }
    }
    Ok(())
}
