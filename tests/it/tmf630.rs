//! The rules of TMF630, at the doors.

mod patching;
mod tags;

use crate::harness::Answer;

/// A header of an answer; empty where it is not there.
pub fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |v| v.to_str().unwrap())
}
