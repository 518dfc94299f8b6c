//! `docs/configuration.md`, from the commented defaults: what a key means is written in one place.

use std::fmt::Write as _;

use super::{DEFAULTS, describe};

/// Keys that one comment explains, with their defaults as TOML.
struct Entry {
    table: String,
    keys: Vec<(String, String)>,
    meaning: Vec<String>,
}

const HEAD: &str = "\
# Configuration

This page is printed by `telvisor config document` from the defaults that are built in. Without any configuration the
defaults hold. What changes them, the later over the earlier:

1. a TOML file, named by `--config` or `TELVISOR_CONFIG`; it holds only the keys that it changes;
2. environment variables, as listed below; a `TELVISOR_` variable that nothing reads is refused;
3. flags: `--listen`, `--data`, `--role`, `--hypervisor`, and `--database` for `database.url`.

A key that does not exist is refused, with the file it stands in. `telvisor config show` prints what is in force and
where each value came from, `telvisor config check` says whether a server could start with it. The command line itself
reads `TELVISOR_SERVER` (the server that is asked) and `TELVISOR_TOKEN` (the token that is sent) as well.
";

/// The page.
#[must_use]
pub fn document() -> String {
    let mut out = HEAD.to_owned();
    let mut table = None;
    for entry in entries(DEFAULTS) {
        if table.as_ref() != Some(&entry.table) {
            let title =
                if entry.table.is_empty() { "Top level".to_owned() } else { format!("`[{}]`", entry.table) };
            write!(out, "\n## {title}\n\n| Key | Default | Variable | Meaning |\n|---|---|---|---|\n")
                .expect("a String takes all");
            table = Some(entry.table.clone());
        }
        let column = |cell: &dyn Fn(&(String, String)) -> String| {
            let cells: Vec<_> = entry.keys.iter().map(|key| code(&cell(key))).collect();
            cells.join("<br>")
        };
        let full = |key: &str| match entry.table.as_str() {
            "" => key.to_owned(),
            table => format!("{table}.{key}"),
        };
        let keys = column(&|(key, _)| key.clone());
        let defaults = column(&|(_, default)| default.clone());
        let variables = column(&|(key, _)| describe::variable(&full(key)));
        let meaning = entry.meaning.join(" ").replace('|', "\\|");
        writeln!(out, "| {keys} | {defaults} | {variables} | {meaning} |").expect("a String takes all");
    }
    out
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// Reads the defaults line by line; a key right below another shares its comment.
fn entries(text: &str) -> Vec<Entry> {
    let mut out: Vec<Entry> = vec![];
    let mut table = String::new();
    let mut comment = vec![];
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim().to_owned());
        } else if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut table);
        } else if let Some((key, value)) = line.split_once(" = ") {
            let mut value = value.to_owned();
            if value == "[" {
                let rest = lines.by_ref().take_while(|l| *l != "]");
                let rows: Vec<_> = rest.map(|row| row.trim().trim_end_matches(',')).collect();
                value = format!("[{}]", rows.join(", "));
            }
            let key = (key.to_owned(), value);
            match out.last_mut() {
                Some(last) if comment.is_empty() && last.table == table => last.keys.push(key),
                _ => out.push(Entry {
                    table: table.clone(),
                    keys: vec![key],
                    meaning: std::mem::take(&mut comment),
                }),
            }
        } else {
            // An empty line: what was said is not about the next key.
            comment.clear();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_on_the_page_with_a_meaning() {
        let mut named: Vec<_> = entries(DEFAULTS)
            .into_iter()
            .flat_map(|e| {
                assert!(!e.meaning.is_empty(), "{:?} has no comment", e.keys);
                let table = if e.table.is_empty() { String::new() } else { format!("{}.", e.table) };
                e.keys.into_iter().map(move |(key, _)| format!("{table}{key}"))
            })
            .collect();
        let mut keys = describe::keys();
        named.sort();
        keys.sort();
        assert_eq!(named, keys);
    }

    #[test]
    fn keys_share_the_comment_above_them_and_an_empty_line_ends_it() {
        let text = "# of the file\n\n# one\n# thing\na = 1\nb = 2\n\n[t]\n# a list\nl = [\n  { x = 1 },\n  { x = 2 },\n]\n";
        let entries = entries(text);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].keys.len(), 2);
        assert_eq!(entries[0].meaning, ["one", "thing"]);
        assert_eq!(entries[1].table, "t");
        assert_eq!(entries[1].keys, [("l".to_owned(), "[{ x = 1 }, { x = 2 }]".to_owned())]);
    }
}
