//! `docs/states.md` and `docs/cancel.md` name for each state and event the test that reaches it: the tests exist, and no
//! value of the official files is left out.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The cells of the rows of each table below a title.
fn rows<'a>(page: &'a str, title: &str) -> Vec<Vec<&'a str>> {
    let (_, section) =
        page.split_once(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no section {title}"));
    let section = section.split("\n## ").next().unwrap_or(section);
    let lines = section.lines().filter(|l| l.starts_with("| `"));
    lines.map(|l| l.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The values that the first column of a section lists.
fn listed(page: &str, title: &str) -> BTreeSet<String> {
    rows(page, title).iter().filter_map(|r| quoted(r[0]).next()).map(str::to_owned).collect()
}

/// The values that nothing reaches, in this place.
fn unreached(page: &str, place: &str) -> BTreeSet<String> {
    let all = rows(page, "What nothing reaches");
    all.iter().filter(|r| r[1] == place).filter_map(|r| quoted(r[0]).next()).map(str::to_owned).collect()
}

fn enumeration(file: &Value, name: &str) -> BTreeSet<String> {
    let values = file["definitions"][name]["enum"].as_array().unwrap_or_else(|| panic!("no enum {name}"));
    values.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// The events that the official file has, but for those of other resources.
fn events(file: &Value, resource: &str) -> BTreeSet<String> {
    let names = file["definitions"].as_object().unwrap().keys();
    names.filter(|n| n.starts_with(resource) && n.ends_with("Event")).cloned().collect()
}

fn official(api: &str) -> Value {
    let file = match api {
        "TMF641" => "conformance/official/TMF641/TMF641-ServiceOrdering-v4.1.0.swagger.json",
        _ => "conformance/official/TMF622/TMF622-ProductOrder-v4.0.0.swagger.json",
    };
    serde_json::from_str(&text(file)).unwrap()
}

#[test]
fn every_state_and_event_of_tmf641_is_listed() {
    let (page, file) = (text("docs/states.md"), official("TMF641"));
    assert_eq!(listed(&page, "TMF641: the order"), enumeration(&file, "ServiceOrderStateType"));
    let mut items = listed(&page, "TMF641: the item");
    items.extend(unreached(&page, "TMF641 item"));
    assert_eq!(items, enumeration(&file, "ServiceOrderItemStateType"));
    assert_eq!(listed(&page, "TMF641: the cancel task"), enumeration(&file, "TaskStateType"));
    let mut told = listed(&page, "TMF641: events");
    told.extend(unreached(&page, "TMF641"));
    let mut known = events(&file, "ServiceOrder");
    known.extend(events(&file, "CancelServiceOrder"));
    assert_eq!(told, known);
}

#[test]
fn every_state_and_event_of_tmf622_is_listed() {
    let (page, file) = (text("docs/states.md"), official("TMF622"));
    assert_eq!(listed(&page, "TMF622: the order"), enumeration(&file, "ProductOrderStateType"));
    let mut items = listed(&page, "TMF622: the item");
    items.extend(unreached(&page, "TMF622 item"));
    assert_eq!(items, enumeration(&file, "ProductOrderItemStateType"));
    assert_eq!(listed(&page, "TMF622: the cancel task"), enumeration(&file, "TaskStateType"));
    let mut told = listed(&page, "TMF622: events");
    told.extend(unreached(&page, "TMF622"));
    let mut known = events(&file, "ProductOrder");
    known.extend(events(&file, "CancelProductOrder"));
    assert_eq!(told, known);
}

/// Whether a test of this path exists: `module::name`, or `module::part::name`.
fn exists(test: &str) -> bool {
    let (module, name) = test.rsplit_once("::").expect("a module and a test");
    let file = format!("tests/it/{}.rs", module.replace("::", "/"));
    let Ok(code) = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)) else {
        return false;
    };
    let at = code.find(&format!("fn {name}("));
    at.is_some_and(|at| code[..at].lines().rev().take(3).any(|l| l.contains("test]")))
}

#[test]
fn every_test_that_is_named_exists() {
    let mut named = 0;
    for page in ["docs/states.md", "docs/cancel.md"] {
        let text = text(page);
        for word in text.lines().flat_map(quoted).filter(|w| w.contains("::")) {
            assert!(exists(word), "{page}: there is no test {word}");
            named += 1;
        }
    }
    assert!(named > 50, "{named}");
    assert!(!exists("states::a_completed_orde") && !exists("states_page::exists") && !exists("nowhere::x"));
}

/// Every row that says what reaches something names a test, in its last column.
#[test]
fn every_row_names_its_test() {
    let page = text("docs/states.md");
    let titles = page.lines().filter_map(|l| l.strip_prefix("## TMF6"));
    let mut seen = 0;
    for title in titles {
        for row in rows(&page, &format!("TMF6{title}")) {
            let last = row.last().unwrap();
            assert!(quoted(last).any(|w| w.contains("::")), "{row:?} names no test");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
    for row in text("docs/cancel.md").lines().filter(|l| l.starts_with("| ") && l.matches(" | ").count() == 5)
    {
        let head = row.starts_with("| order | what happens");
        assert!(head || row.contains("::"), "{row} names no test");
    }
}
