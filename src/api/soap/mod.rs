//! The doors by SOAP. `orders` is contract A, for a BSS; `ne` is contract B, for a provisioning gateway. Neither holds
//! order logic: each operation becomes the draft that TMF641 would have made, and is accepted as that one is.
//!
//! A call goes through [`message`] (HTTP to envelope), its contract's `read` (envelope to typed request) and `place` or
//! `ask`; what is refused anywhere on the way is a [`fault::Refusal`], written in the contract's own form.

pub mod callback;
pub mod describe;
pub mod fault;
pub mod message;
pub mod ne;
pub mod orders;
pub mod security;
pub mod text;
pub mod wait;

use axum::Router;
use axum::routing::get;

use super::Doors;

/// Path of contract A.
pub const ORDERS: &str = "/soap/orders";
/// Path of contract B.
pub const NE: &str = "/soap/ne";

/// The routes of the SOAP doors.
pub fn routes() -> Router<Doors> {
    Router::new()
        .route(ORDERS, get(describe::orders).post(orders::post))
        .route(NE, get(describe::network_element).post(ne::post))
}
