//! Telvisor: a cloud of virtual machines as a network element of a telco.
//!
//! The folders are the stages of the flow: `api` (doors) → `orders` → `queue` → `jobs` → `hypervisor` → `inventory`
//! → `notify` and `mediation`, on `store`. See `docs/architecture.md`.

pub mod access;
pub mod alarms;
pub mod api;
pub mod app;
pub mod apps;
pub mod cli;
pub mod clock;
pub mod config;
pub mod conformance;
pub mod engine;
pub mod fault;
pub mod http;
pub mod hypervisor;
pub mod inventory;
pub mod jobs;
pub mod mediation;
pub mod notify;
pub mod orders;
pub mod performance;
pub mod queue;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod trace;
