//! The pure heart of Telvisor: what an order may do in which state, and into which steps it is taken apart.
//!
//! Nothing here does I/O, reads a clock or knows a database: every function gives the same answer for the same
//! arguments, so all of it is tested by tables and properties.

mod text;

pub mod action;
pub mod alarm;
pub mod catalogue;
pub mod client;
pub mod event;
pub mod order;
pub mod plan;
pub mod product_order;
pub mod role;
pub mod shown;
pub mod view;

pub use action::{Action, CustomerState, Refusal, SubscriptionState, Verdict};
pub use alarm::{AckState, Alarm, AlarmState, AlarmType, Severity};
pub use client::{ClientState, Scope};
pub use event::{EventKind, ListenerState, Resource};
pub use order::{ItemState, OrderKind, OrderState};
pub use role::Role;
pub use text::UnknownText;
