//! The arrows between the states of an order, as the official diagrams draw them (version 4; version 5 has none and
//! adds `draft` and `inProgress.accepted`).

use super::bench::Bench;
use crate::conformance::check::{Held, Stop, hold};

const TMF641: [(&str, &[&str]); 6] = [
    ("acknowledged", &["inProgress", "rejected", "assessingCancellation", "cancelled"]),
    (
        "inProgress",
        &["pending", "held", "assessingCancellation", "completed", "failed", "partial", "cancelled"],
    ),
    ("pending", &["inProgress", "assessingCancellation", "cancelled"]),
    ("held", &["inProgress", "assessingCancellation", "cancelled"]),
    ("assessingCancellation", &["acknowledged", "inProgress", "pending", "held", "pendingCancellation"]),
    ("pendingCancellation", &["cancelled"]),
];

const TMF622: [(&str, &[&str]); 8] = [
    ("draft", &["acknowledged"]),
    ("acknowledged", &["inProgress", "inProgress.accepted", "pending"]),
    ("inProgress.accepted", &["inProgress", "assessingCancellation"]),
    ("inProgress", &["pending", "held", "assessingCancellation", "completed", "failed", "partial"]),
    ("pending", &["inProgress", "inProgress.accepted", "assessingCancellation", "cancelled"]),
    ("held", &["inProgress", "assessingCancellation", "cancelled"]),
    ("assessingCancellation", &["inProgress", "pending", "held", "pendingCancellation"]),
    ("pendingCancellation", &["cancelled"]),
];

/// Whether an order may go this way, from its creation on.
///
/// # Errors
/// The first step that is no arrow.
pub fn walk(b: &Bench, states: &[String]) -> Held {
    let (table, firsts): (&[(&str, &[&str])], &[&str]) = if b.is_tmf641() {
        (&TMF641, &["acknowledged"])
    } else {
        (&TMF622, &["acknowledged", "rejected", "draft"])
    };
    let Some(first) = states.first() else {
        return Err(Stop::Failed("no state was told".into()));
    };
    hold!(firsts.contains(&first.as_str()), "an order begins as {first}: {states:?}");
    for pair in states.windows(2) {
        let to = table.iter().find(|(from, _)| *from == pair[0]).map_or(&[][..], |(_, to)| to);
        hold!(
            to.contains(&pair[1].as_str()),
            "there is no arrow from {} to {}: {states:?}",
            pair[0],
            pair[1]
        );
    }
    Ok(())
}
