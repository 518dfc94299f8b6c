//! The design rules of TMF630, in one place: every TMF door calls these, and none writes a rule of its own.
//!
//! A handler takes an [`ask::Ask`], which has read the query, who calls, and what hrefs begin with. It answers by
//! [`ask::Ask::list`], [`ask::Ask::list_of`], [`ask::Ask::one`] or [`ask::Ask::created`]. A handler of PATCH takes a
//! [`patch::PatchBody`] too.

pub mod ask;
pub mod cursor;
pub mod etag;
pub mod fields;
pub mod filter;
pub mod href;
pub mod json_path;
pub mod list;
pub mod media;
pub mod memory;
pub mod patch;
pub mod patch_path;
pub mod query;

pub use ask::{Ask, found, uuid};
pub use patch::{PatchBody, Patched};
pub use query::{Attribute, Kind, Query};
