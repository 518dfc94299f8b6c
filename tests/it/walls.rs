//! The walls of the house: which part may name which other, and where a crate may be used at all.

use std::path::{Path, PathBuf};

mod names;

use names::{Name, Names};

/// Crates that only one part knows, by the folders that may name them.
const CRATES: [(&str, &[&str]); 9] = [
    ("sqlx", &["src/store/"]),
    ("axum", &["src/api/"]),
    ("lapin", &["src/queue/"]),
    ("quick_xml", &["crates/soap/", "crates/libvirt/", "src/api/soap", "src/hypervisor/libvirt"]),
    ("rasn", &["crates/sdr/"]),
    ("russh", &["src/mediation/deliver/", "src/config/recipient"]),
    ("russh_sftp", &["src/mediation/deliver/"]),
    ("rusty_s3", &["src/mediation/deliver/"]),
    ("telvisor_libvirt", &["src/hypervisor/", "crates/libvirt/"]),
];

/// The parts of the root package, each with the parts that it may name: `*` all above it. A part may only name what
/// stands above it in this table, so the table has no circle. A part of a part (`mediation::schedule`) is listed by
/// itself where it is needed further up than the rest; the rest of its own part may always name it.
const PARTS: [(&str, &str); 30] = [
    ("clock", ""),
    ("fault", ""),
    ("trace", "clock"),
    ("access", ""),
    ("secrets", ""),
    ("http", ""),
    // A client of any server: it knows nothing of ours.
    ("conformance", "clock http"),
    // What a period is; the configuration is checked with it.
    ("mediation::schedule", "clock"),
    ("config", "mediation::schedule"),
    ("telemetry", "config http"),
    // The base ends here: `store` and all below may name clock, fault, access and config.
    ("store", ""),
    ("alarms", "store"),
    ("queue", "store"),
    ("hypervisor", ""),
    ("inventory", ""),
    ("apps", "store hypervisor"),
    ("mediation::files", ""),
    // The handles of one process, which every stage is given.
    ("engine", "store queue hypervisor inventory apps secrets mediation::files"),
    ("alarms::watch", "engine store queue hypervisor inventory alarms mediation::files"),
    // Who is let in; what a caller is stands far above.
    ("access::clients", "store secrets"),
    ("access::check", "engine store secrets access::clients"),
    ("access::sessions", "engine store secrets access::check"),
    ("performance", "engine store"),
    ("mediation", "engine store apps alarms http"),
    ("orders", "engine store apps inventory queue alarms mediation mediation::schedule"),
    ("jobs", "engine store apps inventory queue hypervisor orders"),
    ("notify", "engine store http secrets alarms"),
    (
        "api",
        "conformance engine store alarms apps inventory secrets access::clients access::check access::sessions mediation \
         orders notify",
    ),
    ("app", "*"),
    ("cli", "*"),
];

/// What every part from `store` on may name.
const BASE: [&str; 5] = ["clock", "fault", "trace", "access", "config"];

/// Words that have no place in the code, and what ends them: `!` of a macro, `(` of a call, a space for any.
const WORDS: [(&str, char); 5] =
    [("unsafe", ' '), ("todo", '!'), ("unimplemented", '!'), ("dbg", '!'), ("sleep", '(')];

/// The places where one of [`WORDS`] stands all the same.
const EXCEPTIONS: [(&str, &str, &str); 12] = [
    ("src/store/primary.rs", "sleep", "a server that is lost is not asked at once again"),
    ("src/queue/amqp/mod.rs", "sleep", "a broker that is away is not asked at once again"),
    ("src/store/retry.rs", "sleep", "two transactions that met do not come back at once"),
    ("src/app.rs", "sleep", "mediation looks once in a while for what is due"),
    ("src/jobs/sweep.rs", "sleep", "the sweep finds what no hint told"),
    ("src/jobs/pool.rs", "sleep", "a database that does not answer is not asked at once again"),
    ("src/hypervisor/simulator/page.rs", "sleep", "a process out of file handles waits for one"),
    ("src/hypervisor/simulator/remote.rs", "sleep", "a process out of file handles waits for one"),
    ("src/hypervisor/simulator/operations.rs", "sleep", "the latency that is simulated"),
    ("benches/accept/footprint.rs", "sleep", "memory of a server that is left alone"),
    ("benches/accept/scale.rs", "sleep", "what goes on while nothing is asked"),
    ("src/cli/watch.rs", "sleep", "a client asks the server again after a while"),
];

