//! The milestones of an order: each acting item completed. They follow from its items, so nothing is stored of them;
//! the event is written in the transaction that completes the item.

use chrono::{DateTime, Utc};
use telvisor_model::ItemState;

use crate::store::orders::ItemRow;

/// Whether a milestone was reached; the words are those of TMF622 v5 and TMF641 v5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    YetToReach,
    Completed,
    /// It will not be reached any more.
    Violated,
}

impl Status {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::YetToReach => "Yet-To-Reach",
            Self::Completed => "Completed",
            Self::Violated => "Violated",
        }
    }
}

/// One milestone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// Number of it within the order, from 1.
    pub id: usize,
    /// The item that it is about.
    pub item: String,
    pub description: String,
    pub status: Status,
    /// When it was reached, or missed.
    pub at: Option<DateTime<Utc>>,
}

/// Name of all of them: they differ by their item.
pub const ITEM_COMPLETED: &str = "itemCompleted";

/// Whether an item is a milestone: one that asks for no change is none.
#[must_use]
pub fn is_milestone(item: &ItemRow) -> bool {
    item.intent.0.is_some()
}

/// The milestones of an order, in running order.
#[must_use]
pub fn of(items: &[ItemRow]) -> Vec<Milestone> {
    let acting = items.iter().filter(|i| is_milestone(i)).enumerate();
    acting
        .map(|(n, item)| {
            let what = item.intent.0.as_ref().and_then(|i| i.application.clone());
            let what = what.map_or_else(String::new, |application| format!(" {application}"));
            Milestone {
                id: n + 1,
                item: item.item_id.clone(),
                description: format!("item {} is completed: {}{what}", item.item_id, item.action),
                status: match item.state {
                    ItemState::Completed => Status::Completed,
                    state if state.is_final() => Status::Violated,
                    _ => Status::YetToReach,
                },
                at: item.ended_at,
            }
        })
        .collect()
}
