//! The only code that moves an order.
//!
//! * [`drafts`]: product orders that are not submitted yet.
//! * [`admission`]: whether there is room for a new order.
//! * [`accept`]: a door's draft becomes an order with its place in the customer's line, or is refused.
//! * `decompose`: a product order taken apart into its service order, which alone stands in the line.
//! * [`line`]: whose turn it is, and what waits for what.
//! * [`start`]: an item's turn: judged again, planned from the inventory as it is (`planning`), its machines placed and
//!   its jobs written (`placing`).
//! * [`finish`]: an item's end and the end of the order; `outcome`: what a completed item leaves in the inventory.
//! * [`approval`], [`hold`]: what waits for an operator's word.
//! * [`expect`], [`jeopardy`], [`milestones`]: when it will be done (`estimates`), what endangers that, what is reached.
//! * [`keys`]: a repeat makes nothing twice.
//! * [`archive`]: where ended orders go in the end.
//! * [`cancel`], [`fallout`]: stopping, undoing, and what an operator decides.

pub mod accept;
pub mod admission;
pub mod approval;
pub mod archive;
pub mod cancel;
pub mod customers;
mod decompose;
pub mod draft;
pub mod drafts;
mod estimates;
pub mod expect;
pub mod fallout;
pub mod finish;
mod form;
pub mod hold;
pub mod jeopardy;
pub mod keys;
pub mod line;
pub mod milestones;
mod modify;
pub mod moves;
mod outcome;
pub mod patch;
mod placing;
mod planning;
mod removal;
mod replan;
pub mod resolve;
mod rows;
pub mod schedule;
pub mod start;
pub mod view;

use self::moves::Moving;
use crate::store::{Again, StoreError, Tenant, Tx};

pub use decompose::service_item;
pub use draft::{Ask, Direction, Draft, DraftItem, Given, Member};
pub use form::is_customer_id;

/// Why an order, or a change to one, was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The request is wrong: 400. `item` counts from 0.
    #[error("{message}")]
    Invalid { item: Option<usize>, member: Member, message: String },
    /// What is to be made exists already: 409, SOAP 3008.
    #[error("{message}")]
    Exists { item: Option<usize>, message: String },
    /// A state forbids it: 409, SOAP 3005.
    #[error("{message}")]
    Forbidden { item: Option<usize>, message: String },
    /// The idempotency key was used with other content: 409.
    #[error("the key {key:?} was used before with other content, for {what} {made}")]
    KeyConflict { key: String, what: &'static str, made: uuid::Uuid },
    /// The order is not at the version any more from which the change was made: 412, or it is made again.
    #[error("the order was changed in between")]
    Changed,
    /// More waits than can be done: 429, SOAP 4001.
    #[error("{why}; try again in {retry_after_s} s")]
    Busy { why: String, retry_after_s: u32 },
    /// No such order (or another tenant's): 404.
    #[error("there is no order {0}")]
    NotFound(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Again for OrderError {
    fn worth_again(&self) -> bool {
        matches!(self, Self::Store(e) if e.worth_again())
    }
}

impl OrderError {
    pub(crate) fn invalid(
        item: impl Into<Option<usize>>,
        member: Member,
        message: impl Into<String>,
    ) -> Self {
        Self::Invalid { item: item.into(), member, message: message.into() }
    }
}

/// The order that an operator decides about, with the line of its customer locked: of a product order the service order
/// that does its work. An operator may name either.
///
/// # Errors
/// [`OrderError::NotFound`].
async fn acting(tx: &mut Tx<Tenant>, id: uuid::Uuid) -> Result<Moving, OrderError> {
    let missing = || OrderError::NotFound(id.to_string());
    let seen = tx.order(id).await?.ok_or_else(missing)?;
    if let Some(customer_id) = &seen.customer_id {
        tx.lock_line(customer_id).await?;
    }
    let moving = match seen.parent {
        Some(_) => Moving::load(tx, id).await?,
        None => Moving::load_placed(tx, id).await?,
    };
    moving.ok_or_else(missing)
}
