//! Service detail records: journal → sealed file → delivered.

pub mod causes;
pub mod files;
pub mod journal;
pub mod schedule;
pub mod seal;
