//! Named points at which a test lets the process die, as `kill -9` would.
//!
//! A point costs one atomic read when no fault is set. The plan comes from the configuration
//! (`test.fault`, or `TELVISOR_TEST__FAULT=point:n`: die at the n-th passing of the point), so that a seed replays exactly.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every point, in the order of an order's life; each stands at one place in the code.
pub const POINTS: &[&str] = &[
    "accept.before_commit",
    "accept.after_commit",
    "accept.after_publish",
    "patch.before_commit",
    "patch.after_commit",
    "patch.after_publish",
    "lease.before_commit",
    "lease.after_commit",
    "line.before_commit",
    "line.after_commit",
    "line.after_publish",
    "claim.before_commit",
    "claim.after_commit",
    "step.before_begin_commit",
    "step.after_begin_commit",
    "driver.before_begin",
    "driver.after_begin",
    "driver.before_observe",
    "driver.after_observe",
    "step.before_handle_commit",
    "step.after_handle_commit",
    "store.before_fsync",
    "store.after_fsync",
    "store.before_rename",
    "store.after_rename",
    "step.before_done_commit",
    "step.after_done_commit",
    "again.before_commit",
    "again.after_commit",
    "again.after_publish",
    "cancel.before_commit",
    "cancel.after_commit",
    "cancel.after_publish",
    "undo.before_commit",
    "undo.after_commit",
    "decide.before_commit",
    "decide.after_commit",
    "decide.after_publish",
    "job.before_commit",
    "job.after_commit",
    "job.after_publish",
    "delete.before_commit",
    "delete.after_commit",
    "seal.before_commit",
    "seal.after_commit",
    "seal.before_fsync",
    "seal.after_fsync",
    "seal.before_rename",
    "seal.after_rename",
    "seal.after_delivered",
    "events.before_commit",
    "events.after_commit",
    "deliver.before_commit",
    "deliver.after_commit",
    "link.before_commit",
    "link.after_commit",
];

struct Plan {
    point: String,
    passing: u64,
    seen: AtomicU64,
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

/// Sets the fault of this process, once, from `point:n`.
///
/// # Errors
/// In words, when the text is not `point:n` with a known point and n from 1.
pub fn set(text: Option<&str>) -> Result<(), String> {
    let plan = match text {
        None => None,
        Some(text) => {
            let (point, n) = text.split_once(':').ok_or_else(|| format!("{text:?} is not point:n"))?;
            let passing = n.parse().map_err(|_| format!("{n:?} is no count"))?;
            if !POINTS.contains(&point) || passing == 0 {
                return Err(format!("no fault point {point:?}, or the count is 0"));
            }
            Some(Plan { point: point.to_owned(), passing, seen: AtomicU64::new(0) })
        }
    };
    PLAN.set(plan).map_err(|_| "a fault is set already".to_owned())
}

/// Passes a point: dies there when the plan says so.
pub fn point(name: &'static str) {
    debug_assert!(POINTS.contains(&name), "{name} is not in the list");
    if let Some(Some(plan)) = PLAN.get()
        && plan.point == name
        && plan.seen.fetch_add(1, Ordering::SeqCst) + 1 == plan.passing
    {
        eprintln!("fault point {name}: dying here");
        std::process::abort();
    }
}
