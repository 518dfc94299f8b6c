//! `docs/filters.md` says of each list what the attribute tables and the schema say.

use std::fmt::Write as _;
use std::path::Path;

use telvisor::api::filters::{LISTS, List};
use telvisor::api::tmf630::Kind;

use crate::harness::files_below;

/// (table, columns) of every index and primary key, in the order of the migrations.
fn indexes() -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let mut files: Vec<_> = files_below(&root).into_iter().collect();
    files.sort();
    let text: String = files.iter().map(|(_, octets)| String::from_utf8_lossy(octets).into_owned()).collect();
    let columns = |list: &str| -> Vec<String> {
        list.split(',').map(|c| c.split_whitespace().next().unwrap_or("").to_owned()).collect()
    };
    let mut out: Vec<(String, (String, Vec<String>))> = vec![];
    for statement in text.split(';') {
        let words: Vec<&str> = statement.split_whitespace().filter(|w| *w != "UNIQUE").collect();
        let at = |word: &str| words.iter().position(|w| *w == word);
        if let Some(n) = words.windows(2).position(|w| w == ["DROP", "INDEX"]) {
            out.retain(|(name, _)| name != words[n + 2]);
        } else if let Some(n) = words.windows(2).position(|w| w == ["CREATE", "INDEX"]) {
            let list = statement.split_once('(').unwrap().1.split_once(')').unwrap().0;
            out.push((words[n + 2].to_owned(), (words[at("ON").unwrap() + 1].to_owned(), columns(list))));
        } else if let (Some(n), Some((_, key))) = (at("TABLE"), statement.split_once("PRIMARY KEY (")) {
            let list = key.split_once(')').unwrap().0;
            out.push((String::new(), (words[n + 1].to_owned(), columns(list))));
        }
    }
    out.into_iter().map(|(_, index)| index).collect()
}

fn block(list: &List, indexes: &[(String, Vec<String>)]) -> String {
    let mut out = format!("## {}\n| attribute | type | index |\n|---|---|---|\n", list.name);
    for (name, column, kind) in list.attributes {
        let kind = match kind {
            Kind::Text => "text".to_owned(),
            Kind::Time => "time".to_owned(),
            Kind::Id => "id".to_owned(),
            Kind::Number => "number".to_owned(),
            Kind::Always(value) => format!("always `{value}`"),
        };
        let serves = |(table, columns): &(String, Vec<String>)| {
            let first = columns.iter().map(String::as_str).find(|c| *c != "tenant" && *c != "kind");
            Some(table.as_str()) == list.table && first == Some(column)
        };
        let index = if indexes.iter().any(serves) { "yes" } else { "" };
        writeln!(out, "| `{name}` | {kind} | {index} |").unwrap();
    }
    out
}

#[test]
fn the_page_lists_every_attribute_and_whether_an_index_serves_it() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/filters.md")).unwrap();
    let indexes = indexes();
    assert!(indexes.len() > 40, "{}", indexes.len());
    let blocks: Vec<String> = LISTS.iter().map(|list| block(list, &indexes)).collect();
    for block in &blocks {
        assert!(page.contains(block), "docs/filters.md does not have this:\n{}", blocks.join("\n"));
    }
    let told = page.matches("\n## ").count();
    assert_eq!(told, LISTS.len() + 1, "a list of the page is not there any more");
    for (name, _, _) in LISTS.iter().flat_map(|l| l.attributes).filter(|a| a.0 == "state") {
        assert!(blocks[0].contains(&format!("| `{name}` | text | yes |")), "{}", blocks[0]);
    }
}
