//! Service detail records: journal → sealed file → delivered.

pub mod causes;
mod deliver;
pub mod files;
pub mod journal;
mod octets;
pub mod resync;
pub mod schedule;
pub mod seal;