#[test]
fn every_file_keeps_the_walls() {
    let files = sources(&["src", "crates"]);
    assert!(files.len() > 150, "only {} files were found", files.len());
    let breaches: Vec<_> = files.iter().flat_map(|(file, source)| breaches(file, source)).collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_file_does_without_the_forbidden_words() {
    let mut found = vec![];
    let mut used = vec![];
    for (file, source) in sources(&["src", "crates", "tests", "benches"]) {
        for (line, word) in forbidden(&source) {
            match EXCEPTIONS.iter().position(|e| e.0 == file && e.1 == word) {
                Some(n) => used.push(n),
                None => found.push(format!("{file}:{line}: {word}")),
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    for (n, (file, word, _)) in EXCEPTIONS.iter().enumerate() {
        assert!(used.contains(&n), "{file} does without {word} now: take it off the list");
    }
}

#[test]
fn every_part_is_in_the_table_once_and_names_only_what_stands_above_it() {
    for (n, (part, may)) in PARTS.iter().enumerate() {
        assert_eq!(PARTS.iter().filter(|p| p.0 == *part).count(), 1, "{part}");
        for other in may.split_whitespace().filter(|o| *o != "*") {
            let place = PARTS.iter().position(|p| p.0 == other);
            assert!(
                place.is_some_and(|place| place < n),
                "{part} names {other}, which does not stand above it"
            );
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in std::fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let part = name.trim_end_matches(".rs");
        if !matches!(part, "lib" | "main" | "config.default.toml") {
            assert!(PARTS.iter().any(|p| p.0 == part), "src/{name} is in no row of the table");
        }
    }
}

#[test]
fn the_leaf_crates_depend_on_no_server() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut seen = 0;
    for entry in std::fs::read_dir(root).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path().join("Cargo.toml")).unwrap();
        assert_eq!(heavy(&text), Vec::<String>::new());
        seen += 1;
    }
    assert_eq!(seen, 4);
    assert_eq!(heavy("[dev-dependencies]\naxum = '1'\n[dependencies.sqlx]\nversion = '1'"), ["axum", "sqlx"]);
    assert_eq!(heavy("[target.'cfg(unix)'.dependencies]\nlapin = '1'"), ["lapin"]);
    assert_eq!(heavy("[dependencies]\ndb = { package = 'sqlx', version = '1' }"), ["sqlx"]);
}

/// One breach per wall, and per way to write it.
#[test]
fn planted_breaches_are_caught() {
    let planted = [
        ("src/orders/x.rs", "use sqlx::Row as _;", "sqlx"),
        ("src/orders/x.rs", "#[derive(Debug, sqlx::FromRow)] struct Row;", "sqlx"),
        ("src/orders/x.rs", "extern crate sqlx as database;", "sqlx"),
        ("src/jobs/x.rs", "fn f() { other!(a, { ::sqlx::query(1) }); }", "sqlx"),
        ("src/orders/x.rs", "const Q: &str = \"SELECT id FROM orders\";", "SQL"),
        ("src/app.rs", "async fn f() { axum::serve(1, 2).await; }", "axum"),
        ("crates/model/src/x.rs", "fn f() -> axum::Router { g() }", "axum"),
        ("src/store/x.rs", "use {std::fmt, lapin::{Channel, types}};", "lapin"),
        ("src/api/tmf641/x.rs", "use quick_xml::Reader;", "quick_xml"),
        ("src/mediation/x.rs", "use rasn as asn1;", "rasn"),
        ("src/jobs/x.rs", "type C = telvisor_libvirt::Connection;", "telvisor_libvirt"),
        ("src/store/x.rs", "use crate::orders::view;", "store may not name orders"),
        ("src/store/x.rs", "use super::super::orders::view;", "store may not name orders"),
        ("src/store/x.rs", "mod a { fn f() { super::super::super::api::f() } }", "store may not name api"),
        ("src/orders/x.rs", "use crate::{clock, api::{problem as p}};", "orders may not name api"),
        ("src/orders/x.rs", "fn f() { json!({ \"a\": crate::api::f() }); }", "orders may not name api"),
        ("src/orders/x.rs", "type T = Vec<<crate::jobs::A as B>::C>;", "orders may not name jobs"),
        ("src/jobs/x.rs", "macro_rules! m { () => { $crate::api::f() } }", "jobs may not name api"),
        ("src/mediation/x.rs", "use crate::orders::moves::Moving;", "mediation may not name orders"),
        ("src/mediation/schedule.rs", "use super::seal;", "mediation::schedule may not name mediation"),
        ("src/api/x.rs", "use crate::app;", "api may not name app"),
        ("src/clock.rs", "use crate::config::Config;", "clock may not name config"),
        ("src/jobs/x.rs", "use crate::*;", "root"),
        ("src/jobs/x.rs", "use crate as root;", "root"),
        ("src/jobs/x.rs", "use super::super::{self as root};", "root"),
    ];
    for (file, source, words) in planted {
        let caught = breaches(file, source);
        assert!(caught.iter().any(|b| b.contains(words)), "{file}: {source}: {caught:?}");
    }
    for (source, word) in [
        ("fn f() { unsafe { g() } }", "unsafe"),
        ("fn f() { select! { x => { todo!() } } }", "todo"),
        ("fn f() { std::unimplemented!() }", "unimplemented"),
        ("fn f() { let x = dbg!(1); }", "dbg"),
        ("async fn f() { select! { () = tokio::time::sleep(period) => {} } }", "sleep"),
    ] {
        assert_eq!(forbidden(source), [(1, word)], "{source}");
    }
}

#[test]
fn what_is_allowed_is_not_held_up() {
    for (file, source) in [
        (
            "src/store/orders.rs",
            "use sqlx::Row; use crate::{clock, access::Caller}; const Q: &str = \"SELECT 1\";",
        ),
        (
            "src/orders/x.rs",
            "pub(crate) fn f(&self) { self.jobs.sqlx_free(super::jobs::f(), \"sqlx=warn\") }",
        ),
        ("src/mediation/seal.rs", "use super::{files, schedule}; use crate::mediation::causes;"),
        ("src/main.rs", "use telvisor::cli; fn main() { telvisor::telemetry::start() }"),
        ("src/lib.rs", "pub mod api; pub mod store;"),
        ("crates/model/src/x.rs", "use crate::orders; use super::*;"),
    ] {
        assert_eq!(breaches(file, source), Vec::<String>::new(), "{source}");
    }
    assert_eq!(forbidden("#![forbid(unsafe_code)] fn todo() { let sleep = 1; }"), []);
}

/// What is wrong with one file, each with its line.
fn breaches(file: &str, source: &str) -> Vec<String> {
    let module = module(file);
    let names = Names::of(source, &module);
    let mut out = vec![];
    for name in &names.names {
        let known_here = |folders: &[&str]| folders.iter().any(|folder| file.starts_with(folder));
        for (krate, folders) in CRATES {
            if name.path.iter().any(|word| word == krate) && !known_here(folders) {
                out.push(format!("{file}:{}: {krate} is for {} only", name.line, folders.join(", ")));
            }
        }
        if let Some(problem) = part(&module).and_then(|here| direction(here, name)) {
            out.push(format!("{file}:{}: {problem}", name.line));
        }
    }
    for text in names.texts.iter().filter(|t| is_sql(&t.text)) {
        if !file.starts_with("src/store/") {
            out.push(format!("{file}:{}: SQL is for src/store/ only", text.line));
        }
    }
    out
}

/// Whether a part may name this; the problem where it may not.
fn direction(here: &str, name: &Name) -> Option<String> {
    let [root, inside @ ..] = name.path.as_slice() else {
        return None;
    };
    if root != "crate" || inside.is_empty() {
        return None;
    }
    if inside[0] == "*" {
        return Some("the crate's root is taken whole, which hides what is named".to_owned());
    }
    let inside: Vec<_> = inside.iter().map(String::as_str).collect();
    let Some(there) = part(&inside) else {
        return Some(format!("{} is in no row of the table of parts", inside[0]));
    };
    let row = |part| PARTS.iter().position(|p| p.0 == part).expect("a part of the table");
    let may = PARTS[row(here)].1;
    let above = row(there) < row(here);
    let own = there.strip_prefix(here).is_some_and(|rest| rest.starts_with("::"));
    let base = BASE.contains(&there) && row(here) >= row("store");
    let allowed =
        here == there || own || (above && (base || may == "*" || may.split(' ').any(|m| m == there)));
    (!allowed).then(|| format!("{here} may not name {there}"))
}

/// The row of the table that a module of the root package belongs to: the longest that fits.
fn part(module: &[&str]) -> Option<&'static str> {
    let module = module.join("::");
    let fits =
        |part: &&str| module.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    PARTS.iter().map(|p| p.0).filter(fits).max_by_key(|part| part.len())
}

/// The module that a file of the root package holds; nothing for the root itself and for other crates.
fn module(file: &str) -> Vec<&str> {
    let Some(path) = file.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) else {
        return vec![];
    };
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if matches!(path, "lib" | "main") { vec![] } else { path.split('/').collect() }
}

