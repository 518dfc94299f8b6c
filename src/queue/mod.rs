//! Hints: where there may be work. The rows are the truth, so a lost, late or doubled hint costs nothing.

pub mod memory;

pub use memory::Queue;

/// The class of jobs on machines.
pub const MACHINE_JOBS: &str = "machine";
