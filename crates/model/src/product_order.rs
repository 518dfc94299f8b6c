//! The state machine of a product order (TMF622 v4.0.0, lifecycle diagram of the order), and how a product order
//! follows the service order that it was taken apart into.
//!
//! ```text
//! (new) ─ rejected ■
//! (new) ─ draft ── acknowledged, rejected ■ (v5: when it is submitted)
//! (new) ─ acknowledged ── pending, inProgress
//!          inProgress ── completed ■ / failed ■ / partial ■
//!           │  ▲  │  ▲
//!        pending  held ── cancelled ■
//!   inProgress, pending, held ⇄ assessingCancellation ── pendingCancellation ── cancelled ■
//! ```
//! It has the words of the service order's diagram ([`crate::order`]) and other arrows: it is rejected from the
//! start or never, waits from `acknowledged`, and is cancelled neither from there nor from `inProgress` directly.

use crate::order::OrderState;

/// The states that the diagram lets follow on one.
#[must_use]
pub const fn next(state: OrderState) -> &'static [OrderState] {
    use OrderState as S;
    match state {
        S::Draft => &[S::Acknowledged, S::Rejected],
        S::Acknowledged => &[S::InProgress, S::Pending],
        S::InProgress => {
            &[S::Pending, S::Held, S::AssessingCancellation, S::Completed, S::Failed, S::Partial]
        }
        S::Pending | S::Held => &[S::InProgress, S::AssessingCancellation, S::Cancelled],
        S::AssessingCancellation => &[S::InProgress, S::Pending, S::Held, S::PendingCancellation],
        S::PendingCancellation => &[S::Cancelled],
        S::Rejected | S::Cancelled | S::Completed | S::Failed | S::Partial => &[],
    }
}

/// Whether the diagram has an arrow.
#[must_use]
pub fn may_become(from: OrderState, to: OrderState) -> bool {
    next(from).contains(&to)
}

/// The states to pass through to reach `to`, `to` included, with one state between where there is no arrow: a waiting
/// order that is cancelled passes through `pending`, one that is held or ends before its turn through `inProgress`, a
/// granted cancel through `pendingCancellation`. None when `to` cannot be reached so.
#[must_use]
pub fn path(from: OrderState, to: OrderState) -> Option<Vec<OrderState>> {
    use OrderState as S;
    if may_become(from, to) {
        return Some(vec![to]);
    }
    let between = [S::PendingCancellation, S::Pending, S::InProgress];
    between.into_iter().find(|s| may_become(from, *s) && may_become(*s, to)).map(|s| vec![s, to])
}

/// The states that a product order comes to when its service order has come to `service`. A waiting product order
/// cannot show that its cancel is judged and carried out; it shows what comes of it.
#[must_use]
pub fn follow(product: OrderState, service: OrderState) -> Vec<OrderState> {
    use OrderState as S;
    match (product, service) {
        (_, S::Acknowledged) | (S::Acknowledged, S::AssessingCancellation | S::PendingCancellation) => vec![],
        // A service order is accepted with its product order, and is never rejected after that.
        (_, S::Rejected) => vec![],
        (from, to) if from == to => vec![],
        (from, to) => path(from, to).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OrderState as S;
    use proptest::prelude::*;

    #[test]
    fn final_states_are_never_left_and_the_others_are() {
        for &state in S::ALL {
            assert_eq!(state.is_final(), next(state).is_empty(), "{state}");
            let begins = matches!(state, S::Draft | S::Acknowledged | S::Rejected);
            assert!(begins || S::ALL.iter().any(|s| may_become(*s, state)), "{state} cannot be reached");
        }
    }

    #[test]
    fn where_there_is_no_arrow_it_passes_the_state_of_the_contract() {
        assert_eq!(path(S::Acknowledged, S::Cancelled), Some(vec![S::Pending, S::Cancelled]));
        assert_eq!(path(S::Acknowledged, S::Held), Some(vec![S::InProgress, S::Held]));
        assert_eq!(path(S::Acknowledged, S::Failed), Some(vec![S::InProgress, S::Failed]));
        assert_eq!(path(S::Acknowledged, S::Pending), Some(vec![S::Pending]));
        assert_eq!(
            path(S::AssessingCancellation, S::Cancelled),
            Some(vec![S::PendingCancellation, S::Cancelled])
        );
        assert_eq!(path(S::Acknowledged, S::Rejected), None);
        assert_eq!(path(S::Completed, S::InProgress), None);
    }

    proptest! {
        /// Whatever way a service order goes, its product order goes along its own arrows, shows the same state
        /// (but for a cancel that is judged while it waits), and ends as it ends.
        #[test]
        fn it_follows_every_way_of_its_service_order(turns in prop::collection::vec(any::<prop::sample::Index>(), 0..30)) {
            let (mut service, mut product, mut origin) = (S::Acknowledged, S::Acknowledged, S::Acknowledged);
            for turn in turns {
                // A cancel that is denied leads back to where it came from.
                let back = |to: &S| service != S::AssessingCancellation || [origin, S::PendingCancellation].contains(to);
                let ways: Vec<S> =
                    service.next().iter().copied().filter(|s| *s != S::Rejected).filter(back).collect();
                if ways.is_empty() {
                    break;
                }
                let from = std::mem::replace(&mut service, ways[turn.index(ways.len())]);
                if service == S::AssessingCancellation {
                    origin = from;
                }
                for to in follow(product, service) {
                    prop_assert!(may_become(product, to), "{product} -> {to}");
                    product = to;
                }
                let judged = matches!(service, S::AssessingCancellation | S::PendingCancellation);
                prop_assert!(product == service || (judged && product == S::Acknowledged), "{product}, {service}");
            }
        }
    }
}