/// Forbidden words, with their lines.
fn forbidden(source: &str) -> Vec<(usize, &'static str)> {
    let names = Names::of(source, &[]);
    let word = |name: &Name| {
        let last = name.path.last()?;
        WORDS.iter().find(|(word, then)| word == last && (*then == ' ' || *then == name.then))
    };
    names.names.iter().filter_map(|name| Some((name.line, word(name)?.0))).collect()
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start();
    ["SELECT ", "INSERT INTO ", "DELETE FROM ", "WITH RECURSIVE "].iter().any(|verb| text.starts_with(verb))
        || (text.starts_with("UPDATE ") && text.contains(" SET "))
}

/// Dependencies of any kind that a leaf crate must not have.
fn heavy(manifest: &str) -> Vec<String> {
    fn look(table: &toml::Table, out: &mut Vec<String>) {
        for (key, value) in table {
            let Some(inner) = value.as_table() else { continue };
            if key.ends_with("dependencies") {
                let package = |(name, value): (&String, &toml::Value)| {
                    value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
                };
                out.extend(inner.iter().map(package));
            } else {
                look(inner, out);
            }
        }
    }
    let mut all = vec![];
    look(&manifest.parse().expect("a manifest is TOML"), &mut all);
    all.retain(|name| ["axum", "sqlx", "lapin", "telvisor"].contains(&name.as_str()));
    all.sort();
    all
}

/// All Rust files below these folders of the project: path from its root, and content.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    fn look(root: &Path, folder: &Path, out: &mut Vec<(String, String)>) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return;
        };
        let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() && !path.ends_with("target") {
                look(root, &path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                out.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut out = vec![];
    for folder in folders {
        look(root, &root.join(folder), &mut out);
    }
    out
}
