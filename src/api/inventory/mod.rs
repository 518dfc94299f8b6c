//! What the inventory doors (TMF637, TMF638, TMF639) and usage (TMF635) share: how things are shown, and the
//! record-only entries beside what was ordered.

pub mod records;
pub mod show;
