//! What a file that can be read may still be wrong in, and whether files of one stream follow each other.

use std::collections::{BTreeMap, HashSet};

use crate::decode::Decoded;
use crate::file::first_gap;
use crate::record::Record;
use crate::time;

/// Says in words what is wrong in a file. `named` is the number in its name, where that tells one. Counts, sums and
/// digests that a file tells of itself were compared when it was decoded.
pub fn problems(file: &Decoded, named: Option<u32>) -> Vec<String> {
    let mut found = vec![];
    if let (Some(named), Some(told)) = (named, file.file_seq())
        && named != told
    {
        found.push(format!("its name says file {named}, its content file {told}"));
    }
    if let Some(at) = first_gap(&file.records) {
        let (before, seq) = (file.records[at - 1].seq, file.records[at].seq);
        found.push(format!("record {seq} follows record {before}"));
    }
    let mut ids = HashSet::new();
    for record in file.records.iter().filter(|r| !ids.insert(r.record_id)) {
        found.push(format!("record {} has the id {} of an earlier one", record.seq, record.record_id));
    }
    let (tenant, node) = match (&file.info, file.records.first()) {
        (Some(info), _) => (Some(&info.tenant), Some(&info.node_id)),
        (None, first) => (first.map(|r| &r.tenant), first.map(|r| &r.node_id)),
    };
    let first = |test: &dyn Fn(&Record) -> bool| file.records.iter().find(|r| test(r));
    if let Some(r) = first(&|r| Some(&r.tenant) != tenant) {
        found.push(format!("record {} is of tenant {}", r.seq, r.tenant));
    }
    if let Some(r) = first(&|r| Some(&r.node_id) != node) {
        found.push(format!("record {} is of node {}", r.seq, r.node_id));
    }
    if let Some(info) = &file.info
        && let Some(r) = first(&|r| r.record_time < info.period_start || r.record_time >= info.period_end)
    {
        let at = time::to_text(&r.record_time);
        found.push(format!("record {} was written at {at}, outside the file's period", r.seq));
    }
    found
}

/// A file in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub file_seq: u32,
    /// Numbers of its first and last record; none without records.
    pub numbers: Option<(u64, u64)>,
    /// In hexadecimal.
    pub sha256: String,
}

/// Says in words where files of one stream do not follow each other: numbers that are missing, or there with different
/// content. The same file twice is no fault.
pub fn gaps(files: &[Member]) -> Vec<String> {
    let mut found = vec![];
    let mut by_number: BTreeMap<u32, Vec<&Member>> = BTreeMap::new();
    for file in files {
        by_number.entry(file.file_seq).or_default().push(file);
    }
    let mut before: Option<(u32, Option<u64>)> = None;
    for (seq, same) in &by_number {
        // A later revision stands in the place of an earlier one; its name sorts behind.
        let last = same.iter().max_by_key(|f| (f.name.len(), &f.name)).expect("it has one");
        let names: Vec<_> = same.iter().map(|f| f.name.as_str()).collect();
        let differ = same.iter().any(|f| f.sha256 != last.sha256);
        if differ && !names.iter().any(|n| n.contains("_-_r")) {
            found.push(format!("file {seq} is there with different content: {}", names.join(", ")));
        }
        if let Some((file, number)) = before {
            match seq - file {
                1 => {}
                2 => found.push(format!("file {} is missing", file + 1)),
                _ => found.push(format!("files {} to {} are missing", file + 1, seq - 1)),
            }
            if let (Some(number), Some((first, _))) = (number, last.numbers)
                && number.checked_add(1) != Some(first)
            {
                let told = if first > number + 1 {
                    format!("records {} to {} are missing", number + 1, first - 1)
                } else {
                    format!("its records begin at {first}, after {number}")
                };
                found.push(format!("before {}: {told}", last.name));
            }
        }
        let numbers = last.numbers.map(|(_, last)| last).or(before.and_then(|(_, n)| n));
        before = Some((*seq, numbers));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(file_seq: u32, numbers: Option<(u64, u64)>, sha256: &str) -> Member {
        Member { name: format!("n_-_{file_seq}.csv"), file_seq, numbers, sha256: sha256.into() }
    }

    #[test]
    fn files_that_follow_each_other_have_no_gaps() {
        let files = [member(3, Some((6, 6)), "c"), member(1, Some((1, 5)), "a"), member(2, None, "b")];
        assert_eq!(gaps(&files), Vec::<String>::new());
        assert_eq!(
            gaps(&[member(7, Some((40, 41)), "a"), member(7, Some((40, 41)), "a")]),
            Vec::<String>::new()
        );
        let again = Member { name: "n_-_1_-_r2.csv".into(), ..member(1, Some((1, 5)), "z") };
        assert_eq!(gaps(&[files[1].clone(), again]), Vec::<String>::new());
    }

    #[test]
    fn gaps_and_doubles_are_told() {
        let files =
            [member(1, Some((1, 5)), "a"), member(3, Some((9, 9)), "c"), member(6, Some((9, 12)), "d")];
        assert_eq!(
            gaps(&files),
            [
                "file 2 is missing",
                "before n_-_3.csv: records 6 to 8 are missing",
                "files 4 to 5 are missing",
                "before n_-_6.csv: its records begin at 9, after 9"
            ]
        );
        let other = gaps(&[member(1, None, "a"), Member { name: "x.csv".into(), ..member(1, None, "b") }]);
        assert!(other[0].contains("different content"), "{other:?}");
    }
}
