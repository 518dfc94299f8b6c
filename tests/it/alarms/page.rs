//! The page of all alarms, and that each of them has a test.

use std::path::Path;

use telvisor::alarms::page;
use telvisor_model::Alarm;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_page_is_the_table() {
    assert!(read("docs/alarms.md") == page::as_markdown(), "telvisor alarms document > docs/alarms.md");
}

/// An alarm that nothing raises would be a promise; one that nothing tests might be.
#[test]
fn every_alarm_is_raised_by_the_code_and_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |folder: &str| -> String {
        let files = crate::harness::files_below(&root.join(folder));
        files.into_values().map(|octets| String::from_utf8_lossy(&octets).into_owned()).collect()
    };
    let (code, tests) = (text("src"), text("tests/it/alarms"));
    for alarm in Alarm::ALL {
        assert!(code.contains(&format!("Alarm::{alarm:?}")), "nothing raises {alarm}");
        assert!(tests.contains(&format!("\"{alarm}\"")), "nothing tests {alarm}");
    }
}
