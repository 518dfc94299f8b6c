//! The state machine of a service order (TMF641 v4.1, lifecycle diagram of the order) and of its items.
//!
//! ```text
//! (new) ─ acknowledged ─┬─ rejected ■
//!              │        └─ cancelled ■
//!          inProgress ── completed ■ / failed ■ / partial ■ / cancelled ■
//!           │  ▲  │  ▲
//!        pending  held ── cancelled ■
//!   acknowledged, inProgress, pending, held ⇄ assessingCancellation ── pendingCancellation ── cancelled ■
//! ```

use crate::text::text_enum;

text_enum! {
    /// What is ordered: a product (TMF622), or a service (TMF641).
    #[derive(Default)]
    OrderKind {
        #[default]
        Service = "service",
        /// Taken apart into one service order, which alone stands in the customer's line.
        Product = "product",
    }
}

text_enum! {
    /// State of an order: the eleven of TMF641 `ServiceOrderStateType`, and one that only a product order has.
    OrderState {
        /// Not submitted yet (TMF622 v5 alone).
        Draft = "draft",
        /// Accepted; waits for its date or its turn.
        Acknowledged = "acknowledged",
        /// Refused in the accepting transaction. Final.
        Rejected = "rejected",
        /// Waits for information or approval.
        Pending = "pending",
        /// Waits for an operator, after a failure or at his word.
        Held = "held",
        InProgress = "inProgress",
        /// Final.
        Cancelled = "cancelled",
        /// Final.
        Completed = "completed",
        /// Every item failed. Final.
        Failed = "failed",
        /// Some items failed, some were completed. Final.
        Partial = "partial",
        /// A cancel request is being judged.
        AssessingCancellation = "assessingCancellation",
        /// A cancel request was granted; what was done is being undone.
        PendingCancellation = "pendingCancellation",
    }
}

text_enum! {
    /// State of an order item. TMF641 gives items the states of orders; an item is never `partial`.
    ItemState {
        Acknowledged = "acknowledged",
        Rejected = "rejected",
        Pending = "pending",
        Held = "held",
        InProgress = "inProgress",
        Cancelled = "cancelled",
        Completed = "completed",
        Failed = "failed",
        AssessingCancellation = "assessingCancellation",
        PendingCancellation = "pendingCancellation",
    }
}

impl OrderState {
    /// No order ever leaves a final state.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Cancelled | Self::Completed | Self::Failed | Self::Partial)
    }

    /// Whether the order ended because its items did.
    #[must_use]
    pub const fn is_completion(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Partial)
    }

    /// The states that the diagram lets follow on this one.
    #[must_use]
    pub const fn next(self) -> &'static [Self] {
        use OrderState as S;
        match self {
            S::Acknowledged => &[S::InProgress, S::Rejected, S::AssessingCancellation, S::Cancelled],
            S::InProgress => &[
                S::Pending,
                S::Held,
                S::AssessingCancellation,
                S::Completed,
                S::Failed,
                S::Partial,
                S::Cancelled,
            ],
            S::Pending | S::Held => &[S::InProgress, S::AssessingCancellation, S::Cancelled],
            S::AssessingCancellation => {
                &[S::Acknowledged, S::InProgress, S::Pending, S::Held, S::PendingCancellation]
            }
            S::PendingCancellation => &[S::Cancelled],
            // A service order is never a draft.
            S::Draft | S::Rejected | S::Cancelled | S::Completed | S::Failed | S::Partial => &[],
        }
    }

    /// Whether the diagram has an arrow from here to `to`.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        self.next().contains(&to)
    }

    /// The states to pass through to reach `to`, `to` included; none when `to` cannot be reached by one arrow or by
    /// one state between. The states between are those of the contract: acknowledged and held or pending orders
    /// pass through `inProgress`, a granted cancel passes through `pendingCancellation`.
    #[must_use]
    pub fn path_to(self, to: Self) -> Option<Vec<Self>> {
        if self.may_become(to) {
            return Some(vec![to]);
        }
        let between = [Self::PendingCancellation, Self::InProgress];
        between.into_iter().find(|s| self.may_become(*s) && s.may_become(to)).map(|s| vec![s, to])
    }
}

impl ItemState {
    /// No item ever leaves a final state.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Cancelled | Self::Completed | Self::Failed)
    }
}

/// State in which an order ends, given its items, all of them final.
#[must_use]
pub fn end_state(items: &[ItemState]) -> OrderState {
    let completed = items.iter().filter(|s| **s == ItemState::Completed).count();
    let cancelled = items.iter().filter(|s| **s == ItemState::Cancelled).count();
    if completed == items.len() {
        OrderState::Completed
    } else if cancelled == items.len() {
        OrderState::Cancelled
    } else if completed == 0 {
        OrderState::Failed
    } else {
        OrderState::Partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_state_can_be_reached_and_final_ones_are_never_left() {
        for &to in OrderState::ALL.iter().filter(|s| **s != OrderState::Draft) {
            let reached = to == OrderState::Acknowledged || OrderState::ALL.iter().any(|s| s.may_become(to));
            assert!(reached, "{to} cannot be reached");
            assert_eq!(to.is_final(), to.next().is_empty(), "{to}");
        }
    }

    #[test]
    fn states_between_are_those_of_the_contract() {
        use OrderState as S;
        assert_eq!(S::Acknowledged.path_to(S::Held), Some(vec![S::InProgress, S::Held]));
        assert_eq!(S::Acknowledged.path_to(S::Failed), Some(vec![S::InProgress, S::Failed]));
        assert_eq!(S::Acknowledged.path_to(S::Pending), Some(vec![S::InProgress, S::Pending]));
        assert_eq!(S::Held.path_to(S::Completed), Some(vec![S::InProgress, S::Completed]));
        assert_eq!(
            S::AssessingCancellation.path_to(S::Cancelled),
            Some(vec![S::PendingCancellation, S::Cancelled])
        );
        assert_eq!(S::Completed.path_to(S::InProgress), None);
        assert_eq!(S::PendingCancellation.path_to(S::Completed), None);
    }

    #[test]
    fn texts_come_back() {
        for &s in OrderState::ALL {
            assert_eq!(s.as_str().parse::<OrderState>(), Ok(s));
        }
        assert!("Completed".parse::<OrderState>().is_err());
    }

    proptest! {
        /// Whatever is asked of an order, in whatever sequence, it moves along arrows only and ends for good.
        #[test]
        fn random_requests_never_break_the_diagram(wishes in prop::collection::vec(0..OrderState::ALL.len(), 0..40)) {
            let mut state = OrderState::Acknowledged;
            for wish in wishes {
                let to = OrderState::ALL[wish];
                if let Some(path) = state.path_to(to) {
                    prop_assert!(!state.is_final());
                    for step in path {
                        prop_assert!(state.may_become(step));
                        state = step;
                    }
                    prop_assert_eq!(state, to);
                }
            }
        }

        #[test]
        fn the_end_says_what_the_items_say(ends in prop::collection::vec(0..3usize, 1..8)) {
            let choice = [ItemState::Completed, ItemState::Failed, ItemState::Cancelled];
            let items: Vec<_> = ends.iter().map(|i| choice[*i]).collect();
            let end = end_state(&items);
            prop_assert!(end.is_final());
            prop_assert_eq!(end == OrderState::Completed, items.iter().all(|s| *s == ItemState::Completed));
            prop_assert_eq!(end == OrderState::Partial,
                items.contains(&ItemState::Completed) && items.iter().any(|s| *s != ItemState::Completed));
        }
    }
}
