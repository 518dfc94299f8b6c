//! Waiting for an order's end, for clients that want it in the answer.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::fault::{Refusal, What};
use crate::access::Caller;
use crate::api::Doors;
use crate::store::orders::{ItemRow, OrderRow};

/// How often the order is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// An order with its items, as it is now.
///
/// # Errors
/// [`What::OrderNotFound`].
pub async fn load(doors: &Doors, caller: &Caller, id: Uuid) -> Result<(OrderRow, Vec<ItemRow>), Refusal> {
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let order = tx.order_even_hidden(id).await?;
    let order = order.ok_or_else(|| Refusal::new(What::OrderNotFound, format!("there is no order {id}")))?;
    let items = tx.items(id).await?;
    Ok((order, items))
}

/// Whether nothing more happens to an order without somebody's decision.
fn rests(order: &OrderRow) -> bool {
    use telvisor_model::OrderState::{Held, Pending};
    order.state.is_final() || matches!(order.state, Held | Pending)
}

/// The order as it is when it has ended, when it rests until somebody decides, or when the time is over or the server
/// drains.
///
/// # Errors
/// When the database does not answer.
pub async fn until_settled(
    doors: &Doors,
    caller: &Caller,
    id: Uuid,
    seconds: u32,
) -> Result<(OrderRow, Vec<ItemRow>), Refusal> {
    let until = Instant::now() + Duration::from_secs(seconds.into());
    loop {
        let (order, items) = load(doors, caller, id).await?;
        let over = Instant::now() >= until || doors.draining.is_cancelled();
        if over || rests(&order) {
            return Ok((order, items));
        }
        timeout(LOOK.min(until - Instant::now()), doors.draining.cancelled()).await.ok();
    }
}
