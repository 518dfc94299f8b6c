//! Every answer of a TMF API that a test sees is held against the official file.

use serde_json::Value;
use telvisor::conformance::official::{Api, Exchange};

use super::Answer;

/// Fails the test when the official file declares something else.
#[track_caller]
pub fn check(method: &str, path: &str, answer: &Answer) {
    let Some((api, target)) = Api::at(path) else { return };
    if method == "HEAD" {
        return;
    }
    let status = answer.status.as_u16();
    let nothing = Value::Null;
    let body = if answer.octets.is_empty() { &nothing } else { &answer.body };
    let faults = api.faults(&Exchange { method, target, status, body }, false);
    assert!(faults.is_empty(), "{method} {path} -> {status} against {}: {faults:#?}\n{body:#}", api.title());
    if !body.is_null() {
        assert!(
            answer.headers["content-type"].to_str().unwrap().starts_with("application/json"),
            "{method} {path}"
        );
    }
    if status == 201 {
        assert!(answer.headers.contains_key("location"), "{method} {path} -> 201 without Location");
    }
}
