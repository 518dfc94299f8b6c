//! Telvisor: a cloud of virtual machines as a network element of a telco.
//!
//! The folders are the stages of the flow: `api` (doors) → `orders` → `queue` → `jobs` → `hypervisor` → `inventory`
//! → `notify` and `mediation`, on `store`. See `docs/architecture.md`.

pub mod access;
pub mod apps;
pub mod cli;
pub mod clock;
pub mod config;
pub mod fault;
pub mod hypervisor;
pub mod store;
