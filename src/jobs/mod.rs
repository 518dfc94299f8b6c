//! Carrying jobs out: claim, run, retry, undo, sweep.

pub mod act;
pub mod lease;
pub mod pool;
pub mod run;
pub mod stop;
pub mod sweep;
