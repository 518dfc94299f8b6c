//! Service detail records: journal → sealed file → delivered.

pub mod audit;
pub mod causes;
pub mod correct;
pub mod deliver;
mod encode;
pub mod files;
mod fill;
pub mod journal;
pub mod recipients;
pub mod reconcile;
pub mod resync;
pub mod retention;
pub mod schedule;
pub mod seal;
mod takeover;
