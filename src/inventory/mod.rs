//! What exists as built, and the store of backups.

pub mod names;
pub mod objects;
