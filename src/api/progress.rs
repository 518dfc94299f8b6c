//! Which octets of a file have gone out under a link, over several responses: one after another, resumed, or beside
//! each other.

use uuid::Uuid;

use crate::store::links::{End, Part};

/// Most octets of a response that go out before its progress is stored. A later range that begins so far behind what
/// a broken response had stored goes on with it.
pub const STORED_EVERY: u64 = 8 << 20;

/// A response begins at `from`. Where it goes on with one that broke off, the gap between what that one could store
/// and `from` is closed. One that still runs in this process has not broken off: a client that fetches several ranges
/// beside each other resumes nothing.
pub fn begin(parts: &mut Vec<Part>, worker: &str, response: Uuid, from: u64) {
    for part in parts.iter_mut() {
        let ended = match &part.end {
            End::Whole => false,
            End::Broken => true,
            End::Running { worker: other, .. } => other != worker,
        };
        if ended && part.to < from && from - part.to <= STORED_EVERY {
            part.to = from;
        }
    }
    let end = End::Running { worker: worker.to_owned(), response };
    parts.push(Part { from, to: from, end });
}

/// A response has come to `to`. `end`: how it ended; none while it runs.
pub fn advance(parts: &mut Vec<Part>, response: Uuid, to: u64, end: Option<End>) {
    let own = |p: &&mut Part| matches!(&p.end, End::Running { response: r, .. } if *r == response);
    if let Some(part) = parts.iter_mut().find(own) {
        part.to = part.to.max(to);
        if let Some(end) = end {
            part.end = end;
            join(parts);
        }
    }
}

/// Joins what touches, of the responses that have ended.
fn join(parts: &mut Vec<Part>) {
    let (mut out, mut ended): (Vec<_>, Vec<_>) =
        std::mem::take(parts).into_iter().partition(|p| matches!(p.end, End::Running { .. }));
    ended.sort_by_key(|p| (p.from, p.to));
    let mut joined: Vec<Part> = vec![];
    for part in ended {
        match joined.last_mut() {
            Some(last) if part.from <= last.to => {
                if part.to > last.to || (part.to == last.to && part.end == End::Broken) {
                    (last.to, last.end) = (part.to, part.end);
                }
            }
            _ => joined.push(part),
        }
    }
    out.append(&mut joined);
    *parts = out;
}

/// Whether every octet of a file of `size` has gone out.
#[must_use]
pub fn whole(parts: &[Part], size: u64) -> bool {
    let mut sorted: Vec<_> = parts.iter().map(|p| (p.from, p.to)).collect();
    sorted.sort_unstable();
    let end = sorted.into_iter().fold(0, |end, (from, to)| if from <= end { end.max(to) } else { end });
    end >= size
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    /// A response that begins at `from` and ends at `to`.
    fn run(parts: &mut Vec<Part>, n: u128, from: u64, to: u64, end: End) {
        begin(parts, "w", id(n), from);
        advance(parts, id(n), to, Some(end));
    }

    #[test]
    fn ended_ranges_join_only_where_they_touch_in_any_order() {
        let mut parts = vec![];
        run(&mut parts, 1, 20, 30, End::Whole);
        run(&mut parts, 2, 0, 10, End::Whole);
        assert!(!whole(&parts, 30) && parts.len() == 2);
        run(&mut parts, 3, 11, 20, End::Whole);
        assert!(!whole(&parts, 30), "octet 10 is missing");
        run(&mut parts, 4, 5, 11, End::Whole);
        assert!(whole(&parts, 30) && parts.len() == 1, "{parts:?}");
    }

    #[test]
    fn a_response_that_broke_off_is_gone_on_with_within_8_mib() {
        let mut parts = vec![];
        run(&mut parts, 1, 0, 8 * MIB, End::Broken);
        run(&mut parts, 2, 16 * MIB, 20 * MIB, End::Whole);
        assert!(whole(&parts, 20 * MIB));
        let mut parts = vec![];
        run(&mut parts, 1, 0, 8 * MIB, End::Broken);
        run(&mut parts, 2, 16 * MIB + 1, 20 * MIB, End::Whole);
        assert!(!whole(&parts, 20 * MIB));
        let mut parts = vec![];
        run(&mut parts, 1, 0, 8 * MIB, End::Whole);
        run(&mut parts, 2, 9 * MIB, 20 * MIB, End::Whole);
        assert!(!whole(&parts, 20 * MIB), "a range that was sent as asked for leaves no gap to close");
    }

    #[test]
    fn ranges_beside_each_other_resume_nothing() {
        let mut parts = vec![];
        for n in 0..4 {
            begin(&mut parts, "w", id(n.into()), n * 5 * MIB);
        }
        advance(&mut parts, id(3), 20 * MIB, Some(End::Whole));
        assert!(!whole(&parts, 20 * MIB), "three of four are still under way");
        for n in 0..3_u64 {
            assert!(!whole(&parts, 20 * MIB));
            advance(&mut parts, id(u128::from(n)), (n + 1) * 5 * MIB, Some(End::Whole));
        }
        assert!(whole(&parts, 20 * MIB));
    }

    #[test]
    fn a_response_of_a_process_that_is_no_more_has_broken_off() {
        let mut parts = vec![];
        begin(&mut parts, "before", id(1), 0);
        advance(&mut parts, id(1), 8 * MIB, None);
        begin(&mut parts, "now", id(2), 15 * MIB);
        advance(&mut parts, id(2), 20 * MIB, Some(End::Whole));
        assert!(whole(&parts, 20 * MIB));
    }
}
