//! That something is being removed: noted when the item that removes it has its jobs, taken back when the item ends,
//! whichever way.

use telvisor_model::Action;

use super::moves::Moving;
use super::outcome::{opt, subscription};
use crate::store::customers::CustomerRow;
use crate::store::{StoreError, Tenant, Tx};

/// Notes whether the item at `n` is removing what it is about; items that remove nothing change nothing.
pub(super) async fn note(
    tx: &mut Tx<Tenant>,
    moving: &Moving,
    n: usize,
    removing: bool,
) -> Result<(), StoreError> {
    let Some(intent) = &moving.items[n].intent.0 else {
        return Ok(());
    };
    match intent.action {
        Action::TerminateSubscription => {
            if let Some(mut s) = subscription(tx, intent).await?.filter(|s| s.removing != removing) {
                s.removing = removing;
                tx.save_subscription(&s).await?;
            }
        }
        Action::TerminateCustomer => {
            if let Some(before) = opt(tx, moving.order.customer).await?.filter(|c| c.removing != removing) {
                // Of its own state nothing is told until it is gone: TMF629 has no word for it.
                tx.save_customer(&before, &CustomerRow { removing, ..before.clone() }).await?;
            }
        }
        _ => {}
    }
    Ok(())
}
